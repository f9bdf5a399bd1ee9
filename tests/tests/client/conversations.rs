//! What is the same with every broker: each conversation takes place with Tidewire, mosquitto (MQTT) and RabbitMQ (STOMP),
//! over every transport and in every version that the broker has.

#![allow(clippy::unwrap_used, reason = "each step of a conversation is an assertion")]

use std::collections::VecDeque;
use std::num::NonZeroU16;
use std::time::Duration;

use tidewire_client::{
    Acknowledge, Acknowledgement, Error, Message, MqttOptions, Protocol, Qos, Received, RetainHandling,
    State, Subscription, Will,
};

use crate::place::{Place, next, within};

/// Plays each conversation at one place, in order.
macro_rules! at {
    ($test:ident, $place:expr, $($conversation:ident),+ $(,)?) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $test() {
            let place = $place;
            $($conversation(&place).await;)+
        }
    };
}

at!(
    with_tidewire,
    Place::tidewire(),
    every_way_hears_every_other,
    any_bytes_arrive_as_they_were,
    thousands_keep_their_order,
    each_stream_has_what_it_subscribed_to,
    nothing_comes_after_unsubscribing,
    content_type_and_properties_travel,
    questions_are_answered,
    retained_messages_come_first,
    a_session_goes_on,
    a_shared_subscription_shares,
    a_will_is_published,
    jobs_are_acknowledged_by_hand,
    a_transaction_takes_effect_as_a_whole,
    an_end_is_regular,
);

at!(
    with_mosquitto,
    Place::mosquitto(),
    every_way_hears_every_other,
    any_bytes_arrive_as_they_were,
    thousands_keep_their_order,
    each_stream_has_what_it_subscribed_to,
    nothing_comes_after_unsubscribing,
    content_type_and_properties_travel,
    questions_are_answered,
    retained_messages_come_first,
    a_session_goes_on,
    a_shared_subscription_shares,
    a_will_is_published,
    an_end_is_regular,
);

at!(
    with_rabbitmq,
    Place::rabbitmq(),
    every_way_hears_every_other,
    any_bytes_arrive_as_they_were,
    thousands_keep_their_order,
    each_stream_has_what_it_subscribed_to,
    nothing_comes_after_unsubscribing,
    content_type_and_properties_travel,
    jobs_are_acknowledged_by_hand,
    a_transaction_takes_effect_as_a_whole,
    an_end_is_regular,
);

async fn every_way_hears_every_other(place: &Place) {
    let mut clients = Vec::new();
    for way in &place.ways {
        let client = way.enter().await;
        let subscription = Subscription::new(place.topic("ways/+"), Qos::ExactlyOnce);
        let messages = within(client.subscribe(subscription)).await.unwrap();
        clients.push((way, client, messages));
    }
    for qos in QOS {
        for publisher in 0..clients.len() {
            let topic = place.topic(&format!("ways/{publisher}"));
            let message = Message::new(topic, format!("{qos:?}")).with_qos(qos);
            within(clients[publisher].1.publish(message.clone())).await.unwrap();
            for (way, _, messages) in &mut clients {
                let received = next(messages).await;
                assert_eq!(
                    (&received.topic, &received.payload),
                    (&message.topic, &message.payload),
                    "{way:?}"
                );
                // STOMP has no QoS but where the broker tells it.
                if way.protocol != Protocol::Stomp || place.name == "tidewire" {
                    assert_eq!((received.qos, received.retain), (qos, false), "{way:?}");
                }
            }
        }
    }
}

async fn any_bytes_arrive_as_they_were(place: &Place) {
    let every_byte: Vec<u8> = (0..=255).collect();
    let large: Vec<u8> = (0..1024 * 1024_u32).map(|index| (index % 251 + index / 65_521) as u8).collect();
    for way in &place.ways {
        let client = way.enter().await;
        let topic = place.topic("any/bytes");
        let mut messages = within(client.subscribe(topic.as_str())).await.unwrap();
        for payload in [Vec::new(), vec![0], every_byte.clone(), large.clone(), "naïve ☂".into()] {
            let message = Message::new(topic.as_str(), payload.clone()).with_qos(Qos::AtLeastOnce);
            within(client.publish(message)).await.unwrap();
            assert!(next(&mut messages).await.payload == payload, "{} bytes over {way:?}", payload.len());
        }
    }
}

