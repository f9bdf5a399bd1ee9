//! Receive Maximum, in both directions.

use std::num::NonZeroU16;
use std::sync::Arc;

use tidewire_protocols::mqtt::{Property, ReasonCode, Version};
use tidewire_tests::conversations;
use tidewire_tests::mqtt::{
    ConnectWords, PingReq, PingResp, Raw, Say, connect, pub_ack, pub_comp, pub_rec, pub_rel, publish,
    subscribe,
};
use tidewire_tests::peer::Wire;
use tidewire_tests::store::KeepingStore;
use tidewire_tests::world::World;

use super::SECOND;

conversations! {
    a_client_gets_no_more_than_it_takes => window_holds;
    qos_2_holds_its_place_to_the_end => qos_2_holds_its_place;
    a_refusal_gives_the_place_back => refusals_count;
    the_end_of_an_older_exchange_gives_nothing => older_exchange;
    extra_acknowledgements_give_nothing => extra_acknowledgements;
    qos_0_needs_no_place => qos_0_passes;
    everything_else_goes_on => other_packets_go_on;
    the_broker_has_a_window_of_its_own => inflight_max;
    a_client_that_sends_too_many_is_disconnected => too_many;
    acknowledged_publishes_do_not_count => acknowledged;
    a_repeat_does_not_count => repeats;
    a_new_connection_counts_afresh => afresh;
    mqtt_311_knows_no_limit => mqtt_311;
    a_burst_is_taken_as_fast_as_it_is_acknowledged => burst;
    a_burst_waits_for_the_disk => burst_and_disk;
    all_packet_identifiers_are_used_and_none_twice => all_identifiers;
}

fn bob(maximum: u16) -> ConnectWords {
    connect("bob").with(Property::ReceiveMaximum(NonZeroU16::new(maximum).expect("not zero")))
}

async fn window_holds(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut b) = (world.client("alice").await, world.client_with(bob(2), false).await);
    b.subscribes(subscribe("t", 1)).await;
    for number in 1..=4 {
        alice.publishes(publish("t", number.to_string()).qos1(number)).await;
    }
    b.hears(publish("t", "1").qos1(1)).await.hears(publish("t", "2").qos1(2)).await.hears_nothing().await;
    // In any order.
    b.says(pub_ack(2)).await.hears(publish("t", "3").qos1(3)).await.hears_nothing().await;
    b.says(pub_ack(1)).await.hears(publish("t", "4").qos1(4)).await.hears_nothing().await;
}

async fn qos_2_holds_its_place(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut b) = (world.client("alice").await, world.client_with(bob(1), false).await);
    b.subscribes(subscribe("t", 2)).await;
    alice.publishes(publish("t", "1").qos2(1)).await.publishes(publish("t", "2").qos2(2)).await;
    b.hears(publish("t", "1").qos2(1))
        .await
        .says(pub_rec(1))
        .await
        .hears(pub_rel(1))
        .await
        .hears_nothing()
        .await;
    b.says(pub_comp(1)).await.hears(publish("t", "2").qos2(2)).await;
}

async fn refusals_count(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut b) = (world.client("alice").await, world.client_with(bob(1), false).await);
    b.subscribes(subscribe("t", 2)).await;
    alice.publishes(publish("t", "1").qos2(1)).await.publishes(publish("t", "2").qos1(2)).await;
    alice.publishes(publish("t", "3").qos1(3)).await;
    b.hears(publish("t", "1").qos2(1)).await.says(pub_rec(1).because(ReasonCode::UnspecifiedError)).await;
    b.hears(publish("t", "2").qos1(2)).await.says(pub_ack(2).because(ReasonCode::UnspecifiedError)).await;
    b.hears(publish("t", "3").qos1(3)).await;
}

async fn older_exchange(wire: Wire) {
    let world = World::new(wire);
    let lasting = || bob(1).resume().expiry(60);
    let (mut alice, mut b) = (world.client("alice").await, world.client_with(lasting(), false).await);
    b.subscribes(subscribe("t", 2)).await;
    alice.publishes(publish("t", "1").qos2(1)).await;
    b.hears(publish("t", "1").qos2(1)).await.says(pub_rec(1)).await.hears(pub_rel(1)).await;
    drop(b);
    world.settles().await;
    let mut b = world.client_with(lasting(), true).await;
    alice.publishes(publish("t", "2").qos1(2)).await.publishes(publish("t", "3").qos1(3)).await;
    b.hears(pub_rel(1)).await.hears(publish("t", "2").qos1(2)).await;
    // It took no place on this connection.
    b.says(pub_comp(1)).await.hears_nothing().await;
    b.says(pub_ack(2)).await.hears(publish("t", "3").qos1(3)).await;
}

