//! How to connect.

mod credentials;
mod reconnect;
mod tls;

use std::fmt;
use std::num::NonZeroU16;
use std::time::Duration;

pub(crate) use self::credentials::Proof;
pub use self::credentials::{Credentials, Login};
pub(crate) use self::reconnect::Backoff;
pub use self::reconnect::Reconnect;
pub use self::tls::Tls;
use crate::error::Error;
use crate::message::Message;
use crate::transport::Connector;
use crate::url::{Scheme, Url};

/// What is spoken on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// MQTT 5.0.
    Mqtt5,
    /// MQTT 3.1.1.
    Mqtt311,
    /// STOMP 1.2.
    Stomp,
}

impl Protocol {
    /// WebSocket's name for it [MQTT-6.0.0-3].
    pub(crate) const fn subprotocol(self) -> &'static str {
        match self {
            Self::Mqtt5 | Self::Mqtt311 => "mqtt",
            Self::Stomp => "v12.stomp",
        }
    }

    /// What people call it, and the scheme of its URLs.
    const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Mqtt5 | Self::Mqtt311 => ("MQTT", "mqtt"),
            Self::Stomp => ("STOMP", "stomp"),
        }
    }
}

/// How to connect: begin with the default, and say what differs.
///
/// ```
/// use std::time::Duration;
///
/// use tidewire_client::{Credentials, MqttOptions, Options, Reconnect};
///
/// let options = Options::default()
///     .with_client_id("lamp-7")
///     .with_credentials(Credentials::password("lamp", "wick"))
///     .with_reconnect(Reconnect::default().with_delays(Duration::from_millis(100), Duration::from_secs(10)))
///     .with_mqtt(MqttOptions { session_expiry: Duration::from_secs(3600), ..MqttOptions::default() });
/// # drop(options);
/// ```
#[derive(Clone)]
pub struct Options {
    pub(crate) protocol: Option<Protocol>,
    pub(crate) client_id: String,
    pub(crate) credentials: Credentials,
    pub(crate) tls: Tls,
    pub(crate) reconnect: Reconnect,
    pub(crate) keep_alive: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) disconnect_timeout: Duration,
    pub(crate) receive_maximum: NonZeroU16,
    pub(crate) inbox_messages_max: usize,
    pub(crate) offline_messages_max: usize,
    pub(crate) offline_bytes_max: usize,
    pub(crate) upgrade_headers: Vec<(String, String)>,
    pub(crate) connector: Option<Connector>,
    pub(crate) mqtt: MqttOptions,
    pub(crate) stomp: StompOptions,
}

/// What is MQTT's alone.
#[derive(Clone)]
pub struct MqttOptions {
    /// Whether to begin with a new session, whatever the broker still has: true. A reconnect goes on with the session that
    /// the first connect began, if it outlives a connection at all.
    pub clean_start: bool,
    /// How long the session outlives the connection: not at all. `Duration::MAX` is for ever. MQTT 3.1.1 knows only none,
    /// with a clean start, and for ever, without.
    pub session_expiry: Duration,
    /// Published by the broker if the connection breaks.
    pub will: Option<Will>,
    /// What becomes of a message of QoS 2 that the broker had not wholly acknowledged, when a reconnect finds the session
    /// gone.
    pub session_lost: SessionLost,
    /// User properties of CONNECT. MQTT 5 only.
    pub user_properties: Vec<(String, String)>,
}

/// See [`MqttOptions::session_lost`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SessionLost {
    /// Its publication fails with [`Error::FateUnknown`]: it arrives once or not at all.
    #[default]
    Fail,
    /// It is published anew, and may arrive twice.
    SendAgain,
}

/// A message left with the broker.
#[derive(Clone, Debug)]
pub struct Will {
    /// The message.
    pub message: Message,
    /// How long the broker waits for the client to come back. MQTT 5 only.
    pub delay: Duration,
}

impl Will {
    /// A will that is published at once.
    pub fn new(message: Message) -> Self {
        Self { message, delay: Duration::ZERO }
    }
}