async fn thousands_keep_their_order(place: &Place) {
    for way in &place.ways {
        let client = way.enter().await;
        let topic = place.topic("in/order");
        let mut messages = within(client.subscribe(topic.as_str())).await.unwrap();
        let mut acknowledgements: VecDeque<Acknowledgement> = VecDeque::new();
        for number in 0..2000_u32 {
            if acknowledgements.len() == place.ahead_max {
                within(acknowledgements.pop_front().unwrap()).await.unwrap();
            }
            let message = Message::new(topic.as_str(), number.to_be_bytes().to_vec());
            acknowledgements
                .push_back(within(client.send(message.with_qos(Qos::AtLeastOnce))).await.unwrap());
        }
        for acknowledgement in acknowledgements {
            within(acknowledgement).await.unwrap();
        }
        for number in 0..2000_u32 {
            assert_eq!(next(&mut messages).await.payload, number.to_be_bytes().to_vec(), "{way:?}");
        }
        assert_eq!(messages.missed(), 0, "{way:?}");
    }
}

async fn each_stream_has_what_it_subscribed_to(place: &Place) {
    for way in &place.ways {
        let client = way.enter().await;
        let [a, b] = ["streams/a", "streams/b"].map(|topic| place.topic(topic));
        let mut of_a = within(client.subscribe(a.as_str())).await.unwrap();
        let mut both =
            within(client.subscribe_all(vec![a.as_str().into(), b.as_str().into()])).await.unwrap();
        drop(within(client.subscribe(b.as_str())).await.unwrap());
        for topic in [&a, &b, &a] {
            within(client.publish(Message::new(topic, "x").with_qos(Qos::AtLeastOnce))).await.unwrap();
        }
        for topic in [&a, &b, &a] {
            assert_eq!(&next(&mut both).await.topic, topic, "{way:?}");
        }
        // Whatever came a second time would come before this one.
        within(client.publish(Message::new(a.as_str(), "last").with_qos(Qos::AtLeastOnce))).await.unwrap();
        for payload in ["x", "x", "last"] {
            let received = next(&mut of_a).await;
            assert_eq!((&received.topic, &received.payload[..]), (&a, payload.as_bytes()), "{way:?}");
        }
    }
}

async fn nothing_comes_after_unsubscribing(place: &Place) {
    for way in &place.ways {
        let client = way.enter().await;
        let [a, b] = ["ends/a", "ends/b"].map(|topic| place.topic(topic));
        let mut of_a = within(client.subscribe(a.as_str())).await.unwrap();
        let mut of_b = within(client.subscribe(b.as_str())).await.unwrap();
        within(client.unsubscribe(&a)).await.unwrap();
        for topic in [&a, &b] {
            within(client.publish(Message::new(topic, "x").with_qos(Qos::AtLeastOnce))).await.unwrap();
        }
        assert_eq!(next(&mut of_b).await.topic, b, "{way:?}");
        assert!(within(of_a.next()).await.is_none(), "{way:?}");
    }
}

async fn content_type_and_properties_travel(place: &Place) {
    // MQTT 3.1.1 has neither.
    for way in place.ways.iter().filter(|way| way.protocol != Protocol::Mqtt311) {
        let client = way.enter().await;
        let topic = place.topic("what/it/is");
        let mut messages = within(client.subscribe(topic.as_str())).await.unwrap();
        let message =
            Message::new(topic, "{}").with_qos(Qos::AtLeastOnce).with_content_type("application/json");
        within(client.publish(message.with_user_property("colour", "red: dark"))).await.unwrap();
        let received = next(&mut messages).await;
        assert_eq!(received.properties.content_type.as_deref(), Some("application/json"), "{way:?}");
        let colour = ("colour".to_owned(), "red: dark".to_owned());
        assert!(received.properties.user.contains(&colour), "{way:?}: {:?}", received.properties.user);
    }
}

async fn questions_are_answered(place: &Place) {
    for way in place.ways.iter().filter(|way| way.protocol != Protocol::Mqtt311) {
        let (client, server) = (way.enter().await, way.enter().await);
        let topic = place.topic("double");
        let mut requests = within(server.subscribe(topic.as_str())).await.unwrap();
        let serving = tokio::spawn(async move {
            while let Some(request) = requests.next().await {
                let doubled = [&request.payload[..], &request.payload[..]].concat();
                within(request.reply(doubled)).await.unwrap().await.unwrap();
            }
        });
        let ask = |text: &'static str| {
            let question = Message::new(topic.as_str(), text).with_qos(Qos::AtLeastOnce);
            client.request(question, Duration::from_secs(20))
        };
        let (first, second) = tokio::join!(ask("1"), ask("2"));
        assert_eq!(
            (&first.unwrap().payload[..], &second.unwrap().payload[..]),
            (&b"11"[..], &b"22"[..]),
            "{way:?}"
        );
        let nobody = client.request(Message::new(place.topic("nobody"), ""), Duration::from_millis(50));
        assert!(matches!(within(nobody).await, Err(Error::NoReply(_))), "{way:?}");
        serving.abort();
    }
}

