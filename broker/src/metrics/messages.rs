//! Messages that flow, and those that are lost.

use std::fmt;

use super::page::{Page, Rows};
use crate::broker::Broker;
use crate::counters::{Counter, DropReason, Protocol, Traffic};
use crate::message::Qos;

/// Each QoS with its name.
const QOS: [(Qos, &str); 3] = [(Qos::AtMostOnce, "0"), (Qos::AtLeastOnce, "1"), (Qos::ExactlyOnce, "2")];

pub(super) fn write(page: &mut Page<'_>, broker: &Broker) -> fmt::Result {
    let counters = &broker.counters;
    let by_qos = |counter: fn(&Traffic, Protocol, Qos) -> &Counter| -> Rows<'static, u64, 2> {
        let mut rows = Vec::new();
        for protocol in Protocol::ALL {
            for (qos, name) in QOS {
                let labels = [("protocol", protocol.name()), ("qos", name)];
                rows.push((labels, counters.traffic.sum(|traffic| counter(traffic, protocol, qos))));
            }
        }
        rows
    };
    page.counters(
        "tidewire_messages_received",
        "Messages that clients have published and were allowed to",
        by_qos(|traffic, protocol, qos| traffic.received(protocol, qos).0),
    )?;
    page.counters(
        "tidewire_payload_received_bytes",
        "Bytes of those messages' payloads",
        by_qos(|traffic, protocol, qos| traffic.received(protocol, qos).1),
    )?;
    page.counters(
        "tidewire_messages_sent",
        "Messages written for clients; one that is sent again counts once",
        by_qos(|traffic, protocol, qos| traffic.sent(protocol, qos).0),
    )?;
    page.counters(
        "tidewire_payload_sent_bytes",
        "Bytes of those messages' payloads",
        by_qos(|traffic, protocol, qos| traffic.sent(protocol, qos).1),
    )?;
    page.counter(
        "tidewire_deliveries",
        "Deliveries given to sessions, which send them at once or keep them until they can",
        counters.traffic.sum(Traffic::delivered),
    )?;
    let dropped = DropReason::ALL.map(|reason| ([("reason", reason.name())], counters.dropped.of(reason)));
    page.counters(
        "tidewire_messages_dropped",
        "Messages that somebody was to have and did not get",
        dropped.into(),
    )?;
    page.counter(
        "tidewire_dead_letters",
        "Messages that queues have given up and put to their dead letters",
        counters.dead_letters.value(),
    )?;
    page.gauge(
        "tidewire_outbox_messages_highest",
        "The most messages that have waited for one client",
        counters.outbox_messages_highest.value(),
    )?;
    page.gauge(
        "tidewire_outbox_highest_bytes",
        "The most bytes of messages that have waited for one client",
        counters.outbox_bytes_highest.value(),
    )
}
