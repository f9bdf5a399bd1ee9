//! When a client connects again, and what it does first.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tidewire_client::{
    Connector, Error, Message, MqttOptions, Options, Reconnect, State, Subscription, connect,
};
use tidewire_protocols::mqtt::{Property, Qos, ReasonCode};
use tokio::io::DuplexStream;
use tokio::time::Instant;

use super::mqtt_peer::MqttPeer;
use super::peer::Broker;
use super::{enter, kind, mqtt_url, next, options, within};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn subscriptions_come_back_with_the_connection() {
    let mut broker = Broker::new();
    let options = options(&broker);
    let (client, mut peer) = enter(&mut broker, options).await;
    let (messages, heard) = tokio::join!(client.subscribe("a/+"), peer.confirms());
    assert_eq!(heard, "SUBSCRIBE #1 a/+ as Some(1)");
    let mut messages = messages.unwrap();
    peer.publish("a/b", "one", Qos::AtMostOnce, 0, 1).await;
    assert_eq!(next(&mut messages).await.payload, "one");
    drop(peer);
    let mut peer = MqttPeer::new(broker.accept().await);
    assert_eq!(peer.welcome(false).await, "CONNECT me clean");
    assert_eq!(peer.confirms().await, "SUBSCRIBE #2 a/+ as Some(1)");
    peer.publish("a/b", "two", Qos::AtMostOnce, 0, 1).await;
    assert_eq!(next(&mut messages).await.payload, "two");
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_present_has_the_subscriptions_that_were_confirmed() {
    let mut broker = Broker::new();
    let mqtt = MqttOptions { session_expiry: 60 * SECOND, ..MqttOptions::default() };
    let options = options(&broker).with_mqtt(mqtt);
    let (client, mut peer) = enter(&mut broker, options).await;
    let (confirmed, _) = tokio::join!(client.subscribe("a"), peer.confirms());
    let mut confirmed = confirmed.unwrap();
    let unconfirmed = tokio::spawn({
        let client = client.clone();
        async move { client.subscribe("b").await }
    });
    assert_eq!(peer.hears().await, "SUBSCRIBE #2 b as Some(2)");
    drop(peer);
    let mut peer = MqttPeer::new(broker.accept().await);
    assert_eq!(peer.welcome(true).await, "CONNECT me", "the session is gone on with");
    assert_eq!(peer.confirms().await, "SUBSCRIBE #3 b as Some(2)");
    let _unconfirmed = within(unconfirmed).await.unwrap().unwrap();
    peer.publish("a", "one", Qos::AtMostOnce, 0, 1).await;
    assert_eq!(next(&mut confirmed).await.payload, "one");
    let state = client.state();
    assert!(matches!(*state.borrow(), State::Connected { session_present: true }));
}

#[tokio::test(start_paused = true)]
async fn a_subscription_that_is_refused_later_ends_with_the_reason() {
    let mut broker = Broker::new();
    let options = options(&broker);
    let (client, mut peer) = enter(&mut broker, options).await;
    let (messages, _) = tokio::join!(client.subscribe("a"), peer.confirms());
    let mut messages = messages.unwrap();
    drop(peer);
    let mut peer = MqttPeer::new(broker.accept().await);
    peer.welcome(false).await;
    assert_eq!(peer.hears().await, "SUBSCRIBE #2 a as Some(1)");
    peer.sub_ack(2, ReasonCode::NotAuthorized).await;
    assert!(within(messages.next()).await.is_none());
    assert!(matches!(messages.failure(), Some(Error::Rejected { .. })), "{:?}", messages.failure());
    // The client goes on.
    within(client.publish(Message::new("b", "x"))).await.unwrap();
    assert_eq!(peer.hears().await, "PUBLISH q0 b: x");
}

#[tokio::test(start_paused = true)]
async fn what_is_published_while_away_is_kept_in_order_up_to_the_bound() {
    let mut broker = Broker::new();
    let options = options(&broker).with_offline_bound(3, 1000);
    let (client, peer) = enter(&mut broker, options).await;
    drop(peer);
    let mut state = client.state();
    within(state.wait_for(|state| matches!(state, State::Waiting { .. }))).await.unwrap();
    let mut acknowledgements = Vec::new();
    for (payload, qos) in [("1", Qos::AtLeastOnce), ("2", Qos::AtMostOnce), ("3", Qos::ExactlyOnce)] {
        acknowledgements.push(client.send(Message::new("a", payload).with_qos(qos)).await.unwrap());
    }
    assert!(matches!(client.send(Message::new("a", "4")).await, Err(Error::OfflineFull)));
    let mut peer = MqttPeer::new(broker.accept().await);
    peer.welcome(false).await;
    for heard in ["PUBLISH q1 #1 a: 1", "PUBLISH q0 a: 2", "PUBLISH q2 #2 a: 3"] {
        assert_eq!(peer.hears().await, heard);
    }
    peer.pub_ack(1).await;
    peer.pub_rec(2).await;
    assert_eq!(peer.hears().await, "PUBREL #2");
    peer.pub_comp(2).await;
    for acknowledgement in acknowledgements {
        within(acknowledgement).await.unwrap();
    }
}

/// When a client tried to connect, where nobody is.
async fn attempts(policy: Reconnect) -> (Vec<Duration>, Error) {
    let (start, tried) = (Instant::now(), Arc::<Mutex<Vec<Duration>>>::default());
    let connector = Connector::new({
        let tried = Arc::clone(&tried);
        move |_url| {
            tried.lock().expect("not poisoned").push(start.elapsed());
            async { Err::<DuplexStream, _>(io::Error::from(io::ErrorKind::ConnectionRefused)) }
        }
    });
    let options = Options::default().with_connector(connector).with_reconnect(policy);
    let error = within(connect(&mqtt_url(), options)).await.expect_err("nobody is there");
    let tried = tried.lock().expect("not poisoned").clone();
    (tried, error)
}

#[tokio::test(start_paused = true)]
async fn attempts_keep_to_the_schedule_and_end_as_told() {
    let bounds = [1, 2, 4, 8, 16, 30, 30].map(Duration::from_secs);
    for seed in 0..50 {
        let policy = Reconnect::default().with_seed(seed).with_first_retried().with_attempts_max(7);
        let (tried, error) = attempts(policy).await;
        assert_eq!(tried.len(), 8, "seed {seed}");
        for (pair, bound) in tried.windows(2).zip(bounds) {
            // The runtime's timers have whole milliseconds.
            let wait = pair[1] - pair[0];
            assert!(wait <= bound + Duration::from_millis(1), "seed {seed}: {wait:?} of {bound:?}");
        }
        assert!(matches!(error, Error::GaveUp { attempts: 7, .. }), "seed {seed}: {error:?}");
    }
    let (tried, error) = attempts(Reconnect::default()).await;
    assert_eq!((tried.len(), kind(Err(error))), (1, "Connect".to_owned()), "the first is not tried again");
}

#[tokio::test(start_paused = true)]
async fn the_application_can_watch_it() {
    let mut broker = Broker::new();
    let policy = Reconnect::default().with_seed(3).with_attempts_max(2);
    let options = options(&broker).with_reconnect(policy);
    let (client, peer) = enter(&mut broker, options).await;
    let mut state = client.state();
    let mut seen = vec![kind_of(&state.borrow_and_update())];
    drop((peer, broker));
    while !matches!(*state.borrow_and_update(), State::Ended(_)) {
        within(state.changed()).await.unwrap();
        seen.push(kind_of(&state.borrow()));
    }
    // An attempt that fails at once is over before anybody looks.
    assert_eq!(seen, ["Connected", "Waiting", "Waiting", "Ended"]);
    assert_eq!(kind(client.ended().await), "GaveUp");
    assert_eq!(kind(client.publish(Message::new("a", "")).await), "GaveUp");
}

fn kind_of(state: &State) -> String {
    format!("{state:?}").split([' ', '(', '{']).next().unwrap_or_default().to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_silent_broker_is_left_after_the_keep_alive() {
    let mut broker = Broker::new();
    let options = options(&broker).with_keep_alive(40 * SECOND);
    let (_client, mut peer) = enter(&mut broker, options).await;
    let start = Instant::now();
    // The second answer does not come.
    assert_eq!(peer.hears_all().await, "PINGREQ");
    assert_eq!(start.elapsed().as_secs(), 30);
    peer.say(tidewire_protocols::mqtt::Packet::PingResp).await;
    assert_eq!(peer.hears_all().await, "PINGREQ");
    assert_eq!(start.elapsed().as_secs(), 60);
    MqttPeer::new(broker.accept().await).welcome(false).await;
    assert_eq!(start.elapsed().as_secs(), 90);
}

#[tokio::test(start_paused = true)]
async fn the_broker_may_demand_another_keep_alive_and_choose_the_client_id() {
    let mut broker = Broker::new();
    let options = options(&broker).with_client_id("");
    let url = mqtt_url();
    let (client, mut peer) = tokio::join!(connect(&url, options), async {
        let mut peer = MqttPeer::new(broker.accept().await);
        assert_eq!(peer.hears().await, "CONNECT  clean");
        let demands = [Property::ServerKeepAlive(4), Property::AssignedClientIdentifier("chosen")];
        peer.accept(false, &demands).await;
        peer
    });
    let (client, start) = (client.unwrap(), Instant::now());
    assert_eq!(client.client_id(), "chosen");
    assert_eq!(peer.hears_all().await, "PINGREQ");
    assert_eq!(start.elapsed().as_secs(), 3);
    drop(peer);
    assert_eq!(MqttPeer::new(broker.accept().await).welcome(false).await, "CONNECT chosen clean");
}

#[tokio::test(start_paused = true)]
async fn what_another_attempt_cannot_mend_ends_the_client() {
    for (reason, ended) in [
        (ReasonCode::SessionTakenOver, "TakenOver"),
        (ReasonCode::NotAuthorized, "BadCredentials"),
        (ReasonCode::ServerMoved, "Refused"),
    ] {
        let mut broker = Broker::new();
        let options = options(&broker);
        let (client, mut peer) = enter(&mut broker, options).await;
        let (messages, _) = tokio::join!(client.subscribe(Subscription::from("a")), peer.confirms());
        peer.disconnect(reason).await;
        assert_eq!(kind(within(client.ended()).await), ended);
        assert!(within(messages.unwrap().next()).await.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_does_not_answer_is_given_up_in_time() {
    let mut broker = Broker::new();
    let options = options(&broker).with_connect_timeout(7 * SECOND);
    let (start, url) = (Instant::now(), mqtt_url());
    let (outcome, _peer) = tokio::join!(within(connect(&url, options)), broker.accept());
    assert_eq!(kind(outcome.map(drop)), "TimedOut");
    assert_eq!(start.elapsed().as_secs(), 7);
}

#[tokio::test(start_paused = true)]
async fn what_answers_in_another_protocol_is_not_tried_again() {
    let mut broker = Broker::new();
    let policy = Reconnect::default().with_first_retried();
    let options = options(&broker).with_reconnect(policy);
    let url = mqtt_url();
    let (outcome, _peer) = tokio::join!(within(connect(&url, options)), async {
        let mut peer = broker.accept().await;
        peer.say(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        peer
    });
    assert_eq!(kind(outcome.map(drop)), "Foreign");
}

#[tokio::test(start_paused = true)]
async fn what_answers_in_another_protocol_is_tried_again_where_a_broker_was() {
    let mut broker = Broker::new();
    let options = options(&broker);
    let (client, peer) = enter(&mut broker, options).await;
    drop(peer);
    broker.accept().await.say(b"HTTP/1.1 502 Bad Gateway\r\n\r\n").await;
    let mut peer = MqttPeer::new(broker.accept().await);
    peer.welcome(false).await;
    within(client.publish(Message::new("a", "x"))).await.unwrap();
    assert_eq!(peer.hears().await, "PUBLISH q0 a: x");
}