async fn retained_messages_come_first(place: &Place) {
    for way in place.mqtt_ways() {
        let client = way.enter().await;
        let kept = Message::new("kept/light", "on").with_qos(Qos::AtLeastOnce).with_retain(true);
        within(client.publish(kept)).await.unwrap();
        let mut messages = within(client.subscribe("kept/+")).await.unwrap();
        let received = next(&mut messages).await;
        assert_eq!((&received.payload[..], received.retain), (&b"on"[..], true), "{way:?}");
        if way.protocol == Protocol::Mqtt5 {
            let without = Subscription::new("kept/#", Qos::AtLeastOnce);
            let without = without.with_retain_handling(RetainHandling::DoNotSend);
            let mut later = within(client.subscribe(without)).await.unwrap();
            let message = Message::new("kept/room/door", "open").with_qos(Qos::AtLeastOnce);
            within(client.publish(message)).await.unwrap();
            assert_eq!(next(&mut later).await.topic, "kept/room/door", "{way:?}");
        }
        let removal = Message::new("kept/light", "").with_qos(Qos::AtLeastOnce).with_retain(true);
        within(client.publish(removal)).await.unwrap();
        assert!(!next(&mut messages).await.retain, "{way:?}");
        // Nothing is kept any more.
        let mut later = within(client.subscribe("kept/#")).await.unwrap();
        within(client.publish(Message::new("kept/door", "open").with_qos(Qos::AtLeastOnce))).await.unwrap();
        assert_eq!(next(&mut later).await.topic, "kept/door", "{way:?}");
    }
}

async fn a_session_goes_on(place: &Place) {
    for (number, way) in place.mqtt_ways().enumerate() {
        let (name, topic) = (format!("lasting-{number}"), format!("lasting/{number}"));
        let publisher = way.enter().await;
        for qos in [Qos::AtLeastOnce, Qos::ExactlyOnce] {
            let client = way.enter_with(way.lasting(&name)).await;
            let wanted = Subscription::new(topic.as_str(), Qos::ExactlyOnce);
            let mut messages = within(client.subscribe(wanted.clone())).await.unwrap();
            for text in ["first", "second"] {
                within(publisher.publish(Message::new(topic.as_str(), text).with_qos(qos))).await.unwrap();
            }
            // Asking for the second acknowledges the first.
            assert_eq!(next(&mut messages).await.payload, "first", "{way:?}");
            assert_eq!(next(&mut messages).await.payload, "second", "{way:?}");
            within(client.disconnect()).await.unwrap();
            drop(messages);
            within(publisher.publish(Message::new(topic.as_str(), "away").with_qos(qos))).await.unwrap();

            let client = way.enter_with(way.lasting(&name)).await;
            assert!(
                matches!(*client.state().borrow(), State::Connected { session_present: true }),
                "{way:?}: the session is still there"
            );
            let mut messages = within(client.subscribe(wanted)).await.unwrap();
            assert_eq!(next(&mut messages).await.payload, "second", "{way:?} {qos:?}");
            assert_eq!(next(&mut messages).await.payload, "away", "{way:?} {qos:?}");
            within(messages.unsubscribe()).await.unwrap();
            within(client.disconnect()).await.unwrap();
        }
    }
}

async fn a_shared_subscription_shares(place: &Place) {
    for way in place.mqtt_ways() {
        let members = [way.enter().await, way.enter().await];
        let mut streams = Vec::new();
        for member in &members {
            streams.push(within(member.subscribe("$share/team/shared/+")).await.unwrap());
        }
        let publisher = way.enter().await;
        for number in 0..100_u8 {
            let message = Message::new(format!("shared/{number}"), vec![number]).with_qos(Qos::AtLeastOnce);
            within(publisher.publish(message)).await.unwrap();
        }
        let mut heard = Vec::new();
        let [one, other] = &mut streams[..] else { panic!("two members") };
        while heard.len() < 100 {
            let message: Received = tokio::select! {
                message = next(one) => message,
                message = next(other) => message,
            };
            heard.push(message.payload[0]);
        }
        heard.sort_unstable();
        assert_eq!(heard, (0..100).collect::<Vec<_>>(), "{way:?}: each once");
        // Whatever one of them has twice, it has before what comes to all.
        for member in [&members[0], &members[1]] {
            let mut ends = within(member.subscribe("ends")).await.unwrap();
            within(publisher.publish(Message::new("ends", "").with_qos(Qos::AtLeastOnce))).await.unwrap();
            assert_eq!(next(&mut ends).await.topic, "ends", "{way:?}");
        }
        assert!(one.try_next().is_none() && other.try_next().is_none(), "{way:?}");
    }
}

