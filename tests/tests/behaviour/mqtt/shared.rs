//! Shared subscriptions: each message goes to one member.

use std::num::NonZeroU32;

use tidewire_protocols::mqtt::{Property, ReasonCode};
use tidewire_tests::conversations;
use tidewire_tests::mqtt::{
    connect, pub_ack, pub_comp, pub_rec, pub_rel, publish, sub_ack, subscribe, unsub_ack, unsubscribe,
};
use tidewire_tests::peer::Wire;
use tidewire_tests::world::World;

use super::{SECOND, nothing_else};

conversations! {
    members_take_turns => round_robin;
    groups_are_independent => groups;
    each_member_has_its_own_terms => terms_are_the_members;
    who_is_away_is_passed_over => absent_members;
    if_all_are_away_it_waits_for_one => all_absent;
    a_member_that_vanishes_leaves_the_rest_to_others => vanished_members;
    what_a_member_had_not_acknowledged_goes_to_another => passed_on;
    what_waits_for_a_member_goes_to_another => waiting_is_passed_on;
    what_has_no_room_goes_to_another => no_room;
    a_qos_2_message_stays_with_its_member => qos_2_stays;
    who_leaves_gets_no_more => leaving;
    subscribing_twice_is_one_membership => one_membership;
    no_local_is_a_protocol_error => no_local;
    bad_names_are_refused => bad_names;
    mqtt_311_may_share => mqtt_311_shares;
}

async fn round_robin(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob, mut carol) =
        (world.client("alice").await, world.client("bob").await, world.client("carol").await);
    bob.subscribes(subscribe("$share/g/t/#", 0)).await;
    carol.subscribes(subscribe("$share/g/t/#", 0)).await;
    for number in 1..=6 {
        alice.publishes(publish("t/x", number.to_string())).await;
    }
    let (mut first, mut second) = (bob, carol);
    let heard = first.looks_at(|packet| format!("{packet:?}")).await;
    // Who begins is not promised.
    let offset = if heard.contains("[49]") { 0 } else { 1 };
    for number in [3, 5] {
        first.hears(publish("t/x", (number + offset).to_string())).await;
    }
    for number in [2, 4, 6] {
        second.hears(publish("t/x", (number - offset).to_string())).await;
    }
    nothing_else(&mut [&mut alice, &mut first, &mut second]).await;
}

async fn groups(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob, mut carol, mut dave) = (
        world.client("alice").await,
        world.client("bob").await,
        world.client("carol").await,
        world.client("dave").await,
    );
    bob.subscribes(subscribe("$share/one/t", 0)).await;
    carol.subscribes(subscribe("$share/two/t", 0)).await;
    dave.subscribes(subscribe("t", 0)).await;
    alice.publishes(publish("t", "m")).await;
    for peer in [&mut bob, &mut carol, &mut dave] {
        peer.hears(publish("t", "m")).await.hears_nothing().await;
    }
    // A member that also subscribes for itself gets both.
    bob.subscribes(subscribe("t", 0)).await;
    alice.publishes(publish("t", "n")).await;
    bob.hears(publish("t", "n")).await.hears(publish("t", "n")).await.hears_nothing().await;
}

async fn terms_are_the_members(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob, mut carol) =
        (world.client("alice").await, world.client("bob").await, world.client("carol").await);
    let identifier = |number| Property::SubscriptionIdentifier(NonZeroU32::new(number).expect("not zero"));
    bob.subscribes(subscribe("$share/g/t", 0).with(identifier(1))).await;
    carol.subscribes(subscribe("$share/g/t", 1).with(identifier(2))).await;
    alice.publishes(publish("t", "m").qos2(1)).await.publishes(publish("t", "m").qos2(2)).await;
    bob.hears(publish("t", "m").with(identifier(1))).await.hears_nothing().await;
    carol
        .hears(publish("t", "m").qos1(1).with(identifier(2)))
        .await
        .says(pub_ack(1))
        .await
        .hears_nothing()
        .await;
}