async fn extra_acknowledgements(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut b) = (world.client("alice").await, world.client_with(bob(1), false).await);
    b.subscribes(subscribe("t", 1)).await;
    for _ in 0..3 {
        b.says(pub_ack(1)).await.says(pub_comp(2)).await;
    }
    alice.publishes(publish("t", "1").qos1(1)).await.publishes(publish("t", "2").qos1(2)).await;
    b.hears(publish("t", "1").qos1(1)).await.hears_nothing().await;
    b.says(pub_ack(1)).await.says(pub_ack(1)).await.hears(publish("t", "2").qos1(2)).await;
}

async fn qos_0_passes(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut b) = (world.client("alice").await, world.client_with(bob(1), false).await);
    b.subscribes(subscribe("t", 1)).await;
    alice.publishes(publish("t", "one").qos1(1)).await.publishes(publish("t", "zero")).await;
    b.hears(publish("t", "one").qos1(1)).await.hears(publish("t", "zero")).await;
}

async fn other_packets_go_on(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut b) = (world.client("alice").await, world.client_with(bob(1), false).await);
    b.subscribes(subscribe("t", 1)).await;
    alice.publishes(publish("t", "1").qos1(1)).await.publishes(publish("t", "2").qos1(2)).await;
    b.hears(publish("t", "1").qos1(1)).await;
    b.says(PingReq).await.hears(PingResp).await.subscribes(subscribe("u", 0)).await;
    b.publishes(publish("v", "out").qos2(1)).await.hears_nothing().await;
}

async fn inflight_max(wire: Wire) {
    let world = World::with(wire, |config| config.session.inflight_max = 1);
    let mut alice = world.client("alice").await;
    let mut b = world.client_with(connect("bob").v311(), false).await;
    b.subscribes(subscribe("t", 1)).await;
    alice.publishes(publish("t", "1").qos1(1)).await.publishes(publish("t", "2").qos1(2)).await;
    b.hears(publish("t", "1").qos1(1)).await.hears_nothing().await;
    b.says(pub_ack(1)).await.hears(publish("t", "2").qos1(2)).await;
}

async fn too_many(wire: Wire) {
    let world = World::with(wire, |config| config.session.receive_maximum = 2);
    let mut alice = world.mqtt().await;
    let learnt = alice.learns(connect("alice")).await;
    assert!(learnt.contains(&"ReceiveMaximum(2)".to_owned()), "{learnt:?}");
    for number in 1..=2 {
        alice.says(publish("t", "m").qos2(number)).await.hears(pub_rec(number).unmatched()).await;
    }
    // QoS 0 is never too many.
    alice.says(publish("t", "m")).await.hears_nothing().await;
    alice
        .says(publish("t", "m").qos1(3))
        .await
        .is_disconnected(ReasonCode::ReceiveMaximumExceeded, 1000)
        .await;
}

async fn acknowledged(wire: Wire) {
    let world = World::with(wire, |config| config.session.receive_maximum = 2);
    let mut alice = world.client("alice").await;
    for number in 1..=10 {
        alice.publishes(publish("t", "m").qos2(number)).await.publishes(publish("t", "m").qos1(number)).await;
    }
    // A refused one is over.
    for number in 1..=10 {
        let refused = pub_rec(number).because(ReasonCode::NotAuthorized).explained();
        alice.says(publish("$SYS/t", "m").qos2(number)).await.hears(refused).await;
    }
}

async fn repeats(wire: Wire) {
    let world = World::with(wire, |config| config.session.receive_maximum = 1);
    let mut alice = world.client("alice").await;
    alice.says(publish("t", "m").qos2(1)).await.hears(pub_rec(1).unmatched()).await;
    for _ in 0..3 {
        alice.says(publish("t", "m").qos2(1).dup()).await.hears(pub_rec(1)).await;
    }
    alice.says(pub_rel(1)).await.hears(pub_comp(1)).await;
    alice.publishes(publish("t", "m").qos2(2)).await;
}

