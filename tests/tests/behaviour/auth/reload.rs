//! Users and rules change while clients are connected.

use std::time::Duration;

use serde_json::json;
use tidewire_protocols::mqtt::{Property, ReasonCode};
use tidewire_tests::conversations;
use tidewire_tests::mqtt::{connect, pub_ack, publish, subscribe};
use tidewire_tests::peer::Wire;
use tidewire_tests::users::{Users, password_line, token, token_by};
use tidewire_tests::world::START_UNIX_MS;

use super::{mqtt, stomp, stomp_is_refused, world};

conversations! {
    a_user_that_is_gone_has_to_go_and_nobody_else => user_gone;
    the_will_of_a_user_that_is_gone_is_withdrawn => will;
    a_delayed_will_is_looked_at_when_it_is_due => delayed_wills;
    who_may_not_connect_any_more_has_to_go => kept_out;
    a_user_that_has_come_is_let_in => user_come;
    rules_that_change_hold_at_once => rules;
    what_is_remembered_of_old_rules_is_forgotten => forgotten;
    keys_that_change_hold_for_the_tokens_that_come => keys;
}

async fn user_gone(wire: Wire) {
    let both = password_line("ann", "a") + &password_line("bob", "b");
    let users = Users::new().with_passwords(&both);
    let world = world(wire, &users);
    let mut ann = mqtt(&world, connect("ann").user_name("ann").password("a")).await;
    let mut bob = mqtt(&world, connect("bob").user_name("bob").password("b")).await;
    let mut stomper = stomp(&world, "login:bob\npasscode:b\n").await;
    users.change_passwords(&password_line("ann", "another by now"));
    world.reloads();
    bob.is_disconnected(ReasonCode::NotAuthorized, 1000).await;
    stomper.is_refused("access refused", 1000).await;
    // Who was let in stays: only the next login asks for the new password.
    ann.says(publish("x", "y").qos1(1)).await.hears(pub_ack(1).unmatched()).await;
    stomp_is_refused(&world, "login:ann\npasscode:a\n").await;
    stomp(&world, "login:ann\npasscode:another by now\n").await;
}

async fn will(wire: Wire) {
    let both = password_line("ann", "a") + &password_line("bob", "b");
    let users = Users::new().with_passwords(&both);
    let world = world(wire, &users);
    let mut ann = mqtt(&world, connect("ann").user_name("ann").password("a")).await;
    ann.subscribes(subscribe("gone", 0)).await;
    let last_words = connect("bob").will(publish("gone", "x")).user_name("bob").password("b");
    let mut bob = mqtt(&world, last_words).await;
    users.change_passwords(&password_line("ann", "a"));
    world.reloads();
    bob.is_disconnected(ReasonCode::NotAuthorized, 1000).await;
    ann.hears_nothing().await;
}

/// Of sessions without a connection.
async fn delayed_wills(wire: Wire) {
    let both = password_line("ann", "a") + &password_line("bob", "b");
    let users = Users::new().with_passwords(&both).with_rules(OPEN);
    let world = world(wire, &users);
    let mut ann = mqtt(&world, connect("ann").user_name("ann").password("a")).await;
    ann.subscribes(subscribe("#", 0)).await;
    let lost = |client_id: &str, user_name: &str, topic: &str| {
        let will = publish(topic, "x");
        let words = connect(client_id).expiry(1_000).will_with(will, &[Property::WillDelayInterval(10)]);
        words.user_name(user_name).password(&user_name[..1])
    };
    for (client_id, user_name, topic) in
        [("1", "bob", "gone/1"), ("2", "ann", "secret/2"), ("3", "ann", "gone/3")]
    {
        drop(mqtt(&world, lost(client_id, user_name, topic)).await);
        world.settles().await;
    }
    users.change_passwords(&password_line("ann", "a"));
    users.change_rules(CLOSED);
    world.reloads();
    world.passes(Duration::from_secs(11)).await;
    ann.hears(publish("gone/3", "x")).await.hears_nothing().await;
}

/// However it has proved itself.
async fn kept_out(wire: Wire) {
    let users = Users::new().with_tokens().with_rules(OPEN);
    let world = world(wire, &users);
    let mut ann = mqtt(&world, connect("a").user_name("").password(token("ann", 60))).await;
    let mut bob = mqtt(&world, connect("b").user_name("").password(token("bob", 60))).await;
    let mut stomper = stomp(&world, &format!("passcode:{}\n", token("bob", 60))).await;
    users.change_rules(&format!("[[rules]]\nusers = [\"bob\"]\ndeny = [\"connect\"]\n{OPEN}"));
    world.reloads();
    bob.is_disconnected(ReasonCode::NotAuthorized, 1000).await;
    stomper.is_refused("access refused", 1000).await;
    stomp_is_refused(&world, &format!("passcode:{}\n", token("bob", 60))).await;
    ann.says(publish("x", "y").qos1(1)).await.hears(pub_ack(1).unmatched()).await;
}

