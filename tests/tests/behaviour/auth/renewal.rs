//! A token's time ends: its client is told before, renews itself, or has to go.

use std::time::Duration;

use serde_json::{Value, json};
use tidewire::counters::RefusalReason;
use tidewire_protocols::mqtt::{Packet, Property, ReasonCode};
use tidewire_tests::conversations_everywhere;
use tidewire_tests::mqtt::{
    MqttPeer, auth, connect, pub_ack, pub_comp, pub_rec, pub_rel, publish, sub_ack, subscribe,
};
use tidewire_tests::peer::Wire;
use tidewire_tests::stomp::StompPeer;
use tidewire_tests::users::{Users, password_line, token, token_with};
use tidewire_tests::world::{START_UNIX_MS, World};

use super::{mqtt, stomp, world};

conversations_everywhere! {
    who_does_not_renew_itself_has_to_go => expires;
    who_renews_itself_in_time_stays => stays;
    a_stomp_client_renews_itself => stomp_stays;
    a_client_renews_itself_by_auth => by_auth;
    a_token_is_acknowledged_as_any_message => acknowledged;
    a_renewal_that_is_refused_changes_nothing => refused;
    a_connection_sends_so_many_tokens => so_many_tokens;
    a_connection_re_authenticates_so_often => so_often;
    fewer_rights_take_just_what_is_no_longer_allowed => fewer_rights;
    fewer_rights_in_stomp => stomp_fewer_rights;
    who_returns_with_fewer_rights_finds_less => returns;
    a_transaction_is_held_to_the_rights_at_its_end => transaction;
    a_will_that_may_not_be_published_any_more_is_withdrawn => will;
}

/// Seconds that a token is good for, where one follows the other.
const LIFETIME: u64 = 40;
const SECOND: Duration = Duration::from_secs(1);
const METHOD: &str = "OAUTH2-JWT";

fn tokens(wire: Wire) -> World {
    world(wire, &Users::new().with_tokens())
}

fn rules(rules: Value) -> Value {
    json!({ "acl": rules })
}

/// What the next message to an MQTT client says, which is on this topic.
async fn told(client: &mut MqttPeer, expected: &str) -> Value {
    let heard = client.looks_at(|packet| match packet {
        Packet::Publish(publish) => {
            assert_eq!(publish.topic.map(|topic| topic.as_str()), Some(expected));
            serde_json::from_slice(publish.payload).expect("it is JSON")
        }
        other => panic!("expected a message on {expected}, heard {other:?}"),
    });
    heard.await
}

async fn stomp_told(client: &mut StompPeer, expected: &str) -> Value {
    let heard = client.next().await;
    assert_eq!(
        (heard.command.as_str(), heard.header("destination")),
        ("MESSAGE", Some(expected)),
        "{heard:?}"
    );
    serde_json::from_str(heard.text()).expect("it is JSON")
}

/// Seconds since the epoch, so long after time began.
fn at(secs: u64) -> u64 {
    START_UNIX_MS / 1000 + secs
}

async fn expires(wire: Wire) {
    let world = tokens(wire);
    let mut client = mqtt(&world, connect("a").user_name("").password(token("ann", 60))).await;
    client.subscribes(subscribe("$auth/expiring", 0)).await;
    let mut old = mqtt(&world, connect("b").v311().user_name("").password(token("ann", 60))).await;
    let mut other = stomp(&world, &format!("passcode:{}\n", token("ann", 60))).await;
    other.says("SUBSCRIBE\nid:1\ndestination:/auth/expiring\nreceipt:1\n\n^").await.hears_receipt("1").await;
    let notice = told(&mut client, "$auth/expiring").await;
    assert_eq!(notice, json!({"expires_at": at(60), "expires_in": 30}));
    assert_eq!(stomp_told(&mut other, "/auth/expiring").await, notice);
    client.hears_nothing().await;
    client.is_disconnected(ReasonCode::NotAuthorized, 1000).await;
    old.is_closed().await;
    other.is_refused("token expired", 1000).await;
    assert_eq!(world.broker.counters.refused.value(RefusalReason::NotAuthorized), 3);
    let mut late = world.mqtt().await;
    late.says(connect("c").user_name("").password(token("ann", 60))).await;
    late.is_refused(ReasonCode::BadUserNameOrPassword, 1000).await;
}

