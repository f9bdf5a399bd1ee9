//! CONNECT: how a client comes in, and what it is told.

use tidewire::counters::RefusalReason;
use tidewire_protocols::mqtt::{Property, ReasonCode, Version};
use tidewire_tests::conversations;
use tidewire_tests::mqtt::{
    PingReq, PingResp, Raw, Say, conn_ack, connect, pub_ack, publish, sub_ack, subscribe,
};
use tidewire_tests::peer::Wire;
use tidewire_tests::store::KeepingStore;
use tidewire_tests::world::World;

use super::{SECOND, nothing_else};

conversations! {
    the_limits_are_announced => limits_are_announced;
    mqtt_311_is_told_nothing_more => mqtt_311_is_answered;
    mqtt_31_is_served => mqtt_31_is_answered;
    mqtt_31_can_be_switched_off => mqtt_31_is_refused;
    a_client_without_a_name_gets_one => names_are_assigned;
    an_empty_name_needs_a_clean_session_in_311 => empty_names_are_refused;
    packets_right_behind_connect_are_served => packets_behind_connect;
    what_waits_for_the_disk_is_not_overtaken => connack_is_first;
    single_bytes_make_packets => bytes_come_one_by_one;
    several_packets_come_in_one_message => packets_come_together;
    connect_comes_once => connect_comes_twice;
    connect_comes_first => something_else_comes_first;
    connect_comes_in_time => nothing_comes;
    half_a_connect_is_not_in_time => half_a_connect_comes;
    anonymous_clients_can_be_refused => credentials_are_wanted;
}

async fn limits_are_announced(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.mqtt().await;
    let learnt = alice.learns(connect("alice").keep_alive(60)).await;
    let expected = ["ReceiveMaximum(100)", "MaximumPacketSize(16777216)", "TopicAliasMaximum(64)"];
    assert_eq!(learnt, expected, "what is as in the standard's defaults goes without saying");
}

async fn mqtt_311_is_answered(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.mqtt().await;
    alice.says(connect("alice").v311()).await.hears(conn_ack(false, ReasonCode::Success)).await;
    alice.says(PingReq).await.hears(PingResp).await;
}

async fn mqtt_31_is_answered(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = (world.mqtt().await, world.client("bob").await);
    alice
        .says(connect("alice").in_version(Version::V31))
        .await
        .hears(conn_ack(false, ReasonCode::Success))
        .await;
    alice.subscribes(subscribe("t", 1)).await;
    bob.publishes(publish("t", "one").qos1(1)).await;
    alice.hears(publish("t", "one").qos1(1)).await.says(pub_ack(1)).await;
    nothing_else(&mut [&mut alice, &mut bob]).await;
}

async fn mqtt_31_is_refused(wire: Wire) {
    let world = World::with(wire, |config| config.mqtt.mqtt31 = false);
    let mut alice = world.mqtt().await;
    alice.says(connect("alice").in_version(Version::V31)).await;
    alice.is_refused(ReasonCode::UnsupportedProtocolVersion, 1000).await;
}

async fn names_are_assigned(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = (world.mqtt().await, world.mqtt().await);
    let assigned =
        |learnt: Vec<String>| learnt.into_iter().find(|shown| shown.contains("AssignedClientIdentifier"));
    let alices = assigned(alice.learns(connect("").expiry(60)).await).expect("alice is told her name");
    let bobs = assigned(bob.learns(connect("").resume()).await).expect("bob is told his name");
    assert_ne!(alices, bobs);
    // The name is good for coming back.
    let name = alices.split('"').nth(1).expect("the name stands in quotes").to_owned();
    drop(alice);
    world.client_with(connect(&name).resume(), true).await;
    let mut carol = world.mqtt().await;
    carol.says(connect("").v311()).await.hears(conn_ack(false, ReasonCode::Success)).await;
}

async fn empty_names_are_refused(wire: Wire) {
    let world = World::new(wire);
    for version in [Version::V311, Version::V31] {
        let mut alice = world.mqtt().await;
        alice.says(connect("").in_version(version).resume()).await;
        alice.is_refused(ReasonCode::ClientIdentifierNotValid, 1000).await;
    }
}

async fn packets_behind_connect(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.mqtt().await;
    let mut bytes = connect("alice").v311().bytes(Version::V311);
    bytes.extend(PingReq.bytes(Version::V311));
    bytes.extend(subscribe("t", 0).bytes(Version::V311));
    bytes.extend(publish("t", "mine").bytes(Version::V311));
    alice.version = Version::V311;
    alice.says(Raw(&bytes)).await;
    alice.hears(conn_ack(false, ReasonCode::Success)).await;
    // Answers that promise nothing may leave before those that do.
    let mut heard = vec![alice.next().await, alice.next().await, alice.next().await];
    heard.sort_unstable();
    let mut expected = vec![
        PingResp.bytes(Version::V311),
        sub_ack(&[0]).bytes(Version::V311),
        publish("t", "mine").bytes(Version::V311),
    ];
    expected.sort_unstable();
    assert_eq!(heard, expected);
}

