//! A consumer that does not keep up: what is dropped, and what it costs others.

use std::num::NonZeroU16;

use tidewire::session::Overflow;
use tidewire_protocols::mqtt::{Property, ReasonCode};
use tidewire_tests::conversations;
use tidewire_tests::mqtt::{MqttPeer, connect, pub_ack, publish, subscribe};
use tidewire_tests::peer::Wire;
use tidewire_tests::world::World;

conversations! {
    the_newest_is_dropped => drop_newest;
    the_oldest_is_dropped => drop_oldest;
    the_slow_one_is_disconnected => disconnect;
    bytes_are_bounded_too => bytes;
    what_never_fits_drives_nothing_out => oversized;
    a_session_that_is_away_is_bounded_too => away;
    nobody_waits_for_a_slow_consumer => nobody_waits;
}

/// A world with three places in every outbox; bob, who takes one message at a time and was sent the first of six; and
/// carol, who keeps up.
async fn slow_bob(wire: Wire, overflow: Overflow) -> (World, MqttPeer) {
    let world = World::with(wire, |config| {
        config.session.outbox_messages_max = 3;
        config.session.overflow = overflow;
    });
    let (mut alice, mut carol) = (world.client("alice").await, world.client("carol").await);
    let one = Property::ReceiveMaximum(NonZeroU16::MIN);
    let mut bob = world.client_with(connect("bob").expiry(60).with(one), false).await;
    bob.subscribes(subscribe("t", 1)).await;
    carol.subscribes(subscribe("t", 1)).await;
    for number in 1..=6 {
        // The publisher is told that all is well, and so it is.
        alice.says(publish("t", number.to_string()).qos1(number)).await.hears(pub_ack(number)).await;
        carol.hears(publish("t", number.to_string()).qos1(number)).await.says(pub_ack(number)).await;
    }
    bob.hears(publish("t", "1").qos1(1)).await;
    (world, bob)
}

async fn hears_numbers(bob: &mut MqttPeer, numbers: &[u16]) {
    for (packet_id, number) in (2..).zip(numbers) {
        bob.says(pub_ack(packet_id - 1)).await.hears(publish("t", number.to_string()).qos1(packet_id)).await;
    }
    bob.hears_nothing().await;
}

async fn drop_newest(wire: Wire) {
    let (world, mut bob) = slow_bob(wire, Overflow::DropNewest).await;
    hears_numbers(&mut bob, &[2, 3, 4]).await;
    assert_eq!(world.broker.counters.dropped.value(), 2);
}

async fn drop_oldest(wire: Wire) {
    let (world, mut bob) = slow_bob(wire, Overflow::DropOldest).await;
    hears_numbers(&mut bob, &[4, 5, 6]).await;
    assert_eq!(world.broker.counters.dropped.value(), 2);
}

async fn disconnect(wire: Wire) {
    let (world, mut bob) = slow_bob(wire, Overflow::Disconnect).await;
    bob.is_disconnected(ReasonCode::QuotaExceeded, 1000).await;
    // What waits for it is not lost with the connection.
    let mut bob = world.client_with(connect("bob").resume().expiry(60), true).await;
    bob.hears(publish("t", "1").qos1(1).dup()).await;
    for number in 2..=4 {
        bob.hears(publish("t", number.to_string()).qos1(number)).await;
    }
}

async fn bytes(wire: Wire) {
    let world = World::with(wire, |config| config.session.outbox_bytes_max.0 = 250);
    let mut alice = world.client("alice").await;
    let one = Property::ReceiveMaximum(NonZeroU16::MIN);
    let mut bob = world.client_with(connect("bob").with(one), false).await;
    bob.subscribes(subscribe("t", 1)).await;
    for number in 1..=4_u8 {
        alice.publishes(publish("t", [number; 100]).qos1(number.into())).await;
    }
    bob.hears(publish("t", [1; 100]).qos1(1)).await.says(pub_ack(1)).await;
    bob.hears(publish("t", [2; 100]).qos1(2)).await.says(pub_ack(2)).await;
    bob.hears(publish("t", [3; 100]).qos1(3)).await.says(pub_ack(3)).await.hears_nothing().await;
}

async fn oversized(wire: Wire) {
    let world = World::with(wire, |config| {
        config.session.outbox_bytes_max.0 = 250;
        config.session.overflow = Overflow::DropOldest;
    });
    let mut alice = world.client("alice").await;
    world.client_with(connect("bob").expiry(60), false).await.subscribes(subscribe("t", 1)).await;
    world.settles().await;
    alice.publishes(publish("t", "small").qos1(1)).await.publishes(publish("t", [b'x'; 300]).qos1(2)).await;
    let mut bob = world.client_with(connect("bob").resume(), true).await;
    bob.hears(publish("t", "small").qos1(1)).await.hears_nothing().await;
    assert_eq!(world.broker.counters.dropped.value(), 1);
}

async fn away(wire: Wire) {
    let world = World::with(wire, |config| config.session.outbox_messages_max = 3);
    let mut alice = world.client("alice").await;
    world.client_with(connect("bob").expiry(60), false).await.subscribes(subscribe("t", 1)).await;
    world.settles().await;
    for number in 1..=6 {
        alice.publishes(publish("t", number.to_string()).qos1(number)).await;
    }
    let mut bob = world.client_with(connect("bob").resume(), true).await;
    for number in 1..=3 {
        bob.hears(publish("t", number.to_string()).qos1(number)).await;
    }
    bob.hears_nothing().await;
}

async fn nobody_waits(wire: Wire) {
    let world = World::with(wire, |config| config.session.outbox_messages_max = 10);
    let (mut alice, mut bob, mut carol) =
        (world.client("alice").await, world.client("bob").await, world.client("carol").await);
    bob.subscribes(subscribe("t", 0)).await;
    carol.subscribes(subscribe("t", 0)).await;
    // Bob does not read at all: far more than any buffer holds.
    let payload = [b'x'; 10_000];
    for _ in 0..100 {
        alice.publishes(publish("t", payload)).await;
        carol.hears(publish("t", payload)).await;
    }
    assert!(world.broker.counters.dropped.value() > 50);
    // What bob hears at last is whole packets.
    bob.hears(publish("t", payload)).await.hears(publish("t", payload)).await;
}
