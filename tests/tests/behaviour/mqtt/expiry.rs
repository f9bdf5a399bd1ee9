//! What ends with time: sessions and messages.

use std::num::NonZeroU16;
use std::time::Duration;

use tidewire_protocols::mqtt::{Property, ReasonCode};
use tidewire_tests::conversations;
use tidewire_tests::mqtt::{connect, disconnect, pub_ack, pub_comp, pub_rec, pub_rel, publish, subscribe};
use tidewire_tests::peer::Wire;
use tidewire_tests::world::World;

use super::SECOND;

conversations! {
    a_session_without_expiry_ends_with_its_connection => no_expiry;
    a_session_lasts_as_long_as_asked => session_lasts;
    a_return_starts_the_time_anew => return_starts_anew;
    a_session_may_last_for_ever => session_never_ends;
    the_longest_expiry_is_announced => expiry_is_capped;
    a_goodbye_may_shorten_it => disconnect_shortens;
    a_goodbye_may_lengthen_it => disconnect_lengthens;
    a_goodbye_cannot_begin_it => disconnect_cannot_begin;
    mqtt_311_sessions_last_unless_clean => mqtt_311;
    a_message_says_how_long_it_has_left => message_expiry_is_counted_down;
    a_message_that_waits_too_long_is_dropped => expired_in_the_backlog;
    a_message_without_expiry_waits => without_expiry;
    a_message_to_311_is_dropped_as_well => expired_for_311;
    an_exchange_under_way_is_completed => under_way;
}

fn expires(secs: u32) -> Property<'static> {
    Property::MessageExpiryInterval(secs)
}

async fn no_expiry(wire: Wire) {
    let world = World::new(wire);
    drop(world.client_with(connect("alice"), false).await);
    world.settles().await;
    assert_eq!(world.broker.session_count(), 0);
    world.client_with(connect("alice").resume(), false).await;
}

async fn session_lasts(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.client_with(connect("alice").expiry(10), false).await;
    alice.subscribes(subscribe("t", 1)).await;
    world.passes(20 * SECOND).await;
    drop(alice);
    world.passes(9 * SECOND).await;
    drop(world.client_with(connect("alice").resume().expiry(10), true).await);
    world.passes(11 * SECOND).await;
    assert_eq!((world.broker.session_count(), world.broker.subscription_count()), (0, 0));
    world.client_with(connect("alice").resume(), false).await;
}

async fn return_starts_anew(wire: Wire) {
    let world = World::new(wire);
    drop(world.client_with(connect("alice").expiry(10), false).await);
    for _ in 0..3 {
        world.passes(6 * SECOND).await;
        drop(world.client_with(connect("alice").resume().expiry(10), true).await);
    }
}

async fn session_never_ends(wire: Wire) {
    let world =
        World::with(wire, |config| config.session.expiry_max.0 = Duration::from_secs(u64::from(u32::MAX)));
    let mut alice = world.mqtt().await;
    let learnt = alice.learns(connect("alice").expiry(u32::MAX)).await;
    assert!(!learnt.iter().any(|shown| shown.contains("SessionExpiry")), "{learnt:?}");
    drop(alice);
    world.passes(400 * 86_400 * SECOND).await;
    world.client_with(connect("alice").resume(), true).await;
}

async fn expiry_is_capped(wire: Wire) {
    let world = World::with(wire, |config| config.session.expiry_max.0 = 60 * SECOND);
    let mut alice = world.mqtt().await;
    let learnt = alice.learns(connect("alice").expiry(61)).await;
    assert!(learnt.contains(&"SessionExpiryInterval(60)".to_owned()), "{learnt:?}");
    alice.says(disconnect().with(Property::SessionExpiryInterval(1000))).await.is_closed().await;
    world.passes(61 * SECOND).await;
    let mut alice = world.mqtt().await;
    let learnt = alice.learns(connect("alice").resume().expiry(60)).await;
    assert!(!learnt.iter().any(|shown| shown.contains("SessionExpiry")), "{learnt:?}");
    // 3.1.1 sessions are meant to last for ever, and last as long as they may.
    drop(world.client_with(connect("bob").v311().resume(), false).await);
    world.passes(59 * SECOND).await;
    drop(world.client_with(connect("bob").v311().resume(), true).await);
    world.passes(61 * SECOND).await;
    world.client_with(connect("bob").v311().resume(), false).await;
}

async fn disconnect_shortens(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.client_with(connect("alice").expiry(100), false).await;
    alice.says(disconnect().with(Property::SessionExpiryInterval(10))).await.is_closed().await;
    world.passes(11 * SECOND).await;
    let mut alice = world.client_with(connect("alice").resume().expiry(100), false).await;
    alice.says(disconnect().with(Property::SessionExpiryInterval(0))).await.is_closed().await;
    world.client_with(connect("alice").resume(), false).await;
}

async fn disconnect_lengthens(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.client_with(connect("alice").expiry(10), false).await;
    alice.says(disconnect().with(Property::SessionExpiryInterval(100))).await.is_closed().await;
    world.passes(90 * SECOND).await;
    let mut alice = world.client_with(connect("alice").resume().expiry(10), true).await;
    // Without the property it stays what it was at CONNECT.
    alice.says(disconnect()).await.is_closed().await;
    world.passes(11 * SECOND).await;
    world.client_with(connect("alice").resume(), false).await;
}

