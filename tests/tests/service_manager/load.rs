//! Clients that publish and receive without a pause, and come back whenever they are sent away.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tidewire_client::{
    Client, Error, Message, Messages, MqttOptions, Options, Protocol, Qos, Reconnect, Url, connect,
};
use tidewire_tests::daemon::DEADLINE;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, timeout};

/// Messages that are acknowledged between one restart and the next, at least.
const BETWEEN: usize = 100;
/// So often somebody connects who only looks whether he may.
const PROBE: Duration = Duration::from_millis(10);

/// See the module.
pub(crate) struct Load {
    seen: Arc<Seen>,
    clients: JoinSet<()>,
}

#[derive(Default)]
struct Seen {
    acknowledged: Mutex<BTreeSet<String>>,
    received: Mutex<BTreeSet<String>>,
    acknowledgements: AtomicUsize,
    connections: AtomicUsize,
    /// Connections that could not be had at all.
    refused: Mutex<Vec<String>>,
    is_over: AtomicBool,
}

impl Load {
    /// Begins, once the one who receives has subscribed: over WebSocket at the first address, without it at the second.
    pub(crate) async fn start([browsers, devices]: [SocketAddr; 2]) -> Self {
        let (seen, mut clients) = (Arc::<Seen>::default(), JoinSet::new());
        let url = |scheme: &str, address: SocketAddr| {
            format!("{scheme}://{address}/").parse::<Url>().expect("the address is well-formed")
        };
        let (ws, tcp, bare) = (url("ws", browsers), url("mqtt", devices), url("stomp", devices));
        let first = collect_once(&tcp, &seen).await.expect("the broker is there");
        clients.spawn(collect(tcp.clone(), Arc::clone(&seen), first));
        for (name, protocol, url) in [
            ("mqtt-ws", Protocol::Mqtt5, ws.clone()),
            ("mqtt-tcp", Protocol::Mqtt5, tcp),
            ("stomp-ws", Protocol::Stomp, ws),
            ("stomp-tcp", Protocol::Stomp, bare),
        ] {
            clients.spawn(publish(name, protocol, url, Arc::clone(&seen)));
        }
        for address in [browsers, devices] {
            clients.spawn(probe(address, Arc::clone(&seen)));
        }
        Self { seen, clients }
    }

    /// Waits until so many messages more are acknowledged.
    pub(crate) async fn goes_on(&self) {
        let before = self.seen.acknowledgements.load(Ordering::Relaxed);
        let more = async {
            let mut look = interval(PROBE);
            while self.seen.acknowledgements.load(Ordering::Relaxed) < before + BETWEEN {
                look.tick().await;
            }
        };
        timeout(DEADLINE, more).await.expect("messages are acknowledged");
    }

    /// Ends it, and holds that nobody was refused and that every message which was acknowledged has arrived; says how much
    /// that was.
    pub(crate) async fn stops_and_has_everything(mut self) -> String {
        self.seen.is_over.store(true, Ordering::Relaxed);
        let (deadline, mut look) = (Instant::now() + DEADLINE, interval(PROBE));
        loop {
            let missing: Vec<_> = {
                let acknowledged = self.seen.acknowledged.lock().await;
                let received = self.seen.received.lock().await;
                acknowledged.difference(&received).cloned().collect()
            };
            if missing.is_empty() {
                break;
            }
            assert!(Instant::now() < deadline, "acknowledged, and lost: {missing:?}");
            look.tick().await;
        }
        self.clients.shutdown().await;
        let refused = self.seen.refused.lock().await;
        assert!(refused.is_empty(), "refused: {refused:?}");
        format!(
            "{} messages acknowledged, {} connections, none refused",
            self.seen.acknowledgements.load(Ordering::Relaxed),
            self.seen.connections.load(Ordering::Relaxed)
        )
    }
}

impl Seen {
    async fn note(&self, connected: &Result<Client, Error>) {
        match connected {
            Ok(_) => {
                self.connections.fetch_add(1, Ordering::Relaxed);
            }
            Err(error @ Error::Connect { .. }) => self.refused.lock().await.push(error.to_string()),
            // It was accepted, and then told that the broker stops.
            Err(_) => {}
        }
    }
}

/// Publishes, each message once; one that is not acknowledged may be lost.
async fn publish(name: &'static str, protocol: Protocol, url: Url, seen: Arc<Seen>) {
    let mut number = 0;
    while !seen.is_over.load(Ordering::Relaxed) {
        let connected = connect(&url, once().with_protocol(protocol)).await;
        seen.note(&connected).await;
        let Ok(client) = connected else { continue };
        while !seen.is_over.load(Ordering::Relaxed) {
            number += 1;
            let text = format!("{name}-{number}");
            let message = Message::new("load", text.clone()).with_qos(Qos::AtLeastOnce);
            if client.publish(message).await.is_err() {
                break;
            }
            seen.acknowledged.lock().await.insert(text);
            seen.acknowledgements.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Receives everything, over as many connections as that takes: the session outlives them.
async fn collect(url: Url, seen: Arc<Seen>, mut messages: (Client, Messages)) {
    loop {
        while let Some(message) = messages.1.next().await {
            let text = String::from_utf8_lossy(&message.payload).into_owned();
            seen.received.lock().await.insert(text);
        }
        messages = loop {
            if let Ok(again) = collect_once(&url, &seen).await {
                break again;
            }
        };
    }
}

async fn collect_once(url: &Url, seen: &Seen) -> Result<(Client, Messages), Error> {
    let mqtt = MqttOptions {
        clean_start: false,
        session_expiry: Duration::from_secs(3_600),
        ..MqttOptions::default()
    };
    let connected = connect(url, once().with_client_id("collector").with_mqtt(mqtt)).await;
    seen.note(&connected).await;
    let client = connected?;
    let messages = client.subscribe("load").await?;
    Ok((client, messages))
}

/// A connection that does not come back by itself: each one is to be counted.
fn once() -> Options {
    Options::default().with_reconnect(Reconnect::never())
}

async fn probe(address: SocketAddr, seen: Arc<Seen>) {
    let mut interval = interval(PROBE);
    loop {
        interval.tick().await;
        match TcpStream::connect(address).await {
            Ok(_) => {
                seen.connections.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => seen.refused.lock().await.push(format!("{address}: {error}")),
        }
    }
}
