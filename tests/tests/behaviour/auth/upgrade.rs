//! A token that comes with the upgrade, wherever it may stand.

use tidewire::config::{CredentialSource, ProtocolName};
use tidewire_protocols::mqtt::ReasonCode;
use tidewire_tests::log::Log;
use tidewire_tests::mqtt::{MqttPeer, connect, pub_ack, publish};
use tidewire_tests::peer::{Asked, Peer, Wire};
use tidewire_tests::stomp::StompPeer;
use tidewire_tests::users::{Users, password_line, token};
use tidewire_tests::world::World;

use super::world;

const WIRES: [Wire; 3] = [Wire::Ws, Wire::Wss, Wire::Http2];
const OWN_TOPICS: &str = "[[rules]]\nallow = [\"publish\"]\ntopics = [\"own/%u\"]\n";
const OWN_PAGE: &str = "http://localhost";

fn users() -> Users {
    Users::new().with_tokens().with_passwords(&password_line("bob", "b")).with_rules(OWN_TOPICS)
}

/// Every place for a token, as an upgrade of that protocol shows it.
fn places(protocol: ProtocolName, token: &str) -> Vec<Asked> {
    let plain = Asked::by(protocol);
    let offered = &plain.subprotocol;
    let cookie = Asked { origin: Some(OWN_PAGE.to_owned()), ..plain.clone() };
    vec![
        plain.clone().with("authorization", &format!("Bearer {token}")),
        Asked { path: format!("/?access_token={token}"), ..plain.clone() },
        Asked { subprotocol: format!("{offered}, bearer.{token}"), ..plain.clone() },
        Asked { subprotocol: format!("bearer.{token}, {offered}"), ..plain.clone() },
        cookie.with("cookie", &format!("other=1; access_token={token}")),
    ]
}

async fn upgraded(world: &World, protocol: ProtocolName, asked: &Asked) -> Peer {
    let pipe = world.pipe(world.listener(&[protocol]));
    Peer::upgraded(world.wire(), pipe, asked).await.expect("the upgrade succeeds")
}

async fn mqtt(world: &World, asked: &Asked) -> MqttPeer {
    MqttPeer::new(upgraded(world, ProtocolName::Mqtt, asked).await)
}

#[tokio::test(start_paused = true)]
async fn a_token_of_the_upgrade_lets_its_bearer_in() {
    for wire in WIRES {
        let world = world(wire, &users());
        for asked in places(ProtocolName::Mqtt, &token("ann", 60)) {
            let mut client = mqtt(&world, &asked).await;
            client.connects(connect("a"), false).await;
            client.says(publish("own/ann", "x").qos1(1)).await.hears(pub_ack(1).unmatched()).await;
        }
        for asked in places(ProtocolName::Stomp, &token("ann", 60)) {
            let mut client = StompPeer::new(upgraded(&world, ProtocolName::Stomp, &asked).await);
            client.connects("1.2").await;
            client.says("SEND\ndestination:/topic/own/ann\nreceipt:1\n\nx^").await.hears_receipt("1").await;
        }
    }
}

/// The upgrade succeeds, so that a browser can read why it is not let in.
#[tokio::test(start_paused = true)]
async fn a_wrong_token_of_the_upgrade_is_refused_in_the_protocols_words() {
    let log = Log::begin();
    for wire in WIRES {
        let world = world(wire, &users());
        let expired = token("ann", 0);
        for asked in places(ProtocolName::Mqtt, &expired) {
            let mut client = mqtt(&world, &asked).await;
            client.says(connect("a")).await;
            client.is_refused(ReasonCode::BadUserNameOrPassword, 1000).await;
        }
        for asked in places(ProtocolName::Stomp, &expired) {
            let mut client = StompPeer::new(upgraded(&world, ProtocolName::Stomp, &asked).await);
            client.says("CONNECT\naccept-version:1.2\nhost:test\n\n^").await;
            client.is_refused("access refused", 1000).await;
        }
        assert_eq!(log.lines(&expired), Vec::<String>::new(), "no token is in the log");
    }
}

