//! What was in flight when the connection was lost.

use std::num::NonZeroU16;
use std::time::Duration;

use tidewire_client::{Client, Message, MqttOptions, Options, SessionLost};
use tidewire_protocols::mqtt::{Property, Qos};
use tokio::task::JoinHandle;

use super::mqtt_peer::MqttPeer;
use super::peer::Broker;
use super::{enter, kind, options, qos_1, within};

/// A session that outlives connections.
fn persistent(broker: &Broker, session_lost: SessionLost) -> Options {
    let session_expiry = Duration::from_secs(60);
    options(broker).with_mqtt(MqttOptions { session_expiry, session_lost, ..MqttOptions::default() })
}

fn publish(client: &Client, payload: &str, qos: Qos) -> JoinHandle<String> {
    let (client, message) = (client.clone(), Message::new("a", payload.to_owned()).with_qos(qos));
    tokio::spawn(async move { kind(client.publish(message).await) })
}

#[tokio::test(start_paused = true)]
async fn qos_1_is_repeated_in_a_session_and_published_anew_without_one() {
    for (session_present, dup) in [(true, "DUP "), (false, "")] {
        let mut broker = Broker::new();
        let options = persistent(&broker, SessionLost::Fail);
        let (client, mut peer) = enter(&mut broker, options).await;
        let mut published = Vec::new();
        for (number, payload) in [(1, "1"), (2, "2"), (3, "3")] {
            published.push(publish(&client, payload, Qos::AtLeastOnce));
            assert_eq!(peer.hears().await, format!("PUBLISH q1 #{number} a: {payload}"));
        }
        peer.pub_ack(2).await;
        assert_eq!(within(published.remove(1)).await.unwrap(), "ok");
        drop(peer);
        let mut peer = MqttPeer::new(broker.accept().await);
        peer.welcome(session_present).await;
        for number in [1, 3] {
            assert_eq!(peer.hears().await, format!("PUBLISH {dup}q1 #{number} a: {number}"));
            peer.pub_ack(number).await;
        }
        for published in published {
            assert_eq!(within(published).await.unwrap(), "ok");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn qos_2_goes_on_where_it_was_in_a_session() {
    let mut broker = Broker::new();
    let options = persistent(&broker, SessionLost::Fail);
    let (client, mut peer) = enter(&mut broker, options).await;
    let unheard = publish(&client, "unheard", Qos::ExactlyOnce);
    assert_eq!(peer.hears().await, "PUBLISH q2 #1 a: unheard");
    let received = publish(&client, "received", Qos::ExactlyOnce);
    assert_eq!(peer.hears().await, "PUBLISH q2 #2 a: received");
    peer.pub_rec(2).await;
    assert_eq!(peer.hears().await, "PUBREL #2");
    drop(peer);
    let mut peer = MqttPeer::new(broker.accept().await);
    peer.welcome(true).await;
    assert_eq!(peer.hears().await, "PUBLISH DUP q2 #1 a: unheard");
    assert_eq!(peer.hears().await, "PUBREL #2");
    peer.pub_comp(2).await;
    peer.pub_rec(1).await;
    assert_eq!(peer.hears().await, "PUBREL #1");
    peer.pub_comp(1).await;
    for published in [unheard, received] {
        assert_eq!(within(published).await.unwrap(), "ok");
    }
}

#[tokio::test(start_paused = true)]
async fn qos_2_without_its_session_fails_or_is_sent_again_as_told() {
    for (session_lost, outcome) in [(SessionLost::Fail, "FateUnknown"), (SessionLost::SendAgain, "ok")] {
        let mut broker = Broker::new();
        let options = persistent(&broker, session_lost);
        let (client, mut peer) = enter(&mut broker, options).await;
        let published = publish(&client, "x", Qos::ExactlyOnce);
        assert_eq!(peer.hears().await, "PUBLISH q2 #1 a: x");
        peer.pub_rec(1).await;
        assert_eq!(peer.hears().await, "PUBREL #1");
        drop(peer);
        let mut peer = MqttPeer::new(broker.accept().await);
        peer.welcome(false).await;
        if session_lost == SessionLost::SendAgain {
            assert_eq!(peer.hears().await, "PUBLISH q2 #1 a: x");
            peer.pub_rec(1).await;
            assert_eq!(peer.hears().await, "PUBREL #1");
            peer.pub_comp(1).await;
        }
        assert_eq!(within(published).await.unwrap(), outcome);
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_new_overtakes_what_is_repeated_even_in_a_smaller_window() {
    let mut broker = Broker::new();
    let options = persistent(&broker, SessionLost::Fail);
    let (client, mut peer) = enter(&mut broker, options).await;
    for number in 1..=3 {
        client.send(qos_1("a", &number.to_string())).await.map(drop).unwrap();
        assert_eq!(peer.hears().await, format!("PUBLISH q1 #{number} a: {number}"));
    }
    drop(peer);
    let mut peer = MqttPeer::new(broker.accept().await);
    assert_eq!(peer.hears().await, "CONNECT me");
    peer.accept(true, &[Property::ReceiveMaximum(NonZeroU16::new(2).unwrap())]).await;
    client.send(qos_1("a", "new")).await.map(drop).unwrap();
    for number in 1..=2 {
        assert_eq!(peer.hears().await, format!("PUBLISH DUP q1 #{number} a: {number}"));
    }
    peer.pub_ack(1).await;
    assert_eq!(peer.hears().await, "PUBLISH DUP q1 #3 a: 3");
    peer.pub_ack(2).await;
    assert_eq!(peer.hears().await, "PUBLISH q1 #4 a: new");
}

#[tokio::test(start_paused = true)]
async fn a_disconnect_waits_for_what_is_unacknowledged_and_not_for_ever() {
    for (is_acknowledged, outcome) in [(true, "ok"), (false, "NotFlushed")] {
        let mut broker = Broker::new();
        let options = options(&broker);
        let (client, mut peer) = enter(&mut broker, options).await;
        let published = publish(&client, "x", Qos::AtLeastOnce);
        assert_eq!(peer.hears().await, "PUBLISH q1 #1 a: x");
        let start = tokio::time::Instant::now();
        let disconnected = tokio::spawn({
            let client = client.clone();
            async move { kind(client.disconnect().await) }
        });
        tokio::task::yield_now().await;
        assert_eq!(kind(client.publish(qos_1("a", "late")).await), "Disconnected");
        if is_acknowledged {
            peer.pub_ack(1).await;
        }
        assert_eq!(peer.hears().await, "DISCONNECT Success");
        assert_eq!(start.elapsed().as_secs(), if is_acknowledged { 0 } else { 5 });
        assert_eq!(peer.hears().await, "END");
        drop(peer);
        assert_eq!(within(disconnected).await.unwrap(), outcome);
        assert_eq!(within(published).await.unwrap(), if is_acknowledged { "ok" } else { "NotFlushed" });
    }
}

#[tokio::test(start_paused = true)]
async fn a_disconnect_while_away_waits_for_the_connection_and_not_for_ever() {
    for is_back in [true, false] {
        let mut broker = Broker::new();
        let options = options(&broker);
        let (client, peer) = enter(&mut broker, options).await;
        drop(peer);
        let published = publish(&client, "x", Qos::AtLeastOnce);
        tokio::task::yield_now().await;
        let disconnected = tokio::spawn({
            let client = client.clone();
            async move { kind(client.disconnect().await) }
        });
        if is_back {
            let mut peer = MqttPeer::new(broker.accept().await);
            peer.welcome(false).await;
            assert_eq!(peer.hears().await, "PUBLISH q1 #1 a: x");
            peer.pub_ack(1).await;
            assert_eq!(peer.hears().await, "DISCONNECT Success");
        }
        assert_eq!(within(disconnected).await.unwrap(), if is_back { "ok" } else { "NotFlushed" });
        assert_eq!(within(published).await.unwrap(), if is_back { "ok" } else { "NotFlushed" });
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_drops_everything_says_goodbye_after_what_is_on_its_way() {
    let mut broker = Broker::new();
    let options = options(&broker);
    let (client, mut peer) = enter(&mut broker, options).await;
    client.publish(Message::new("a", "x")).await.unwrap();
    drop(client);
    for heard in ["PUBLISH q0 a: x", "DISCONNECT Success", "END"] {
        assert_eq!(peer.hears().await, heard);
    }
}
