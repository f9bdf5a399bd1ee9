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
    /// Resident memory of the process, at least 32 MiB: from 90 % of it on clients that publish have to wait, and at it
    /// nobody more is let in. `"0B"`: any amount. Absent: three quarters of the machine's memory, or of what the
    /// control group allows, if that is less.
    #[schemars(example = &"2GiB")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_max: Option<Size>,
    /// Connections on all listeners together; more get HTTP 503, or are closed on `tcp`.
    pub connections_max: usize,
    /// Connections from one IPv4 address, or from one IPv6 network of 64 bits; more get HTTP 429, or are closed on
    /// `tcp`.
    pub connections_per_address_max: usize,
    /// Connections over which one user has logged in; one more is refused with CONNACK 0x97 (3.1.1: 3) or an ERROR.
    pub connections_per_user_max: usize,
    /// Connections a second from one address, counted in the same way; more get HTTP 429 with Retry-After, or are
    /// closed on `tcp`, before TLS. 0: any number.
    pub connect_rate_per_address: u32,
    /// Connections that may come from an address at once, before the rate counts.
    pub connect_burst_per_address: u32,
    /// Failed logins from one address within `failures_window`; with so many the address is banned: HTTP 429 with
    /// Retry-After, closed on `tcp`, and on connections that are open already CONNACK 0x8A (3.1.1: 5) or an ERROR. A
    /// login clears none of them, and a renewal or re-authentication that is wrong counts as well. 0: nobody is banned.
    pub failures_max: u32,
    /// The time in which failed logins are counted; it begins with the first.
    pub failures_window: Span,
    /// How long a banned address is refused.
    pub ban_time: Span,
    /// Networks and addresses that the rate of connections is not for, and that are never banned: as a rule the
    /// broker's own machine, and proxies that speak for many.
    pub exempt: Vec<Network>,
    /// Messages a second that a connection may publish, a second's worth at once; one that is ahead is not read from
    /// until it no longer is. 0: any number.
    pub publish_rate_max: u32,
    /// The same in bytes of PUBLISH packets or SEND frames; 0, or at least 1 KiB.
    pub publish_bytes_rate_max: Size,
    /// From accepting a connection to its CONNECT; PROXY header, TLS handshake and upgrade included.
    pub connect_timeout: Span,
    /// A WebSocket peer (or HTTP/2 connection) that was quiet for so long is pinged, and let go of when it stays silent
    /// for as long again; `"0s"` turns that off.
    pub ping_interval: Span,
    /// Head of an upgrade request; 8 KiB to 1 MiB.
    pub handshake_size_max: Size,
    /// An MQTT packet, fixed header included; announced to MQTT 5 clients.
    pub packet_size_max: Size,
    /// The same before the client has connected; in STOMP, the body of a frame that comes then.
    pub connect_packet_size_max: Size,
    /// Levels of a topic name or filter; at most 1000.
    pub topic_levels_max: usize,
    /// Subscriptions of one session.
    pub subscriptions_per_session_max: usize,
    /// STOMP: headers of a frame.
    pub header_count_max: usize,
    /// STOMP: one header line; 256 bytes to 64 KiB.
    pub header_line_max: Size,
    /// STOMP: a body.
    pub body_size_max: Size,
    /// Replies of a connection that wait for the disk or to be sent; beyond it, it is not read from.
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
