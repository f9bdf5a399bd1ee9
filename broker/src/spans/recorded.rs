//! What is known of a publish once it is over, as the spans are made of it.

use std::sync::Arc;

use super::{SpanId, TraceContext};

/// A topic name or a client's is kept so far, in bytes: either may have 65,535, and many wait for a collector that is away.
const TEXT_BYTES_MAX: usize = 512;

/// A publish that is over. One of these is some hundred bytes, and some fifty for each delivery, besides its texts.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The publish's own span, whose context the message carries from here on.
    pub context: TraceContext,
    /// The span of whoever published it.
    pub parent: Option<SpanId>,
    /// What vendors say of the trace (`tracestate`), where it is short enough to be kept.
    pub state: Option<Box<str>>,
    /// The topic name; of a very long one, the beginning.
    pub topic: Box<str>,
    /// Bytes of the payload.
    pub payload_bytes: usize,
    /// The QoS that it was published with.
    pub qos: u8,
    /// Who published it.
    pub publisher: Party,
    /// From when the broker had read it until it was with those who receive it, or refused.
    pub period: Period,
    /// Who receives it; `None` where that was not asked, since it was refused before.
    pub route: Option<Route>,
    /// What became of it at those who receive it, up to a bound.
    pub deliveries: Vec<Delivery>,
    /// Deliveries beyond that bound.
    pub deliveries_left_out: usize,
    /// Why it was refused, in a word.
    pub error: Option<&'static str>,
}

impl Recorded {
    /// Spans that it becomes.
    pub fn span_count(&self) -> usize {
        1 + usize::from(self.route.is_some()) + self.deliveries.len()
    }
}

/// When something began and ended: nanoseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// Its beginning.
    pub began_ns: u64,
    /// Its end.
    pub ended_ns: u64,
}

/// A client, as spans name it.
#[derive(Clone, Debug)]
pub struct Party {
    /// MQTT's client identifier, or the name of a session of STOMP; of a very long one, the beginning.
    pub client_id: Arc<str>,
    /// What it speaks: `mqtt` or `stomp`.
    pub protocol: &'static str,
}

impl Party {
    /// The client of that name.
    pub fn new(client_id: &Arc<str>, protocol: &'static str) -> Self {
        let kept = clipped(client_id);
        let client_id = if kept.len() == client_id.len() { Arc::clone(client_id) } else { kept.into() };
        Self { client_id, protocol }
    }
}

/// What is kept of a text.
pub(super) fn clipped(text: &str) -> &str {
    &text[..text.floor_char_boundary(TEXT_BYTES_MAX)]
}

/// That it was found out who receives a message.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// Its span.
    pub span: SpanId,
    /// From the beginning of the publish until they were known.
    pub period: Period,
    /// How many receive it: sessions, and shared subscriptions and queues as one each.
    pub receivers: usize,
}

/// That a message came to one of those who receive it.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Its span.
    pub span: SpanId,
    /// How long it took.
    pub period: Period,
    /// Who receives it.
    pub receiver: Party,
    /// The QoS that it is delivered with.
    pub qos: u8,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a message at one who receives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was written for a client that keeps up.
    Sent,
    /// It waits for its client.
    Queued,
    /// There was no room for it.
    Dropped,
}

impl Outcome {
    /// Its name in spans.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Queued => "queued",
            Self::Dropped => "dropped",
        }
    }
}
