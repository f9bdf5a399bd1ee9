//! The client library with our own broker: what MQTT and STOMP share there, and what the library says of a broker that fails.

use std::num::NonZeroU16;
use std::time::Duration;

use tidewire_client::{
    Acknowledge, Error, Message, Options, Properties, Protocol, Qos, Subscription, Url, connect,
};

use crate::broker::Broker;
use crate::place::{Place, next, within};

#[tokio::test]
async fn properties_survive_both_protocols() {
    let place = Place::tidewire();
    let mut message = Message::new("tests/properties", "text").with_qos(Qos::AtLeastOnce);
    message.properties = Properties {
        content_type: Some("text/plain".to_owned()),
        response_topic: Some("answers/1".to_owned()),
        correlation_data: Some(vec![0xFF, 0x00].into()),
        user: vec![
            ("colour".to_owned(), "red".to_owned()),
            ("destination".to_owned(), "Oslo: port".to_owned()),
            ("colour".to_owned(), "green".to_owned()),
        ],
        ..Properties::default()
    };
    let ways = [&place.ways[MQTT_5], &place.ways[STOMP]];
    for (from, to) in ways.into_iter().flat_map(|from| ways.map(|to| (from, to))) {
        let (publisher, subscriber) = (from.enter().await, to.enter().await);
        let mut messages = within(subscriber.subscribe("tests/#")).await.unwrap();
        within(publisher.publish(message.clone())).await.unwrap();
        let mut received = next(&mut messages).await.into_message();
        received.properties.subscription_identifiers.clear();
        assert_eq!(received, message, "from {from:?} to {to:?}");
    }
}

#[tokio::test]
async fn mqtt_takes_jobs_of_a_queue() {
    let place = Place::tidewire();
    let way = &place.ways[MQTT_5];
    let (client, other) = (way.enter().await, way.enter().await);
    let wanted = Subscription::from("$queue/jobs").with_acknowledge(Acknowledge::Manual);
    let one_at_a_time = way.options().with_receive_maximum(NonZeroU16::MIN);
    let consumer = way.enter_with(one_at_a_time).await;
    let mut jobs = within(consumer.subscribe(wanted.clone())).await.unwrap();
    for job in ["1", "2", "3"] {
        within(client.publish(Message::new("$queue/jobs", job).with_qos(Qos::AtLeastOnce))).await.unwrap();
    }
    next(&mut jobs).await.acknowledge();
    assert_eq!(next(&mut jobs).await.payload, "2");
    // What a consumer has not acknowledged when it leaves another one gets.
    drop(jobs);
    within(consumer.disconnect()).await.unwrap();
    let mut jobs = within(other.subscribe(wanted)).await.unwrap();
    for job in ["2", "3"] {
        let received = next(&mut jobs).await;
        assert_eq!(received.payload, job);
        received.acknowledge();
    }
    within(jobs.unsubscribe()).await.unwrap();
}

#[tokio::test]
async fn requests_are_answered_across_the_protocols() {
    let place = Place::tidewire();
    let seconds = Duration::from_secs(20);
    for (asks, answers) in [(MQTT_5, STOMP), (STOMP_TCP, MQTT_5), (STOMP, STOMP_TCP)] {
        let (asks, answers) = (&place.ways[asks], &place.ways[answers]);
        let (client, server) = (asks.enter().await, answers.enter().await);
        let mut requests = within(server.subscribe("tests/double")).await.unwrap();
        let serving = tokio::spawn(async move {
            while let Some(request) = requests.next().await {
                let doubled = [&request.payload[..], &request.payload[..]].concat();
                within(request.reply(doubled)).await.unwrap().await.unwrap();
            }
        });
        let ask = |text: &'static str| {
            client.request(Message::new("tests/double", text).with_qos(Qos::AtLeastOnce), seconds)
        };
        let (first, second) = tokio::join!(ask("1"), ask("2"));
        assert_eq!(first.unwrap().payload, "11", "{asks:?} asks {answers:?}");
        assert_eq!(second.unwrap().payload, "22", "{asks:?} asks {answers:?}");
        serving.abort();
    }
}

