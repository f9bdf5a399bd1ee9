//! A token that allows less than the one before takes away what it does not allow, and nothing else.

use std::time::Duration;

use serde_json::{Value, json};

use super::house::{TOKENS, enter, house, parse};
use super::token::Token;
use crate::client::{Client, MQTTJS_5, MQTTJS_311, STOMPJS};
use crate::peer::{DrivenPeer, Peer, Publication};

#[test]
fn mqtt_js_loses_what_its_new_token_does_not_allow() {
    loses_what_is_not_allowed(MQTTJS_5, &json!(["alarms/#"]));
}

#[test]
fn mqtt_js_loses_what_its_new_token_does_not_allow_by_3_1_1() {
    loses_what_is_not_allowed(MQTTJS_311, &json!(["alarms/#"]));
}

/// It knows its subscriptions by their ids.
#[test]
fn stompjs_loses_what_its_new_token_does_not_allow() {
    loses_what_is_not_allowed(STOMPJS, &json!(["subscription-3"]));
}

fn loses_what_is_not_allowed(client: Client, removed: &Value) {
    let stage = house(TOKENS, RULES);
    let mut publisher = enter(&stage, MQTTJS_5, &Token::new("bob", LIFETIME));
    let mut subscriber = enter(&stage, client, &allowing(&ALL));
    for filter in ["$auth/result", "news/#", "alarms/#"] {
        subscriber.subscribe(filter);
    }
    publishes(&mut publisher, &["news/1", "alarms/1"]);
    hears(&mut subscriber, &["news/1", "alarms/1"]);

    renews(&mut subscriber, &allowing(&["news/#"]), removed);
    publishes(&mut publisher, &["alarms/2", "news/2"]);
    hears(&mut subscriber, &["news/2"]);

    // What is gone does not come back by itself when it is allowed again.
    renews(&mut subscriber, &allowing(&ALL), &json!([]));
    publishes(&mut publisher, &["alarms/3", "news/3"]);
    hears(&mut subscriber, &["news/3"]);
    subscriber.subscribe("alarms/#");
    publishes(&mut publisher, &["alarms/4"]);
    hears(&mut subscriber, &["alarms/4"]);
}

fn allowing(filters: &[&str]) -> Token {
    Token::with("alice", LIFETIME, json!({"acl": {"subscribe": filters}}))
}

fn renews(peer: &mut DrivenPeer, token: &Token, removed: &Value) {
    peer.publish(&Publication::new("$auth/token", &token.text)).expect("it is taken");
    let result = peer.message();
    assert_eq!(result.topic, "$auth/result");
    let accepted = json!({"result": "accepted", "expires_at": token.expires_at, "removed": removed});
    assert_eq!(parse(&result.text()), accepted);
}

fn publishes(peer: &mut DrivenPeer, topics: &[&str]) {
    for topic in topics {
        peer.publish(&Publication::new(*topic, "news").qos(1)).expect("it is published");
    }
}

fn hears(peer: &mut DrivenPeer, topics: &[&str]) {
    for topic in topics {
        assert_eq!(peer.message().topic, *topic);
    }
}

const ALL: [&str; 2] = ["news/#", "alarms/#"];
const LIFETIME: Duration = Duration::from_secs(60);

/// What others may is in their tokens.
const RULES: &str = r#"
[[rules]]
users = ["bob"]
allow = ["publish"]
topics = ["news/#", "alarms/#"]
"#;
