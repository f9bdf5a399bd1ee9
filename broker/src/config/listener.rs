//! Listeners: where one is bound, what it serves, and to whom.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::de::{Deserializer, Error, Unexpected};
use serde::{Deserialize, Serialize, Serializer};

use super::compression::Compression;
use super::proxies::{ForwardedHeader, TrustedProxy};
use crate::session::Overflow;
use crate::tls::TlsSettings;

/// One bound address.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListenerConfig {
    /// Its name in logs.
    #[schemars(example = &"browsers")]
    pub name: Arc<str>,
    /// Address and port, `"0.0.0.0:8080"`, `"[::1]:8080"`; a Unix socket, `"unix:/run/tidewire/ws.sock"`; a socket that
    /// systemd passes, `"systemd:NAME"`.
    #[schemars(example = &"0.0.0.0:8443")]
    pub bind: String,
    /// How bytes come.
    pub transport: Transport,
    /// What it serves: on `ws` by subprotocol, on `tcp` by the first bytes where it serves both.
    #[schemars(example = ["mqtt", "stomp"])]
    pub protocols: Vec<ProtocolName>,
    /// `ws`: paths at which an upgrade is served.
    #[schemars(example = ["/mqtt", "/stomp"], extend("x-default" = "any"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paths: Option<Vec<String>>,
    /// `ws`: pages that may connect, as `"https://app.example"`; `"*"` is all. Clients that send no Origin always may.
    /// On a loopback address the same host is `localhost` or a loopback address, unless a proxy connects, by
    /// `proxy_protocol` or from `trusted_proxies`.
    #[schemars(example = ["https://app.example"], extend("x-default" = "same host"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origins: Option<Vec<String>>,
    /// Connections served at once; more get HTTP 503, or are closed on `tcp`.
    #[serde(default = "default_max_connections")]
    pub max_connections: usize,
    /// What happens where a client that came by this listener has as much waiting as its session may hold, unless its user
    /// has its own in `session.overflow_by_user`.
    #[schemars(extend("x-default" = "`session.overflow`"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overflow: Option<Overflow>,
    /// Connections that the system may hold before they are accepted; it may allow less (`net.core.somaxconn`).
    #[serde(default = "default_backlog")]
    pub backlog: u32,
    /// Whether other processes may bind the same port; the system shares the connections out among them.
    #[serde(default)]
    pub reuse_port: bool,
    /// Whether `[::]` is for IPv6 alone. Otherwise it is for IPv4 too, whatever the system's default, and `0.0.0.0`
    /// must not be bound beside it.
    #[serde(default)]
    pub ipv6_only: bool,
    /// Who may connect to a Unix socket, in octal; absent: its owner and group.
    #[schemars(example = &"0660", extend("x-default" = "`\"0660\"`"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unix_mode: Option<Mode>,
    /// Whether every connection begins with a PROXY protocol header (version 1 or 2), as of HAProxy or a cloud's load
    /// balancer.
    #[serde(default)]
    pub proxy_protocol: bool,
    /// Proxies whose word is taken for where a client comes from: networks, `"10.0.0.0/8"`, addresses, `"::1"`, or
    /// `"unix"`.
    #[serde(default)]
    pub trusted_proxies: Vec<TrustedProxy>,
    /// `ws`: the header in which they give it, the other one not being looked at.
    #[serde(default)]
    pub forwarded_header: ForwardedHeader,
    /// `ws`: permessage-deflate (RFC 7692); `false`, or a table.
    #[serde(default)]
    pub compression: Compression,
    /// `ws` with TLS: a browser's WebSockets share one HTTP/2 connection (RFC 8441). Each counts as a connection, and
    /// so does what carries them.
    #[serde(default)]
    pub http2: bool,
    /// TLS; absent: none.
    #[schemars(extend("x-default" = "none"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsSettings>,
}

fn default_max_connections() -> usize {
    100_000
}

fn default_backlog() -> u32 {
    4096
}

