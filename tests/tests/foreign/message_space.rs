//! One message space: what goes in through one protocol comes out of the other with nothing lost.
//!
//! Each test holds one row of the table that maps MQTT 5, MQTT 3.1.1 and STOMP onto each other. Rows that are a plain
//! pair (these properties are those headers) are data, and are held in all directions, live and retained, by
//! [`holds`]; the others have a module each.

mod expiry;
mod payload_format;
mod qos;
mod retain;
mod user_properties;

use serde_json::{Value, json};

use crate::client::{
    Client, MQTTJS_5, MQTTJS_311, PAHO_5, PAHO_31, Protocol, STOMPJS, STOMPPY_TCP, STOMPPY_WS,
};
use crate::peer::{DrivenPeer, Message, Peer, Publication, base64};
use crate::stage::Stage;

/// Those that can say everything a message may carry.
const SPEAKERS: [Client; 5] = [MQTTJS_5, PAHO_5, STOMPJS, STOMPPY_TCP, STOMPPY_WS];

#[test]
fn content_type() {
    holds(
        &json!({"content_type": "text/csv; charset=utf-8"}),
        &json!({"content-type": "text/csv; charset=utf-8"}),
    );
}

#[test]
fn response_topic() {
    holds(&json!({"response_topic": "replies/alice"}), &json!({"reply-to": "/topic/replies/alice"}));
}

#[test]
fn response_topic_that_is_a_queue() {
    holds(&json!({"response_topic": "$queue/replies"}), &json!({"reply-to": "/queue/replies"}));
}

#[test]
fn correlation_data_that_is_plain_text() {
    holds(
        &json!({"correlation": base64("order-17")}),
        &json!({"correlation-id": "order-17", "correlation-id-encoding": null}),
    );
}

#[test]
fn correlation_data_that_is_binary() {
    let data = base64([0, 1, 0xfe, 0xff]);
    holds(
        &json!({"correlation": data}),
        &json!({"correlation-id": data, "correlation-id-encoding": "base64"}),
    );
}

#[test]
fn everything_at_once() {
    holds(
        &json!({
            "content_type": "application/json",
            "correlation": base64("17"),
            "response_topic": "replies/bob",
            "user": [["floor", "2"], ["room", "north"]],
        }),
        &json!({
            "content-type": "application/json",
            "correlation-id": "17",
            "reply-to": "/topic/replies/bob",
            "floor": "2",
            "room": "north",
        }),
    );
}

#[test]
fn topic() {
    let stage = Stage::new();
    let mut peers = [MQTTJS_5, PAHO_5, MQTTJS_311, PAHO_31, STOMPJS, STOMPPY_TCP, STOMPPY_WS]
        .map(|client| stage.enter(client));
    for peer in &mut peers {
        peer.subscribe("names/#");
    }
    for publisher in 0..peers.len() {
        for name in [
            "plain",
            "dots.are.not/levels",
            "empty//level",
            "trailing/",
            "a space",
            "ends:it",
            "ünï/☃",
            "$dollar",
        ] {
            let topic = format!("names/{publisher}/{name}");
            peers[publisher].publish(&Publication::new(&topic, name)).expect("a topic name is accepted");
            for peer in &mut peers {
                assert_eq!(peer.message().topic, topic, "at {}", peer.client().name);
            }
        }
    }
}

#[test]
fn mqtt_311_adds_nothing() {
    let stage = Stage::new();
    let (mut old, mut new, mut stomp) = (stage.enter(MQTTJS_311), stage.enter(PAHO_5), stage.enter(STOMPJS));
    new.subscribe("bare");
    stomp.subscribe("bare");
    old.publish(&Publication::new("bare", [0xff, 0])).expect("a message is published");
    assert_eq!(new.message().properties(), json!({}));
    let known = [
        "ack",
        "content-length",
        "destination",
        "message-id",
        "qos",
        "redelivered",
        "retain",
        "subscription",
    ];
    let headers = stomp.message().headers();
    let surprises: Vec<_> = headers.keys().filter(|name| !known.contains(&name.as_str())).collect();
    assert!(surprises.is_empty(), "{surprises:?}");
}

