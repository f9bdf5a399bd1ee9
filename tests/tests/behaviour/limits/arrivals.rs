//! How fast connections may come from one address.

use std::time::Duration;

use tidewire::config::{Config, ProtocolName};
use tidewire_tests::conversations;
use tidewire_tests::peer::Wire;
use tidewire_tests::world::World;

use super::{BOTH, is_refused, is_served};

conversations! {
    connections_that_come_too_fast_are_refused => too_fast;
    a_network_of_ipv6_is_one_address => ipv6_networks;
    some_may_come_as_fast_as_they_like => exempt;
    without_a_rate_everybody_may => no_rate;
}

/// Two at once, and then one a second.
fn slow(config: &mut Config) {
    config.limits.connect_rate_per_address = 1;
    config.limits.connect_burst_per_address = 2;
}

async fn too_fast(wire: Wire) {
    let world = World::with(wire, slow);
    for protocol in BOTH {
        for _ in 0..2 {
            is_served(&world, "192.0.2.1", protocol).await;
        }
        for _ in 0..3 {
            is_refused(wire, &world, "192.0.2.1", protocol, 1).await;
        }
        is_served(&world, "192.0.2.2", protocol).await;
        world.passes(Duration::from_secs(1)).await;
        is_served(&world, "192.0.2.1", protocol).await;
        is_refused(wire, &world, "192.0.2.1", protocol, 1).await;
        world.passes(Duration::from_secs(2)).await;
    }
    assert_eq!(world.broker.counters.refused.total(), 8);
}

async fn ipv6_networks(wire: Wire) {
    let world = World::with(wire, slow);
    is_served(&world, "2001:db8::1", ProtocolName::Mqtt).await;
    is_served(&world, "2001:db8::2", ProtocolName::Stomp).await;
    is_refused(wire, &world, "2001:db8::3", ProtocolName::Mqtt, 1).await;
    is_served(&world, "2001:db8:0:1::1", ProtocolName::Mqtt).await;
}

async fn exempt(wire: Wire) {
    let world = World::with(wire, |config| {
        slow(config);
        config.limits.exempt.push("192.0.2.0/24".parse().expect("it is a network"));
    });
    for from in ["192.0.2.1", "127.0.0.1", "::1"] {
        for _ in 0..5 {
            is_served(&world, from, ProtocolName::Mqtt).await;
        }
    }
}

async fn no_rate(wire: Wire) {
    let world = World::with(wire, |config| config.limits.connect_rate_per_address = 0);
    for _ in 0..300 {
        is_served(&world, "192.0.2.1", ProtocolName::Mqtt).await;
    }
}
