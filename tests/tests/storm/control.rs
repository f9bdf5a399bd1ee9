//! Clients that behave, amid the storm: each of their messages must arrive once, in order and in time.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tidewire_client::{
    Client, Message, Messages, Options, Protocol, Qos, Received, Reconnect, Subscription, Url, connect,
};
use tokio::time::{MissedTickBehavior, interval, timeout};

/// How long anything may take.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);
/// Messages that are sent before the first of them must have arrived.
const BURST: u64 = 8;
/// Between two bursts: the storm is to be felt, not the control clients.
const PACE: Duration = Duration::from_millis(50);

/// A publisher and a subscriber with a topic of their own, until it is over.
pub(crate) async fn pair(
    is_over: &AtomicBool,
    name: &str,
    url: &Url,
    protocol: Protocol,
    qos: Qos,
    arrived: &AtomicU64,
) {
    let subscriber = enter(url, protocol, &format!("control-{name}-subscriber")).await;
    let publisher = enter(url, protocol, &format!("control-{name}-publisher")).await;
    let topic = format!("control/{name}");
    let mut messages = in_time(name, subscriber.subscribe(Subscription::new(&*topic, qos))).await;
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut next = 0;
    while !is_over.load(Ordering::Relaxed) {
        pace.tick().await;
        let mut acknowledgements = Vec::new();
        for number in next..next + BURST {
            let message = Message::new(&*topic, payload(number)).with_qos(qos);
            acknowledgements.push(in_time(name, publisher.send(message)).await);
        }
        for number in next..next + BURST {
            let message = receive(name, &mut messages).await;
            assert!(
                message.payload == payload(number),
                "{name}: message {number} is not the next: {message:?}"
            );
            assert_eq!((message.qos, message.retain), (qos, false), "{name}");
        }
        for acknowledgement in acknowledgements {
            in_time(name, acknowledgement).await;
        }
        next += BURST;
        arrived.fetch_add(BURST, Ordering::Relaxed);
    }
    in_time(name, publisher.disconnect()).await;
    in_time(name, subscriber.disconnect()).await;
    let late = timeout(DEADLINE, messages.next()).await.expect("the connection has ended");
    assert!(late.is_none(), "{name}: a message came twice: {late:?}");
}

/// Comes, speaks to itself and goes, again and again: a newcomer must be served too.
pub(crate) async fn visitor(is_over: &AtomicBool, name: &str, url: &Url, visits: &AtomicU64) {
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !is_over.load(Ordering::Relaxed) {
        pace.tick().await;
        let client = enter(url, Protocol::Mqtt5, "").await;
        let topic = format!("control/{name}");
        let mut messages = in_time(name, client.subscribe(&*topic)).await;
        in_time(name, client.publish(Message::new(&*topic, "here").with_qos(Qos::AtLeastOnce))).await;
        assert_eq!(receive(name, &mut messages).await.payload, "here", "{name}");
        in_time(name, client.disconnect()).await;
        visits.fetch_add(1, Ordering::Relaxed);
    }
}

/// Clears what the storm leaves retained: the broker keeps that rightly, but here it would hide what it keeps wrongly.
pub(crate) async fn sweeper(is_over: &AtomicBool, url: &Url, swept: &AtomicU64) {
    let mut pace = interval(Duration::from_secs(1));
    while !is_over.load(Ordering::Relaxed) {
        pace.tick().await;
        // A subscription made anew is sent everything that is retained; the connection's end ends it.
        let client = enter(url, Protocol::Mqtt5, "control-sweeper").await;
        let everything = Subscription::new("#", Qos::AtMostOnce);
        let mut messages = in_time("sweeper", client.subscribe(everything)).await;
        // Retained messages come before anything that is published after it.
        let end = Message::new("control/sweeper", "end");
        in_time("sweeper", client.publish(end)).await;
        loop {
            let message = receive("sweeper", &mut messages).await;
            if message.topic == "control/sweeper" {
                break;
            }
            if message.retain {
                let empty = Message::new(&*message.topic, "").with_retain(true);
                in_time("sweeper", client.publish(empty)).await;
                swept.fetch_add(1, Ordering::Relaxed);
            }
        }
        in_time("sweeper", client.disconnect()).await;
    }
}

/// A client that has connected, and does not come back.
pub(crate) async fn enter(url: &Url, protocol: Protocol, client_id: &str) -> Client {
    let options = Options::default()
        .with_protocol(protocol)
        .with_client_id(client_id)
        .with_connect_timeout(DEADLINE)
        .with_reconnect(Reconnect::never());
    connect(url, options).await.unwrap_or_else(|error| panic!("{client_id} cannot connect: {error}"))
}

async fn receive(name: &str, messages: &mut Messages) -> Received {
    let message = timeout(DEADLINE, messages.next()).await;
    let message = message.unwrap_or_else(|_| panic!("{name}: no message comes"));
    message.unwrap_or_else(|| panic!("{name}: the connection has ended: {:?}", messages.failure()))
}

async fn in_time<T>(name: &str, action: impl Future<Output = Result<T, tidewire_client::Error>>) -> T {
    let outcome = timeout(DEADLINE, action).await;
    let outcome = outcome.unwrap_or_else(|_| panic!("{name}: the broker does not answer"));
    outcome.unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The number, and behind it up to 2 KiB that make messages differ in size.
fn payload(number: u64) -> Vec<u8> {
    let mut payload = number.to_be_bytes().to_vec();
    payload.resize(8 + usize::try_from(number * 131 % 2_048).unwrap_or_default(), b'.');
    payload
}