/// Three lifetimes of tokens, and no message is lost.
async fn stays(wire: Wire) {
    let world = tokens(wire);
    let mut bob = mqtt(&world, connect("bob").user_name("").password(token("bob", 1_000))).await;
    let mut ann = mqtt(&world, connect("ann").user_name("").password(token("ann", LIFETIME))).await;
    ann.subscribes(subscribe("$auth/#", 0).and("news", 1)).await;
    for lifetime in 1..=3 {
        told(&mut ann, "$auth/expiring").await;
        ann.publishes(publish("$auth/token", token("ann", LIFETIME * (lifetime + 1)))).await;
        let result = told(&mut ann, "$auth/result").await;
        assert_eq!(
            result,
            json!({"result": "accepted", "expires_at": at(LIFETIME * (lifetime + 1)), "removed": []})
        );
        bob.publishes(publish("news", "x").qos1(1)).await;
        ann.hears(publish("news", "x").qos1(lifetime as u16)).await.says(pub_ack(lifetime as u16)).await;
    }
    told(&mut ann, "$auth/expiring").await;
    ann.is_disconnected(ReasonCode::NotAuthorized, 1000).await;
}

async fn stomp_stays(wire: Wire) {
    let world = tokens(wire);
    let mut ann = stomp(&world, &format!("passcode:{}\n", token("ann", LIFETIME))).await;
    ann.says("SUBSCRIBE\nid:1\ndestination:/auth/#\n\n^SUBSCRIBE\nid:2\ndestination:/topic/news\n\n^").await;
    for lifetime in 1..=3 {
        stomp_told(&mut ann, "/auth/expiring").await;
        let renewed = token("ann", LIFETIME * (lifetime + 1));
        ann.says(&format!("SEND\ndestination:/auth/token\nreceipt:r\n\n{renewed}^")).await;
        let answers = [ann.next().await, ann.next().await];
        let result = answers.iter().find(|heard| heard.header("destination") == Some("/auth/result"));
        let result: Value = serde_json::from_str(result.expect("it is told").text()).expect("it is JSON");
        assert_eq!(result["expires_at"], at(LIFETIME * (lifetime + 1)));
        assert!(answers.iter().any(|heard| heard.header("receipt-id") == Some("r")), "{answers:?}");
        ann.says("SEND\ndestination:/topic/news\n\nx^").await.hears_message("x").await;
    }
    stomp_told(&mut ann, "/auth/expiring").await;
    ann.is_refused("token expired", 1000).await;
}

async fn by_auth(wire: Wire) {
    let world = tokens(wire);
    let data = |token: &str| token.as_bytes().to_vec();
    let (first, second, others) = (token("ann", 60), token("ann", 120), token("bob", 120));
    let mut ann = world.mqtt().await;
    let method = Property::AuthenticationMethod(METHOD);
    ann.learns(connect("a").with(method).with(Property::AuthenticationData(&data(&first)))).await;
    ann.says(auth(ReasonCode::ReAuthenticate, METHOD, &data(&second))).await;
    ann.hears(auth(ReasonCode::Success, METHOD, b"")).await;
    world.passes(Duration::from_secs(100)).await;
    ann.says(publish("x", "y").qos1(1)).await.hears(pub_ack(1).unmatched()).await;
    // Nobody becomes another user. [MQTT-4.12.1-2]
    ann.says(auth(ReasonCode::ReAuthenticate, METHOD, &data(&others))).await;
    ann.is_disconnected(ReasonCode::NotAuthorized, 1000).await;
}

async fn acknowledged(wire: Wire) {
    let world = tokens(wire);
    let mut ann = mqtt(&world, connect("a").user_name("").password(token("ann", 60))).await;
    ann.says(publish("$auth/token", token("ann", 120)).qos1(1)).await.hears(pub_ack(1)).await;
    ann.says(publish("$auth/token", token("ann", 180)).qos2(2)).await.hears(pub_rec(2)).await;
    ann.says(pub_rel(2)).await.hears(pub_comp(2)).await;
    let wrong = pub_ack(3).because(ReasonCode::NotAuthorized).explained();
    ann.says(publish("$auth/token", "nonsense").qos1(3)).await.hears(wrong).await;
    world.passes(SECOND).await;
    let wrong = pub_rec(4).because(ReasonCode::NotAuthorized).explained();
    ann.says(publish("$auth/token", b"\xff").qos2(4)).await.hears(wrong).await;
    world.passes(Duration::from_secs(170)).await;
    ann.says(publish("x", "y").qos1(4)).await.hears(pub_ack(4).unmatched()).await;
}

