//! What is received, and what the broker hears of it.

use std::time::Duration;

use tidewire_client::{Acknowledge, Error, Message, MqttOptions, Subscription, connect};
use tidewire_protocols::mqtt::{Qos, ReasonCode};
use tokio::time::timeout;

use super::mqtt_peer::{MqttPeer, number};
use super::peer::Broker;
use super::{enter, kind, mqtt_url, next, options, qos_1, within};

#[tokio::test(start_paused = true)]
async fn a_message_is_acknowledged_when_the_next_one_is_asked_for() {
    let mut broker = Broker::new();
    let options = options(&broker);
    let (client, mut peer) = enter(&mut broker, options).await;
    let (messages, _) =
        tokio::join!(client.subscribe(Subscription::new("a", Qos::ExactlyOnce)), peer.confirms());
    let mut messages = messages.unwrap();
    peer.publish("a", "1", Qos::AtLeastOnce, 7, 1).await;
    peer.publish("a", "2", Qos::ExactlyOnce, 8, 1).await;
    assert_eq!(next(&mut messages).await.payload, "1");
    assert!(timeout(Duration::from_secs(1), peer.hears()).await.is_err(), "too early");
    assert_eq!(next(&mut messages).await.payload, "2");
    assert_eq!(peer.hears().await, "PUBACK #7");
    messages.acknowledge();
    assert_eq!(peer.hears().await, "PUBREC #8");
    peer.pub_rel(8).await;
    assert_eq!(peer.hears().await, "PUBCOMP #8");
}

#[tokio::test(start_paused = true)]
async fn by_hand_it_is_acknowledged_rejected_or_neither() {
    let mut broker = Broker::new();
    let options = options(&broker);
    let (client, mut peer) = enter(&mut broker, options).await;
    let by_hand = Subscription::from("a").with_acknowledge(Acknowledge::Manual);
    let (messages, _) = tokio::join!(client.subscribe(by_hand), peer.confirms());
    let mut messages = messages.unwrap();
    for id in 1..=3 {
        peer.publish("a", "x", Qos::AtLeastOnce, id, 1).await;
    }
    let first = next(&mut messages).await;
    drop(next(&mut messages).await);
    next(&mut messages).await.reject();
    assert_eq!(peer.hears().await, "PUBACK #3 Implementation specific error");
    first.acknowledge();
    assert_eq!(peer.hears().await, "PUBACK #1");
    // The second is still at work, and comes again on the next connection; what it was then means nothing.
    drop(peer);
    let mut peer = MqttPeer::new(broker.accept().await);
    peer.welcome(false).await;
    peer.confirms().await;
    peer.publish("a", "again", Qos::AtLeastOnce, 2, 1).await;
    let again = next(&mut messages).await;
    assert_eq!(again.payload, "again");
    again.acknowledge();
    assert_eq!(peer.hears().await, "PUBACK #2");
}

#[tokio::test(start_paused = true)]
async fn what_was_received_before_the_loss_does_not_acknowledge_what_comes_after_it() {
    let mut broker = Broker::new();
    let options = options(&broker);
    let (client, mut peer) = enter(&mut broker, options).await;
    let by_hand = Subscription::from("a").with_acknowledge(Acknowledge::Manual);
    let (messages, _) = tokio::join!(client.subscribe(by_hand), peer.confirms());
    let mut messages = messages.unwrap();
    peer.publish("a", "before", Qos::AtLeastOnce, 1, 1).await;
    let before = next(&mut messages).await;
    drop(peer);
    let mut peer = MqttPeer::new(broker.accept().await);
    peer.welcome(false).await;
    peer.confirms().await;
    peer.publish("a", "after", Qos::AtLeastOnce, 1, 1).await;
    let after = next(&mut messages).await;
    before.acknowledge();
    client.publish(Message::new("b", "mark")).await.unwrap();
    assert_eq!(peer.hears().await, "PUBLISH q0 b: mark");
    after.acknowledge();
    assert_eq!(peer.hears().await, "PUBACK #1");
}

/// So many may wait while an answer is awaited.
const MISSED_FROM: u32 = 16 * 1024;

#[tokio::test(start_paused = true)]
async fn whoever_does_not_read_still_hears_of_what_is_published() {
    let mut broker = Broker::new();
    let options = options(&broker).with_inbox_messages_max(2);
    let (client, mut peer) = enter(&mut broker, options).await;
    let (messages, _) = tokio::join!(client.subscribe("a"), peer.confirms());
    let mut messages = messages.unwrap();
    let published = tokio::spawn({
        let client = client.clone();
        async move { kind(client.publish(qos_1("b", "x")).await) }
    });
    assert_eq!(peer.hears().await, "PUBLISH q1 #2 b: x");
    for number in 0..MISSED_FROM + 8 {
        peer.publish("a", &number.to_string(), Qos::AtMostOnce, 0, 1).await;
    }
    peer.pub_ack(2).await;
    assert_eq!(within(published).await.unwrap(), "ok");
    for number in 0..MISSED_FROM {
        assert_eq!(next(&mut messages).await.payload, number.to_string());
    }
    assert_eq!(messages.missed(), 8);
    assert!(messages.try_next().is_none());
}