async fn a_will_is_published(place: &Place) {
    for way in place.mqtt_ways() {
        let heir = way.enter().await;
        let mut wills = within(heir.subscribe("wills/+")).await.unwrap();
        let testator = |words: &'static str| {
            let will = Will::new(Message::new("wills/1", words).with_qos(Qos::AtLeastOnce));
            let mqtt = MqttOptions { will: Some(will), ..MqttOptions::default() };
            way.enter_with(way.options().with_client_id("testator").with_mqtt(mqtt))
        };
        // Who leaves with a farewell has no will; who is taken over has.
        within(testator("of who said goodbye").await.disconnect()).await.unwrap();
        let first = testator("of who was taken over").await;
        let second = testator("of who took over").await;
        assert_eq!(next(&mut wills).await.payload, "of who was taken over", "{way:?}");
        let ended = within(first.ended()).await;
        assert!(ended.is_err(), "{way:?}: {ended:?}");
        within(second.disconnect()).await.unwrap();
        within(heir.publish(Message::new("wills/2", "end").with_qos(Qos::AtLeastOnce))).await.unwrap();
        assert_eq!(next(&mut wills).await.payload, "end", "{way:?}: the will of one");
    }
}

async fn jobs_are_acknowledged_by_hand(place: &Place) {
    for (number, way) in place.stomp_ways().enumerate() {
        let queue = format!("/queue/jobs-{number}");
        let (client, other) = (way.enter().await, way.enter().await);
        let wanted = Subscription::from(queue.as_str()).with_acknowledge(Acknowledge::Manual);
        let wanted = wanted.with_prefetch(NonZeroU16::MIN).with_header("prefetch-count", "1");
        let mut jobs = within(client.subscribe(wanted.clone())).await.unwrap();
        for job in ["1", "2", "3"] {
            within(client.publish(Message::new(queue.as_str(), job))).await.unwrap();
        }
        next(&mut jobs).await.acknowledge();
        let second = next(&mut jobs).await;
        assert_eq!(second.payload, "2", "{way:?}");
        // What a consumer has not acknowledged when it leaves another one gets.
        drop(jobs);
        within(client.disconnect()).await.unwrap();
        let mut jobs = within(other.subscribe(wanted)).await.unwrap();
        let mut heard = Vec::new();
        for _ in 0..2 {
            let job = next(&mut jobs).await;
            assert_eq!(job.is_redelivered(), job.payload == "2", "{way:?}");
            heard.push(job.payload.clone());
            job.acknowledge();
        }
        heard.sort();
        assert_eq!(heard, ["2", "3"], "{way:?}");
        within(jobs.unsubscribe()).await.unwrap();
    }
}

async fn a_transaction_takes_effect_as_a_whole(place: &Place) {
    for way in place.stomp_ways() {
        let client = way.enter().await;
        let topic = place.topic("ledger");
        let message = |text: &'static str| Message::new(topic.as_str(), text);
        let mut messages = within(client.subscribe(topic.as_str())).await.unwrap();
        let aborted = within(client.begin()).await.unwrap();
        within(aborted.send(message("aborted"))).await.unwrap();
        within(aborted.abort()).await.unwrap();
        let committed = within(client.begin()).await.unwrap();
        for text in ["debit", "credit"] {
            within(committed.send(message(text))).await.unwrap();
        }
        within(client.publish(message("before"))).await.unwrap();
        within(committed.commit()).await.unwrap();
        for text in ["before", "debit", "credit"] {
            assert_eq!(next(&mut messages).await.payload, text, "{way:?}");
        }
    }
}

async fn an_end_is_regular(place: &Place) {
    for way in &place.ways {
        let client = way.enter().await;
        let mut messages = within(client.subscribe(place.topic("end"))).await.unwrap();
        within(client.disconnect()).await.unwrap();
        assert!(within(messages.next()).await.is_none(), "{way:?}");
        assert!(messages.failure().is_none(), "{way:?}");
        within(client.ended()).await.unwrap();
    }
}

const QOS: [Qos; 3] = [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce];
