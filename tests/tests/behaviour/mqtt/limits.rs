//! Maximum packet sizes, and what is left out where there is no room.

use std::num::{NonZeroU16, NonZeroU32};

use tidewire_protocols::mqtt::{Packet, Property, ReasonCode, Version};
use tidewire_tests::conversations;
use tidewire_tests::mqtt::{
    Raw, Say, connect, pub_ack, pub_comp, pub_rec, pub_rel, publish, sub_ack, subscribe, unsub_ack,
    unsubscribe,
};
use tidewire_tests::peer::Wire;
use tidewire_tests::world::World;

use super::nothing_else;

conversations! {
    what_is_too_large_for_a_client_is_not_sent => too_large_for_the_client;
    the_last_byte_counts => last_byte_counts;
    the_last_byte_counts_among_many => last_byte_counts_among_many;
    the_last_byte_counts_inwards => last_byte_counts_inwards;
    what_is_too_large_for_the_broker_ends_the_connection => too_large_for_the_broker;
    a_connect_may_be_too_large => connect_too_large;
    a_reason_string_needs_room => reason_strings_need_room;
    a_reason_string_must_be_wanted => reason_strings_must_be_wanted;
    a_connack_that_does_not_fit_is_not_sent => connack_needs_room;
    an_answer_with_too_many_codes_is_not_sent => answers_need_room;
}

fn size_max(size: u32) -> Property<'static> {
    Property::MaximumPacketSize(NonZeroU32::new(size).expect("not zero"))
}

async fn too_large_for_the_client(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut carol) = (world.client("alice").await, world.client("carol").await);
    // A window of one: what is dropped must not take its place.
    let one = Property::ReceiveMaximum(NonZeroU16::MIN);
    let mut bob = world.client_with(connect("bob").with(size_max(100)).with(one), false).await;
    bob.subscribes(subscribe("t", 2)).await;
    carol.subscribes(subscribe("t", 0)).await;
    let large = [b'x'; 100];
    alice.publishes(publish("t", large)).await;
    alice.publishes(publish("t", large).qos1(1)).await;
    alice.publishes(publish("t", large).qos2(2)).await;
    for _ in 0..3 {
        carol.hears(publish("t", large)).await;
    }
    alice.publishes(publish("t", "small").qos2(3)).await;
    bob.hears(publish("t", "small").qos2(1)).await.says(pub_rec(1)).await.hears(pub_rel(1)).await;
    bob.says(pub_comp(1)).await;
    carol.hears(publish("t", "small")).await;
    nothing_else(&mut [&mut alice, &mut bob, &mut carol]).await;
}

async fn last_byte_counts(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) =
        (world.client("alice").await, world.client_with(connect("bob").with(size_max(100)), false).await);
    bob.subscribes(subscribe("t", 0)).await;
    // Two bytes of header, three of topic, one of properties.
    alice.publishes(publish("t", [b'x'; 95])).await.publishes(publish("t", [b'x'; 94])).await;
    assert_eq!(publish("t", [b'x'; 94]).bytes(Version::V5).len(), 100);
    bob.hears(publish("t", [b'x'; 94])).await.hears_nothing().await;
}

/// What is written once for all is held against each one's limit.
async fn last_byte_counts_among_many(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut carol) = (world.client("alice").await, world.client("carol").await);
    let mut bob = world.client_with(connect("bob").with(size_max(100)), false).await;
    for client in [&mut bob, &mut carol] {
        client.subscribes(subscribe("t", 1)).await;
    }
    // Two bytes of header, three of topic, two of packet identifier, one of properties.
    alice.publishes(publish("t", [b'x'; 93]).qos1(1)).await;
    alice.publishes(publish("t", [b'x'; 92]).qos1(2)).await;
    bob.hears(publish("t", [b'x'; 92]).qos1(1)).await.says(pub_ack(1)).await;
    carol.hears(publish("t", [b'x'; 93]).qos1(1)).await.says(pub_ack(1)).await;
    carol.hears(publish("t", [b'x'; 92]).qos1(2)).await.says(pub_ack(2)).await;
    nothing_else(&mut [&mut alice, &mut bob, &mut carol]).await;
}

async fn last_byte_counts_inwards(wire: Wire) {
    let world = World::with(wire, |config| config.limits.packet_size_max.0 = 100);
    let mut alice = world.mqtt().await;
    let learnt = alice.learns(connect("alice")).await;
    assert!(learnt.contains(&"MaximumPacketSize(100)".to_owned()), "{learnt:?}");
    alice.subscribes(subscribe("t", 0)).await;
    alice.publishes(publish("t", [b'x'; 94])).await.hears(publish("t", [b'x'; 94])).await;
    alice.says(publish("t", [b'x'; 95])).await.is_disconnected(ReasonCode::PacketTooLarge, 1009).await;
}

async fn too_large_for_the_broker(wire: Wire) {
    let world = World::with(wire, |config| config.limits.packet_size_max.0 = 100);
    // The header is enough: nobody waits for the rest.
    let mut alice = world.client("alice").await;
    alice.says(Raw(&[0x30, 0xFF, 0xFF, 0xFF, 0x7F])).await;
    alice.is_disconnected(ReasonCode::PacketTooLarge, 1009).await;
    let mut bob = world.client_with(connect("bob").v311(), false).await;
    bob.says(publish("t", [b'x'; 100])).await.peer.is_closed_with(1009).await;
}

