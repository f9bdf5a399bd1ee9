//! The broker is killed and started again, twenty times, while the library publishes and receives: what was acknowledged
//! arrives, subscriptions are back, and nobody has to do anything for it.

use std::collections::BTreeSet;
use std::num::NonZeroU16;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tidewire_client::{
    Acknowledge, Client, Message, MqttOptions, Options, Protocol, Qos, Reconnect, State, Subscription, Url,
    connect,
};
use tidewire_tests::random::Random;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, timeout};

use crate::daemon::Daemon;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_arrives_through_twenty_kills() {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let mut daemon =
        Daemon::new(directory.path(), "always", &mut Random::new(u64::from(std::process::id()), 0));
    daemon.start();
    let [websocket, mqtt, stomp] = daemon.ports();
    let (websocket, mqtt, stomp) = (url("ws", websocket), url("mqtt", mqtt), url("stomp", stomp));

    let mut subscribers = Vec::new();
    for (name, protocol, url, filter) in [
        ("subscriber-mqtt-5", Protocol::Mqtt5, &websocket, "load/+"),
        ("subscriber-mqtt-3", Protocol::Mqtt311, &mqtt, "load/+"),
        ("subscriber-stomp", Protocol::Stomp, &websocket, "load/+"),
        ("consumer-stomp", Protocol::Stomp, &stomp, "/queue/load"),
    ] {
        subscribers.push(Subscriber::start(name, protocol, url, filter).await);
    }
    let mut publishers = Vec::new();
    for (name, protocol, url, topic) in [
        ("publisher-mqtt-5", Protocol::Mqtt5, &websocket, "load/mqtt-5"),
        ("publisher-mqtt-3", Protocol::Mqtt311, &mqtt, "load/mqtt-3"),
        ("publisher-stomp", Protocol::Stomp, &websocket, "load/stomp"),
        ("publisher-queue", Protocol::Stomp, &stomp, "/queue/load"),
    ] {
        publishers.push(Publisher::start(name, protocol, url, topic).await);
    }

    for kill in 1..=KILLS {
        for publisher in &publishers {
            publisher.acknowledges_more(BETWEEN).await;
        }
        daemon.kill();
        // Sometimes all of them notice before it is back, and sometimes nobody does.
        if kill % 2 == 0 {
            for publisher in &publishers {
                publisher.is_away().await;
            }
        }
        daemon.start();
    }
    for publisher in &publishers {
        publisher.acknowledges_more(BETWEEN).await;
    }

    let (mut of_topics, mut of_queue) = (BTreeSet::new(), BTreeSet::new());
    for publisher in publishers {
        let of_a_queue = publisher.topic.starts_with("/queue/");
        let acknowledged = publisher.stop().await;
        if of_a_queue { of_queue.extend(acknowledged) } else { of_topics.extend(acknowledged) }
    }
    let [queue, topics @ ..] = &[
        subscribers.pop().expect("the consumer"),
        subscribers.remove(0),
        subscribers.remove(0),
        subscribers.remove(0),
    ];
    for subscriber in topics {
        subscriber.hears_all(&of_topics).await;
    }
    queue.hears_all(&of_queue).await;
}

/// Publishes without a pause, several at a time, and knows what was acknowledged.
struct Publisher {
    client: Client,
    topic: &'static str,
    acknowledgements: Arc<AtomicU64>,
    is_over: Arc<AtomicBool>,
    working: JoinSet<Vec<String>>,
}

impl Publisher {
    async fn start(name: &'static str, protocol: Protocol, url: &Url, topic: &'static str) -> Self {
        let client = connect(url, options(name, protocol)).await.expect("the broker takes the connection");
        let (acknowledgements, is_over) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
        let mut working = JoinSet::new();
        for worker in 0..AT_A_TIME {
            let (client, count, is_over) =
                (client.clone(), Arc::clone(&acknowledgements), Arc::clone(&is_over));
            working.spawn(async move {
                let mut acknowledged = Vec::new();
                while !is_over.load(Ordering::Relaxed) {
                    let text = format!("{name} {worker} {}", acknowledged.len());
                    let message = Message::new(topic, text.clone()).with_qos(Qos::AtLeastOnce);
                    client.publish(message).await.unwrap_or_else(|error| panic!("{text}: {error}"));
                    acknowledged.push(text);
                    count.fetch_add(1, Ordering::Relaxed);
                }
                acknowledged
            });
        }
        Self { client, topic, acknowledgements, is_over, working }
    }

