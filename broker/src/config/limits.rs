//! The limits that hold for every protocol, and what becomes of them.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidewire_protocols::stomp;

use super::{Network, Size, Span};

/// The machine's own addresses.
const LOOPBACK: [&str; 2] = ["127.0.0.0/8", "::1"];

/// Limits that hold for every protocol.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Resident memory of the process: near it clients that publish have to wait, and at it nobody more is let in. 0: any
    /// amount; absent: three quarters of what the process may have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_max: Option<Size>,
    /// Connections on all listeners together.
    pub connections_max: usize,
    /// Connections from one address: an IPv4 address, or an IPv6 network of 64 bits, which is what one customer gets.
    pub connections_per_address_max: usize,
    /// Connections over which one user has logged in.
    pub connections_per_user_max: usize,
    /// Connections a second from one address, counted in the same way; 0: any number. Those beyond are refused.
    pub connect_rate_per_address: u32,
    /// Connections that may come from one address at once, before the rate counts.
    pub connect_burst_per_address: u32,
    /// Logins from one address that may fail within [`Limits::failures_window`]; with so many, the address is banned. 0:
    /// nobody is.
    pub failures_max: u32,
    /// The time in which failed logins are counted; it begins with the first.
    pub failures_window: Span,
    /// How long a banned address is refused.
    pub ban_time: Span,
    /// Networks that this rate is not for, and that are never banned: as a rule the broker's own machine, and proxies that speak for many.
    pub exempt: Vec<Network>,
    /// Messages a second that a connection may publish, and at once the worth of a second; 0: any number. A client that
    /// is ahead is not read from until it no longer is.
    pub publish_rate_max: u32,
    /// The same in bytes of the packets or frames that carry them; 0, or at least 1 KiB.
    pub publish_bytes_rate_max: Size,
    /// From accepting a connection to its CONNECT, the upgrade included.
    pub connect_timeout: Span,
    /// A WebSocket peer that has been quiet for so long is sent a ping, and let go of when it stays silent for as long
    /// again; 0 turns that off.
    pub ping_interval: Span,
    /// Largest HTTP request head of an upgrade; at least 8 KiB.
    pub handshake_size_max: Size,
    /// Largest MQTT packet, fixed header included; announced to MQTT 5 clients.
    pub packet_size_max: Size,
    /// The same before the client has connected; in STOMP, the body of a frame that comes then.
    pub connect_packet_size_max: Size,
    /// Topic levels in a name or filter.
    pub topic_levels_max: usize,
    /// Subscriptions one session may hold.
    pub subscriptions_per_session_max: usize,
    /// STOMP: headers in a frame.
    pub header_count_max: usize,
    /// STOMP: length of one header line.
    pub header_line_max: Size,
    /// STOMP: length of a body.
    pub body_size_max: Size,
    /// Bytes of a connection's replies that wait for the disk before it is read from again.
    pub held_bytes_max: Size,
}

impl Limits {
    /// Whether what an address does is limited in the number of connections alone: see [`Limits::exempt`].
    pub fn is_exempt(&self, address: IpAddr) -> bool {
        self.exempt.iter().any(|network| network.contains(address))
    }

    /// The limits of a STOMP decoder before CONNECT: what comes then has no body, and nobody knows whose it is.
    pub fn stomp_before_connect(&self) -> stomp::Limits {
        let body_size_max = self.body_size_max.min(self.connect_packet_size_max).0;
        stomp::Limits { body_size_max, ..self.stomp() }
    }

    /// The largest WebSocket message, inflated: it may hold a whole packet or frame of the largest size, or several small
    /// ones.
    pub fn web_socket_message_size_max(&self) -> usize {
        let headers = self.header_count_max * self.header_line_max.0;
        self.packet_size_max.0.max(self.body_size_max.0 + headers)
    }

    /// The limits of a STOMP decoder.
    pub fn stomp(&self) -> stomp::Limits {
        stomp::Limits {
            header_count_max: self.header_count_max,
            header_line_max: self.header_line_max.0,
            body_size_max: self.body_size_max.0,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_max: None,
            connections_max: 100_000,
            connections_per_address_max: 100_000,
            connections_per_user_max: 100_000,
            connect_rate_per_address: 100,
            connect_burst_per_address: 200,
            failures_max: 10,
            failures_window: Span(std::time::Duration::from_secs(60)),
            ban_time: Span(std::time::Duration::from_secs(300)),
            exempt: LOOPBACK.iter().flat_map(|network| network.parse()).collect(),
            publish_rate_max: 0,
            publish_bytes_rate_max: Size(0),
            connect_timeout: Span(std::time::Duration::from_secs(10)),
            ping_interval: Span(std::time::Duration::from_secs(30)),
            handshake_size_max: Size(16 << 10),
            packet_size_max: Size(16 << 20),
            connect_packet_size_max: Size(64 << 10),
            topic_levels_max: 128,
            subscriptions_per_session_max: 100_000,
            header_count_max: 100,
            header_line_max: Size(16 << 10),
            body_size_max: Size(16 << 20),
            held_bytes_max: Size(64 << 10),
        }
    }
}
