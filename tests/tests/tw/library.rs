//! The client library against the broker, over every transport.

use std::future::Future;
use std::num::NonZeroU16;
use std::time::Duration;

use tidewire_client::{
    Acknowledge, Client, Error, Message, Messages, MqttOptions, Options, Properties, Protocol, Qos, Received,
    Reconnect, Subscription, Url, connect,
};
use tokio::time::timeout;

use crate::broker::Broker;
use crate::process::DEADLINE;

/// One way to be connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Way {
    protocol: Protocol,
    is_websocket: bool,
}

const WAYS: [Way; 6] = [
    Way { protocol: Protocol::Mqtt5, is_websocket: true },
    Way { protocol: Protocol::Mqtt311, is_websocket: true },
    Way { protocol: Protocol::Mqtt5, is_websocket: false },
    Way { protocol: Protocol::Mqtt311, is_websocket: false },
    Way { protocol: Protocol::Stomp, is_websocket: true },
    Way { protocol: Protocol::Stomp, is_websocket: false },
];

#[tokio::test]
async fn every_way_hears_every_other() {
    let broker = Broker::start();
    let mut clients = Vec::new();
    for way in WAYS {
        let client = enter(&broker, way).await;
        let subscription = Subscription::new("tests/+", Qos::ExactlyOnce);
        let messages = within(client.subscribe(subscription)).await.unwrap();
        clients.push((client, messages));
    }
    for qos in [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce] {
        for publisher in 0..clients.len() {
            let message = Message::new(format!("tests/{publisher}"), format!("{qos:?}")).with_qos(qos);
            within(clients[publisher].0.publish(message.clone())).await.unwrap();
            for (_, messages) in &mut clients {
                let received = next(messages).await;
                assert_eq!((&received.topic, &received.payload), (&message.topic, &message.payload));
                assert_eq!((received.qos, received.retain), (qos, false));
            }
        }
    }
    for (client, mut messages) in clients {
        within(client.disconnect()).await.unwrap();
        assert!(within(messages.next()).await.is_none());
        assert!(messages.failure().is_none());
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
    let ways = [WAYS[0], WAYS[4]];
    for (from, to) in ways.into_iter().flat_map(|from| ways.map(|to| (from, to))) {
        let (publisher, subscriber) = (enter(&broker, from).await, enter(&broker, to).await);
        let mut messages = within(subscriber.subscribe("tests/#")).await.unwrap();
        within(publisher.publish(message.clone())).await.unwrap();
        let mut received = next(&mut messages).await.into_message();
        received.properties.subscription_identifiers.clear();
        assert_eq!(received, message, "from {from:?} to {to:?}");
    }
}

#[tokio::test]
async fn a_subscriber_that_takes_its_time_gets_everything_in_order() {
    let broker = Broker::start();
    for way in WAYS {
        let subscriber = enter(&broker, way).await;
        let mut messages = within(subscriber.subscribe("tests/slow")).await.unwrap();
        // Its own connection hears of its publishing all the same.
        let mut acknowledgements = Vec::new();
        for number in 0..5000_u32 {
            let message =
                Message::new("tests/slow", number.to_be_bytes().to_vec()).with_qos(Qos::AtLeastOnce);
            acknowledgements.push(within(subscriber.send(message)).await.unwrap());
        }
        for acknowledgement in acknowledgements {
            within(acknowledgement).await.unwrap();
        }
        for number in 0..5000_u32 {
            assert_eq!(next(&mut messages).await.payload, number.to_be_bytes().to_vec(), "{way:?}");
        }
        assert_eq!(messages.missed(), 0);
    }
}

#[tokio::test]
async fn each_stream_has_what_it_subscribed_to() {
    let broker = Broker::start();
    for way in WAYS {
        let client = enter(&broker, way).await;
        let mut a = within(client.subscribe("tests/a")).await.unwrap();
        let mut again = within(client.subscribe("tests/a")).await.unwrap();
        let both = ["tests/a", "tests/b"].map(Subscription::from);
        let mut both = within(client.subscribe_all(both.to_vec())).await.unwrap();
        drop(within(client.subscribe("tests/b")).await.unwrap());
        for topic in ["tests/a", "tests/b", "tests/a"] {
            within(client.publish(Message::new(topic, "").with_qos(Qos::AtLeastOnce))).await.unwrap();
        }
        for topic in ["tests/a", "tests/b", "tests/a"] {
            assert_eq!(next(&mut both).await.topic, topic, "{way:?}");
        }
        for messages in [&mut a, &mut again] {
            for _ in 0..2 {
                assert_eq!(next(messages).await.topic, "tests/a", "{way:?}");
            }
            assert!(messages.try_next().is_none(), "{way:?}");
        }
    }
}

#[tokio::test]
async fn what_the_application_has_not_done_with_comes_again() {
    let broker = Broker::start();
    let publisher = enter(&broker, WAYS[2]).await;
    for qos in [Qos::AtLeastOnce, Qos::ExactlyOnce] {
        let mqtt = MqttOptions {
            clean_start: false,
            session_expiry: Duration::from_secs(60),
            ..MqttOptions::default()
        };
        let options = Options::default().with_client_id(format!("durable-{qos:?}")).with_mqtt(mqtt);
        let url: Url = broker.websocket_url().parse().unwrap();
        let client = within(connect(&url, options.clone())).await.unwrap();
        let mut messages = within(client.subscribe(Subscription::new("tests/again", qos))).await.unwrap();
        for text in ["first", "second"] {
            within(publisher.publish(Message::new("tests/again", text).with_qos(qos))).await.unwrap();
        }
        // Asking for the second acknowledges the first.
        assert_eq!(next(&mut messages).await.payload, "first");
        assert_eq!(next(&mut messages).await.payload, "second");
        within(client.disconnect()).await.unwrap();

        // The broker sends it at once, and it waits for whoever subscribes.
        let client = within(connect(&url, options)).await.unwrap();
        let mut messages = within(client.subscribe(Subscription::new("tests/again", qos))).await.unwrap();
        assert_eq!(next(&mut messages).await.payload, "second");
        within(messages.unsubscribe()).await.unwrap();
        within(client.disconnect()).await.unwrap();
    }
}

#[tokio::test]
async fn consumers_of_a_queue_acknowledge_by_hand() {
    let broker = Broker::start();
    let one = NonZeroU16::new(1).unwrap();
    for way in [WAYS[4], WAYS[0]] {
        let queue = if way.protocol == Protocol::Stomp { "/queue/jobs" } else { "$queue/jobs" };
        let (client, other) = (enter(&broker, way).await, enter(&broker, way).await);
        let wanted = Subscription::from(queue).with_acknowledge(Acknowledge::Manual).with_prefetch(one);
        let mut jobs = within(client.subscribe(wanted.clone())).await.unwrap();
        for job in ["1", "2", "3"] {
            within(client.publish(Message::new(queue, job).with_qos(Qos::AtLeastOnce))).await.unwrap();
        }
        next(&mut jobs).await.acknowledge();
        let second = next(&mut jobs).await;
        assert_eq!(second.payload, "2", "{way:?}");
        // What a consumer has not acknowledged when it leaves another one gets.
        drop(jobs);
        within(client.disconnect()).await.unwrap();
        let mut jobs = within(other.subscribe(wanted)).await.unwrap();
        for job in ["2", "3"] {
            let received = next(&mut jobs).await;
            // MQTT's DUP is of a packet, not of a message: another consumer sees none.
            let is_redelivered = job == "2" && way.protocol == Protocol::Stomp;
            let seen = (&received.payload[..], received.is_redelivered());
            assert_eq!(seen, (job.as_bytes(), is_redelivered), "{way:?}");
            received.acknowledge();
        }
        within(jobs.unsubscribe()).await.unwrap();
    }
}

#[tokio::test]
async fn requests_are_answered_across_the_protocols() {
    let broker = Broker::start();
    let seconds = Duration::from_secs(20);
    for (asks, answers) in [(WAYS[0], WAYS[2]), (WAYS[0], WAYS[4]), (WAYS[5], WAYS[0]), (WAYS[4], WAYS[5])] {
        let (client, server) = (enter(&broker, asks).await, enter(&broker, answers).await);
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
        let nobody = client.request(Message::new("tests/nobody", ""), Duration::from_millis(50));
        assert!(matches!(within(nobody).await, Err(Error::NoReply(_))));
        serving.abort();
    }
}

#[tokio::test]
async fn a_transaction_takes_effect_as_a_whole_or_not_at_all() {
    let broker = Broker::start();
    let client = enter(&broker, WAYS[4]).await;
    let mut messages = within(client.subscribe("tests/ledger")).await.unwrap();
    let aborted = within(client.begin()).await.unwrap();
    within(aborted.send(Message::new("tests/ledger", "aborted"))).await.unwrap();
    within(aborted.abort()).await.unwrap();
    let dropped = within(client.begin()).await.unwrap();
    within(dropped.send(Message::new("tests/ledger", "dropped"))).await.unwrap();
    drop(dropped);
    let committed = within(client.begin()).await.unwrap();
    for text in ["debit", "credit"] {
        within(committed.send(Message::new("tests/ledger", text))).await.unwrap();
    }
    within(client.publish(Message::new("tests/ledger", "before"))).await.unwrap();
    within(committed.commit()).await.unwrap();
    for text in ["before", "debit", "credit"] {
        assert_eq!(next(&mut messages).await.payload, text);
    }
    let mqtt = enter(&broker, WAYS[0]).await;
    assert!(matches!(mqtt.begin().await, Err(Error::Unsupported(_))));
}

#[tokio::test]
async fn an_unsubscribed_client_hears_no_more() {
    let broker = Broker::start();
    for way in WAYS {
        let client = enter(&broker, way).await;
        let mut a = within(client.subscribe("a")).await.unwrap();
        let mut b = within(client.subscribe("b")).await.unwrap();
        within(client.unsubscribe("a")).await.unwrap();
        for topic in ["a", "b"] {
            within(client.publish(Message::new(topic, "x").with_qos(Qos::AtLeastOnce))).await.unwrap();
        }
        assert_eq!(next(&mut b).await.topic, "b", "{way:?}");
        assert!(within(a.next()).await.is_none(), "{way:?}");
    }
}

#[tokio::test]
async fn a_broker_that_goes_away_fails_everything_that_waits() {
    for way in WAYS {
        let broker = Broker::start();
        let client = enter(&broker, way).await;
        let mut messages = within(client.subscribe("a")).await.unwrap();
        drop(broker);
        assert!(within(messages.next()).await.is_none(), "{way:?}");
        assert!(matches!(messages.failure(), Some(Error::Lost(_))), "{way:?}");
        let message = Message::new("a", "x").with_qos(Qos::AtLeastOnce);
        assert!(matches!(within(client.publish(message)).await, Err(Error::Lost(_))), "{way:?}");
        assert!(matches!(within(client.disconnect()).await, Err(Error::Lost(_))), "{way:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_published_is_told_and_hurts_nobody() {
    let broker = Broker::start();
    let client = enter(&broker, WAYS[0]).await;
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
    let broker = Broker::start();
    let client = enter(&broker, WAYS[5]).await;
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

/// A client that does not come back.
async fn enter(broker: &Broker, way: Way) -> Client {
    let url = match way {
        Way { is_websocket: true, .. } => broker.websocket_url(),
        Way { protocol: Protocol::Stomp, .. } => broker.stomp_url(),
        Way { .. } => broker.mqtt_url(),
    };
    let url: Url = url.parse().expect("the broker has a URL");
    let options = Options::default().with_protocol(way.protocol).with_reconnect(Reconnect::never());
    within(connect(&url, options)).await.expect("the broker takes the connection")
}

async fn next(messages: &mut Messages) -> Received {
    within(messages.next()).await.expect("the stream goes on")
}

async fn within<F: Future>(step: F) -> F::Output {
    timeout(DEADLINE, step).await.expect("the step ends in time")
}
