//! Connections, clients, and who is refused.

use std::fmt;

use super::page::{Page, Rows};
use crate::broker::Broker;
use crate::counters::{Carrier, Counters, Protocol, RefusalReason, Spoken};

pub(super) fn write(page: &mut Page<'_>, broker: &Broker) -> fmt::Result {
    let (counters, figures) = (&broker.counters, broker.figures());
    // One after the other is read while clients come and go: none may seem to be less than nothing.
    let greeting = figures.speaking.saturating_sub(figures.clients);
    page.gauges(
        "tidewire_connections",
        "Network connections that are open, by how far they have come",
        vec![
            ([("state", "opening")], figures.links.saturating_sub(figures.speaking)),
            ([("state", "greeting")], greeting),
            ([("state", "connected")], figures.clients),
        ],
    )?;
    page.counter(
        "tidewire_connections_opened",
        "Network connections whose transport was settled",
        counters.connections_total.value(),
    )?;
    let clients = clients(counters);
    let open = clients.iter().map(|(labels, (open, _))| (*labels, *open)).collect();
    page.gauges("tidewire_clients", "Clients that are logged in", open)?;
    let total = clients.into_iter().map(|(labels, (_, total))| (labels, total)).collect();
    page.counters("tidewire_clients_logged_in", "Clients that have logged in", total)?;
    page.gauge(
        "tidewire_clients_highest",
        "The most clients that were logged in at a time",
        counters.clients.highest(),
    )?;
    let refused =
        RefusalReason::ALL.map(|reason| ([("reason", reason.name())], counters.refused.value(reason)));
    page.counters(
        "tidewire_refusals",
        "Connections, upgrades, packets and frames that were refused",
        refused.into(),
    )?;
    page.gauge(
        "tidewire_addresses_banned",
        "Addresses that may not connect, since too many logins from them failed",
        counters.banned.value(),
    )?;
    page.gauge(
        "tidewire_compression_contexts",
        "WebSocket connections that keep a context for compression",
        counters.deflate_contexts.value(),
    )?;
    let permits = vec![
        ([("answer", "judged")], counters.permits_judged.value()),
        ([("answer", "remembered")], counters.permits_remembered.value()),
    ];
    page.counters("tidewire_permits", "Publishes held against access rules", permits)?;
    moved(page, counters)
}

/// Clients there are and there have been, by what they speak and what carries it: each pair that somebody has used, and
/// each protocol's latest version over plain TCP in any case.
fn clients(counters: &Counters) -> Rows<'static, (u64, u64), 4> {
    let mut rows = Vec::new();
    for spoken in Spoken::ALL {
        for carrier in Carrier::ALL {
            let (open, total) = counters.clients.of(spoken, carrier);
            let is_latest = matches!(spoken, Spoken::Mqtt5 | Spoken::Stomp12);
            if total == 0 && !(is_latest && carrier == Carrier::default()) {
                continue;
            }
            let labels = [
                ("protocol", spoken.protocol().name()),
                ("version", spoken.version()),
                ("transport", carrier.transport()),
                ("tls", if carrier.is_tls { "true" } else { "false" }),
            ];
            rows.push((labels, (open, total)));
        }
    }
    rows
}

fn moved(page: &mut Page<'_>, counters: &Counters) -> fmt::Result {
    let speakers = [Some(Protocol::Mqtt), Some(Protocol::Stomp), None];
    let name = |protocol: Option<Protocol>| protocol.map_or("none", Protocol::name);
    let read =
        speakers.map(|one| ([("protocol", name(one))], counters.traffic.sum(|traffic| traffic.moved(one).0)));
    page.counters(
        "tidewire_received_bytes",
        "Bytes of packets and frames that came, without what WebSocket, TLS and TCP add; none: before a login",
        read.into(),
    )?;
    let written =
        speakers.map(|one| ([("protocol", name(one))], counters.traffic.sum(|traffic| traffic.moved(one).1)));
    page.counters(
        "tidewire_sent_bytes",
        "Bytes of packets and frames that were handed over to be sent; none: before a login",
        written.into(),
    )
}
