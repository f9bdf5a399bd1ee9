//! The configuration: every setting and limit, its unit, its default.
//!
//! Durations are written `"10s"`, sizes `"64KiB"`. A file names only what differs from the defaults below; see
//! [`load`] for where else settings come from, and [`check`] for what is wrong though it can be read.

mod admin;
mod auth;
mod authority;
mod changes;
mod check;
mod compression;
mod document;
mod effective;
mod files;
mod jwt;
mod limits;
mod listener;
mod load;
mod network;
mod overflow;
mod overrides;
mod proxies;
mod queues;
mod schema;
mod shutdown;
mod storage;
mod telemetry;
mod units;
mod warnings;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidewire_protocols::mqtt::Qos;

pub use self::admin::{AdminConfig, AdminToken};
pub use self::auth::{AuthConfig, CredentialSource, HttpAuthConfig};
pub use self::authority::AuthFault;
pub use self::changes::{Change, Snapshot};
pub use self::check::{check, check_log_level};
pub use self::compression::{Compression, CompressionSettings};
pub use self::effective::{explained, plain};
pub use self::jwt::JwtConfig;
pub use self::limits::Limits;
pub use self::listener::{Bind, ListenerConfig, Mode, ProtocolName, Transport};
pub use self::load::{
    ConfigError, Loaded, Origin, Sources, load, load_unchecked, load_with_warnings, locate,
};
pub use self::network::Network;
pub use self::proxies::{ForwardedHeader, TrustedProxy};
pub use self::queues::QueuesConfig;
pub use self::schema::schema;
pub use self::shutdown::ShutdownConfig;
pub use self::storage::{StorageConfig, Sync};
pub use self::telemetry::TelemetryConfig;
pub use self::units::{Size, Span};
pub(crate) use self::warnings::is_loopback_host;
pub use self::warnings::warnings;
use crate::session::{OutboxLimits, Overflow};

/// The whole configuration.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where stored data lies; one broker at a time uses it.
    pub data_dir: PathBuf,
    /// Bound addresses.
    pub listeners: Vec<ListenerConfig>,
    /// Who may connect.
    pub auth: AuthConfig,
    /// Limits that hold for every protocol.
    pub limits: Limits,
    /// Sessions and their outboxes.
    pub session: SessionConfig,
    /// MQTT.
    pub mqtt: MqttConfig,
    /// STOMP.
    pub stomp: StompConfig,
    /// Work queues.
    pub queues: QueuesConfig,
    /// What survives.
    pub storage: StorageConfig,
    /// The admin listener.
    pub admin: AdminConfig,
    /// Logs.
    pub log: LogConfig,
    /// Traces of messages for OpenTelemetry.
    pub telemetry: TelemetryConfig,
    /// What the broker publishes of itself.
    pub sys: SysConfig,
    /// How the broker stops.
    pub shutdown: ShutdownConfig,
}

/// Sessions and their outboxes.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SessionConfig {
    /// The longest a session outlives its connection; an MQTT 5 client that asks for more is told.
    pub expiry_max: Span,
    /// Messages that may wait for a client.
    pub outbox_messages_max: usize,
    /// Bytes of those messages.
    pub outbox_bytes_max: Size,
    /// What happens beyond, where neither the user nor the listener has its own.
    pub overflow: Overflow,
    /// The same for some users, whichever listener they come by, as in `{ ann = "disconnect" }`.
    pub overflow_by_user: BTreeMap<String, Overflow>,
    /// QoS 1 and 2 publishes a client may have under way; announced to MQTT 5 clients.
    pub receive_maximum: u16,
    /// Deliveries a client may have unacknowledged, unless it says less.
    pub inflight_max: u16,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            expiry_max: Span(std::time::Duration::from_secs(7 * 86_400)),
            outbox_messages_max: 10_000,
            outbox_bytes_max: Size(16 << 20),
            overflow: Overflow::DropNewest,
            overflow_by_user: BTreeMap::new(),
            receive_maximum: 100,
            inflight_max: 1_000,
        }
    }
}

/// MQTT.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MqttConfig {
    /// The longest keep alive an MQTT 5 client is granted, up to 65535 s; a longer one, or none, gets this as Server
    /// Keep Alive.
    pub server_keep_alive_max: Span,
    /// Topic aliases accepted from a client, and the most used towards one.
    pub topic_alias_maximum: u16,
    /// The highest QoS of a publish: 0, 1 or 2.
    pub maximum_qos: u8,
    /// Whether messages are retained.
    pub retain_available: bool,
    /// Whether filters may have wildcards.
    pub wildcard_subscriptions: bool,
    /// Whether there are `$share/…` subscriptions.
    pub shared_subscriptions: bool,
    /// Whether MQTT 3.1 clients (`MQIsdp`) are served.
    pub mqtt31: bool,
    /// Another server, as `host:port` or as that server's clients name it; told to MQTT 5 clients that are sent away by
    /// `redirect`, and to those that are connected when this one stops (0x9C, Use another server).
    #[schemars(example = &"other.example:1883")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_reference: Option<String>,
    /// Whether clients that connect are sent to `server_reference`.
    pub redirect: Redirect,
}

/// Whether clients that connect are sent to another server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Redirect {
    /// They are served here.
    None,
    /// They are sent there for now: 0x9C, Use another server.
    UseAnotherServer,
    /// They are sent there for good: 0x9D, Server moved.
    ServerMoved,
}

impl Default for MqttConfig {
    fn default() -> Self {
        Self {
            server_keep_alive_max: Span(std::time::Duration::from_secs(600)),
            topic_alias_maximum: 64,
            maximum_qos: 2,
            retain_available: true,
            wildcard_subscriptions: true,
            shared_subscriptions: true,
            mqtt31: true,
            server_reference: None,
            redirect: Redirect::None,
        }
    }
}

