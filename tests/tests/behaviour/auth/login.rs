//! CONNECT with a user name and a password, with a token, and with nothing.

use serde_json::json;
use tidewire_protocols::mqtt::{Property, ReasonCode};
use tidewire_tests::conversations_everywhere;
use tidewire_tests::mqtt::{connect, pub_ack, publish};
use tidewire_tests::peer::Wire;
use tidewire_tests::users::{Users, password_line, token, token_with};
use tidewire_tests::world::World;

use super::{mqtt, stomp, stomp_is_refused, world};

conversations_everywhere! {
    who_has_the_password_is_let_in => password;
    who_has_a_token_is_let_in => by_token;
    a_token_comes_by_auth => token_by_auth;
    a_token_may_be_for_one_client_identifier => bound_token;
    who_has_nothing_is_let_in_where_anybody_is => anybody;
    nobody_learns_who_is_a_user => no_enumeration;
    a_user_has_so_many_connections => per_user;
}

/// What each user may publish to: a topic of its own name.
const OWN_TOPICS: &str = "[[rules]]\nallow = [\"publish\"]\ntopics = [\"own/%u\"]\n";

fn ann() -> Users {
    Users::new().with_passwords(&password_line("ann", "pencil")).with_rules(OWN_TOPICS)
}

async fn password(wire: Wire) {
    let world = world(wire, &ann());
    let mut client = mqtt(&world, connect("a").user_name("ann").password("pencil")).await;
    client.says(publish("own/ann", "x").qos1(1)).await.hears(pub_ack(1).unmatched()).await;
    let mut client = mqtt(&world, connect("b").v311().user_name("ann").password("pencil")).await;
    client.publishes(publish("own/ann", "x").qos1(1)).await;
    stomp(&world, "login:ann\npasscode:pencil\n").await;
    for (user_name, password) in [("ann", "pen"), ("bob", "pencil"), ("", "pencil"), ("ann", "")] {
        let mut client = world.mqtt().await;
        client.says(connect("c").user_name(user_name).password(password)).await;
        client.is_refused(ReasonCode::BadUserNameOrPassword, 1000).await;
        stomp_is_refused(&world, &format!("login:{user_name}\npasscode:{password}\n")).await;
    }
    let mut client = world.mqtt().await;
    client.says(connect("c").user_name("ann")).await;
    client.is_refused(ReasonCode::BadUserNameOrPassword, 1000).await;
    let mut client = world.mqtt().await;
    client.says(connect("c")).await;
    client.is_refused(ReasonCode::NotAuthorized, 1000).await;
    stomp_is_refused(&world, "").await;
}

async fn by_token(wire: Wire) {
    let world = world(wire, &Users::new().with_tokens().with_rules(OWN_TOPICS));
    let token = token("ann", 60);
    // Some clients give no password without a user name; whose it is says the token.
    for user_name in ["", "whoever"] {
        let mut client = mqtt(&world, connect("a").user_name(user_name).password(&token)).await;
        client.says(publish("own/ann", "x").qos1(1)).await.hears(pub_ack(1).unmatched()).await;
    }
    mqtt(&world, connect("b").v311().user_name("").password(&token)).await;
    for headers in [
        format!("login:\npasscode:{token}\n"),
        format!("passcode:{token}\n"),
        format!("Authorization:Bearer {token}\n"),
        format!("authorization:bearer {token}\n"),
    ] {
        let mut client = stomp(&world, &headers).await;
        client.says("SEND\ndestination:/topic/own/ann\nreceipt:1\n\nx^").await.hears_receipt("1").await;
    }
    let mut wrong = token.clone();
    wrong.replace_range(token.len() - 4.., "AAAA");
    let mut client = world.mqtt().await;
    client.says(connect("c").user_name("ann").password(&wrong)).await;
    client.is_refused(ReasonCode::BadUserNameOrPassword, 1000).await;
    let refused = stomp_is_refused(&world, &format!("passcode:{wrong}\n")).await;
    assert_eq!(refused.text(), "The token's signature is wrong.\n");
}

