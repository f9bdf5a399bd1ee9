//! A broker inside the test.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tidewire::auth::Authority;
use tidewire::broker::Broker;
use tidewire::clock::Clock;
use tidewire::config::{Config, ListenerConfig, ProtocolName, Span, Transport};
use tidewire::net::serve_socket;
use tidewire::store::{MemoryStore, Recovered, Store};
use tokio::io::{AsyncWriteExt as _, DuplexStream};
use tokio::task::JoinHandle;

use crate::mqtt::{ConnectWords, MqttPeer, connect};
use crate::peer::{Peer, Refused, Wire};
use crate::stomp::StompPeer;

/// When virtual time begins: milliseconds since the epoch.
pub const START_UNIX_MS: u64 = 1_800_000_000_000;

/// Bytes that a pipe between a peer and the broker holds, as a socket buffer would.
const PIPE_BYTES: usize = 64 * 1024;

/// A broker, and the way to it. Everything runs on the test's own thread.
pub struct World {
    /// The broker.
    pub broker: Arc<Broker>,
    schedule: JoinHandle<()>,
    wire: Wire,
}

/// A broker with this configuration and the memory store, for a test that serves it itself.
pub fn broker_of(config: Config) -> Broker {
    let authority = config.authority().expect("the files that a test names are right");
    Broker::new(config, authority, Arc::new(MemoryStore::default()), Clock::tied_to_runtime(0))
}

impl World {
    /// A broker with the default configuration and the memory store.
    pub fn new(wire: Wire) -> Self {
        Self::with(wire, |_| ())
    }

    /// The same with some settings changed.
    pub fn with(wire: Wire, change: impl FnOnce(&mut Config)) -> Self {
        Self::with_store(wire, Arc::new(MemoryStore::default()), change)
    }

    /// The same with a store of the test's own.
    pub fn with_store(wire: Wire, store: Arc<dyn Store>, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = quiet();
        change(&mut config);
        let authority = config.authority().expect("the files that a test names are right");
        Self::of(wire, config, authority, store)
    }

    /// A broker with the default configuration that asks the test's own authority.
    pub fn with_authority(wire: Wire, authority: Box<dyn Authority>) -> Self {
        Self::of(wire, quiet(), authority, Arc::new(MemoryStore::default()))
    }

    fn of(wire: Wire, config: Config, authority: Box<dyn Authority>, store: Arc<dyn Store>) -> Self {
        Self::start(wire, Broker::new(config, authority, store, Clock::tied_to_runtime(START_UNIX_MS)))
    }

    fn start(wire: Wire, broker: Broker) -> Self {
        let broker = Arc::new(broker);
        let scheduled = Arc::clone(&broker);
        let schedule = tokio::spawn(async move { scheduled.run_schedule().await });
        Self { broker, schedule, wire }
    }

    /// The broker that starts when this one has been killed, with what it finds in its store. The connections to this one
    /// are of no more use.
    pub fn succeeded_by(self, store: Arc<dyn Store>, recovered: Recovered) -> Self {
        self.schedule.abort();
        let config = self.broker.config.clone();
        let authority = config.authority().expect("the files that a test names are right");
        let broker = Broker::new(config, authority, store, self.broker.clock.clone());
        broker.restore(recovered);
        Self::start(self.wire, broker)
    }

    /// A network connection that nothing has been said on, for one protocol.
    pub async fn connect(&self, protocol: ProtocolName) -> Peer {
        self.connect_to(&[protocol], protocol).await
    }

    /// The same to a listener that serves `served`.
    pub async fn connect_to(&self, served: &[ProtocolName], protocol: ProtocolName) -> Peer {
        let pipe = self.pipe_to(self.listener(served));
        Peer::new(self.wire, pipe, protocol).await
    }

    /// A network connection from a client at this address, as a proxy tells it.
    ///
    /// # Errors
    ///
    /// The answer to an upgrade that is refused. Over TCP, a connection that is refused is closed.
    pub async fn connect_from(&self, address: IpAddr, protocol: ProtocolName) -> Result<Peer, Refused> {
        let listener = ListenerConfig { proxy_protocol: true, ..self.listener(&[protocol]) };
        let mut pipe = self.pipe_to(listener);
        let (family, proxy) = if address.is_ipv4() { ("TCP4", "10.0.0.1") } else { ("TCP6", "::1") };
        let header = format!("PROXY {family} {address} {proxy} 4711 1883\r\n");
        pipe.write_all(header.as_bytes()).await.expect("a pipe takes a line");
        Peer::try_new(self.wire, pipe, protocol).await
    }

    fn listener(&self, served: &[ProtocolName]) -> ListenerConfig {
        let transport = match self.wire {
            Wire::Tcp => Transport::Tcp,
            Wire::Ws => Transport::Ws,
        };
        ListenerConfig::new("test", "127.0.0.1:0", transport, served)
    }

    /// The near end of a pipe whose far end is served.
    fn pipe_to(&self, listener: ListenerConfig) -> DuplexStream {
        let (near, far) = tokio::io::duplex(PIPE_BYTES);
        let broker = Arc::clone(&self.broker);
        let link = broker.new_link("a test");
        tokio::spawn(async move { serve_socket(broker, &listener, far.into(), link).await });
        near
    }

    /// A peer that speaks MQTT 5 until it says otherwise.
    pub async fn mqtt(&self) -> MqttPeer {
        MqttPeer::new(self.connect(ProtocolName::Mqtt).await)
    }

    /// An MQTT 5 client that has connected with a clean start and asked for nothing.
    pub async fn client(&self, client_id: &str) -> MqttPeer {
        self.client_with(connect(client_id), false).await
    }

    /// An MQTT client that has connected with these words, and found its session there or not.
    pub async fn client_with(&self, connect: ConnectWords, session_present: bool) -> MqttPeer {
        let mut client = self.mqtt().await;
        client.connects(connect, session_present).await;
        client
    }

    /// Lets everybody do what they are about to, and then that much time pass.
    pub async fn passes(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    /// Lets everybody do what they are about to, in no time worth speaking of.
    pub async fn settles(&self) {
        self.passes(Duration::from_millis(1)).await;
    }

    /// A peer that speaks STOMP.
    pub async fn stomp(&self) -> StompPeer {
        StompPeer::new(self.connect(ProtocolName::Stomp).await)
    }
}

/// The default configuration without pings: these conversations let hours pass in which nobody looks at what comes.
fn quiet() -> Config {
    let mut config = Config::default();
    config.limits.ping_interval = Span(Duration::ZERO);
    config
}