/// What is STOMP's alone.
#[derive(Clone, Default)]
pub struct StompOptions {
    /// Which of a server's virtual hosts is meant; by default the URL's host. RabbitMQ's first one is `/`.
    pub host: Option<String>,
    /// Further headers of CONNECT.
    pub headers: Vec<(String, String)>,
}

impl Default for MqttOptions {
    fn default() -> Self {
        Self {
            clean_start: true,
            session_expiry: Duration::ZERO,
            will: None,
            session_lost: SessionLost::default(),
            user_properties: Vec::new(),
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            protocol: None,
            client_id: String::new(),
            credentials: Credentials::none(),
            tls: Tls::default(),
            reconnect: Reconnect::default(),
            keep_alive: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
            disconnect_timeout: Duration::from_secs(5),
            receive_maximum: RECEIVE_MAXIMUM,
            inbox_messages_max: usize::from(RECEIVE_MAXIMUM.get()),
            offline_messages_max: 10_000,
            offline_bytes_max: 16 * 1024 * 1024,
            upgrade_headers: Vec::new(),
            connector: None,
            mqtt: MqttOptions::default(),
            stomp: StompOptions::default(),
        }
    }
}

impl Options {
    /// What to speak. By default STOMP at `stomp` and `stomps`, and MQTT 5 elsewhere.
    #[must_use]
    pub fn with_protocol(self, protocol: Protocol) -> Self {
        Self { protocol: Some(protocol), ..self }
    }

    /// MQTT's client identifier, the session's key; empty, as by default: the broker chooses one. STOMP's `client-id`, the
    /// key of durable subscriptions; empty: there are none.
    #[must_use]
    pub fn with_client_id(self, client_id: impl Into<String>) -> Self {
        Self { client_id: client_id.into(), ..self }
    }

    /// Who this client says it is.
    #[must_use]
    pub fn with_credentials(self, credentials: Credentials) -> Self {
        Self { credentials, ..self }
    }

    /// Whom to believe where the URL asks for TLS.
    #[must_use]
    pub fn with_tls(self, tls: Tls) -> Self {
        Self { tls, ..self }
    }

    /// When to connect again.
    #[must_use]
    pub fn with_reconnect(self, reconnect: Reconnect) -> Self {
        Self { reconnect, ..self }
    }

    /// MQTT's keep alive, STOMP's heart-beat in both directions: a broker that is silent for about so long is taken for
    /// lost. Zero for never; 30 seconds by default. A broker may demand another.
    #[must_use]
    pub fn with_keep_alive(self, interval: Duration) -> Self {
        Self { keep_alive: interval, ..self }
    }

    /// For each attempt, from the question for credentials to the broker's welcome: 10 seconds by default.
    #[must_use]
    pub fn with_connect_timeout(self, timeout: Duration) -> Self {
        Self { connect_timeout: timeout, ..self }
    }

    /// How long [`Client::disconnect`](crate::Client::disconnect) waits for acknowledgements: 5 seconds by default, and a
    /// day at most.
    #[must_use]
    pub fn with_disconnect_timeout(self, timeout: Duration) -> Self {
        Self { disconnect_timeout: timeout.min(DISCONNECT_TIMEOUT_MAX), ..self }
    }

    /// How many messages the broker may send before the application has done with any: 1,024 by default. MQTT 5's Receive
    /// Maximum, for QoS 1 and 2 of all subscriptions together; STOMP's `prefetch-count` of each subscription.
    #[must_use]
    pub fn with_receive_maximum(self, messages: NonZeroU16) -> Self {
        Self { receive_maximum: messages, ..self }
    }

    /// How many messages wait in one [`Messages`](crate::Messages) before the connection stops reading: 1,024 by default.
    #[must_use]
    pub fn with_inbox_messages_max(self, messages: usize) -> Self {
        Self { inbox_messages_max: messages.max(1), ..self }
    }

    /// How much may wait for a connection while there is none, in messages and in bytes of topics and payloads: 10,000
    /// and 16 MiB by default.
    #[must_use]
    pub fn with_offline_bound(self, messages: usize, bytes: usize) -> Self {
        Self { offline_messages_max: messages, offline_bytes_max: bytes, ..self }
    }