    /// Waits until so many more than now are acknowledged.
    async fn acknowledges_more(&self, count: u64) {
        let wanted = self.acknowledgements.load(Ordering::Relaxed) + count;
        let what = format!("{} acknowledged for {}", wanted, self.topic);
        until(&what, || self.acknowledgements.load(Ordering::Relaxed) >= wanted).await;
    }

    /// Waits until the client knows that the broker is gone.
    async fn is_away(&self) {
        let mut state = self.client.state();
        let waited =
            timeout(DEADLINE, state.wait_for(|state| !matches!(state, State::Connected { .. }))).await;
        waited.expect("the client notices").expect("the client is there");
    }

    /// What was acknowledged of all that it has published.
    async fn stop(mut self) -> Vec<String> {
        self.is_over.store(true, Ordering::Relaxed);
        let mut acknowledged = Vec::new();
        while let Some(worker) =
            timeout(DEADLINE, self.working.join_next()).await.expect("the last one is acknowledged")
        {
            acknowledged.extend(worker.expect("a publisher goes on"));
        }
        self.client.disconnect().await.expect("nothing is left");
        acknowledged
    }
}

/// Receives, acknowledges by hand, and notes all of it.
struct Subscriber {
    name: &'static str,
    heard: Arc<Mutex<BTreeSet<String>>>,
    _working: JoinSet<()>,
}

impl Subscriber {
    async fn start(name: &'static str, protocol: Protocol, url: &Url, filter: &'static str) -> Self {
        let client = connect(url, options(name, protocol)).await.expect("the broker takes the connection");
        let mut wanted = Subscription::from(filter).with_acknowledge(Acknowledge::Manual);
        if protocol == Protocol::Stomp {
            wanted = wanted.with_prefetch(NonZeroU16::new(100).expect("not zero"));
            if !filter.starts_with("/queue/") {
                wanted = wanted.with_durable(name);
            }
        }
        let mut messages = client.subscribe(wanted).await.expect("the broker takes the subscription");
        let heard = Arc::<Mutex<BTreeSet<String>>>::default();
        let mut working = JoinSet::new();
        let noted = Arc::clone(&heard);
        working.spawn(async move {
            while let Some(message) = messages.next().await {
                let text = String::from_utf8_lossy(&message.payload).into_owned();
                noted.lock().unwrap_or_else(PoisonError::into_inner).insert(text);
                message.acknowledge();
            }
            panic!("{name} ended: {:?}", messages.failure());
        });
        Self { name, heard, _working: working }
    }

    async fn hears_all(&self, acknowledged: &BTreeSet<String>) {
        let missing = || {
            let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
            acknowledged.difference(&heard).cloned().collect::<Vec<_>>()
        };
        let deadline = Instant::now() + DEADLINE;
        let mut pace = interval(LOOK);
        while !missing().is_empty() {
            assert!(
                Instant::now() < deadline,
                "{} misses {} of {}, such as {:?}",
                self.name,
                missing().len(),
                acknowledged.len(),
                missing().first()
            );
            pace.tick().await;
        }
    }
}

fn options(name: &str, protocol: Protocol) -> Options {
    let session_expiry = Duration::from_secs(3600);
    Options::default()
        .with_protocol(protocol)
        .with_client_id(name)
        .with_reconnect(
            Reconnect::default().with_delays(Duration::from_millis(50), Duration::from_millis(500)),
        )
        .with_mqtt(MqttOptions { clean_start: false, session_expiry, ..MqttOptions::default() })
}

fn url(scheme: &str, port: u16) -> Url {
    format!("{scheme}://127.0.0.1:{port}").parse().expect("the address is well-formed")
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    let mut pace = interval(LOOK);
    while !is_so() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        pace.tick().await;
    }
}

const KILLS: u32 = 20;
/// Of each publisher, acknowledged between one kill and the next.
const BETWEEN: u64 = 50;
const AT_A_TIME: usize = 8;
const DEADLINE: Duration = Duration::from_secs(60);
/// What happens in the broker's process tells nobody here.
const LOOK: Duration = Duration::from_millis(5);
