//! Traces of messages for OpenTelemetry: which publishes are recorded, and how their spans get to a collector.
//!
//! ```text
//!   PUBLISH, SEND ──▶ begin ──▶ publish, route, deliver ──▶ keep ──▶ [ queue ] ──▶ Exporter ──▶ collector
//!                     a few      spans::Recording                    bounded       a task of its own
//! ```
//!
//! Nothing here is waited for by anybody who serves clients: what the queue has no room for is dropped, and counted. Where no
//! collector is configured there is none of it. [docs/telemetry.md](../../../docs/telemetry.md) explains it.

mod begun;
mod carried;
mod encode;
mod exporter;
pub mod otlp;
mod queue;

use std::time::Duration;

pub use self::begun::Begun;
use self::carried::Carried;
pub use self::exporter::{Collector, Exporter};
use self::queue::Queue;
use crate::clock::Clock;
use crate::counters::Counter;
use crate::message::Publication;
use crate::random;
use crate::spans::{Beginning, Party, Recorded, Recording, TraceContext};

/// How much is recorded.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// Of the publishes that carry no context of a trace, this share is recorded: 0.0 to 1.0.
    pub sample: f64,
    /// Deliveries of one publish that become spans.
    pub deliveries_max: usize,
    /// Spans that may wait to be exported.
    pub queue_spans_max: usize,
    /// How long a span waits for others to be exported with.
    pub interval: Duration,
}

/// See the module.
#[derive(Debug)]
pub struct Telemetry {
    extent: Extent,
    queue: Queue,
    /// Spans that a collector has taken.
    pub exported: Counter,
    /// Spans that no collector gets: there was no room for them, or it did not take them.
    pub dropped: Counter,
}

impl Telemetry {
    /// Records that much.
    pub fn new(extent: Extent) -> Self {
        let queue = Queue::new(extent.queue_spans_max);
        Self { extent, queue, exported: Counter::default(), dropped: Counter::default() }
    }

    /// Begins to record a publish, if that is wanted: a publisher that records the trace has said so, and of those who say
    /// nothing a share is drawn.
    pub fn begin(
        &self,
        clock: &Clock,
        publication: &Publication<'_>,
        publisher: impl FnOnce() -> Party,
    ) -> Option<Begun> {
        let carried = Carried::of(publication.attributes);
        let is_wanted = match &carried.context {
            Some(context) => context.is_sampled(),
            None => self.is_drawn(),
        };
        if !is_wanted {
            return None;
        }
        let context = TraceContext::recorded(carried.context.as_ref())?;
        let attributes = carried.with(&context, publication.attributes);
        let beginning = Beginning {
            context,
            parent: carried.context.map(|context| context.span),
            state: carried.state(publication.attributes),
            topic: publication.topic.as_str(),
            payload_bytes: publication.payload.len(),
            qos: publication.qos.as_u8(),
            publisher: publisher(),
            deliveries_max: self.extent.deliveries_max,
        };
        Some(Begun { recording: Recording::begin(clock, beginning), attributes })
    }

    /// Puts a publish that is over where it waits to be exported.
    pub fn keep(&self, recorded: Recorded) {
        let spans = recorded.span_count();
        if !self.queue.push(recorded) {
            self.dropped.add(spans as u64);
        }
    }

    /// From here on what waits is exported without delay, and [`Exporter::run`] ends with it.
    pub fn finish(&self) {
        self.queue.finish();
    }

    fn is_drawn(&self) -> bool {
        /// One of so many is drawn: as many as an `f64` tells apart.
        const STEPS: u64 = 1 << f64::MANTISSA_DIGITS;
        if self.extent.sample <= 0.0 {
            return false;
        }
        // Without random numbers there could be no identifiers either.
        let drawn = random::bytes().map(|bytes| u64::from_ne_bytes(bytes) % STEPS);
        drawn.is_ok_and(|drawn| (drawn as f64) < self.extent.sample * STEPS as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_drawn() {
        let drawn = |sample| {
            let (deliveries_max, queue_spans_max, interval) = Default::default();
            let telemetry = Telemetry::new(Extent { sample, deliveries_max, queue_spans_max, interval });
            (0..10_000).filter(|_| telemetry.is_drawn()).count()
        };
        assert_eq!((drawn(0.0), drawn(1.0)), (0, 10_000));
        // Ten standard deviations on either side.
        for (sample, expected) in [(0.5, 4_500..5_500), (0.1, 700..1_300), (0.01, 1..200)] {
            let drawn = drawn(sample);
            assert!(expected.contains(&drawn), "{drawn} of 10,000 at {sample}");
        }
    }
}
