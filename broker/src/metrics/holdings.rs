//! What the broker holds: sessions, subscriptions, retained messages, queues.

use std::fmt;

use super::page::Page;
use crate::broker::Broker;

pub(super) fn write(page: &mut Page<'_>, broker: &Broker) -> fmt::Result {
    let figures = broker.figures();
    let absent = figures.absent_sessions();
    page.gauges(
        "tidewire_sessions",
        "Sessions, by whether their clients are connected",
        vec![([("state", "connected")], figures.sessions - absent), ([("state", "disconnected")], absent)],
    )?;
    page.counter(
        "tidewire_sessions_expired",
        "Sessions that ended, since their clients did not come back in time",
        broker.counters.sessions_expired.value(),
    )?;
    page.gauge("tidewire_subscriptions", "Subscriptions", figures.subscriptions)?;
    page.gauge("tidewire_retained_messages", "Retained messages", figures.retained)?;
    page.gauge(
        "tidewire_retained_bytes",
        "Bytes of retained messages: payloads, topics, properties",
        figures.retained_bytes,
    )?;
    page.gauge("tidewire_queues", "Work queues, those of durable subscriptions included", figures.queues)?;
    page.gauge(
        "tidewire_queue_messages",
        "Messages in all queues, those with a consumer included",
        figures.queued,
    )?;
    page.gauge("tidewire_queue_bytes", "Bytes of those messages", figures.queued_bytes)?;
    page.gauge(
        "tidewire_queue_oldest_message_age_seconds",
        "How long the message has waited that waits longest in any queue, since it came or came back",
        broker.oldest_queued_secs(),
    )
}
