//! Keep alive: one and a half intervals of silence, and the client is gone.

use tidewire_protocols::mqtt::ReasonCode;
use tidewire_tests::conversations;
use tidewire_tests::mqtt::{PingReq, PingResp, connect, publish, subscribe};
use tidewire_tests::peer::Wire;
use tidewire_tests::world::World;

use super::SECOND;

conversations! {
    silence_ends_the_connection => silence;
    mqtt_311_is_just_closed => mqtt_311;
    anything_said_counts => anything_counts;
    what_is_heard_does_not_count => hearing_does_not_count;
    the_servers_own_is_told_and_holds => server_keep_alive;
    no_keep_alive_in_311 => none_in_311;
}

async fn silence(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.client_with(connect("alice").keep_alive(10), false).await;
    world.passes(14 * SECOND).await;
    alice.hears_nothing().await;
    world.passes(SECOND).await;
    alice.is_disconnected(ReasonCode::KeepAliveTimeout, 1000).await;
}

async fn mqtt_311(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.client_with(connect("alice").v311().keep_alive(10), false).await;
    world.passes(14 * SECOND).await;
    alice.hears_nothing().await;
    alice.is_closed().await;
}

async fn anything_counts(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.client_with(connect("alice").keep_alive(10), false).await;
    for _ in 0..3 {
        world.passes(14 * SECOND).await;
        alice.says(PingReq).await.hears(PingResp).await;
        world.passes(14 * SECOND).await;
        alice.publishes(publish("t", "m").qos1(1)).await;
    }
    world.passes(14 * SECOND).await;
    alice.hears_nothing().await;
    alice.is_disconnected(ReasonCode::KeepAliveTimeout, 1000).await;
}

async fn hearing_does_not_count(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.client_with(connect("alice").keep_alive(10), false).await;
    let mut bob = world.client("bob").await;
    alice.subscribes(subscribe("t", 0)).await;
    for _ in 0..2 {
        world.passes(7 * SECOND).await;
        bob.publishes(publish("t", "m")).await;
        alice.hears(publish("t", "m")).await;
    }
    world.passes(2 * SECOND).await;
    alice.is_disconnected(ReasonCode::KeepAliveTimeout, 1000).await;
}

async fn server_keep_alive(wire: Wire) {
    let world = World::with(wire, |config| config.mqtt.server_keep_alive_max.0 = 10 * SECOND);
    for asked in [0, 11, u16::MAX] {
        let mut alice = world.mqtt().await;
        let learnt = alice.learns(connect("alice").keep_alive(asked)).await;
        assert!(learnt.contains(&"ServerKeepAlive(10)".to_owned()), "{learnt:?}");
        world.passes(14 * SECOND).await;
        alice.hears_nothing().await;
        world.passes(SECOND).await;
        alice.is_disconnected(ReasonCode::KeepAliveTimeout, 1000).await;
    }
    let mut alice = world.mqtt().await;
    let learnt = alice.learns(connect("alice").keep_alive(2)).await;
    assert!(!learnt.iter().any(|shown| shown.contains("KeepAlive")), "{learnt:?}");
    world.passes(4 * SECOND).await;
    alice.is_disconnected(ReasonCode::KeepAliveTimeout, 1000).await;
}

async fn none_in_311(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.client_with(connect("alice").v311(), false).await;
    // Over WebSocket the peer answers pings of that layer all the while.
    alice.hears_nothing().await;
    world.passes(20 * SECOND).await;
    alice.says(PingReq).await.hears(PingResp).await;
}