/// What a STOMP client has received it can send on, and an MQTT 5 client sees what another one said in the first place.
#[test]
fn a_relay_over_stomp_loses_nothing() {
    let stage = Stage::new();
    let (mut alice, mut relay, mut bob) = (stage.enter(PAHO_5), stage.enter(STOMPJS), stage.enter(PAHO_5));
    relay.subscribe("before");
    bob.subscribe("after");
    let said = json!({
        "content_type": "application/octet-stream",
        "correlation": base64([0, 0x80, 0xff]),
        "response_topic": "$queue/replies",
        "user": [["destination", "Rome"], ["user-name", "alice"], ["qos", "9"], ["user-destination", "Ostia"]],
    });
    alice
        .publish(&Publication::new("before", [0, 0xff]).properties(said.clone()))
        .expect("a message is published");
    let own = ["ack", "content-length", "destination", "message-id", "qos", "redelivered", "subscription"];
    let headers = relay.message().headers().into_iter().filter(|(name, _)| !own.contains(&name.as_str()));
    // stompjs tells the last header first.
    relay
        .publish(&Publication::new("after", [0, 0xff]).headers(headers.rev().collect()))
        .expect("a message is relayed");
    assert_eq!(without_payload_format(bob.message().properties()), said);
}

/// Holds a row: MQTT 5's properties are STOMP's headers, whoever publishes, live and retained. A header that is null is
/// one that must not be there.
fn holds(properties: &Value, headers: &Value) {
    let stage = Stage::new();
    let mut peers = SPEAKERS.map(|client| stage.enter(client));
    let mut old = stage.enter(MQTTJS_311);
    for peer in peers.iter_mut().chain([&mut old]) {
        peer.subscribe("live/#");
    }
    for publisher in 0..peers.len() {
        let publication = |topic: &str| {
            let publication = Publication::new(format!("{topic}/{publisher}"), [b'x', 0, 0xff]);
            publication.properties(properties.clone()).headers(without_nulls(headers))
        };
        let from = peers[publisher].client().name;
        let live = publication("live");
        let kept = publication("kept").retained();
        peers[publisher].publish(&live).expect("a message is published");
        peers[publisher].publish(&kept).expect("a message is retained");
        for peer in &mut peers {
            let case = format!("from {from} to {}", peer.client().name);
            let message = peer.message();
            assert!(!message.retain, "live, {case}");
            compare(peer, &message, &live, headers, &format!("live, {case}"));
            peer.subscribe(&kept.topic);
            let message = peer.message();
            assert!(message.retain, "retained, {case}");
            compare(peer, &message, &kept, headers, &format!("retained, {case}"));
        }
        let message = old.message();
        assert_eq!(message.topic, live.topic);
        assert!(message.carries(&live.payload), "from {from} to {}", old.client().name);
    }
}

fn compare(peer: &DrivenPeer, message: &Message, publication: &Publication, headers: &Value, case: &str) {
    assert_eq!(message.topic, publication.topic, "{case}");
    assert!(message.carries(&publication.payload), "{case}");
    match peer.client().protocol() {
        Protocol::Mqtt => {
            assert_eq!(without_payload_format(message.properties()), publication.properties, "{case}");
        }
        Protocol::Stomp => {
            for (name, value) in headers.as_object().into_iter().flatten() {
                assert_eq!(message.header(name), value.as_str(), "{name}, {case}");
            }
            let length = publication.payload.bytes.len().to_string();
            assert_eq!(message.header("content-length"), Some(length.as_str()), "{case}");
        }
    }
}

fn without_nulls(headers: &Value) -> Value {
    headers
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// The payload format has a row of its own; whether a STOMP body counts as text is no concern of the other rows.
fn without_payload_format(mut properties: Value) -> Value {
    if let Some(properties) = properties.as_object_mut() {
        properties.remove("payload_format");
    }
    properties
}
