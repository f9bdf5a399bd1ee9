//! Clients log in over every transport, in both protocols, where the answer takes a while: it is hashed on another thread,
//! or a service is asked.

use serde_json::json;
use tidewire::auth::{Argon2idCost, PasswordHash};
use tidewire::config::{HttpAuthConfig, ProtocolName};
use tidewire_protocols::mqtt::ReasonCode;
use tidewire_tests::mqtt::{ConnectWords, MqttPeer, connect, pub_ack, publish};
use tidewire_tests::peer::{Asked, Peer, Wire};
use tidewire_tests::server::{Reply, Server};
use tidewire_tests::users::Users;
use tidewire_tests::world::World;

const WIRES: [Wire; 5] = [Wire::Tcp, Wire::Tls, Wire::Ws, Wire::Wss, Wire::Http2];
const OWN_TOPICS: &str = "[[rules]]\nallow = [\"publish\"]\ntopics = [\"own/%u\"]\n";
/// `pencil`, as mosquitto writes it.
const PBKDF2: &str = "$7$101$dHdlbHZlIGJ5dGVz$vjhWZ/b7K9MQFKi4I8pDJMQcQhpY9M5rb22xtALhY0wFNMPKNUHHufGXvti4M0KesPjVoWtQYIkNB8DV0jweGA==";
/// The same as SCRAM wants it.
const VERIFIER: &str = "SCRAM-SHA-256$4096:ZsY5jhuygb6R+FNAemJooA==$y/9+3QoEczqO8G7MgDNa/zHfUsCpgV59iJyg3HcAV1U=:\
                        62zZKTTluz9pbfjYONmNNNy97ikBP3spCbaaqibalwg=";

fn named(user_name: &str, password: &str) -> ConnectWords {
    connect("c").user_name(user_name).password(password)
}

/// Holds that ann is let in as who she is by her password, and by no other.
async fn ann_is_let_in(world: &World) {
    for connect in [named("ann", "pencil"), named("ann", "pencil").v311()] {
        let mut client = world.client_with(connect, false).await;
        client.publishes(publish("own/ann", "x").qos1(1)).await;
    }
    let mut client = world.client_with(named("ann", "pencil"), false).await;
    let denied = pub_ack(1).because(ReasonCode::NotAuthorized).explained();
    client.says(publish("own/bob", "x").qos1(1)).await.hears(denied).await;
    let mut client = world.stomp().await;
    client.says("CONNECT\naccept-version:1.2\nhost:test\nlogin:ann\npasscode:pencil\n\n^").await;
    assert_eq!(client.next().await.command, "CONNECTED");
    client.says("SEND\ndestination:/topic/own/ann\nreceipt:1\n\nx^").await.hears_receipt("1").await;
    is_refused(world, "wrong", ReasonCode::BadUserNameOrPassword).await;
}

async fn is_refused(world: &World, password: &str, reason: ReasonCode) {
    for connect in [named("ann", password), named("ann", password).v311()] {
        let mut client = world.mqtt().await;
        client.says(connect).await;
        client.is_refused(reason, 1000).await;
    }
    let mut client = world.stomp().await;
    client
        .says(&format!("CONNECT\naccept-version:1.2\nhost:test\nlogin:ann\npasscode:{password}\n\n^"))
        .await;
    client.is_refused("access refused", 1000).await;
}

#[tokio::test]
async fn by_a_password_that_is_hashed_on_another_thread() {
    let argon2id = PasswordHash::new(b"pencil", Argon2idCost::default()).expect("it is a password");
    for hash in [&argon2id.to_string(), PBKDF2, VERIFIER] {
        let users = Users::new().with_passwords(&format!("ann:{hash}\n")).with_rules(OWN_TOPICS);
        for wire in WIRES {
            ann_is_let_in(&World::with(wire, |config| users.configure(config))).await;
        }
    }
}

/// Where there are no keys here to look at it with, and from wherever it comes; a renewal is asked about as well.
#[tokio::test]
async fn by_a_token_that_a_service_knows() {
    let users = Users::new().with_rules(OWN_TOPICS);
    let server = Server::says(Reply::json(&json!({"result": "deny"}))).await;
    server.answers_by(|question| match question.json()["token"].as_str() {
        Some("right") => Reply::json(&json!({"result": "allow", "user": "ann", "expires_in": 600})),
        _ => Reply::json(&json!({"result": "deny"})),
    });
    let url = server.uri().to_string();
    for wire in WIRES {
        let world = World::with(wire, |config| {
            users.configure(config);
            let http = format!("url = \"{url}\"\ncache_ttl = \"0s\"\n");
            config.auth.http = Some(toml::from_str::<HttpAuthConfig>(&http).expect("the settings are right"));
        });
        for token in ["right", "wrong"] {
            let mut client = world.stomp().await;
            client
                .says(&format!("CONNECT\naccept-version:1.2\nhost:h\nAuthorization:Bearer {token}\n\n^"))
                .await;
            match token {
                "right" => {
                    assert_eq!(client.next().await.command, "CONNECTED");
                    let renewal = "SEND\ndestination:/auth/token\nreceipt:1\n\nright^";
                    client.says(renewal).await.hears_receipt("1").await;
                    client
                        .says("SEND\ndestination:/topic/own/ann\nreceipt:2\n\nx^")
                        .await
                        .hears_receipt("2")
                        .await;
                }
                _ => drop(client.is_refused("access refused", 1000).await),
            }
            if !wire.is_web_socket() {
                continue;
            }
            let asked = Asked::by(ProtocolName::Mqtt).with("authorization", &format!("Bearer {token}"));
            let pipe = world.pipe(world.listener(&[ProtocolName::Mqtt]));
            let peer = Peer::upgraded(wire, pipe, &asked).await.expect("the upgrade succeeds");
            let mut client = MqttPeer::new(peer);
            match token {
                "right" => {
                    client.connects(connect("c"), false).await;
                    client.says(publish("$auth/token", "right").qos1(1)).await.hears(pub_ack(1)).await;
                    client.publishes(publish("own/ann", "x").qos1(2)).await;
                }
                _ => {
                    client.says(connect("c")).await;
                    client.is_refused(ReasonCode::BadUserNameOrPassword, 1000).await;
                }
            }
        }
    }
}

#[tokio::test]
async fn by_a_service() {
    let users = Users::new().with_rules(OWN_TOPICS);
    let server = Server::says(Reply::json(&json!({"result": "deny"}))).await;
    let url = server.uri().to_string();
    for wire in WIRES {
        let world = World::with(wire, |config| {
            users.configure(config);
            let http = format!("url = \"{url}\"\ncache_ttl = \"0s\"\n");
            config.auth.http = Some(toml::from_str::<HttpAuthConfig>(&http).expect("the settings are right"));
        });
        server.answers_by(|question| {
            let is_right = question.json()["password"] == "pencil";
            Reply::json(&json!({"result": if is_right { "allow" } else { "deny" }}))
        });
        ann_is_let_in(&world).await;
        // Who has to be asked and does not answer lets nobody in.
        server.now_says(Reply::new(500, ""));
        is_refused(&world, "pencil", ReasonCode::ServerUnavailable).await;
    }
}