async fn afresh(wire: Wire) {
    let world = World::with(wire, |config| config.session.receive_maximum = 2);
    let lasting = || connect("alice").resume().expiry(60);
    let mut alice = world.client_with(lasting(), false).await;
    for number in 1..=2 {
        alice.says(publish("t", "m").qos2(number)).await.hears(pub_rec(number).unmatched()).await;
    }
    drop(alice);
    // The quota begins anew with the connection, and a release takes none of it.
    let mut alice = world.client_with(lasting(), true).await;
    for number in 3..=4 {
        alice.says(publish("t", "m").qos2(number)).await.hears(pub_rec(number).unmatched()).await;
    }
    for number in 1..=4 {
        alice.says(pub_rel(number)).await.hears(pub_comp(number)).await;
    }
    // What is sent again does take its place.
    alice.says(publish("t", "m").qos2(1)).await.hears(pub_rec(1).unmatched()).await;
    drop(alice);
    let mut alice = world.client_with(lasting(), true).await;
    alice.says(publish("t", "m").qos2(1).dup()).await.hears(pub_rec(1)).await;
    alice.says(publish("t", "m").qos2(2)).await.hears(pub_rec(2).unmatched()).await;
    alice
        .says(publish("t", "m").qos2(3))
        .await
        .is_disconnected(ReasonCode::ReceiveMaximumExceeded, 1000)
        .await;
}

async fn mqtt_311(wire: Wire) {
    let world = World::with(wire, |config| config.session.receive_maximum = 2);
    let mut alice = world.client_with(connect("alice").v311(), false).await;
    let bytes: Vec<u8> =
        (1..=50).flat_map(|number| publish("t", "m").qos1(number).bytes(Version::V311)).collect();
    alice.says(Raw(&bytes)).await;
    for number in 1..=50 {
        alice.hears(pub_ack(number)).await;
    }
}

fn qos_1_burst(count: u16) -> Vec<u8> {
    (1..=count).flat_map(|number| publish("t", "m").qos1(number).bytes(Version::V5)).collect()
}

/// Some clients write ahead whatever the server announced. At QoS 1 what is acknowledged is over.
async fn burst(wire: Wire) {
    let world = World::with(wire, |config| config.session.receive_maximum = 3);
    let (mut alice, mut bob) = (world.client("alice").await, world.client("bob").await);
    bob.subscribes(subscribe("t", 0)).await;
    alice.says(Raw(&qos_1_burst(300))).await.says(PingReq).await;
    for number in 1..=300 {
        alice.hears(pub_ack(number)).await;
        bob.hears(publish("t", "m")).await;
    }
    alice.hears(PingResp).await;
}

/// What the disk has not got yet counts, and what is behind it waits; nobody is disconnected.
async fn burst_and_disk(wire: Wire) {
    let store = Arc::new(KeepingStore::new(SECOND * 5));
    let world = World::with_store(wire, store, |config| config.session.receive_maximum = 2);
    let mut bob = world.mqtt().await;
    bob.connects(connect("bob").expiry(600), false).await;
    bob.subscribes(subscribe("t", 1)).await;
    let mut alice = world.client("alice").await;
    alice.says(Raw(&qos_1_burst(6))).await;
    for round in 0..3 {
        // Two are on their way to the disk, which takes its time.
        alice.hears(pub_ack(round * 2 + 1)).await.hears(pub_ack(round * 2 + 2)).await;
        if round < 2 {
            alice.hears_nothing().await;
        }
    }
    for number in 1..=6 {
        bob.hears(publish("t", "m").qos1(number)).await.says(pub_ack(number)).await;
    }
}

/// A client that acknowledges nothing is sent 65,535 messages and not one more; each identifier is free again once its
/// message is acknowledged. [MQTT-2.2.1-4]
async fn all_identifiers(wire: Wire) {
    const ALL: u16 = u16::MAX;
    let world = World::with(wire, |config| {
        config.session.inflight_max = ALL;
        config.session.outbox_messages_max = 10;
    });
    let mut alice = world.client("alice").await;
    let mut bob = world.client_with(connect("bob").resume().expiry(60), false).await;
    bob.subscribes(subscribe("t", 1)).await;
    for number in 1..=ALL {
        alice.says(publish("t", "m").qos1(number)).await.hears(pub_ack(number)).await;
        bob.hears(publish("t", "m").qos1(number)).await;
    }
    alice.publishes(publish("t", "next").qos1(1)).await;
    bob.hears_nothing().await;
    // One in the middle gives no place: those behind the oldest go round in order.
    bob.says(pub_ack(30_000)).await.hears_nothing().await;
    bob.says(pub_ack(1)).await.hears(publish("t", "next").qos1(1)).await.hears_nothing().await;
}