async fn connack_is_first(wire: Wire) {
    let world = World::with_store(wire, std::sync::Arc::new(KeepingStore::new(2 * SECOND)), |_| ());
    let mut alice = world.mqtt().await;
    let mut bytes = connect("alice").v311().resume().bytes(Version::V311);
    bytes.extend(PingReq.bytes(Version::V311));
    alice.version = Version::V311;
    alice.says(Raw(&bytes)).await;
    alice.hears(conn_ack(false, ReasonCode::Success)).await.hears(PingResp).await;
    // The same if what follows is refused.
    let mut bob = world.mqtt().await;
    let mut bytes = connect("bob").expiry(60).bytes(Version::V5);
    bytes.extend(connect("bob").bytes(Version::V5));
    bob.says(Raw(&bytes)).await;
    bob.looks_at(|packet| assert!(matches!(packet, tidewire_protocols::mqtt::Packet::ConnAck(_)))).await;
    bob.is_disconnected(ReasonCode::ProtocolError, 1000).await;
}

async fn bytes_come_one_by_one(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.mqtt().await;
    alice.peer.send_in_pieces(&connect("alice").v311().bytes(Version::V311), 1).await;
    alice.version = Version::V311;
    alice.hears(conn_ack(false, ReasonCode::Success)).await;
    let mut bytes = subscribe("t", 2).bytes(Version::V311);
    bytes.extend(publish("t", "in pieces").qos1(9).bytes(Version::V311));
    alice.peer.send_in_pieces(&bytes, 1).await;
    alice.hears(sub_ack(&[2])).await;
    // The delivery and the acknowledgement may come in either order.
    let mut heard = [alice.next().await, alice.next().await];
    heard.sort_unstable();
    let expected = [publish("t", "in pieces").qos1(1).bytes(Version::V311), pub_ack(9).bytes(Version::V311)];
    assert_eq!(heard, expected);
}

async fn packets_come_together(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = (world.client("alice").await, world.client("bob").await);
    bob.subscribes(subscribe("t", 0)).await;
    let bytes: Vec<u8> =
        ["one", "two", "three"].iter().flat_map(|text| publish("t", text).bytes(Version::V5)).collect();
    // Two and a half packets, then the rest.
    let (first, rest) = bytes.split_at(bytes.len() - 4);
    alice.says(Raw(first)).await;
    bob.hears(publish("t", "one")).await.hears(publish("t", "two")).await.hears_nothing().await;
    alice.says(Raw(rest)).await;
    bob.hears(publish("t", "three")).await;
}

async fn connect_comes_twice(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.client("alice").await;
    alice.says(connect("alice")).await.is_disconnected(ReasonCode::ProtocolError, 1000).await;
    let mut bob = world.client_with(connect("bob").v311(), false).await;
    bob.says(connect("bob").v311()).await.is_closed().await;
}

async fn something_else_comes_first(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.mqtt().await;
    alice.says(PingReq).await.is_closed().await;
    let mut bob = world.mqtt().await;
    bob.says(publish("t", "too early")).await.is_closed().await;
}

async fn nothing_comes(wire: Wire) {
    let world = World::with(wire, |config| config.limits.connect_timeout.0 = 5 * SECOND);
    let mut alice = world.mqtt().await;
    world.passes(4 * SECOND).await;
    alice.hears_nothing().await;
    world.passes(SECOND).await;
    alice.is_closed().await;
}

async fn half_a_connect_comes(wire: Wire) {
    let world = World::with(wire, |config| config.limits.connect_timeout.0 = 5 * SECOND);
    let mut alice = world.mqtt().await;
    let bytes = connect("alice").bytes(Version::V5);
    for byte in &bytes[..4] {
        alice.says(Raw(std::slice::from_ref(byte))).await;
        world.passes(SECOND).await;
    }
    world.passes(SECOND).await;
    alice.says(Raw(&bytes[4..])).await.is_closed().await;
}

async fn credentials_are_wanted(wire: Wire) {
    let world = World::with(wire, |config| config.auth.anonymous = Some(false));
    for version in [Version::V5, Version::V311] {
        let mut alice = world.mqtt().await;
        alice.says(connect("alice").in_version(version)).await;
        alice.is_refused(ReasonCode::NotAuthorized, 1000).await;
        let mut bob = world.mqtt().await;
        bob.says(connect("bob").in_version(version).user_name("bob")).await;
        bob.is_refused(ReasonCode::BadUserNameOrPassword, 1000).await;
    }
    let mut carol = world.mqtt().await;
    carol.says(connect("carol").with(Property::AuthenticationMethod("a dance"))).await;
    carol.is_refused(ReasonCode::BadAuthenticationMethod, 1000).await;
    let refused = &world.broker.counters.refused;
    assert_eq!((refused.value(RefusalReason::Credentials), refused.total()), (5, 5));
}
