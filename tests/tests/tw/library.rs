//! The client library against the broker, over every transport.

use std::future::Future;
use std::time::Duration;

use tidewire_client::mqtt::{self, Version};
use tidewire_client::{Client, Error, Message, Messages, Properties, Qos, Subscription, Url, stomp};
use tokio::time::timeout;

use crate::broker::Broker;
use crate::process::DEADLINE;

/// One way to be connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    MqttOverWebSocket(Version),
    MqttOverTcp(Version),
    StompOverWebSocket,
    StompOverTcp,
}

const WAYS: [Way; 6] = [
    Way::MqttOverWebSocket(Version::V5),
    Way::MqttOverWebSocket(Version::V311),
    Way::MqttOverTcp(Version::V5),
    Way::MqttOverTcp(Version::V311),
    Way::StompOverWebSocket,
    Way::StompOverTcp,
];

#[tokio::test]
async fn every_way_hears_every_other() {
    let broker = Broker::start();
    let mut clients = Vec::new();
    for way in WAYS {
        let (client, messages) = connect(&broker, way).await;
        let subscription = Subscription::new("tests/+", Qos::ExactlyOnce);
        within(client.subscribe(vec![subscription])).await.unwrap();
        clients.push((client, messages));
    }
    for qos in [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce] {
        for publisher in 0..clients.len() {
            let message = Message::new(format!("tests/{publisher}"), format!("{qos:?}")).with_qos(qos);
            within(clients[publisher].0.publish(message.clone())).await.unwrap();
            for (_, messages) in &mut clients {
                let received = within(messages.next()).await.unwrap().unwrap();
                assert_eq!(
                    (received.topic, received.payload),
                    (message.topic.clone(), message.payload.clone())
                );
                assert_eq!((received.qos, received.retain), (qos, false));
            }
        }
    }
    for (client, mut messages) in clients {
        within(client.disconnect()).await.unwrap();
        assert_eq!(within(messages.next()).await.unwrap(), None);
    }
}

#[tokio::test]
async fn properties_survive_both_protocols() {
    let broker = Broker::start();
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
    let ways = [Way::MqttOverWebSocket(Version::V5), Way::StompOverWebSocket];
    for (from, to) in ways.into_iter().flat_map(|from| ways.map(|to| (from, to))) {
        let (publisher, _) = connect(&broker, from).await;
        let (subscriber, mut messages) = connect(&broker, to).await;
        within(subscriber.subscribe(vec![Subscription::new("tests/#", Qos::AtLeastOnce)])).await.unwrap();
        within(publisher.publish(message.clone())).await.unwrap();
        let received = within(messages.next()).await.unwrap();
        assert_eq!(received.as_ref(), Some(&message), "from {from:?} to {to:?}");
    }
}

#[tokio::test]
async fn a_subscriber_that_takes_its_time_gets_everything_in_order() {
    let broker = Broker::start();
    for way in WAYS {
        let (subscriber, mut messages) = connect(&broker, way).await;
        within(subscriber.subscribe(vec![Subscription::new("tests/slow", Qos::AtLeastOnce)])).await.unwrap();
        let (publisher, _messages) = connect(&broker, way).await;
        let mut acknowledgements = Vec::new();
        // More than the subscriber's side holds before it stops reading.
        for number in 0..5000_u32 {
            let message =
                Message::new("tests/slow", number.to_be_bytes().to_vec()).with_qos(Qos::AtLeastOnce);
            acknowledgements.push(within(publisher.send(message)).await.unwrap());
        }
        for acknowledgement in acknowledgements {
            within(acknowledgement).await.unwrap();
        }
        for number in 0..5000_u32 {
            let received = within(messages.next()).await.unwrap().unwrap();
            assert_eq!(received.payload, number.to_be_bytes().to_vec(), "{way:?}");
        }
    }
}

#[tokio::test]
async fn what_the_application_has_not_done_with_comes_again() {
    let broker = Broker::start();
    let (publisher, _messages) = connect(&broker, Way::MqttOverTcp(Version::V5)).await;
    for qos in [Qos::AtLeastOnce, Qos::ExactlyOnce] {
        let options = mqtt::Options {
            client_id: format!("durable-{qos:?}"),
            clean_start: false,
            session_expiry: Duration::from_secs(60),
            ..mqtt::Options::default()
        };
        let url: Url = broker.websocket_url().parse().unwrap();
        let (client, mut messages) = within(mqtt::connect(&url, options.clone())).await.unwrap();
        assert!(!client.session_present());
        within(client.subscribe(vec![Subscription::new("tests/again", qos)])).await.unwrap();
        for text in ["first", "second"] {
            within(publisher.publish(Message::new("tests/again", text).with_qos(qos))).await.unwrap();
        }
        // Asking for the second acknowledges the first.
        assert_eq!(within(messages.next()).await.unwrap().unwrap().payload, "first");
        assert_eq!(within(messages.next()).await.unwrap().unwrap().payload, "second");
        within(client.disconnect()).await.unwrap();

        let (client, mut messages) = within(mqtt::connect(&url, options)).await.unwrap();
        assert!(client.session_present());
        assert_eq!(within(messages.next()).await.unwrap().unwrap().payload, "second");
        messages.acknowledge();
        within(client.unsubscribe(vec!["tests/again".to_owned()])).await.unwrap();
        within(client.disconnect()).await.unwrap();
    }
}

