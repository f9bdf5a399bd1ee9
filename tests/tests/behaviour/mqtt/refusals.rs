//! What bad input gets, before and after login.

use tidewire_protocols::mqtt::{Packet, ReasonCode, Version};
use tidewire_tests::conversations;
use tidewire_tests::mqtt::{Raw, Say, connect, pub_ack, publish, subscribe};
use tidewire_tests::peer::Wire;
use tidewire_tests::store::KeepingStore;
use tidewire_tests::world::World;

use super::SECOND;

conversations! {
    what_cannot_be_parsed_is_malformed => malformed;
    mqtt_311_is_just_closed => malformed_311;
    a_connect_that_cannot_be_parsed_is_answered => malformed_connect;
    an_unknown_version_is_answered => unknown_versions;
    what_is_forbidden_is_a_protocol_error => forbidden;
    what_servers_say_is_not_for_clients => server_packets;
    a_wildcard_is_no_topic_name => wildcard_names;
    text_is_not_mqtt => text;
    a_refusal_is_the_last_word => last_word;
    a_bystander_notices_nothing => bystander;
}

/// Packets that cannot be parsed: reserved types and flags, lengths that do not fit, text that is none.
const MALFORMED: [&[u8]; 9] = [
    &[0x00, 0],
    &[0x36, 4, 0, 1, b't', 0],
    &[0x38, 4, 0, 1, b't', 0],
    &[0x80, 8, 0, 1, 0, 0, 2, b't', b't', 0],
    &[0x62 ^ 0x02, 2, 0, 1],
    &[0x30, 0xFF, 0xFF, 0xFF, 0xFF, 0x01],
    &[0x30, 3, 0, 9, b't'],
    &[0x30, 4, 0, 1, 0xFF, 0],
    &[0xE1, 0],
];

async fn malformed(wire: Wire) {
    let world = World::new(wire);
    for bytes in MALFORMED {
        let mut alice = world.client("alice").await;
        alice.says(Raw(bytes)).await.is_disconnected(ReasonCode::MalformedPacket, 1002).await;
    }
}

async fn malformed_311(wire: Wire) {
    let world = World::new(wire);
    for bytes in MALFORMED {
        let mut alice = world.client_with(connect("alice").v311(), false).await;
        alice.says(Raw(bytes)).await.peer.is_closed_with(1002).await;
    }
}

async fn malformed_connect(wire: Wire) {
    let world = World::new(wire);
    // The reserved connect flag is set.
    let spoilt = |version: Version| {
        let mut bytes = connect("alice").in_version(version).bytes(version);
        bytes[9] |= 1;
        bytes
    };
    let mut alice = world.mqtt().await;
    alice.says(Raw(&spoilt(Version::V5))).await.is_refused(ReasonCode::MalformedPacket, 1002).await;
    let mut bob = world.mqtt().await;
    bob.says(Raw(&spoilt(Version::V311))).await.peer.is_closed_with(1002).await;
    let mut carol = world.mqtt().await;
    carol.says(Raw(b"GET / HTTP/1.1\r\n\r\n")).await.peer.is_closed_with(1002).await;
}

async fn unknown_versions(wire: Wire) {
    let world = World::new(wire);
    for (level, answered) in [(6, Version::V5), (3, Version::V311)] {
        let mut alice = world.mqtt().await;
        let mut bytes = connect("alice").v311().bytes(Version::V311);
        bytes[8] = level;
        alice.version = answered;
        alice.says(Raw(&bytes)).await.is_refused(ReasonCode::UnsupportedProtocolVersion, 1000).await;
    }
}

