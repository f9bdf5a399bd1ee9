//! Clients outlive their tokens, by publishing new ones in time; who does not is disconnected.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use super::house::{TOKENS, enter, house, parse};
use super::token::Token;
use crate::client::{Client, MQTTJS_5, MQTTJS_311, STOMPJS};
use crate::peer::{DrivenPeer, Peer, Publication};

#[test]
fn mqtt_js_outlives_three_tokens() {
    outlives_three_tokens(MQTTJS_5);
}

#[test]
fn mqtt_js_outlives_three_tokens_by_3_1_1() {
    outlives_three_tokens(MQTTJS_311);
}

#[test]
fn stompjs_outlives_three_tokens() {
    outlives_three_tokens(STOMPJS);
}

/// All the while it is sent messages, and loses none. Whatever else the client tells is a failure, that it is closed most
/// of all.
fn outlives_three_tokens(client: Client) {
    let stage = house(TOKENS, RULES);
    let mut publisher = enter(&stage, MQTTJS_5, &Token::new("bob", LONG));
    let mut token = Token::new("alice", SHORT);
    let mut subscriber = enter(&stage, client, &token);
    for filter in ["$auth/expiring", "$auth/result", "numbers"] {
        subscriber.subscribe(filter);
    }
    thread::scope(|scope| {
        scope.spawn(|| publish_numbers(&mut publisher, 3 * SHORT + Duration::from_secs(1)));
        let (mut numbers, mut renewed) = (0, 0);
        loop {
            let message = subscriber.message();
            match (message.topic.as_str(), message.text()) {
                ("numbers", text) if text == LAST => break,
                ("numbers", text) => {
                    assert_eq!(text, numbers.to_string());
                    numbers += 1;
                }
                ("$auth/expiring", text) => {
                    assert_eq!(parse(&text)["expires_at"], token.expires_at);
                    token = Token::new("alice", SHORT);
                    subscriber.publish(&Publication::new("$auth/token", &token.text)).expect("it is taken");
                }
                ("$auth/result", text) => {
                    let accepted =
                        json!({"result": "accepted", "expires_at": token.expires_at, "removed": []});
                    assert_eq!(parse(&text), accepted);
                    renewed += 1;
                }
                (topic, text) => panic!("{topic}: {text}"),
            }
        }
        assert!(renewed >= 3 && numbers > 30, "{renewed} renewals, {numbers} numbers");
    });
}

/// For so long, one after the other; it ends by itself, whatever becomes of the subscriber.
fn publish_numbers(publisher: &mut DrivenPeer, time: Duration) {
    let begun = Instant::now();
    for number in 0.. {
        if begun.elapsed() >= time {
            break;
        }
        publisher.publish(&Publication::new("numbers", number.to_string()).qos(1)).expect("it is published");
    }
    publisher.publish(&Publication::new("numbers", LAST).qos(1)).expect("it is published");
}

#[test]
fn who_does_not_renew_itself_is_disconnected_when_its_token_ends() {
    let stage = house(TOKENS, RULES);
    for (client, told) in [
        (MQTTJS_5, json!([{"code": 0x87, "message": format!("the broker disconnected: {EXPIRED}")}])),
        (MQTTJS_311, json!([])),
        (STOMPJS, json!([{"message": "token expired"}])),
    ] {
        let token = Token::new("alice", SHORT);
        let mut peer = enter(&stage, client, &token);
        let events = peer.ending();
        let overdue = token.overdue();
        assert!(overdue.is_some_and(|late| late < SHORT), "{} is disconnected {overdue:?} late", client.name);
        assert_eq!(events.last().map(|event| &event["event"]), Some(&json!("closed")));
        let expected = told.as_array().expect("it is one");
        assert_eq!(events.len(), expected.len() + 1, "{events:?}");
        for (event, expected) in events.iter().zip(expected) {
            let expected = expected.as_object().expect("it is one");
            assert!(expected.iter().all(|(key, value)| &event[key] == value), "{}: {event}", client.name);
        }
    }
}

#[test]
fn mqtt_js_goes_on_when_its_new_token_is_refused() {
    let stage = house(TOKENS, RULES);
    for client in [MQTTJS_5, MQTTJS_311] {
        let mut peer = enter(&stage, client, &Token::new("alice", LONG));
        peer.subscribe("$auth/result");
        for token in [Token::forged("alice", LONG), Token::new("bob", LONG)] {
            let published = peer.publish(&Publication::new("$auth/token", &token.text).qos(1));
            // PUBACK of 3.1.1 has no words for it.
            assert_eq!(published.is_err_and(|told| told.contains("Not authorized")), client.version == "5");
            assert_eq!(parse(&peer.message().text())["result"], "refused", "{}", client.name);
        }
        let token = Token::new("alice", LONG);
        peer.publish(&Publication::new("$auth/token", &token.text)).expect("it is taken");
        assert_eq!(parse(&peer.message().text())["expires_at"], token.expires_at, "{}", client.name);
    }
}

/// What is denied over STOMP ends the connection, as `stomp.denied` says.
#[test]
fn stompjs_is_told_when_its_new_token_is_refused() {
    let stage = house(TOKENS, RULES);
    for token in [Token::forged("alice", LONG), Token::new("bob", LONG)] {
        let mut peer = enter(&stage, STOMPJS, &Token::new("alice", LONG));
        let published = peer.publish(&Publication::new("$auth/token", &token.text));
        assert!(published.is_err_and(|told| told.contains("access refused")));
    }
}

const RULES: &str = r#"
[[rules]]
users = ["bob"]
allow = ["publish"]
topics = ["numbers"]

[[rules]]
users = ["alice"]
allow = ["subscribe"]
topics = ["numbers"]
"#;

/// How long the tokens last that are renewed.
const SHORT: Duration = Duration::from_secs(3);
const LONG: Duration = Duration::from_secs(60);
/// What is published behind all numbers.
const LAST: &str = "the last";
const EXPIRED: &str = "the token has expired: connect with a new one, or renew it in time";
