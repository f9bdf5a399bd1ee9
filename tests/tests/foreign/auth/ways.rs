//! Every way in, with every client that has it: by name and password, by a token, by a certificate.
//!
//! Whoever is let in is alice: nobody else may publish and hear where she does.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use super::house::{PASSWORD, credentials, furnished};
use super::papers::{Papers, SECURE, tls_files};
use super::token::Token;
use crate::authority::Authority;
use crate::client::{
    Client, Library, MOSQUITTO_5, MOSQUITTO_311, MQTTJS_5, MQTTJS_311, PAHO_TCP_5, PAHO_TCP_311, STOMPJS,
    STOMPPY_TCP,
};
use crate::mosquitto::{MosquittoPeer, connection};
use crate::peer::{Payload, Peer, Publication};
use crate::stage::Stage;

#[test]
fn by_name_and_password() {
    let stage = furnished(SETTINGS, RULES, &["alice"], &[]);
    for (client, url) in clients(&stage) {
        is_alice(&stage, client, &url, credentials(client, "alice", PASSWORD));
    }
    for client in [MOSQUITTO_311, MOSQUITTO_5] {
        let who = ["-u", "alice", "-P", PASSWORD];
        let mut peer = MosquittoPeer::subscribe_as(client, stage.broker.mqtt(), BOX, &who);
        hears_itself(client, &mut peer);
    }
}

#[test]
fn a_wrong_password_is_told() {
    let stage = furnished(SETTINGS, RULES, &["alice"], &[]);
    for (client, url) in clients(&stage) {
        let told = stage.refused_at(&url, client, credentials(client, "alice", "battery staple"));
        match (client.library, client.version) {
            (Library::MqttJs, "3.1.1") => assert_eq!(told["code"], 4, "{told}"),
            // paho tells the return code of 3.1.1 as the reason code that takes its place.
            (Library::MqttJs | Library::Paho, _) => assert_eq!(told["code"], 0x86, "{told}"),
            _ => assert_eq!(told["message"], "access refused", "{told}"),
        }
    }
    for client in [MOSQUITTO_311, MOSQUITTO_5] {
        for (program, arguments) in [("mosquitto_pub", &["-n"][..]), ("mosquitto_sub", &[])] {
            let who = ["-u", "alice", "-P", "battery staple", "-t", BOX];
            let mut command = Command::new(program);
            command.args(connection(client, stage.broker.mqtt(), &who)).args(arguments);
            let output = command.output().expect("it is installed");
            let told = String::from_utf8_lossy(&output.stderr).to_lowercase();
            let is_told = told.contains("bad user name or password");
            assert!(!output.status.success() && is_told, "{program}, {}: {told}", client.name);
        }
    }
}

#[test]
fn by_a_token() {
    let stage = furnished(SETTINGS, RULES, &["alice"], &[]);
    let token = Token::new("alice", Duration::from_secs(600)).text;
    let bearer = format!("Bearer {token}");
    let of_upgrade = json!({"web": {"headers": {"Authorization": bearer}}});
    let by_method = json!({"authentication": {"method": "OAUTH2-JWT", "data": token}});
    for (client, url) in clients(&stage) {
        is_alice(&stage, client, &url, credentials(client, "whoever the token names", &token));
        if url.starts_with("ws") {
            is_alice(&stage, client, &url, of_upgrade.clone());
        }
        if client.library == Library::MqttJs && client.version == "5" {
            is_alice(&stage, client, &url, by_method.clone());
        }
        if client.library == Library::StompJs {
            is_alice(&stage, client, &url, json!({"headers": {"Authorization": bearer}}));
        }
    }
}

#[test]
fn over_tls_by_a_password_or_a_certificate() {
    let authority = Authority::new();
    let stage = furnished(&(SECURE.to_owned() + SETTINGS), RULES, &["alice"], &tls_files(&authority));
    let (wss, tcp) = (stage.broker.websocket(), stage.broker.mqtt());
    let papers = Papers::new(&authority);
    for (client, url) in [
        (MQTTJS_5, format!("wss://{wss}/")),
        (MQTTJS_311, format!("wss://{wss}/")),
        (MQTTJS_5, format!("mqtts://{tcp}")),
        (STOMPJS, format!("wss://{wss}/")),
        (PAHO_TCP_5, format!("mqtts://{tcp}")),
        (PAHO_TCP_311, format!("mqtts://{tcp}")),
        (STOMPPY_TCP, format!("stomps://{tcp}")),
    ] {
        let mut by_password = credentials(client, "alice", PASSWORD);
        let (option, trusted) = papers.option(client, false);
        by_password[option] = trusted;
        is_alice(&stage, client, &url, by_password);
        let (option, certificate) = papers.option(client, true);
        is_alice(&stage, client, &url, json!({option: certificate}));
    }
}

/// Everybody who can give a password, and where to.
fn clients(stage: &Stage) -> [(Client, String); 8] {
    let (ws, mqtt, stomp) = (stage.broker.websocket_url(), stage.broker.mqtt_url(), stage.broker.stomp_url());
    [
        (MQTTJS_5, ws.clone()),
        (MQTTJS_311, ws.clone()),
        (MQTTJS_5, mqtt.clone()),
        (MQTTJS_311, mqtt.clone()),
        (PAHO_TCP_5, mqtt.clone()),
        (PAHO_TCP_311, mqtt),
        (STOMPJS, ws),
        (STOMPPY_TCP, stomp),
    ]
}

fn is_alice(stage: &Stage, client: Client, url: &str, options: Value) {
    let mut peer = stage.enter_at(url, client, options);
    peer.subscribe(BOX);
    hears_itself(client, &mut peer);
    peer.disconnect();
}

fn hears_itself(client: Client, peer: &mut dyn Peer) {
    let payload = Payload::new("to myself");
    peer.publish(&Publication::new(BOX, &payload.bytes).qos(1)).expect("it is published");
    let message = peer.receive().expect("it is heard");
    assert!(message.topic == BOX && message.carries(&payload), "{}: {message:?}", client.name);
}

const BOX: &str = "users/alice/box";

const RULES: &str = r#"
[[rules]]
allow = ["publish", "subscribe"]
topics = ["users/%u/#"]
"#;

const SETTINGS: &str = r#"
[auth]
anonymous = false
password_file = "passwd"
acl_file = "acl.toml"
[auth.jwt]
secret_file = "secret"
algorithms = ["HS256"]
"#;