#[tokio::test]
async fn a_transaction_that_is_dropped_is_aborted() {
    let place = Place::tidewire();
    let client = place.ways[STOMP].enter().await;
    let mut messages = within(client.subscribe("tests/ledger")).await.unwrap();
    let dropped = within(client.begin()).await.unwrap();
    within(dropped.send(Message::new("tests/ledger", "dropped"))).await.unwrap();
    drop(dropped);
    within(client.publish(Message::new("tests/ledger", "after"))).await.unwrap();
    assert_eq!(next(&mut messages).await.payload, "after");
    let mqtt = place.ways[MQTT_5].enter().await;
    assert!(matches!(mqtt.begin().await, Err(Error::Unsupported(_))));
}

#[tokio::test]
async fn a_broker_that_goes_away_fails_everything_that_waits() {
    for number in 0..Place::tidewire().ways.len() {
        let place = Place::tidewire();
        let way = place.ways[number].clone();
        let client = way.enter().await;
        let mut messages = within(client.subscribe("a")).await.unwrap();
        drop(place);
        assert!(within(messages.next()).await.is_none(), "{way:?}");
        assert!(matches!(messages.failure(), Some(Error::Lost(_))), "{way:?}");
        let message = Message::new("a", "x").with_qos(Qos::AtLeastOnce);
        assert!(matches!(within(client.publish(message)).await, Err(Error::Lost(_))), "{way:?}");
        assert!(matches!(within(client.disconnect()).await, Err(Error::Lost(_))), "{way:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_published_is_told_and_hurts_nobody() {
    let place = Place::tidewire();
    let client = place.ways[MQTT_5].enter().await;
    let mut messages = within(client.subscribe("#")).await.unwrap();
    for topic in ["", "a/#", "a\0b"] {
        let refused = within(client.publish(Message::new(topic, "x"))).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "{topic:?}: {refused:?}");
    }
    assert!(matches!(within(client.subscribe("a/#/b")).await, Err(Error::Invalid(_))));
    within(client.publish(Message::new("a", "x"))).await.unwrap();
    assert_eq!(next(&mut messages).await.topic, "a");
}

#[tokio::test]
async fn stomp_tells_what_the_broker_ends_the_connection_for() {
    let place = Place::tidewire();
    let client = place.ways[STOMP_TCP].enter().await;
    let refused = within(client.publish(Message::new("/nowhere/a", "x"))).await;
    assert!(matches!(refused, Err(Error::Rejected { .. })), "{refused:?}");
    assert!(matches!(within(client.ended()).await, Err(Error::EndedByBroker(_))));
}

#[tokio::test]
async fn the_wrong_door_is_told_from_a_closed_one() {
    let broker = Broker::start();
    let url = |text: String| text.parse::<Url>().unwrap();
    let mqtt_at = |url: Url| async move {
        within(connect(&url, Options::default().with_protocol(Protocol::Mqtt5))).await.map(|_| ())
    };
    let stomp_port = url(broker.stomp_url().replace("stomp://", "mqtt://"));
    assert!(matches!(mqtt_at(stomp_port).await, Err(Error::Foreign { .. })));
    let tcp_port = url(broker.mqtt_url().replace("mqtt://", "ws://"));
    assert!(matches!(mqtt_at(tcp_port).await, Err(Error::Handshake { .. } | Error::Connect { .. })));
    assert!(matches!(mqtt_at(url(broker.stomp_url())).await, Err(Error::WrongScheme { .. })));
    let closed = url(broker.mqtt_url());
    drop(broker);
    assert!(matches!(mqtt_at(closed).await, Err(Error::Connect { .. })));
}

// Of `Place::tidewire`'s ways.
const MQTT_5: usize = 0;
const STOMP: usize = 4;
const STOMP_TCP: usize = 5;