async fn connect_too_large(wire: Wire) {
    let world = World::with(wire, |config| config.limits.connect_packet_size_max.0 = 200);
    let will = || publish("will", [b'x'; 200]);
    let mut alice = world.mqtt().await;
    alice.says(connect("alice").will(will())).await.is_refused(ReasonCode::PacketTooLarge, 1009).await;
    let mut bob = world.mqtt().await;
    bob.says(connect("bob").v311().will(will())).await.peer.is_closed_with(1009).await;
    // Behind CONNECT the other limit holds, in the same segment too.
    let mut carol = world.mqtt().await;
    let mut bytes = connect("carol").v311().bytes(Version::V311);
    bytes.extend(publish("t", [b'x'; 300]).qos1(1).bytes(Version::V311));
    carol.version = Version::V311;
    carol.says(Raw(&bytes)).await;
    carol.looks_at(|packet| assert!(matches!(packet, Packet::ConnAck(_)))).await;
    carol.hears(pub_ack(1)).await;
}

async fn reason_strings_need_room(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.client_with(connect("alice").with(size_max(30)), false).await;
    alice.says(publish("$SYS/t", "m").qos1(1)).await;
    let refused = pub_ack(1).because(ReasonCode::NotAuthorized);
    alice.hears(refused.explained()).await;
    let mut bob = world.client_with(connect("bob").with(size_max(20)), false).await;
    bob.says(publish("$SYS/t", "m").qos1(1)).await;
    bob.hears(pub_ack(1).because(ReasonCode::NotAuthorized)).await;
    let bad = ReasonCode::TopicFilterInvalid.as_u8();
    // With two codes SUBACK has 30 bytes, with three it has no room for words.
    let filters = || subscribe("a", 0).and("#/t", 0);
    alice.says(filters()).await.hears(sub_ack(&[0, bad]).explained()).await;
    alice.says(filters().and("b", 0)).await.hears(sub_ack(&[0, bad, 0])).await;
    alice.says(unsubscribe(&["a", "#/t"])).await.hears(unsub_ack(&[0, bad]).explained()).await;
    bob.says(subscribe("#/t", 0)).await.hears(sub_ack(&[bad])).await;
    bob.says(unsubscribe(&["#/t"])).await.hears(unsub_ack(&[bad])).await;
    bob.says(connect("bob")).await;
    assert_eq!(bob.next().await, [0xE0, 1, 0x82]);
}

async fn reason_strings_must_be_wanted(wire: Wire) {
    let world = World::new(wire);
    let quiet = || connect("alice").with(Property::RequestProblemInformation(false));
    let mut alice = world.client_with(quiet(), false).await;
    alice.says(publish("$SYS/t", "m").qos1(1)).await;
    alice.hears(pub_ack(1).because(ReasonCode::NotAuthorized)).await;
    alice.says(quiet()).await;
    alice
        .looks_at(|packet| match packet {
            Packet::Disconnect(disconnect) => assert_eq!(disconnect.properties.iter().count(), 0),
            other => panic!("{other:?}"),
        })
        .await;
    let mut bob = world.client("bob").await;
    bob.says(connect("bob")).await;
    bob.looks_at(|packet| match packet {
        Packet::Disconnect(disconnect) => {
            assert_eq!(disconnect.properties.iter().count(), 1, "a reason string");
        }
        other => panic!("{other:?}"),
    })
    .await;
}

async fn connack_needs_room(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.mqtt().await;
    alice.says(connect("alice").with(size_max(10))).await.is_refused(ReasonCode::PacketTooLarge, 1000).await;
    // Not even that can be said.
    let mut bob = world.mqtt().await;
    bob.says(connect("bob").with(size_max(4))).await.is_closed().await;
    assert_eq!(world.broker.session_count(), 0);
}

/// [MQTT-3.1.2-24] SUBACK and UNSUBACK have a code for each filter, which cannot be left out.
async fn answers_need_room(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.client_with(connect("alice").with(size_max(60)), false).await;
    let of = |count: usize| (1..count).fold(subscribe("0", 0), |words, n| words.and(&n.to_string(), 0));
    // Two bytes of header, two of packet identifier, one of properties.
    alice.subscribes(of(55)).await;
    let filters: Vec<_> = (0..56).map(|n| n.to_string()).collect();
    let filters: Vec<_> = filters.iter().map(String::as_str).collect();
    let mut codes = [0; 55];
    codes[54] = ReasonCode::NoSubscriptionExisted.as_u8();
    alice.says(unsubscribe(&filters[1..])).await.hears(unsub_ack(&codes)).await;
    alice.says(unsubscribe(&filters)).await.is_disconnected(ReasonCode::PacketTooLarge, 1000).await;
    let mut bob = world.client_with(connect("bob").with(size_max(60)), false).await;
    bob.says(of(56)).await.is_disconnected(ReasonCode::PacketTooLarge, 1000).await;
    assert_eq!(world.broker.subscription_count(), 0);
}