#[tokio::test(start_paused = true)]
async fn what_connect_says_counts_more_than_the_upgrade() {
    let world = world(Wire::Ws, &users());
    let asked = &places(ProtocolName::Mqtt, &token("ann", 60))[0];
    let mut client = mqtt(&world, asked).await;
    client.connects(connect("a").user_name("bob").password("b"), false).await;
    client.says(publish("own/bob", "x").qos1(1)).await.hears(pub_ack(1).unmatched()).await;
    let mut client = mqtt(&world, asked).await;
    client.connects(connect("a").user_name("").password(token("carl", 60)), false).await;
    client.says(publish("own/carl", "x").qos1(1)).await.hears(pub_ack(1).unmatched()).await;
    let mut client = mqtt(&world, asked).await;
    client.says(connect("a").user_name("bob").password("wrong")).await;
    client.is_refused(ReasonCode::BadUserNameOrPassword, 1000).await;
}

#[tokio::test(start_paused = true)]
async fn a_cookie_counts_for_pages_of_its_own_host_and_those_that_are_listed() {
    let users = users();
    let world = world(Wire::Ws, &users);
    let cookie = Asked::by(ProtocolName::Mqtt).with("cookie", &format!("access_token={}", token("ann", 60)));
    let from = |origin: &str| Asked { origin: Some(origin.to_owned()), ..cookie.clone() };
    let listed = |origins: &[&str]| {
        let origins = origins.iter().map(|origin| (*origin).to_owned()).collect();
        tidewire::config::ListenerConfig { origins: Some(origins), ..world.listener(&[ProtocolName::Mqtt]) }
    };
    for (origins, asked, is_let_in) in [
        (None, from(OWN_PAGE), true),
        (None, cookie.clone(), false),
        (Some(listed(&["https://app.example"])), from("https://app.example"), true),
        (Some(listed(&["*"])), from("https://evil.example"), false),
        (Some(listed(&["*"])), from(OWN_PAGE), true),
        (Some(listed(&["*", "https://app.example"])), from("https://app.example"), true),
    ] {
        let listener = origins.unwrap_or_else(|| world.listener(&[ProtocolName::Mqtt]));
        let peer =
            Peer::upgraded(Wire::Ws, world.pipe(listener), &asked).await.expect("the upgrade succeeds");
        let mut client = MqttPeer::new(peer);
        match is_let_in {
            true => drop(client.connects(connect("a"), false).await),
            false => {
                client.says(connect("a")).await;
                client.is_refused(ReasonCode::NotAuthorized, 1000).await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_source_is_not_taken() {
    let users = users();
    let world = World::with(Wire::Ws, |config| {
        users.configure(config);
        config.auth.credential_sources = vec![CredentialSource::Authorization];
    });
    for (number, asked) in places(ProtocolName::Mqtt, &token("ann", 60)).iter().enumerate() {
        let mut client = mqtt(&world, asked).await;
        match number {
            0 => drop(client.connects(connect("a"), false).await),
            _ => {
                client.says(connect("a")).await;
                client.is_refused(ReasonCode::NotAuthorized, 1000).await;
            }
        }
    }
    let mut client = mqtt(&world, &Asked::by(ProtocolName::Mqtt)).await;
    client.says(connect("a").user_name("").password(token("ann", 60))).await;
    client.is_refused(ReasonCode::BadUserNameOrPassword, 1000).await;
}

#[tokio::test(start_paused = true)]
async fn no_answer_and_no_log_repeats_a_token() {
    let log = Log::begin();
    let world = world(Wire::Ws, &users());
    let token = token("ann", 60);
    let pipe = world.pipe(world.listener(&[ProtocolName::Mqtt]));
    let asked = Asked { subprotocol: format!("other, bearer.{token}"), ..Asked::by(ProtocolName::Mqtt) };
    let Err(refusal) = Peer::upgraded(Wire::Ws, pipe, &asked).await else {
        panic!("nothing of it is served")
    };
    assert!(refusal.body.contains("none of other is served"), "{refusal:?}");
    let mut listener = world.listener(&[ProtocolName::Mqtt]);
    listener.paths = Some(vec!["/mqtt".to_owned()]);
    let asked = Asked { path: format!("/x?access_token={token}"), ..Asked::by(ProtocolName::Mqtt) };
    let Err(refusal) = Peer::upgraded(Wire::Ws, world.pipe(listener), &asked).await else {
        panic!("nothing is served there")
    };
    assert_eq!((refusal.status, refusal.body.trim()), (404, "nothing is served at /x"));
    assert_eq!(log.lines(&token), Vec::<String>::new());
    assert_eq!(log.lines(" refused ").len(), 2);
}