async fn user_come(wire: Wire) {
    let users = Users::new().with_passwords(&password_line("ann", "a"));
    let world = world(wire, &users);
    stomp_is_refused(&world, "login:bob\npasscode:b\n").await;
    users.change_passwords(&(password_line("ann", "a") + &password_line("bob", "b")));
    world.reloads();
    stomp(&world, "login:bob\npasscode:b\n").await;
}

const OPEN: &str = "[[rules]]\nallow = [\"all\"]\n";
const CLOSED: &str = "[[rules]]\ndeny = [\"all\"]\ntopics = [\"secret/#\"]\n[[rules]]\nallow = [\"all\"]\n";

async fn rules(wire: Wire) {
    let users = Users::new().and_anybody().with_rules(OPEN);
    let world = world(wire, &users);
    let (mut ann, mut bob) = (world.client("ann").await, world.client("bob").await);
    let mut stomper = stomp(&world, "").await;
    ann.subscribes(subscribe("secret/a", 1).and("#", 1).and("$auth/result", 0)).await;
    stomper
        .says("SUBSCRIBE\nid:1\ndestination:/topic/secret/+\nreceipt:1\n\n^")
        .await
        .hears_receipt("1")
        .await;
    bob.publishes(publish("secret/a", "x")).await;
    ann.hears(publish("secret/a", "x")).await;
    stomper.hears_message("x").await;
    users.change_rules(CLOSED);
    world.reloads();
    ann.looks_at(|packet| {
        let text = format!("{packet:?}");
        assert!(text.contains("$auth/result"), "{text}");
    })
    .await;
    bob.says(publish("secret/a", "y").qos1(1)).await;
    bob.hears(pub_ack(1).because(ReasonCode::NotAuthorized).explained()).await;
    // Nor does what others still may: `#` stays, without its secrets.
    let turn = &mut world.broker.turn();
    let topic = tidewire_tests::mqtt::topic("secret/a");
    let session = tidewire::message::SessionId::BROKER;
    world
        .broker
        .publish(turn, &tidewire::message::Publication::new(topic, b"y", session))
        .expect("it is taken");
    bob.publishes(publish("open", "z")).await;
    ann.hears(publish("open", "z")).await.hears_nothing().await;
    stomper.hears_nothing().await;
    users.change_rules(OPEN);
    world.reloads();
    ann.next().await;
    bob.publishes(publish("secret/b", "x")).await;
    ann.hears(publish("secret/b", "x")).await;
}

async fn forgotten(wire: Wire) {
    let users = Users::new().and_anybody().with_rules(OPEN);
    let world = world(wire, &users);
    let mut bob = world.client("bob").await;
    for packet_id in 1..4 {
        bob.says(publish("secret/a", "x").qos1(packet_id)).await.hears(pub_ack(packet_id).unmatched()).await;
    }
    users.change_rules(CLOSED);
    world.reloads();
    bob.says(publish("secret/a", "x").qos1(4)).await;
    bob.hears(pub_ack(4).because(ReasonCode::NotAuthorized).explained()).await;
}

/// Who was let in by the old key stays as long as its token is good, and goes on with a token by the new one.
async fn keys(wire: Wire) {
    const OTHER: &[u8] = b"another secret of the tests, which is long enough as well";
    let users = Users::new().with_tokens();
    let world = world(wire, &users);
    let old = token("ann", 60);
    let new = token_by(OTHER, &json!({"sub": "ann", "exp": START_UNIX_MS / 1000 + 120}));
    let mut ann = mqtt(&world, connect("a").user_name("").password(&old)).await;
    let mut stomper = stomp(&world, &format!("passcode:{old}\n")).await;
    users.change_secret(OTHER);
    world.reloads();
    let mut late = world.mqtt().await;
    late.says(connect("b").user_name("").password(&old)).await;
    late.is_refused(ReasonCode::BadUserNameOrPassword, 1000).await;
    stomp_is_refused(&world, &format!("passcode:{old}\n")).await;
    mqtt(&world, connect("b").user_name("").password(&new)).await;
    stomp(&world, &format!("passcode:{new}\n")).await;
    let wrong = pub_ack(1).because(ReasonCode::NotAuthorized).explained();
    ann.says(publish("$auth/token", &old).qos1(1)).await.hears(wrong).await;
    ann.says(publish("$auth/token", &new).qos1(2)).await.hears(pub_ack(2)).await;
    let renewal = format!("SEND\ndestination:/auth/token\nreceipt:1\n\n{new}^");
    stomper.says(&renewal).await.hears_receipt("1").await;
    world.passes(Duration::from_secs(100)).await;
    ann.says(publish("x", "y").qos1(3)).await.hears(pub_ack(3).unmatched()).await;
    stomper.says("SEND\ndestination:/topic/x\nreceipt:2\n\ny^").await.hears_receipt("2").await;
}