/// STOMP.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StompConfig {
    /// What parts the levels of topics in destinations.
    pub separator: Separator,
    /// How frames travel over WebSocket.
    pub websocket_frame: WebSocketFrame,
    /// The server sends at least every first, and wants to hear at least every second.
    pub heart_beat: [Span; 2],
    /// What a frame that is not allowed gets.
    pub denied: Denied,
    /// The ack mode of a SUBSCRIBE that names none.
    pub default_ack: DefaultAck,
    /// Open transactions of a connection.
    pub transactions_max: usize,
    /// Frames in a transaction.
    pub transaction_frames_max: usize,
    /// Bytes that the frames in a connection's open transactions take: some 250 for each SEND besides its message, some
    /// 50 for an ACK or a NACK.
    pub transaction_bytes_max: Size,
}

impl Default for StompConfig {
    fn default() -> Self {
        let ten_seconds = Span(std::time::Duration::from_secs(10));
        Self {
            separator: Separator::Slash,
            websocket_frame: WebSocketFrame::Auto,
            heart_beat: [ten_seconds; 2],
            denied: Denied::Error,
            default_ack: DefaultAck::Auto,
            transactions_max: 100,
            transaction_frames_max: 10_000,
            transaction_bytes_max: Size(16 << 20),
        }
    }
}

/// What parts the levels of a topic in STOMP's destinations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum Separator {
    /// `/topic/rooms/1`, verbatim, with `+` and `#`.
    #[serde(rename = "/")]
    Slash,
    /// `/topic/rooms.1`, with `*` and `>` or `#`: `.` and `/` change places.
    #[serde(rename = ".")]
    Dot,
}

/// How STOMP frames travel over WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum WebSocketFrame {
    /// As text when the frame is UTF-8, else binary.
    Auto,
    /// Always binary.
    Binary,
    /// As text, but for a frame that is not UTF-8, which text could not carry.
    Text,
}

/// What a STOMP frame that is not authorised gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Denied {
    /// ERROR, and the end of the connection.
    Error,
    /// Nothing, its receipt included.
    Ignore,
}

/// The ack mode of a SUBSCRIBE that names none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DefaultAck {
    /// A message counts as received once it is sent.
    Auto,
    /// An acknowledgement is for all messages up to its own.
    Client,
    /// Each message is acknowledged by itself.
    ClientIndividual,
}

/// What the broker publishes of itself, below `$SYS/broker`.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SysConfig {
    /// How often topics below `$SYS/broker` are published whose values have changed; `"0s"`: never.
    pub interval: Span,
}

impl Default for SysConfig {
    fn default() -> Self {
        Self { interval: Span(std::time::Duration::from_secs(10)) }
    }
}

/// Logs.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// How a line looks.
    pub format: LogFormat,
    /// `"error"`, `"warn"`, `"info"`, `"debug"`, `"trace"` or `"off"`, or a list such as `"info,tidewire::mqtt=debug"`.
    pub level: String,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { format: LogFormat::Auto, level: "info".to_owned() }
    }
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For journald if standard error goes there, and else text.
    Auto,
    /// Text, coloured on a terminal.
    Text,
    /// One JSON object a line.
    Json,
    /// To journald, with fields.
    Journald,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("./tidewire-data"),
            listeners: vec![
                ListenerConfig::new(
                    "ws",
                    "127.0.0.1:8080",
                    Transport::Ws,
                    &[ProtocolName::Mqtt, ProtocolName::Stomp],
                ),
                ListenerConfig::new("mqtt", "127.0.0.1:1883", Transport::Tcp, &[ProtocolName::Mqtt]),
                ListenerConfig::new("stomp", "127.0.0.1:61613", Transport::Tcp, &[ProtocolName::Stomp]),
            ],
            auth: AuthConfig::default(),
            limits: Limits::default(),
            session: SessionConfig::default(),
            mqtt: MqttConfig::default(),
            stomp: StompConfig::default(),
            queues: QueuesConfig::default(),
            storage: StorageConfig::default(),
            admin: AdminConfig::default(),
            log: LogConfig::default(),
            telemetry: TelemetryConfig::default(),
            sys: SysConfig::default(),
            shutdown: ShutdownConfig::default(),
        }
    }
}

impl Config {
    /// Whether clients without credentials may connect.
    pub fn allows_anonymous(&self) -> bool {
        self.auth.anonymous.unwrap_or_else(|| self.listeners.iter().all(ListenerConfig::is_loopback))
    }

    /// Puts what `find` makes of them in the place of the names of files.
    fn resolve(&mut self, find: &impl Fn(&Path) -> PathBuf) {
        let tls = self.listeners.iter_mut().filter_map(|listener| listener.tls.as_mut());
        tls.for_each(|tls| tls.resolve(find));
        self.auth.resolve(find);
        self.admin.resolve(find);
        self.telemetry.resolve(find);
    }
}

impl SessionConfig {
    /// The bounds of a session's outbox, where nobody has a policy of their own.
    pub fn outbox_limits(&self) -> OutboxLimits {
        OutboxLimits {
            messages_max: self.outbox_messages_max,
            bytes_max: self.outbox_bytes_max.0,
            overflow: self.overflow,
        }
    }
}

impl MqttConfig {
    /// The highest QoS of a publish.
    pub fn maximum_qos(&self) -> Qos {
        Qos::from_u8(self.maximum_qos).unwrap_or(Qos::ExactlyOnce)
    }
}