async fn absent_members(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.client("alice").await;
    let mut bob = world.client_with(connect("bob").expiry(60), false).await;
    let mut carol = world.client("carol").await;
    bob.subscribes(subscribe("$share/g/t", 1)).await;
    carol.subscribes(subscribe("$share/g/t", 1)).await;
    drop(bob);
    world.settles().await;
    for number in 1..=4 {
        alice.publishes(publish("t", "m").qos1(number)).await;
        carol.hears(publish("t", "m").qos1(number)).await.says(pub_ack(number)).await;
    }
    world.client_with(connect("bob").resume(), true).await.hears_nothing().await;
}

async fn all_absent(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.client("alice").await;
    for name in ["bob", "carol"] {
        let mut member = world.client_with(connect(name).expiry(60), false).await;
        member.subscribes(subscribe("$share/g/t", 1)).await;
    }
    world.settles().await;
    alice.publishes(publish("t", "m").qos1(1)).await.publishes(publish("t", "m").qos1(2)).await;
    for name in ["bob", "carol"] {
        let mut member = world.client_with(connect(name).resume(), true).await;
        member.hears(publish("t", "m").qos1(1)).await.says(pub_ack(1)).await.hears_nothing().await;
    }
}

async fn vanished_members(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob, mut carol) =
        (world.client("alice").await, world.client("bob").await, world.client("carol").await);
    bob.subscribes(subscribe("$share/g/t", 1)).await;
    carol.subscribes(subscribe("$share/g/t", 1)).await;
    drop(bob);
    world.settles().await;
    for number in 1..=4 {
        alice.publishes(publish("t", "m").qos1(number)).await;
        carol.hears(publish("t", "m").qos1(number)).await.says(pub_ack(number)).await;
    }
    drop(carol);
    world.settles().await;
    alice.says(publish("t", "m").qos1(1)).await.hears(pub_ack(1).unmatched()).await;
}

async fn qos_2_stays(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.client("alice").await;
    let mut bob = world.client_with(connect("bob").expiry(60), false).await;
    bob.subscribes(subscribe("$share/g/t", 2)).await;
    alice.publishes(publish("t", "m").qos2(1)).await;
    bob.hears(publish("t", "m").qos2(1)).await;
    let mut carol = world.client("carol").await;
    carol.subscribes(subscribe("$share/g/t", 2)).await;
    drop(bob);
    carol.hears_nothing().await;
    let mut bob = world.client_with(connect("bob").resume(), true).await;
    bob.hears(publish("t", "m").qos2(1).dup()).await.says(pub_rec(1)).await.hears(pub_rel(1)).await;
    bob.says(pub_comp(1)).await;
    // If its session ends first, nobody else gets it.
    alice.publishes(publish("t", "n").qos2(1)).await;
    alice.publishes(publish("t", "n").qos2(1)).await;
    drop(bob);
    world.passes(61 * SECOND).await;
    carol.hears(publish("t", "n").qos2(1)).await.hears_nothing().await;
}

async fn leaving(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob, mut carol) =
        (world.client("alice").await, world.client("bob").await, world.client("carol").await);
    bob.subscribes(subscribe("$share/g/t", 0)).await;
    carol.subscribes(subscribe("$share/g/t", 0)).await;
    bob.says(unsubscribe(&["t"])).await.hears(unsub_ack(&[0x11])).await;
    bob.says(unsubscribe(&["$share/g/t"])).await.hears(unsub_ack(&[0])).await;
    alice.publishes(publish("t", "one")).await.publishes(publish("t", "two")).await;
    carol.hears(publish("t", "one")).await.hears(publish("t", "two")).await;
    bob.hears_nothing().await;
}

async fn one_membership(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = (world.client("alice").await, world.client("bob").await);
    bob.subscribes(subscribe("$share/g/t", 0)).await.subscribes(subscribe("$share/g/t", 1)).await;
    alice.publishes(publish("t", "m").qos1(1)).await;
    bob.hears(publish("t", "m").qos1(1)).await.says(pub_ack(1)).await.hears_nothing().await;
    bob.says(unsubscribe(&["$share/g/t"])).await.hears(unsub_ack(&[0])).await;
    alice.says(publish("t", "m").qos1(1)).await.hears(pub_ack(1).unmatched()).await;
}

async fn no_local(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.client("alice").await;
    alice.says(subscribe("$share/g/t", 0).options(|options| options.no_local = true)).await;
    alice.is_disconnected(ReasonCode::ProtocolError, 1000).await;
}