async fn refused(wire: Wire) {
    let world = tokens(wire);
    let mut ann = mqtt(&world, connect("a").user_name("").password(token("ann", 60))).await;
    let mut other = mqtt(&world, connect("b").user_name("").password(token("ann", 60))).await;
    ann.subscribes(subscribe("$auth/+", 0)).await;
    other.subscribes(subscribe("$auth/+", 0)).await;
    for wrong in ["nonsense".to_owned(), token("bob", 600), token("ann", 0)] {
        ann.publishes(publish("$auth/token", &wrong)).await;
        let result = told(&mut ann, "$auth/result").await;
        assert_eq!(result["result"], "refused", "{result}");
        assert!(!result.to_string().contains(&wrong), "{result}");
    }
    // What is between a client and the broker, nobody else hears, nor speaks for the broker.
    other.hears_nothing().await;
    let denied = pub_ack(1).because(ReasonCode::NotAuthorized).explained();
    other.says(publish("$auth/result", "{}").qos1(1)).await.hears(denied).await;
    told(&mut ann, "$auth/expiring").await;
    ann.is_disconnected(ReasonCode::NotAuthorized, 1000).await;
    let mut stomper = stomp(&world, &format!("passcode:{}\n", token("ann", 200))).await;
    stomper.says("SEND\ndestination:/auth/token\n\nnonsense^").await;
    stomper.is_refused("access refused", 1000).await;
}

/// Nobody is asked about a token that comes sooner, nor is anybody told.
async fn so_many_tokens(wire: Wire) {
    let world = tokens(wire);
    let mut ann = mqtt(&world, connect("a").user_name("").password(token("ann", 60))).await;
    ann.subscribes(subscribe("$auth/result", 0)).await;
    for refused in 0..3 {
        ann.publishes(publish("$auth/token", "nonsense")).await;
        assert_eq!(told(&mut ann, "$auth/result").await["result"], "refused", "{refused}");
    }
    let right = |packet_id| publish("$auth/token", token("ann", 120)).qos1(packet_id);
    ann.says(right(1)).await.hears(pub_ack(1).because(ReasonCode::QuotaExceeded).explained()).await;
    ann.hears_nothing().await;
    world.passes(SECOND).await;
    ann.publishes(right(2)).await;
    assert_eq!(told(&mut ann, "$auth/result").await["result"], "accepted");
    let mut stomper = stomp(&world, &format!("passcode:{}\n", token("ann", 200))).await;
    let renewal = format!("SEND\ndestination:/auth/token\n\n{}^", token("ann", 300));
    stomper.says(&renewal.repeat(4)).await;
    let heard = stomper.is_refused("access refused", 1000).await;
    assert!(heard.text().contains("try again later"), "{heard:?}");
    assert_eq!(world.broker.counters.refused.value(RefusalReason::TooMany), 2);
}

/// Each would have all its subscriptions looked at.
async fn so_often(wire: Wire) {
    let world = tokens(wire);
    let token = token("ann", 60);
    let data = token.as_bytes();
    let mut ann = world.mqtt().await;
    let method = Property::AuthenticationMethod(METHOD);
    ann.learns(connect("a").with(method).with(Property::AuthenticationData(data))).await;
    for _ in 0..3 {
        ann.says(auth(ReasonCode::ReAuthenticate, METHOD, data)).await;
        ann.hears(auth(ReasonCode::Success, METHOD, b"")).await;
    }
    world.passes(SECOND).await;
    ann.says(auth(ReasonCode::ReAuthenticate, METHOD, data)).await;
    ann.hears(auth(ReasonCode::Success, METHOD, b"")).await;
    ann.says(auth(ReasonCode::ReAuthenticate, METHOD, data)).await;
    ann.is_disconnected(ReasonCode::QuotaExceeded, 1000).await;
}

async fn fewer_rights(wire: Wire) {
    let world = tokens(wire);
    let all = rules(json!({"all": ["a/#", "b/#"]}));
    let few = rules(json!({"subscribe": ["a/1", "b/#"], "publish": ["a/#"]}));
    let mut ann = mqtt(&world, connect("a").user_name("").password(token_with("ann", 60, all.clone()))).await;
    let mut bob = mqtt(&world, connect("b").user_name("").password(token_with("bob", 600, all))).await;
    ann.subscribes(subscribe("a/1", 0).and("a/2", 0).and("a/#", 0).and("b/#", 0).and("$auth/result", 0))
        .await;
    ann.publishes(publish("$auth/token", token_with("ann", 120, few))).await;
    let result = told(&mut ann, "$auth/result").await;
    let mut removed: Vec<_> = result["removed"].as_array().expect("it is a list").iter().collect();
    removed.sort_by_key(|filter| filter.to_string());
    assert_eq!(removed, [&json!("a/#"), &json!("a/2")]);
    for topic in ["a/2", "a/3", "a/1", "b/1"] {
        bob.publishes(publish(topic, "x")).await;
    }
    ann.hears(publish("a/1", "x")).await.hears(publish("b/1", "x")).await.hears_nothing().await;
    ann.says(publish("b/1", "y").qos1(1)).await;
    ann.hears(pub_ack(1).because(ReasonCode::NotAuthorized).explained()).await;
    ann.says(subscribe("a/2", 0)).await.hears(sub_ack(&[0x87]).explained()).await;
}

