//! The topics and their values.

use super::load::{FLOWING, Loads, SPANS};
use crate::broker::Broker;
use crate::clock::Now;
use crate::counters::Protocol;
use crate::message::Qos;

/// Counts that only grow, of all protocols together.
#[derive(Clone, Debug, Default)]
pub(super) struct Sums {
    received: u64,
    sent: u64,
    dropped: u64,
    payload_received: u64,
    payload_sent: u64,
    bytes_received: u64,
    bytes_sent: u64,
    sockets: u64,
    logins: u64,
}

/// The topics of [`Sums::flowing`] below `load`.
const LOADS: [&str; FLOWING] = [
    "messages/received",
    "messages/sent",
    "publish/received",
    "publish/sent",
    "publish/dropped",
    "bytes/received",
    "bytes/sent",
    "sockets",
    "connections",
];

impl Sums {
    pub(super) fn of(broker: &Broker) -> Self {
        let counters = &broker.counters;
        let mut sums = Self {
            dropped: counters.dropped.value(),
            sockets: counters.connections_total.value(),
            logins: counters.clients.total(),
            ..Self::default()
        };
        for protocol in Protocol::ALL {
            for qos in [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce] {
                sums.received += counters.traffic.sum(|traffic| traffic.received(protocol, qos).0);
                sums.payload_received += counters.traffic.sum(|traffic| traffic.received(protocol, qos).1);
                sums.sent += counters.traffic.sum(|traffic| traffic.sent(protocol, qos).0);
                sums.payload_sent += counters.traffic.sum(|traffic| traffic.sent(protocol, qos).1);
            }
        }
        for protocol in [Some(Protocol::Mqtt), Some(Protocol::Stomp), None] {
            sums.bytes_received += counters.traffic.sum(|traffic| traffic.moved(protocol).0);
            sums.bytes_sent += counters.traffic.sum(|traffic| traffic.moved(protocol).1);
        }
        sums
    }

    /// What the averages are of, in the order of [`LOADS`].
    pub(super) fn flowing(&self) -> [u64; FLOWING] {
        [
            self.received,
            self.sent,
            self.received,
            self.sent,
            self.dropped,
            self.bytes_received,
            self.bytes_sent,
            self.sockets,
            self.logins,
        ]
    }
}

/// Each topic below the prefix, with its value.
pub(super) fn values(broker: &Broker, sums: &Sums, loads: &Loads, now: Now) -> Vec<(String, String)> {
    let figures = broker.figures();
    let uptime = now.instant.saturating_duration_since(broker.started_at.instant).as_secs();
    let version = format!("tidewire version {}", env!("CARGO_PKG_VERSION"));
    let said = [("version", version), ("uptime", format!("{uptime} seconds"))];
    let counted = [
        ("clients/total", figures.sessions),
        ("clients/connected", figures.clients),
        ("clients/disconnected", figures.absent_sessions()),
        ("clients/maximum", broker.counters.clients.highest()),
        ("clients/expired", broker.counters.sessions_expired.value()),
        ("messages/received", sums.received),
        ("messages/sent", sums.sent),
        ("messages/stored", figures.held()),
        ("publish/messages/received", sums.received),
        ("publish/messages/sent", sums.sent),
        ("publish/messages/dropped", sums.dropped),
        ("publish/bytes/received", sums.payload_received),
        ("publish/bytes/sent", sums.payload_sent),
        ("bytes/received", sums.bytes_received),
        ("bytes/sent", sums.bytes_sent),
        ("subscriptions/count", figures.subscriptions),
        ("retained messages/count", figures.retained),
        ("store/messages/count", figures.held()),
        ("store/messages/bytes", figures.held_bytes()),
    ];
    let load = LOADS.into_iter().zip(&loads.0).flat_map(|(name, averages)| {
        let averages = averages.iter().zip(SPANS);
        averages.map(move |(average, (_, span))| (format!("load/{name}/{span}"), format!("{average:.2}")))
    });
    let said = said.map(|(name, value)| (name.to_owned(), value));
    let counted = counted.map(|(name, value)| (name.to_owned(), value.to_string()));
    said.into_iter().chain(counted).chain(load).collect()
}