async fn token_by_auth(wire: Wire) {
    const METHOD: &str = "OAUTH2-JWT";
    let world = world(wire, &Users::new().with_tokens().with_rules(OWN_TOPICS));
    let (token, method) = (token("ann", 60), Property::AuthenticationMethod(METHOD));
    let mut client = world.mqtt().await;
    let told =
        client.learns(connect("a").with(method).with(Property::AuthenticationData(token.as_bytes()))).await;
    assert!(told.iter().any(|property| property.contains(METHOD)), "{told:?} [MQTT-4.12.0-5]");
    client.says(publish("own/ann", "x").qos1(1)).await.hears(pub_ack(1).unmatched()).await;
    let mut client = world.mqtt().await;
    client.says(connect("a").with(method).with(Property::AuthenticationData(b"no token"))).await;
    client.is_refused(ReasonCode::BadUserNameOrPassword, 1000).await;
}

async fn bound_token(wire: Wire) {
    let users = Users::new().with_tokens();
    let world = World::with(wire, |config| {
        users.configure(config);
        if let Some(jwt) = &mut config.auth.jwt {
            jwt.client_id_claim = Some("client_id".to_owned());
        }
    });
    let token = token_with("ann", 60, json!({"client_id": "hers"}));
    mqtt(&world, connect("hers").user_name("").password(&token)).await;
    stomp(&world, &format!("client-id:hers\npasscode:{token}\n")).await;
    let mut client = world.mqtt().await;
    client.says(connect("other").user_name("").password(&token)).await;
    client.is_refused(ReasonCode::NotAuthorized, 1000).await;
    stomp_is_refused(&world, &format!("client-id:other\npasscode:{token}\n")).await;
    stomp_is_refused(&world, &format!("passcode:{token}\n")).await;
}

async fn anybody(wire: Wire) {
    let world = world(wire, &ann().and_anybody());
    mqtt(&world, connect("a")).await;
    stomp(&world, "").await;
    // Whoever says who it is must prove it all the same.
    let mut client = world.mqtt().await;
    client.says(connect("c").user_name("ann").password("wrong")).await;
    client.is_refused(ReasonCode::BadUserNameOrPassword, 1000).await;
    stomp_is_refused(&world, "login:ann\npasscode:wrong\n").await;
}

async fn no_enumeration(wire: Wire) {
    let world = world(wire, &ann());
    let mut answers = Vec::new();
    for user_name in ["ann", "nobody"] {
        let mut client = world.mqtt().await;
        client.says(connect("c").user_name(user_name).password("wrong")).await;
        answers.push(client.next().await);
    }
    assert_eq!(answers[0], answers[1]);
    let ann = stomp_is_refused(&world, "login:ann\npasscode:wrong\n").await;
    let nobody = stomp_is_refused(&world, "login:nobody\npasscode:wrong\n").await;
    assert_eq!(ann.text(), nobody.text());
}

async fn per_user(wire: Wire) {
    let users = ann();
    let world = World::with(wire, |config| {
        users.configure(config);
        config.limits.connections_per_user_max = 2;
    });
    let one = || connect("c").user_name("ann").password("pencil");
    let first = mqtt(&world, connect("a").user_name("ann").password("pencil")).await;
    let _second = stomp(&world, "login:ann\npasscode:pencil\n").await;
    let mut third = world.mqtt().await;
    third.says(one()).await.is_refused(ReasonCode::QuotaExceeded, 1000).await;
    let mut third = world.mqtt().await;
    third.says(one().v311()).await.is_refused(ReasonCode::ServerUnavailable, 1000).await;
    stomp_is_refused(&world, "login:ann\npasscode:pencil\n").await;
    drop(first);
    world.settles().await;
    mqtt(&world, one()).await;
}