async fn forbidden(wire: Wire) {
    let world = World::new(wire);
    let packets: [&[u8]; 7] = [
        // SUBSCRIBE and UNSUBSCRIBE without a filter, QoS 3, retain handling 3, subscription identifier 0.
        &[0x82, 3, 0, 1, 0],
        &[0xA2, 3, 0, 1, 0],
        &[0x82, 7, 0, 1, 0, 0, 1, b't', 3],
        &[0x82, 7, 0, 1, 0, 0, 1, b't', 0x30],
        &[0x82, 9, 0, 1, 2, 0x0B, 0, 0, 1, b't', 0],
        // PUBLISH with a subscription identifier, and without topic or alias.
        &[0x30, 6, 0, 1, b't', 2, 0x0B, 1],
        &[0x30, 3, 0, 0, 0],
    ];
    for bytes in packets {
        let mut alice = world.client("alice").await;
        alice.says(Raw(bytes)).await.is_disconnected(ReasonCode::ProtocolError, 1000).await;
    }
    // AUTH without an authentication method in CONNECT.
    let mut alice = world.client("alice").await;
    alice.says(Raw(&[0xF0, 6, 0x18, 4, 0x15, 0, 1, b'x'])).await;
    alice.is_disconnected(ReasonCode::ProtocolError, 1000).await;
}

async fn server_packets(wire: Wire) {
    let world = World::new(wire);
    let packets: [&[u8]; 4] =
        [&[0x20, 3, 0, 0, 0], &[0x90, 4, 0, 1, 0, 0], &[0xB0, 4, 0, 1, 0, 0], &[0xD0, 0]];
    for bytes in packets {
        let mut alice = world.client("alice").await;
        alice.says(Raw(bytes)).await.is_disconnected(ReasonCode::ProtocolError, 1000).await;
    }
    let mut bob = world.client_with(connect("bob").v311(), false).await;
    bob.says(Raw(&[0xD0, 0])).await.is_closed().await;
}

async fn wildcard_names(wire: Wire) {
    let world = World::new(wire);
    for name in [*b"t/#", *b"t/+"] {
        let mut alice = world.client("alice").await;
        alice.says(Raw(&[&[0x30, 6, 0, 3], name.as_slice(), &[0]].concat())).await;
        alice.is_disconnected(ReasonCode::TopicNameInvalid, 1000).await;
    }
}

async fn text(wire: Wire) {
    if wire == Wire::Tcp {
        return;
    }
    let world = World::new(wire);
    let mut bob = world.client("bob").await;
    bob.subscribes(subscribe("will", 0)).await;
    let mut alice = world.client_with(connect("alice").will(publish("will", "gone")), false).await;
    alice.peer.send_as(b"\xC0\0".map(|byte| byte & 0x7F).as_slice(), true).await;
    alice.is_disconnected(ReasonCode::MalformedPacket, 1003).await;
    bob.hears(publish("will", "gone")).await;
}

async fn last_word(wire: Wire) {
    let world = World::with_store(wire, std::sync::Arc::new(KeepingStore::new(2 * SECOND)), |_| ());
    let mut alice = world.client("alice").await;
    let mut bytes = publish("t", "kept").qos1(1).retained().bytes(Version::V5);
    bytes.extend(connect("alice").bytes(Version::V5));
    // The acknowledgement waits for the disk; nothing may follow DISCONNECT.
    alice.says(Raw(&bytes)).await.hears(pub_ack(1).unmatched()).await;
    alice.looks_at(|packet| assert!(matches!(packet, Packet::Disconnect(_)), "{packet:?}")).await;
    alice.is_closed().await;
}

async fn bystander(wire: Wire) {
    let world = World::new(wire);
    let (mut bob, mut carol) = (world.client("bob").await, world.client("carol").await);
    bob.subscribes(subscribe("t", 1)).await;
    for bytes in MALFORMED {
        let mut alice = world.client("alice").await;
        alice.says(publish("t", "before")).await.says(Raw(bytes)).await;
        alice.is_disconnected(ReasonCode::MalformedPacket, 1002).await;
        bob.hears(publish("t", "before")).await;
    }
    carol.publishes(publish("t", "after").qos1(1)).await;
    bob.hears(publish("t", "after").qos1(1)).await;
}
