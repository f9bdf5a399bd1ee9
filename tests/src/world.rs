//! A broker inside the test.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tidewire::auth::{Authority, Gate};
use tidewire::broker::Broker;
use tidewire::clock::Clock;
use tidewire::config::{Config, ListenerConfig, ProtocolName, Span, Transport};
use tidewire::net::serve_socket;
use tidewire::store::{MemoryStore, Recovered, Store};
use tokio::io::{AsyncWriteExt as _, DuplexStream};
use tokio::task::JoinHandle;

use crate::mqtt::{ConnectWords, MqttPeer, connect};
use crate::peer::{Asked, HttpRefusal, Peer, Wire};
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
    /// Who knows the users, where that is not the test's own.
    gate: Option<Arc<Gate>>,
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
        let gate = config.authority().expect("the files that a test names are right");
        let authority = Arc::clone(&gate);
        Self { gate: Some(gate), ..Self::of(wire, config, authority, store) }
    }

    /// A broker with the default configuration that asks the test's own authority.
    pub fn with_authority(wire: Wire, authority: Arc<dyn Authority>) -> Self {
        Self::guarded(wire, authority, |_| ())
    }

    /// The same with some settings changed.
    pub fn guarded(wire: Wire, authority: Arc<dyn Authority>, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = quiet();
        change(&mut config);
        Self::of(wire, config, authority, Arc::new(MemoryStore::default()))
    }

    fn of(wire: Wire, config: Config, authority: Arc<dyn Authority>, store: Arc<dyn Store>) -> Self {
        Self::start(wire, Broker::new(config, authority, store, Clock::tied_to_runtime(START_UNIX_MS)))
    }

    fn start(wire: Wire, broker: Broker) -> Self {
        let broker = Arc::new(broker);
        let scheduled = Arc::clone(&broker);
        let schedule = tokio::spawn(async move { scheduled.run_schedule().await });
        Self { broker, schedule, wire, gate: None }
    }

    /// The broker that starts when this one has been killed, with what it finds in its store. The connections to this one
    /// are of no more use.
    pub fn succeeded_by(self, store: Arc<dyn Store>, recovered: Recovered) -> Self {
        self.schedule.abort();
        let config = Config::clone(&self.broker.config());
        let authority = config.authority().expect("the files that a test names are right");
        let broker = Broker::new(config, authority, store, self.broker.clock.clone());
        broker.restore(recovered);
        Self::start(self.wire, broker)
    }

    /// What a reload does: the files of users and rules are read again, and every connection looks at its client anew.
    pub fn reloads(&self) {
        let policy = self.broker.config().policy().expect("the files that a test names are right");
        self.gate.as_ref().expect("the users are in files").install(policy);
        self.broker.reconsider_all();
    }

    /// A network connection that nothing has been said on, for one protocol.
    pub async fn connect(&self, protocol: ProtocolName) -> Peer {
        self.connect_to(&[protocol], protocol).await
    }

    /// The same to a listener that serves `served`.
    pub async fn connect_to(&self, served: &[ProtocolName], protocol: ProtocolName) -> Peer {
        Peer::new(self.wire, self.pipe(self.listener(served)), protocol).await
    }

    /// A network connection from a client at this address, as a proxy tells it.
    ///
    /// # Errors
    ///
    /// The answer to an upgrade that is refused. Over TCP, a connection that is refused is closed.
    pub async fn connect_from(&self, address: IpAddr, protocol: ProtocolName) -> Result<Peer, HttpRefusal> {
        let listener = ListenerConfig { proxy_protocol: true, ..self.listener(&[protocol]) };
        let mut pipe = self.pipe(listener);
        let (family, proxy) = if address.is_ipv4() { ("TCP4", "10.0.0.1") } else { ("TCP6", "::1") };
        let header = format!("PROXY {family} {address} {proxy} 4711 1883\r\n");
        pipe.write_all(header.as_bytes()).await.expect("a pipe takes a line");
        Peer::upgraded(self.wire, pipe, &Asked::by(protocol)).await
    }

    /// What carries the protocols here.
    pub fn wire(&self) -> Wire {
        self.wire
    }

    /// A listener of this world's wire that serves `served`.
    pub fn listener(&self, served: &[ProtocolName]) -> ListenerConfig {
        let transport = if self.wire.is_web_socket() { Transport::Ws } else { Transport::Tcp };
        let listener = ListenerConfig::new("test", "127.0.0.1:0", transport, served);
        ListenerConfig { http2: self.wire == Wire::Http2, ..listener }
    }

    /// A network connection to `listener` on which not even the wire's own words have been said.
    pub fn pipe(&self, listener: ListenerConfig) -> DuplexStream {
        let (near, far) = tokio::io::duplex(PIPE_BYTES);
        let tls = self.wire.server_tls();
        tokio::spawn(serve_socket(Arc::clone(&self.broker), listener, tls, far.into()));
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