impl ListenerConfig {
    /// A listener with the defaults for everything else.
    pub fn new(name: &str, bind: &str, transport: Transport, protocols: &[ProtocolName]) -> Self {
        Self {
            name: name.into(),
            bind: bind.to_owned(),
            transport,
            protocols: protocols.to_vec(),
            paths: None,
            origins: None,
            max_connections: default_max_connections(),
            overflow: None,
            backlog: default_backlog(),
            reuse_port: false,
            ipv6_only: false,
            unix_mode: None,
            proxy_protocol: false,
            trusted_proxies: Vec::new(),
            forwarded_header: ForwardedHeader::default(),
            compression: Compression::default(),
            http2: false,
            tls: None,
        }
    }

    /// Whether only this machine can reach it. Of a socket that is passed nobody knows.
    pub fn is_loopback(&self) -> bool {
        self.is_loopback_address() || matches!(Bind::parse(&self.bind), Some(Bind::Unix(_)))
    }

    /// The same, and browsers on this machine can: they know no Unix sockets.
    pub(crate) fn is_loopback_address(&self) -> bool {
        let bind = Bind::parse(&self.bind);
        matches!(bind, Some(Bind::Ip(address)) if address.ip().to_canonical().is_loopback())
    }
}

/// Where a listener is bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bind {
    /// `"0.0.0.0:8080"`, `"[::1]:8080"`.
    Ip(SocketAddr),
    /// `"unix:/run/tidewire/ws.sock"`.
    Unix(PathBuf),
    /// `"systemd:NAME"`: the socket that systemd has bound and passes by this name.
    Systemd(String),
}

/// The longest path of a Unix socket that Linux takes, in bytes.
const UNIX_PATH_BYTES_MAX: usize = 107;

impl Bind {
    /// Reads one; `None` where it is none of the three.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(path) = text.strip_prefix("unix:") {
            let is_path = path.starts_with('/') && path.len() <= UNIX_PATH_BYTES_MAX && !path.ends_with('/');
            return is_path.then(|| Self::Unix(path.into()));
        }
        if let Some(name) = text.strip_prefix("systemd:") {
            let is_name = !name.is_empty() && !name.contains(':');
            return is_name.then(|| Self::Systemd(name.to_owned()));
        }
        text.parse().ok().map(Self::Ip)
    }
}

/// How bytes reach a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// Over WebSocket.
    Ws,
    /// Over bare TCP.
    Tcp,
}

/// A protocol a listener may serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ProtocolName {
    /// MQTT 3.1, 3.1.1 and 5.0.
    Mqtt,
    /// STOMP 1.0, 1.1 and 1.2.
    Stomp,
}

/// Who may read and write a file, written in octal: `"0660"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode(pub u32);

impl fmt::Display for Mode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:04o}", self.0)
    }
}

impl Serialize for Mode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Mode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let is_octal = (3..=4).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
        let mode = u32::from_str_radix(&text, 8).ok().filter(|mode| is_octal && *mode <= 0o777);
        let expected = &"permissions in octal, such as \"0660\" or \"0666\"";
        mode.map(Self).ok_or_else(|| D::Error::invalid_value(Unexpected::Str(&text), expected))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_of_three() {
        assert_eq!(Bind::parse("[::1]:80"), Some(Bind::Ip("[::1]:80".parse().unwrap())));
        assert_eq!(Bind::parse("unix:/run/a.sock"), Some(Bind::Unix("/run/a.sock".into())));
        assert_eq!(Bind::parse("systemd:a"), Some(Bind::Systemd("a".into())));
        for text in
            ["", "localhost:80", "127.0.0.1", "unix:", "unix:a.sock", "unix:/run/", "systemd:", "systemd:a:b"]
        {
            assert_eq!(Bind::parse(text), None, "{text}");
        }
        assert_eq!(Bind::parse(&format!("unix:/{}", "a".repeat(107))), None);
    }
}