async fn bad_names(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.client("alice").await;
    let filters = subscribe("$share/g", 0)
        .and("$share/g/", 0)
        .and("$share//t", 0)
        .and("$share/g+/t", 0)
        .and("$share/#/t", 0)
        .and("$share/", 0)
        .and("$share/good/t", 0);
    let bad = 0x8F;
    alice.says(filters).await.hears(sub_ack(&[bad, bad, bad, bad, bad, bad, 0]).explained()).await;
}

async fn mqtt_311_shares(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.client_with(connect("alice").v311(), false).await;
    let mut bob = world.client_with(connect("bob").v311(), false).await;
    alice.subscribes(subscribe("$share/g/t", 0)).await;
    bob.subscribes(subscribe("$share/g/t", 0)).await;
    alice.publishes(publish("t", "m")).await.publishes(publish("t", "m")).await;
    alice.hears(publish("t", "m")).await.hears_nothing().await;
    bob.hears(publish("t", "m")).await.hears_nothing().await;
}

/// [MQTT50-U-4.8.2-3] Sent again as a new message: without DUP, with an identifier of the other member's own.
async fn passed_on(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = (world.client("alice").await, world.client("bob").await);
    bob.subscribes(subscribe("$share/g/t", 1)).await;
    alice.publishes(publish("t", "first").qos1(1)).await.publishes(publish("t", "second").qos1(2)).await;
    bob.hears(publish("t", "first").qos1(1)).await.says(pub_ack(1)).await;
    bob.hears(publish("t", "second").qos1(2)).await;
    let mut carol = world.client("carol").await;
    let identifier = Property::SubscriptionIdentifier(NonZeroU32::MIN);
    carol.subscribes(subscribe("$share/g/t", 1).with(identifier)).await;
    drop(bob);
    carol.hears(publish("t", "second").qos1(1).with(identifier)).await;
    nothing_else(&mut [&mut alice, &mut carol]).await;
}

async fn waiting_is_passed_on(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.client("alice").await;
    let one = Property::ReceiveMaximum(std::num::NonZeroU16::MIN);
    let mut bob = world.client_with(connect("bob").with(one).expiry(10), false).await;
    bob.subscribes(subscribe("$share/g/t", 2)).await;
    for number in 1..=3 {
        alice.publishes(publish("t", number.to_string()).qos2(number)).await;
    }
    alice.publishes(publish("t", "4").qos1(4)).await;
    bob.hears(publish("t", "1").qos2(1)).await.hears_nothing().await;
    drop(bob);
    let mut carol = world.client("carol").await;
    carol.subscribes(subscribe("$share/g/t", 2)).await.hears_nothing().await;
    // Bob's session ends: what he was sent at QoS 2 may have arrived, the rest has not.
    world.passes(SECOND * 11).await;
    carol.hears(publish("t", "2").qos2(1)).await.hears(publish("t", "3").qos2(2)).await;
    carol.hears(publish("t", "4").qos1(3)).await.hears_nothing().await;
}

async fn no_room(wire: Wire) {
    let world = World::with(wire, |config| config.session.outbox_messages_max = 1);
    let mut alice = world.client("alice").await;
    let one = Property::ReceiveMaximum(std::num::NonZeroU16::MIN);
    let mut bob = world.client_with(connect("bob").with(one), false).await;
    let mut carol = world.client_with(connect("carol").with(one), false).await;
    for peer in [&mut bob, &mut carol] {
        peer.subscribes(subscribe("$share/g/t", 1)).await;
    }
    // One is sent to each; of the others each has room for one, whoever's turn it is. The fifth has none.
    for number in 1..=5 {
        alice.publishes(publish("t", number.to_string()).qos1(number)).await;
    }
    assert_eq!(world.broker.counters.dropped.value(), 1, "what another member took is not dropped");
    let mut heard = Vec::new();
    for peer in [&mut bob, &mut carol] {
        for packet_id in 1..=2 {
            heard.push(peer.looks_at(|packet| format!("{packet:?}")).await);
            peer.says(pub_ack(packet_id)).await;
        }
        peer.hears_nothing().await;
    }
    for number in 1..=4 {
        let payload = format!("[{}]", 48 + number);
        assert_eq!(heard.iter().filter(|packet| packet.contains(&payload)).count(), 1, "{number}: {heard:?}");
    }
}