async fn stomp_fewer_rights(wire: Wire) {
    let world = tokens(wire);
    let all = rules(json!({"all": ["a/#", "/queue/#"]}));
    let few = rules(json!({"all": ["a/1", "/queue/mine"]}));
    let mut ann = stomp(&world, &format!("passcode:{}\n", token_with("ann", 60, all.clone()))).await;
    let mut bob = stomp(&world, &format!("passcode:{}\n", token_with("bob", 600, all))).await;
    for (id, destination) in [
        ("1", "/topic/a/1"),
        ("2", "/topic/a/2"),
        ("q", "/queue/mine"),
        ("r", "/queue/others"),
        ("t", "/temp-queue/replies"),
        ("auth", "/auth/result"),
    ] {
        ann.says(&format!("SUBSCRIBE\nid:{id}\ndestination:{destination}\n\n^")).await;
    }
    ann.says(&format!("SEND\ndestination:/auth/token\n\n{}^", token_with("ann", 120, few))).await;
    let result = stomp_told(&mut ann, "/auth/result").await;
    let mut removed: Vec<_> = result["removed"].as_array().expect("it is a list").iter().collect();
    removed.sort_by_key(|id| id.to_string());
    assert_eq!(removed, [&json!("2"), &json!("r")]);
    bob.says("SEND\ndestination:/topic/a/2\n\nno^SEND\ndestination:/queue/others\n\nno^").await;
    bob.says("SEND\ndestination:/topic/a/1\n\nyes^SEND\ndestination:/queue/mine\nreceipt:1\n\nqueued^").await;
    bob.hears_receipt("1").await;
    ann.hears_message("yes").await;
    ann.hears_message("queued").await;
    ann.hears_nothing().await;
}

/// A session that lasts: what waits of a subscription that is gone does not come any more.
async fn returns(wire: Wire) {
    let world = tokens(wire);
    let all = rules(json!({"all": ["a/#"]}));
    let few = rules(json!({"all": ["a/1"]}));
    let lasting =
        |rules| connect("a").expiry(1_000).resume().user_name("").password(token_with("ann", 600, rules));
    let mut ann = mqtt(&world, lasting(all.clone())).await;
    ann.subscribes(subscribe("a/1", 1).and("a/2", 1)).await;
    drop(ann);
    let mut bob = mqtt(&world, connect("b").user_name("").password(token_with("bob", 600, all))).await;
    bob.publishes(publish("a/2", "secret").qos1(1)).await.publishes(publish("a/1", "x").qos1(2)).await;
    let mut ann = world.client_with(lasting(few), true).await;
    ann.hears(publish("a/1", "x").qos1(1)).await.hears_nothing().await;
    bob.says(publish("a/2", "secret").qos1(3)).await.hears(pub_ack(3).unmatched()).await;
}

async fn will(wire: Wire) {
    let world = tokens(wire);
    let all = rules(json!({"all": ["a/#"]}));
    let few = rules(json!({"subscribe": ["a/#"]}));
    let mut bob =
        mqtt(&world, connect("b").user_name("").password(token_with("bob", 600, all.clone()))).await;
    bob.subscribes(subscribe("a/#", 0)).await;
    for (more, is_published) in [(all.clone(), true), (few, false)] {
        let will = publish("a/gone", "x");
        let token = token_with("ann", 60, all.clone());
        let mut ann = mqtt(&world, connect("a").will(will).user_name("").password(token)).await;
        ann.says(publish("$auth/token", token_with("ann", 120, more)).qos1(1)).await.hears(pub_ack(1)).await;
        drop(ann);
        match is_published {
            true => bob.hears(publish("a/gone", "x")).await,
            false => bob.hears_nothing().await,
        };
    }
}

async fn transaction(wire: Wire) {
    let world = tokens(wire);
    let all = rules(json!({"all": ["a/#"]}));
    let few = rules(json!({"all": ["a/1"]}));
    let mut ann = stomp(&world, &format!("passcode:{}\n", token_with("ann", 60, all))).await;
    ann.says("BEGIN\ntransaction:t\n\n^SEND\ndestination:/topic/a/2\ntransaction:t\n\nx^").await;
    ann.says(&format!("SEND\ndestination:/auth/token\nreceipt:1\n\n{}^", token_with("ann", 120, few))).await;
    ann.hears_receipt("1").await;
    ann.says("COMMIT\ntransaction:t\n\n^").await.is_refused("access refused", 1000).await;
}

/// [`password_line`] users have no time that ends.
#[tokio::test(start_paused = true)]
async fn a_password_does_not_expire() {
    let world = world(Wire::Ws, &Users::new().with_tokens().with_passwords(&password_line("ann", "pencil")));
    let mut ann = mqtt(&world, connect("a").user_name("ann").password("pencil")).await;
    world.passes(Duration::from_secs(500)).await;
    ann.says(publish("x", "y").qos1(1)).await.hears(pub_ack(1).unmatched()).await;
}
