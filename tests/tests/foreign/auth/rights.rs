//! A token that allows less than the one before takes away what it does not allow, and nothing else.

use std::time::Duration;

use serde_json::{Value, json};

use super::house::{TOKENS, enter, house, parse};
use super::token::Token;
use crate::client::{Client, MQTTJS_5, MQTTJS_311, STOMPJS};
use crate::peer::{Peer, Publication};

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
    let all = json!({"acl": {"subscribe": ["news/#", "alarms/#"]}});
    let mut subscriber = enter(&stage, client, &Token::with("alice", LIFETIME, all));
    for filter in ["$auth/result", "news/#", "alarms/#"] {
        subscriber.subscribe(filter);
    }
    let mut publish = |topic: &str, payload: &str| {
        publisher.publish(&Publication::new(topic, payload).qos(1)).expect("it is published");
    };
    for topic in ["news/1", "alarms/1"] {
        publish(topic, "before");
        assert_eq!(subscriber.message().topic, topic);
    }

    let fewer = Token::with("alice", LIFETIME, json!({"acl": {"subscribe": ["news/#"]}}));
    subscriber.publish(&Publication::new("$auth/token", &fewer.text)).expect("it is taken");
    let result = subscriber.message();
    assert_eq!(result.topic, "$auth/result");
    let accepted = json!({"result": "accepted", "expires_at": fewer.expires_at, "removed": removed});
    assert_eq!(parse(&result.text()), accepted);
    publish("alarms/2", "it is not for alice any more");
    publish("news/2", "after");
    let message = subscriber.message();
    assert_eq!((message.topic.as_str(), message.text()), ("news/2", "after".to_owned()));
}

const LIFETIME: Duration = Duration::from_secs(60);

/// What others may is in their tokens.
const RULES: &str = r#"
[[rules]]
users = ["bob"]
allow = ["publish"]
topics = ["news/#", "alarms/#"]
"#;