    /// A further header of the WebSocket upgrade.
    #[must_use]
    pub fn with_upgrade_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.upgrade_headers.push((name.into(), value.into()));
        self
    }

    /// Opens connections another way than by TCP or a Unix socket.
    #[must_use]
    pub fn with_connector(self, connector: Connector) -> Self {
        Self { connector: Some(connector), ..self }
    }

    /// What is MQTT's alone.
    #[must_use]
    pub fn with_mqtt(self, mqtt: MqttOptions) -> Self {
        Self { mqtt, ..self }
    }

    /// What is STOMP's alone.
    #[must_use]
    pub fn with_stomp(self, stomp: StompOptions) -> Self {
        Self { stomp, ..self }
    }

    /// What is to be spoken at `url`.
    pub(crate) fn protocol_at(&self, url: &Url) -> Result<Protocol, Error> {
        let scheme = url.scheme().plain();
        let by_scheme = if scheme == Scheme::Stomp { Protocol::Stomp } else { Protocol::Mqtt5 };
        let protocol = self.protocol.unwrap_or(by_scheme);
        let (name, scheme_of_protocol) = protocol.names();
        match scheme == Scheme::Ws || scheme.as_str() == scheme_of_protocol {
            true => Ok(protocol),
            false => Err(Error::WrongScheme {
                url: url.clone(),
                protocol: name,
                protocol_scheme: scheme_of_protocol,
            }),
        }
    }
}

/// Without what may be secret: values of headers.
impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("protocol", &self.protocol)
            .field("client_id", &self.client_id)
            .field("credentials", &self.credentials)
            .field("tls", &self.tls)
            .field("reconnect", &self.reconnect)
            .field("upgrade_headers", &names(&self.upgrade_headers))
            .field("stomp", &self.stomp)
            .finish_non_exhaustive()
    }
}

/// Without the values of headers, which may be secret.
impl fmt::Debug for MqttOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { clean_start, session_expiry, will, session_lost, user_properties } = self;
        f.debug_struct("MqttOptions")
            .field("clean_start", clean_start)
            .field("session_expiry", session_expiry)
            .field("will", will)
            .field("session_lost", session_lost)
            .field("user_properties", &names(user_properties))
            .finish()
    }
}

impl fmt::Debug for StompOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StompOptions")
            .field("host", &self.host)
            .field("headers", &names(&self.headers))
            .finish()
    }
}

fn names(headers: &[(String, String)]) -> Vec<&str> {
    headers.iter().map(|(name, _)| name.as_str()).collect()
}

/// What can be added to any time.
const DISCONNECT_TIMEOUT_MAX: Duration = Duration::from_secs(24 * 3600);
/// Enough to hide the way to the broker and back.
const RECEIVE_MAXIMUM: NonZeroU16 = NonZeroU16::new(1024).unwrap();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_protocol_follows_from_the_scheme_unless_it_is_said() {
        let at = |url: &str, protocol: Option<Protocol>| {
            let options = Options { protocol, ..Options::default() };
            options.protocol_at(&url.parse().unwrap()).ok()
        };
        for (url, asked, spoken) in [
            ("ws://broker", None, Some(Protocol::Mqtt5)),
            ("wss://broker", Some(Protocol::Stomp), Some(Protocol::Stomp)),
            ("mqtts://broker", Some(Protocol::Mqtt311), Some(Protocol::Mqtt311)),
            ("stomps://broker", None, Some(Protocol::Stomp)),
            ("stomp+unix:///s", None, Some(Protocol::Stomp)),
            ("stomp://broker", Some(Protocol::Mqtt5), None),
            ("mqtt://broker", Some(Protocol::Stomp), None),
        ] {
            assert_eq!(at(url, asked), spoken, "{url} with {asked:?}");
        }
    }

    #[test]
    fn values_of_headers_are_not_shown() {
        let stomp = StompOptions { headers: vec![("x-key".to_owned(), "pencil".to_owned())], host: None };
        let options = Options::default().with_upgrade_header("Cookie", "pencil").with_stomp(stomp);
        let shown = format!("{options:?}");
        assert!(shown.contains("Cookie") && shown.contains("x-key") && !shown.contains("pencil"), "{shown}");
    }
}