async fn disconnect_cannot_begin(wire: Wire) {
    let world = World::new(wire);
    let mut bob = world.client("bob").await;
    bob.subscribes(subscribe("will", 0)).await;
    let mut alice = world.client_with(connect("alice").will(publish("will", "gone")), false).await;
    alice.says(disconnect().with(Property::SessionExpiryInterval(10))).await;
    alice.is_disconnected(ReasonCode::ProtocolError, 1000).await;
    // That was no goodbye.
    bob.hears(publish("will", "gone")).await;
    let mut alice = world.client_with(connect("alice").resume(), false).await;
    alice.says(disconnect().with(Property::SessionExpiryInterval(0))).await.is_closed().await;
}

async fn mqtt_311(wire: Wire) {
    let world = World::new(wire);
    drop(world.client_with(connect("alice").v311().resume(), false).await);
    world.passes(86_400 * SECOND).await;
    drop(world.client_with(connect("alice").v311().resume(), true).await);
    world.settles().await;
    drop(world.client_with(connect("alice").v311(), false).await);
    world.settles().await;
    world.client_with(connect("alice").v311().resume(), false).await;
}

async fn message_expiry_is_counted_down(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = (world.client("alice").await, world.client("bob").await);
    bob.subscribes(subscribe("t", 1)).await;
    alice.publishes(publish("t", "at once").qos1(1).with(expires(10))).await;
    bob.hears(publish("t", "at once").qos1(1).with(expires(10))).await.says(pub_ack(1)).await;
    let mut carol = world.client_with(connect("carol").expiry(60), false).await;
    carol.subscribes(subscribe("t", 1)).await;
    drop(carol);
    world.settles().await;
    alice.publishes(publish("t", "later").qos1(1).with(expires(10))).await;
    world.passes(4 * SECOND).await;
    let mut carol = world.client_with(connect("carol").resume(), true).await;
    carol.hears(publish("t", "later").qos1(1).with(expires(6))).await;
}

async fn expired_in_the_backlog(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.client("alice").await;
    let one = Property::ReceiveMaximum(NonZeroU16::MIN);
    let mut bob = world.client_with(connect("bob").with(one), false).await;
    bob.subscribes(subscribe("t", 1)).await;
    alice.publishes(publish("t", "one").qos1(1)).await;
    alice.publishes(publish("t", "short-lived").qos1(2).with(expires(5))).await;
    alice.publishes(publish("t", "long-lived").qos1(3).with(expires(50))).await;
    world.passes(5 * SECOND).await;
    bob.hears(publish("t", "one").qos1(1)).await.says(pub_ack(1)).await;
    bob.hears(publish("t", "long-lived").qos1(2).with(expires(45))).await.says(pub_ack(2)).await;
    bob.hears_nothing().await;
}

async fn without_expiry(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.client("alice").await;
    let lasting = || connect("bob").resume().expiry(600_000);
    world.client_with(lasting(), false).await.subscribes(subscribe("t", 1)).await;
    world.settles().await;
    alice.publishes(publish("t", "patient").qos1(1)).await;
    world.passes(86_400 * SECOND).await;
    world.client_with(lasting(), true).await.hears(publish("t", "patient").qos1(1)).await;
}

async fn expired_for_311(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.client("alice").await;
    let lasting = || connect("bob").v311().resume();
    world.client_with(lasting(), false).await.subscribes(subscribe("t", 1)).await;
    world.settles().await;
    alice.publishes(publish("t", "short-lived").qos1(1).with(expires(5))).await;
    alice.publishes(publish("t", "long-lived").qos1(1).with(expires(50))).await;
    world.passes(6 * SECOND).await;
    world
        .client_with(lasting(), true)
        .await
        .hears(publish("t", "long-lived").qos1(1))
        .await
        .hears_nothing()
        .await;
}

async fn under_way(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.client("alice").await;
    let lasting = || connect("bob").resume().expiry(600);
    let mut bob = world.client_with(lasting(), false).await;
    bob.subscribes(subscribe("t", 2)).await;
    alice.publishes(publish("t", "begun").qos2(1).with(expires(5))).await;
    alice.publishes(publish("t", "received").qos2(2).with(expires(5))).await;
    bob.hears(publish("t", "begun").qos2(1).with(expires(5))).await;
    bob.hears(publish("t", "received").qos2(2).with(expires(5))).await;
    bob.says(pub_rec(2)).await.hears(pub_rel(2)).await;
    drop(bob);
    world.passes(10 * SECOND).await;
    let mut bob = world.client_with(lasting(), true).await;
    bob.hears(publish("t", "begun").qos2(1).dup().with(expires(0))).await.hears(pub_rel(2)).await;
    bob.says(pub_comp(2)).await.says(pub_rec(1)).await.hears(pub_rel(1)).await.says(pub_comp(1)).await;
    bob.hears_nothing().await;
}
