//! What a session holds is its user's, whoever else knows the client identifier.

use tidewire_tests::conversations;
use tidewire_tests::mqtt::{connect, pub_ack, publish, subscribe};
use tidewire_tests::peer::Wire;
use tidewire_tests::users::{Users, password_line};

use super::{mqtt, stomp, world};

conversations! {
    nobody_is_given_the_session_of_another_user => mqtt_sessions;
    nobody_is_sent_what_another_user_has_not_acknowledged => unacknowledged;
    a_durable_subscription_is_its_users => durable;
}

fn users() -> Users {
    Users::new().and_anybody().with_passwords(&(password_line("ann", "a") + &password_line("bob", "b")))
}

fn lasting(user_name: &str) -> tidewire_tests::mqtt::ConnectWords {
    let words = connect("same").expiry(1_000).resume();
    match user_name {
        "" => words,
        _ => words.user_name(user_name).password(&user_name[..1]),
    }
}

async fn mqtt_sessions(wire: Wire) {
    for (first, second) in [("ann", "bob"), ("ann", ""), ("", "bob")] {
        let world = world(wire, &users());
        let mut other = world.client("other").await;
        let mut owner = mqtt(&world, lasting(first)).await;
        owner.subscribes(subscribe("a", 1)).await;
        drop(owner);
        other.publishes(publish("a", "secret").qos1(1)).await;
        // It is hers as long as nobody else comes by that name.
        drop(world.client_with(lasting(first), true).await);
        let mut thief = world.client_with(lasting(second), false).await;
        thief.hears_nothing().await;
        let mut owner = world.client_with(lasting(first), false).await;
        owner.hears_nothing().await;
    }
}

async fn unacknowledged(wire: Wire) {
    let world = world(wire, &users());
    let mut owner = mqtt(&world, lasting("ann")).await;
    owner.subscribes(subscribe("a", 1)).await.publishes(publish("a", "secret").qos1(1)).await;
    let mut thief = world.client_with(lasting("bob"), false).await;
    thief.hears_nothing().await;
    thief.says(publish("a", "x").qos1(1)).await.hears(pub_ack(1).unmatched()).await;
}

async fn durable(wire: Wire) {
    let world = world(wire, &users());
    let subscribe = "SUBSCRIBE\nid:news\ndestination:/topic/a\ndurable:true\nreceipt:1\n\n^";
    let ann = "client-id:same\nlogin:ann\npasscode:a\n";
    stomp(&world, ann).await.says(subscribe).await.hears_receipt("1").await;
    world.settles().await;
    world.client("other").await.publishes(publish("a", "secret").qos1(1)).await;
    let mut bob = stomp(&world, "client-id:same\nlogin:bob\npasscode:b\n").await;
    bob.says(subscribe).await.hears_receipt("1").await.hears_nothing().await;
    let mut anybody = stomp(&world, "client-id:same\n").await;
    anybody.says(subscribe).await.hears_receipt("1").await.hears_nothing().await;
    let mut ann = stomp(&world, ann).await;
    ann.says(&subscribe.replace("receipt:1\n", "")).await.hears_message("secret").await;
}
