//! SIGHUP: users come and go and rules change under clients that are connected.

use std::time::Duration;

use serde_json::json;

use super::house::{self, PASSWORD, TOKENS, credentials, delete_user, furnished, parse, set_password};
use super::token::Token;
use crate::client::{Client, MQTTJS_5, MQTTJS_311, STOMPJS};
use crate::peer::{DrivenPeer, Peer, Publication};
use crate::stage::Stage;

#[test]
fn a_user_who_is_added_comes_in_and_nobody_is_dropped() {
    let stage = stage(&["alice"]);
    let mut peers = CLIENTS.map(|client| enter(&stage, client, "alice"));
    for client in CLIENTS {
        stage.refused(client, credentials(client, "bob", PASSWORD));
    }
    set_password(&stage.broker.file("passwd"), "bob");
    reload(&stage);
    for client in CLIENTS {
        is_served(&mut enter(&stage, client, "bob"), "bob");
    }
    peers.iter_mut().for_each(|peer| is_served(peer, "alice"));
}

#[test]
fn a_user_who_is_removed_is_disconnected_and_nobody_else_is() {
    let stage = stage(&["alice", "bob"]);
    let mut stay = CLIENTS.map(|client| enter(&stage, client, "alice"));
    let mut go = CLIENTS.map(|client| enter(&stage, client, "bob"));
    delete_user(&stage.broker.file("passwd"), "bob");
    reload(&stage);
    let told = [
        json!({"code": 0x87, "message": "the broker disconnected: this user may not connect any more"}),
        json!({"event": "closed"}),
        json!({"message": "access refused", "body": "This user may not connect any more.\n"}),
    ];
    for (peer, expected) in go.iter_mut().zip(told) {
        let ending = peer.ending();
        let expected = expected.as_object().expect("it is one");
        let is_told = expected.iter().all(|(key, value)| &ending[0][key] == value);
        assert!(is_told, "{}: {ending:?}", peer.client().name);
    }
    for client in CLIENTS {
        stage.refused(client, credentials(client, "bob", PASSWORD));
    }
    stay.iter_mut().for_each(|peer| is_served(peer, "alice"));
}

#[test]
fn rules_that_are_changed_take_subscriptions_away_and_no_connection() {
    let stage = stage(&["alice"]);
    let mut peers = CLIENTS.map(|client| {
        let mut peer = enter(&stage, client, "alice");
        ["$auth/result", "news/#", "alarms/#"].into_iter().for_each(|filter| peer.subscribe(filter));
        peer
    });
    write(&stage, "acl.toml", &RULES.replacen("\"alarms/#\", ", "", 1));
    reload(&stage);
    let removed = [json!(["alarms/#"]), json!(["alarms/#"]), json!(["subscription-3"])];
    for (peer, removed) in peers.iter_mut().zip(removed) {
        let result = peer.message();
        assert_eq!(result.topic, "$auth/result");
        let expected = json!({"result": "accepted", "expires_at": null, "removed": removed});
        assert_eq!(parse(&result.text()), expected, "{}", peer.client().name);
    }
    let mut publisher = enter(&stage, MQTTJS_5, "alice");
    publisher.publish(&Publication::new("alarms/1", "for nobody")).expect("it may still be published");
    publisher.publish(&Publication::new("news/1", "for everybody")).expect("it is published");
    for peer in &mut peers {
        assert_eq!(peer.message().topic, "news/1", "{}", peer.client().name);
        is_served(peer, "alice");
    }
}

/// What was stored for them meanwhile included.
#[test]
fn rules_that_are_changed_hold_for_sessions_that_wait() {
    let stage = stage(&["alice"]);
    let waits = [MQTTJS_5, MQTTJS_311];
    let enter_again = |client: Client| {
        let mut options = credentials(client, "alice", PASSWORD);
        options["client_id"] = client.name.into();
        options["clean"] = false.into();
        options["session_expiry"] = 60.into();
        stage.enter_with(client, options)
    };
    for client in waits {
        let mut peer = enter_again(client);
        ["alarms/#", "news/#"].into_iter().for_each(|filter| peer.subscribe(filter));
        peer.disconnect();
    }
    let mut publisher = enter(&stage, MQTTJS_5, "alice");
    let mut publish = |topic: &str| {
        publisher.publish(&Publication::new(topic, "anything").qos(1)).expect("it may still be published");
    };
    publish("alarms/1");
    publish("news/1");
    write(&stage, "acl.toml", &RULES.replacen("\"alarms/#\", ", "", 1));
    reload(&stage);
    publish("alarms/2");
    publish("news/2");
    for client in waits {
        let mut peer = enter_again(client);
        for topic in ["news/1", "news/2"] {
            assert_eq!(peer.message().topic, topic, "{}", client.name);
        }
        is_served(&mut peer, "alice");
    }
}