#[tokio::test]
async fn an_unsubscribed_client_hears_no_more() {
    let broker = Broker::start();
    for way in WAYS {
        let (client, mut messages) = connect(&broker, way).await;
        let subscriptions = ["a", "b"].map(|filter| Subscription::new(filter, Qos::AtMostOnce));
        within(client.subscribe(subscriptions.to_vec())).await.unwrap();
        within(client.unsubscribe(vec!["a".to_owned()])).await.unwrap();
        for topic in ["a", "b"] {
            within(client.publish(Message::new(topic, "x").with_qos(Qos::AtLeastOnce))).await.unwrap();
        }
        assert_eq!(within(messages.next()).await.unwrap().unwrap().topic, "b", "{way:?}");
    }
}

#[tokio::test]
async fn a_broker_that_goes_away_fails_everything_that_waits() {
    for way in WAYS {
        let broker = Broker::start();
        let (client, mut messages) = connect(&broker, way).await;
        drop(broker);
        assert!(matches!(within(messages.next()).await, Err(Error::Lost(_))), "{way:?}");
        let message = Message::new("a", "x").with_qos(Qos::AtLeastOnce);
        assert!(matches!(within(client.publish(message)).await, Err(Error::Lost(_))), "{way:?}");
        assert!(matches!(within(client.disconnect()).await, Err(Error::Lost(_))), "{way:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_published_is_told_and_hurts_nobody() {
    let broker = Broker::start();
    let (client, mut messages) = connect(&broker, Way::MqttOverWebSocket(Version::V5)).await;
    within(client.subscribe(vec![Subscription::new("#", Qos::AtMostOnce)])).await.unwrap();
    for topic in ["", "a/#", "a\0b"] {
        let refused = within(client.publish(Message::new(topic, "x"))).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "{topic:?}: {refused:?}");
    }
    within(client.publish(Message::new("a", "x"))).await.unwrap();
    assert_eq!(within(messages.next()).await.unwrap().unwrap().topic, "a");
}

#[tokio::test]
async fn stomp_tells_why_the_broker_ends_the_connection() {
    let broker = Broker::start();
    let (client, mut messages) = connect(&broker, Way::StompOverTcp).await;
    let refused = within(client.publish(Message::new("/nowhere/a", "x"))).await;
    assert!(matches!(refused, Err(Error::EndedByBroker(_))), "{refused:?}");
    assert!(matches!(within(messages.next()).await, Err(Error::EndedByBroker(_))));
}

#[tokio::test]
async fn the_wrong_door_is_told_from_a_closed_one() {
    let broker = Broker::start();
    let url = |text: String| text.parse::<Url>().unwrap();
    let mqtt_at =
        |url: Url| async move { within(mqtt::connect(&url, mqtt::Options::default())).await.map(|_| ()) };
    let stomp_port = url(broker.stomp_url().replace("stomp://", "mqtt://"));
    assert!(matches!(mqtt_at(stomp_port).await, Err(Error::Foreign { .. })));
    let tcp_port = url(broker.mqtt_url().replace("mqtt://", "ws://"));
    assert!(matches!(mqtt_at(tcp_port).await, Err(Error::Handshake { .. })));
    assert!(matches!(mqtt_at(url(broker.stomp_url())).await, Err(Error::WrongScheme { .. })));
    let closed = url(broker.mqtt_url());
    drop(broker);
    assert!(matches!(mqtt_at(closed).await, Err(Error::Connect { .. })));
}

async fn connect(broker: &Broker, way: Way) -> (Client, Messages) {
    let url = match way {
        Way::MqttOverWebSocket(_) | Way::StompOverWebSocket => broker.websocket_url(),
        Way::MqttOverTcp(_) => broker.mqtt_url(),
        Way::StompOverTcp => broker.stomp_url(),
    };
    let url: Url = url.parse().expect("the broker has a URL");
    let connected = match way {
        Way::MqttOverWebSocket(version) | Way::MqttOverTcp(version) => {
            within(mqtt::connect(&url, mqtt::Options { version, ..mqtt::Options::default() })).await
        }
        Way::StompOverWebSocket | Way::StompOverTcp => {
            within(stomp::connect(&url, stomp::Options::default())).await
        }
    };
    connected.expect("the broker takes the connection")
}

async fn within<F: Future>(step: F) -> F::Output {
    timeout(DEADLINE, step).await.expect("the step ends in time")
}
