//! User properties are headers of the same name, and the names that STOMP needs itself are prefixed.

use serde_json::{Value, json};

use super::holds;
use crate::client::{PAHO_5, STOMPJS, STOMPPY_TCP};
use crate::peer::{Peer, Publication};
use crate::stage::Stage;

#[test]
fn plain_names() {
    // In the order of the alphabet: stomp.py sorts headers before it sends them.
    holds(&json!({"user": [["floor", "2"], ["room", "north"]]}), &json!({"floor": "2", "room": "north"}));
}

#[test]
fn values_that_stomp_escapes() {
    holds(&json!({"user": [["path", r"C:\Users\alice"]]}), &json!({"path": r"C:\Users\alice"}));
}

#[test]
fn names_that_stomp_reserves() {
    let names = [
        "ack",
        "content-length",
        "content-type",
        "correlation-id",
        "destination",
        "expires",
        "message-id",
        "qos",
        "receipt",
        "reply-to",
        "retain",
        "subscription",
        "transaction",
    ];
    let user: Vec<_> = names.iter().map(|name| [name, "mine"]).collect();
    let headers: Value = names.iter().map(|name| (format!("user-{name}"), Value::from("mine"))).collect();
    holds(&json!({"user": user}), &headers);
}

#[test]
fn a_name_with_the_prefix_already() {
    holds(&json!({"user": [["user-name", "alice"]]}), &json!({"user-name": "alice"}));
}

#[test]
fn order_is_kept() {
    let stage = Stage::new();
    let (mut alice, mut stomp, mut bob) = (stage.enter(PAHO_5), stage.enter(STOMPJS), stage.enter(PAHO_5));
    bob.subscribe("order");
    let user = json!([["z", "1"], ["a", "2"], ["m", "3"]]);
    alice
        .publish(&Publication::new("order", "").properties(json!({"user": user})))
        .expect("a message is published");
    assert_eq!(bob.message().properties()["user"], user);
    // stompjs sends headers in the order in which it is given them.
    let headers = json!({"a": "1", "m": "2", "z": "3"});
    stomp.publish(&Publication::new("order", "").headers(headers)).expect("a message is published");
    assert_eq!(bob.message().properties()["user"], json!([["a", "1"], ["m", "2"], ["z", "3"]]));
}

#[test]
fn repeated_names_from_mqtt_5() {
    let stage = Stage::new();
    let mut alice = stage.enter(PAHO_5);
    let (mut bob, mut stompjs, mut stomppy) =
        (stage.enter(PAHO_5), stage.enter(STOMPJS), stage.enter(STOMPPY_TCP));
    let user = json!([["tag", "red"], ["floor", "2"], ["tag", "blue"]]);
    let publication = Publication::new("tags", "").properties(json!({"user": user}));
    alice
        .publish(&Publication { payload: Default::default(), ..publication })
        .expect("a message is published");
    let kept = Publication::new("tags", "kept").properties(json!({"user": user})).retained();
    alice.publish(&kept).expect("a message is retained");
    for peer in [&mut bob, &mut stompjs, &mut stomppy] {
        peer.subscribe("tags");
    }
    assert_eq!(bob.message().properties()["user"], user);
    for stomp in [&mut stompjs, &mut stomppy] {
        let message = stomp.message();
        assert_eq!(message.header_values("tag"), ["red", "blue"]);
        // Of repeated headers a STOMP client uses the first.
        assert_eq!(message.header("tag"), Some("red"));
    }
}

#[test]
fn repeated_names_from_stomp() {
    let stage = Stage::new();
    let mut alice = stage.enter(STOMPPY_TCP);
    let (mut bob, mut stompjs) = (stage.enter(PAHO_5), stage.enter(STOMPJS));
    bob.subscribe("tags");
    stompjs.subscribe("tags");
    let publication = Publication::new("tags", "").headers(json!({"tag": ["red", "blue"]}));
    alice.publish(&publication).expect("a message is published");
    assert_eq!(bob.message().properties()["user"], json!([["tag", "red"], ["tag", "blue"]]));
    assert_eq!(stompjs.message().header_values("tag"), ["red", "blue"]);
}
