//! A broker with one listener on a real socket, and its log.

use std::net::SocketAddr;
use std::sync::Arc;

use tidewire::broker::Broker;
use tidewire::config::{Config, ListenerConfig, ProtocolName, Transport};
use tidewire::net::{Bound, bind, serve};
use tidewire::tls::{LiveTls, TlsSettings};
use tidewire_tests::log::Log;
use tidewire_tests::world::broker_of;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// See the module.
pub(crate) struct Site {
    pub(crate) broker: Arc<Broker>,
    /// The address that it got, unless it is a Unix socket.
    pub(crate) address: Option<SocketAddr>,
    pub(crate) tls: Option<Arc<LiveTls>>,
    pub(crate) log: Log,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

/// A listener for MQTT over TCP.
pub(crate) fn tcp() -> ListenerConfig {
    ListenerConfig::new("test", "127.0.0.1:0", Transport::Tcp, &[ProtocolName::Mqtt])
}

/// A listener for both protocols over WebSocket.
pub(crate) fn ws() -> ListenerConfig {
    ListenerConfig::new("test", "127.0.0.1:0", Transport::Ws, &[ProtocolName::Mqtt, ProtocolName::Stomp])
}

/// The listener with TLS.
pub(crate) fn over_tls(listener: ListenerConfig, settings: &TlsSettings) -> ListenerConfig {
    ListenerConfig { tls: Some(settings.clone()), ..listener }
}

impl Site {
    pub(crate) fn serve(listener: ListenerConfig) -> Self {
        Self::serve_with(listener, |_| ())
    }

    /// The same with some settings changed.
    pub(crate) fn serve_with(listener: ListenerConfig, change: impl FnOnce(&mut Config)) -> Self {
        Self::serve_bound(bind(listener).expect("the address is free, and the files are right"), change)
    }

    /// The browser examples as well.
    pub(crate) fn serve_demo(listener: ListenerConfig) -> Self {
        let bound = bind(listener).expect("the address is free, and the files are right");
        Self::serve_bound(bound.with_demo(), |_| ())
    }

    fn serve_bound(bound: Bound, change: impl FnOnce(&mut Config)) -> Self {
        let log = Log::begin();
        let mut config = Config::default();
        change(&mut config);
        let broker = Arc::new(broker_of(config));
        let (address, tls) = (bound.address(), bound.tls.clone());
        let (stop, stopped) = watch::channel(false);
        let serving = tokio::spawn(serve(Arc::clone(&broker), bound, stopped));
        Self { broker, address, tls, log, stop, serving }
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        let address = self.address.expect("a port has an address");
        TcpStream::connect(address).await.expect("the listener accepts")
    }

    /// Accepts nobody any more.
    pub(crate) async fn stops(self) {
        self.stop.send_replace(true);
        self.serving.await.expect("it does not panic");
    }

    /// Changes the TLS as SIGHUP does.
    pub(crate) fn reloads(&self, settings: &TlsSettings) {
        let tls = self.tls.as_ref().expect("the listener speaks TLS");
        tls.install(tls.prepare(settings).expect("the files are right"));
    }
}
