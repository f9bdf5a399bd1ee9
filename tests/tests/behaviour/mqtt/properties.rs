//! What travels with a message from end to end.

use tidewire_protocols::mqtt::{Packet, Property};
use tidewire_protocols::topic::TopicName;
use tidewire_tests::conversations;
use tidewire_tests::mqtt::{PublishWords, connect, pub_ack, publish, subscribe};
use tidewire_tests::peer::Wire;
use tidewire_tests::world::World;

conversations! {
    user_properties_keep_their_order_and_repeats => user_properties;
    all_of_them_arrive => all_arrive;
    they_wait_with_the_message => wait_with_the_message;
    they_are_retained_with_the_message => retained_with_the_message;
    mqtt_311_gets_the_message_without => without_in_311;
    a_request_finds_its_answer => request_and_response;
}

fn with_all(words: PublishWords) -> PublishWords {
    words
        .with(Property::PayloadFormatIndicator(true))
        .with(Property::ContentType("text/plain; charset=utf-8"))
        .with(Property::ResponseTopic(TopicName::parse("answers/1").expect("a topic name")))
        .with(Property::CorrelationData(&[0, 1, 0xFE, 0xFF]))
        .with(Property::UserProperty("key", "value"))
        .with(Property::UserProperty("", ""))
}

async fn user_properties(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = (world.client("alice").await, world.client("bob").await);
    bob.subscribes(subscribe("t", 0)).await;
    let words = || {
        let pairs = [("b", "1"), ("a", "2"), ("b", "1"), ("b", "0"), ("ü", "☃"), ("a", "")];
        pairs
            .into_iter()
            .fold(publish("t", "m"), |words, (key, value)| words.with(Property::UserProperty(key, value)))
    };
    alice.publishes(words()).await;
    bob.hears(words()).await;
}

async fn all_arrive(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob, mut carol) =
        (world.client("alice").await, world.client("bob").await, world.client("carol").await);
    // Two subscribers share one encoding.
    bob.subscribes(subscribe("t", 1)).await;
    carol.subscribes(subscribe("t", 1)).await;
    alice.publishes(with_all(publish("t", "m").qos1(1))).await;
    bob.hears(with_all(publish("t", "m").qos1(1))).await;
    carol.hears(with_all(publish("t", "m").qos1(1))).await;
}

async fn wait_with_the_message(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.client("alice").await;
    world.client_with(connect("bob").expiry(60), false).await.subscribes(subscribe("t", 1)).await;
    world.settles().await;
    alice.publishes(with_all(publish("t", "m").qos1(1))).await;
    let mut bob = world.client_with(connect("bob").resume().expiry(60), true).await;
    bob.hears(with_all(publish("t", "m").qos1(1))).await;
    drop(bob);
    let mut bob = world.client_with(connect("bob").resume(), true).await;
    bob.hears(with_all(publish("t", "m").qos1(1).dup())).await.says(pub_ack(1)).await;
}

async fn retained_with_the_message(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = (world.client("alice").await, world.client("bob").await);
    alice.publishes(with_all(publish("t", "m").retained())).await;
    world.settles().await;
    bob.subscribes(subscribe("t", 0)).await.hears(with_all(publish("t", "m").retained())).await;
}

async fn without_in_311(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.client("alice").await;
    let mut bob = world.client_with(connect("bob").v311(), false).await;
    bob.subscribes(subscribe("t", 0)).await;
    alice.publishes(with_all(publish("t", "m"))).await;
    bob.hears(publish("t", "m")).await;
}

async fn request_and_response(wire: Wire) {
    let world = World::new(wire);
    let (mut asker, mut answerer) = (world.client("asker").await, world.client("answerer").await);
    answerer.subscribes(subscribe("questions", 0)).await;
    asker.subscribes(subscribe("answers/asker", 0)).await;
    let answer_to = Property::ResponseTopic(TopicName::parse("answers/asker").expect("a topic name"));
    asker
        .publishes(publish("questions", "how many?").with(answer_to).with(Property::CorrelationData(b"#1")))
        .await;
    let (to, correlation) = answerer
        .looks_at(|packet| {
            let Packet::Publish(question) = packet else { panic!("{packet:?}") };
            let mut found = (String::new(), Vec::new());
            for property in question.properties.iter() {
                match property {
                    Property::ResponseTopic(topic) => topic.as_str().clone_into(&mut found.0),
                    Property::CorrelationData(data) => found.1 = data.to_vec(),
                    other => panic!("{other:?}"),
                }
            }
            found
        })
        .await;
    answerer.publishes(publish(&to, "42").with(Property::CorrelationData(&correlation))).await;
    asker.hears(publish("answers/asker", "42").with(Property::CorrelationData(b"#1"))).await;
}