#[test]
fn what_is_wrong_in_a_file_is_told_with_its_place_and_changes_nothing() {
    let stage = stage(&["alice"]);
    let mut peers = CLIENTS.map(|client| enter(&stage, client, "alice"));
    let users = std::fs::read_to_string(stage.broker.file("passwd")).expect("it is there");
    let unknown_action = RULES.replace("[\"subscribe\"]", "[\"subscrib\"]");
    for (file, text, place, what) in [
        ("acl.toml", "[[rules]]\nallow = [\"all\"\ntopics = [\"#\"]\n", "acl.toml:3:1", ""),
        ("acl.toml", &unknown_action, "acl.toml:4:10", "subscrib"),
        ("passwd", "# users\nbob\n", "passwd:2:1", ""),
        ("passwd", "bob:unhashed\n", "passwd:1:5", ""),
    ] {
        write(&stage, file, text);
        stage.broker.reload();
        let said = stage.broker.says(&["not reloaded, what was before stays", place]);
        assert!(said.contains(what) && !said.contains("unhashed"), "{said}");
        for client in CLIENTS {
            is_served(&mut enter(&stage, client, "alice"), "alice");
            stage.refused(client, credentials(client, "bob", PASSWORD));
        }
        write(&stage, "acl.toml", RULES);
        write(&stage, "passwd", &users);
    }
    peers.iter_mut().for_each(|peer| is_served(peer, "alice"));
}

/// Who is connected goes on with a token by the new one.
#[test]
fn a_key_that_is_changed_holds_from_then_on_and_nobody_is_dropped() {
    const OTHER: &str = "another secret that nobody guesses: 32 bytes";
    let stage = house::house(TOKENS, RULES);
    let old = Token::new("alice", LONG);
    let mut peers = CLIENTS.map(|client| house::enter(&stage, client, &old));
    peers.iter_mut().for_each(|peer| peer.subscribe("$auth/result"));
    write(&stage, "secret", "too short");
    stage.broker.reload();
    stage.broker.says(&["not reloaded, what was before stays", "secret: the secret has 9 bytes"]);
    for client in CLIENTS {
        is_served(&mut house::enter(&stage, client, &old), "alice");
    }
    write(&stage, "secret", OTHER);
    reload(&stage);
    let new = Token::signed(OTHER, "alice", LONG, json!({}));
    for client in CLIENTS {
        stage.refused(client, credentials(client, "alice", &old.text));
        is_served(&mut house::enter(&stage, client, &new), "alice");
    }
    for peer in &mut peers {
        assert_eq!(parse(&peer.message().text())["expires_at"], old.expires_at, "{}", peer.client().name);
        peer.publish(&Publication::new("$auth/token", &new.text)).expect("it is taken");
        assert_eq!(parse(&peer.message().text())["expires_at"], new.expires_at, "{}", peer.client().name);
        is_served(peer, "alice");
    }
}

fn stage(users: &[&str]) -> Stage {
    furnished(SETTINGS, RULES, users, &[])
}

fn enter(stage: &Stage, client: Client, user: &str) -> DrivenPeer {
    stage.enter_with(client, credentials(client, user, PASSWORD))
}

/// Returns once everybody has been asked to look at their rights anew.
fn reload(stage: &Stage) {
    stage.broker.reload();
    stage.broker.says(&["reloaded: users, rules"]);
}

/// The client is connected as that user: it hears what it says at a place that is that user's alone.
fn is_served(peer: &mut DrivenPeer, user: &str) {
    let topic = format!("users/{user}/{}", peer.client().name);
    peer.subscribe(&topic);
    peer.publish(&Publication::new(&topic, "to myself").qos(1)).expect("it is published");
    assert_eq!(peer.message().text(), "to myself", "{}", peer.client().name);
}

fn write(stage: &Stage, name: &str, text: &str) {
    std::fs::write(stage.broker.file(name), text).expect("a temporary directory can be written to");
}

const LONG: Duration = Duration::from_secs(600);
const CLIENTS: [Client; 3] = [MQTTJS_5, MQTTJS_311, STOMPJS];

const SETTINGS: &str = r#"
[auth]
anonymous = false
password_file = "passwd"
acl_file = "acl.toml"
"#;

const RULES: &str = r#"
[[rules]]
users = ["alice"]
allow = ["subscribe"]
topics = ["alarms/#", "news/#"]

[[rules]]
allow = ["publish"]
topics = ["alarms/#", "news/#"]

[[rules]]
allow = ["publish", "subscribe"]
topics = ["users/%u/#"]
"#;