#[tokio::test(start_paused = true)]
async fn whoever_does_not_read_and_waits_for_nothing_slows_the_broker_down() {
    let mut broker = Broker::new();
    let options = options(&broker).with_inbox_messages_max(2).with_keep_alive(Duration::ZERO);
    let (client, mut peer) = enter(&mut broker, options).await;
    let (messages, _) = tokio::join!(client.subscribe("a"), peer.confirms());
    let mut messages = messages.unwrap();
    const MESSAGES: u32 = 2_000;
    let payload = "x".repeat(1_000);
    let speaking = tokio::spawn(async move {
        for number in 0..MESSAGES {
            peer.publish("a", &format!("{number} {payload}"), Qos::AtMostOnce, 0, 1).await;
        }
        peer
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!speaking.is_finished(), "the pipe is full");
    for number in 0..MESSAGES {
        let received = next(&mut messages).await;
        assert!(received.payload.starts_with(format!("{number} ").as_bytes()), "{number}");
    }
    assert_eq!(messages.missed(), 0);
    within(speaking).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn dropping_a_stream_unsubscribes_and_lets_go_of_what_nobody_read() {
    let mut broker = Broker::new();
    let options = options(&broker);
    let (client, mut peer) = enter(&mut broker, options).await;
    for (filter, is_competing) in [("a", false), ("$share/g/a", true)] {
        let (messages, heard) = tokio::join!(client.subscribe(filter), peer.confirms());
        let identifier = heard.rsplit_once("Some(").unwrap().1.trim_end_matches(')').parse().unwrap();
        peer.publish("a", "1", Qos::AtLeastOnce, 1, identifier).await;
        peer.publish("a", "2", Qos::AtLeastOnce, 2, identifier).await;
        let mut messages = messages.unwrap();
        assert_eq!(next(&mut messages).await.payload, "1");
        drop(messages);
        // What was taken is done; what was not is another member's, if there may be one.
        assert_eq!(peer.hears().await, "PUBACK #1");
        if !is_competing {
            assert_eq!(peer.hears().await, "PUBACK #2");
        }
        let heard = peer.hears().await;
        assert!(heard.starts_with("UNSUBSCRIBE") && heard.ends_with(filter), "{heard}");
        peer.unsub_ack(number(&heard)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_comes_to_a_competing_stream_after_its_drop_is_left_to_others() {
    let mut broker = Broker::new();
    let options = options(&broker);
    let (client, mut peer) = enter(&mut broker, options).await;
    // Whether a message tells its subscription or only its topic.
    for has_identifier in [true, false] {
        let (messages, heard) = tokio::join!(client.subscribe("$share/g/a"), peer.confirms());
        let identifier = heard.rsplit_once("Some(").unwrap().1.trim_end_matches(')').parse().unwrap();
        drop(messages.unwrap());
        let heard = peer.hears().await;
        assert!(heard.starts_with("UNSUBSCRIBE"), "{heard}");
        for (qos, id) in [(Qos::AtLeastOnce, 1), (Qos::ExactlyOnce, 2), (Qos::ExactlyOnce, 2)] {
            peer.publish("a", "job", qos, id, if has_identifier { identifier } else { 0 }).await;
        }
        peer.unsub_ack(number(&heard)).await;
        // From now on it is nobody's mistake but the broker's.
        peer.publish("a", "job", Qos::AtLeastOnce, 3, 0).await;
        assert_eq!(peer.hears().await, "PUBACK #3");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_second_stream_leaves_the_first_as_it_was() {
    let mut broker = Broker::new();
    let options = options(&broker);
    let (client, mut peer) = enter(&mut broker, options).await;
    let (first, _) = tokio::join!(client.subscribe(Subscription::new("a", Qos::AtMostOnce)), peer.confirms());
    let second = client.subscribe(Subscription::new("a", Qos::ExactlyOnce));
    let (second, ()) = tokio::join!(second, async {
        let heard = peer.hears().await;
        peer.sub_ack(number(&heard), ReasonCode::NotAuthorized).await;
    });
    assert!(matches!(second, Err(Error::Rejected { .. })), "{second:?}");
    peer.publish("a", "x", Qos::AtMostOnce, 0, 1).await;
    assert_eq!(next(&mut first.unwrap()).await.payload, "x");
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_a_reply_with_a_full_inbox_goes_on_reading() {
    let mut broker = Broker::new();
    let options = options(&broker).with_inbox_messages_max(2).with_keep_alive(Duration::ZERO);
    let (client, mut peer) = enter(&mut broker, options).await;
    let (messages, _) = tokio::join!(client.subscribe("a"), peer.confirms());
    let _messages = messages.unwrap();
    let asking = client.request(Message::new("svc", "2 3"), Duration::from_secs(60));
    let (reply, ()) = tokio::join!(asking, async {
        peer.confirms().await;
        assert_eq!(peer.hears().await, "PUBLISH q0 svc: 2 3");
        // More than the pipe holds.
        for _ in 0..2_000 {
            peer.publish("a", &"x".repeat(1_000), Qos::AtMostOnce, 0, 1).await;
        }
    });
    assert!(matches!(reply, Err(Error::NoReply(_))), "{reply:?}");
}

#[tokio::test(start_paused = true)]
async fn requests_that_are_given_up_leave_one_subscription() {
    let mut broker = Broker::new();
    let options = options(&broker);
    let (client, mut peer) = enter(&mut broker, options).await;
    for _ in 0..3 {
        let reply = client.request(Message::new("svc", "x"), Duration::from_secs(1)).await;
        assert!(matches!(reply, Err(Error::NoReply(_))), "{reply:?}");
    }
    assert!(peer.hears().await.starts_with("SUBSCRIBE"));
    client.publish(Message::new("b", "mark")).await.unwrap();
    assert_eq!(peer.hears().await, "PUBLISH q0 b: mark");
}

#[tokio::test(start_paused = true)]
async fn a_subscribe_that_is_not_waited_for_is_undone() {
    let mut broker = Broker::new();
    let options = options(&broker);
    let (client, mut peer) = enter(&mut broker, options).await;
    {
        let subscribing = client.subscribe("a");
        tokio::pin!(subscribing);
        assert!(timeout(Duration::from_secs(1), subscribing.as_mut()).await.is_err());
    }
    assert_eq!(peer.hears().await, "SUBSCRIBE #1 a as Some(1)");
    assert_eq!(peer.hears().await, "UNSUBSCRIBE #2 a");
}

#[tokio::test(start_paused = true)]
async fn a_refused_subscription_is_an_error_and_harms_no_other() {
    let mut broker = Broker::new();
    let options = options(&broker);
    let (client, mut peer) = enter(&mut broker, options).await;
    let (kept, _) = tokio::join!(client.subscribe("a"), peer.confirms());
    let (refused, ()) = tokio::join!(client.subscribe("b"), async {
        let heard = peer.hears().await;
        peer.sub_ack(number(&heard), ReasonCode::NotAuthorized).await;
    });
    assert!(matches!(refused, Err(Error::Rejected { .. })), "{refused:?}");
    peer.publish("a", "x", Qos::AtMostOnce, 0, 1).await;
    assert_eq!(next(&mut kept.unwrap()).await.payload, "x");
}

#[tokio::test(start_paused = true)]
async fn what_an_earlier_process_left_waits_for_its_subscription() {
    let mut broker = Broker::new();
    let mqtt = MqttOptions { clean_start: false, ..MqttOptions::default() };
    let options = options(&broker).with_mqtt(mqtt);
    let url = mqtt_url();
    let (client, mut peer) = tokio::join!(connect(&url, options), async {
        let mut peer = MqttPeer::new(broker.accept().await);
        assert_eq!(peer.welcome(true).await, "CONNECT me");
        // By the identifier of that process, which is that of another subscription here.
        peer.publish("a", "left", Qos::AtLeastOnce, 5, 1).await;
        peer
    });
    let client = client.unwrap();
    let (other, _) = tokio::join!(client.subscribe("b"), peer.confirms());
    let (messages, _) = tokio::join!(client.subscribe("a"), peer.confirms());
    let mut messages = messages.unwrap();
    assert_eq!(next(&mut messages).await.payload, "left");
    assert!(other.unwrap().try_next().is_none());
    messages.acknowledge();
    assert_eq!(peer.hears().await, "PUBACK #5");
}

#[tokio::test(start_paused = true)]
async fn qos_2_is_delivered_once_though_it_is_sent_twice() {
    let mut broker = Broker::new();
    let mqtt = MqttOptions { session_expiry: Duration::from_secs(60), ..MqttOptions::default() };
    let options = options(&broker).with_mqtt(mqtt);
    let (client, mut peer) = enter(&mut broker, options).await;
    let exactly_once = Subscription::new("a", Qos::ExactlyOnce).with_acknowledge(Acknowledge::Manual);
    let (messages, _) = tokio::join!(client.subscribe(exactly_once), peer.confirms());
    let mut messages = messages.unwrap();
    peer.publish("a", "x", Qos::ExactlyOnce, 1, 1).await;
    let received = next(&mut messages).await;
    drop(peer);
    let mut peer = MqttPeer::new(broker.accept().await);
    peer.welcome(true).await;
    peer.publish("a", "x", Qos::ExactlyOnce, 1, 1).await;
    received.acknowledge();
    assert_eq!(peer.hears().await, "PUBREC #1");
    assert!(messages.try_next().is_none(), "it has come already");
}
