//! What waits to be exported. Whoever serves clients puts in and never waits; the exporter takes out.

use std::collections::VecDeque;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use crate::spans::Recorded;

/// Spans that are exported together, unless one publish alone has more.
pub(super) const BATCH_SPANS: usize = 512;

/// See the module.
#[derive(Debug)]
pub(super) struct Queue {
    spans_max: usize,
    waiting: Mutex<Waiting>,
    changed: Notify,
    is_finishing: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct Waiting {
    publishes: VecDeque<Recorded>,
    spans: usize,
}

impl Queue {
    pub(super) fn new(spans_max: usize) -> Self {
        let (waiting, changed) = Default::default();
        Self { spans_max, waiting, changed, is_finishing: watch::Sender::new(false) }
    }

    /// Whether there was room for it.
    pub(super) fn push(&self, recorded: Recorded) -> bool {
        let spans = recorded.span_count();
        let mut waiting = self.waiting.lock();
        if waiting.spans + spans > self.spans_max {
            return false;
        }
        let (before, now) = (waiting.spans, waiting.spans + spans);
        waiting.spans = now;
        waiting.publishes.push_back(recorded);
        drop(waiting);
        // The exporter looks at nothing in between.
        if before == 0 || (before < BATCH_SPANS && now >= BATCH_SPANS) {
            self.changed.notify_one();
        }
        true
    }

    /// What is exported next, without waiting; empty where nothing waits.
    pub(super) fn take(&self) -> Vec<Recorded> {
        let mut waiting = self.waiting.lock();
        let (mut batch, mut spans) = (Vec::new(), 0);
        while spans < BATCH_SPANS
            && let Some(recorded) = waiting.publishes.pop_front()
        {
            spans += recorded.span_count();
            batch.push(recorded);
        }
        waiting.spans -= spans;
        batch
    }

    /// Waits until something is there, and then for `interval` or until that is enough for a batch.
    pub(super) async fn gather(&self, interval: Duration) {
        self.reaches(1).await;
        // In time or not, there is something to be exported.
        let _ = tokio::time::timeout(interval, self.reaches(BATCH_SPANS)).await;
    }

    async fn reaches(&self, spans: usize) {
        while self.waiting.lock().spans < spans {
            self.changed.notified().await;
        }
    }

    /// See [`Telemetry::finish`](super::Telemetry::finish).
    pub(super) fn finish(&self) {
        self.is_finishing.send_replace(true);
    }

    /// Whether that was said.
    pub(super) fn is_finishing(&self) -> bool {
        *self.is_finishing.borrow()
    }

    /// Waits until it is.
    pub(super) async fn finishes(&self) {
        // The sender is here, so that an answer comes.
        let _ = self.is_finishing.subscribe().wait_for(|is_finishing| *is_finishing).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::spans::{Beginning, Outcome, Party, Recording, TraceContext};

    /// A publish of so many spans.
    fn recorded(spans: usize) -> Recorded {
        let party = || Party { client_id: "c".into(), protocol: "mqtt" };
        let (parent, state, payload_bytes, qos) = Default::default();
        let (context, publisher) = (TraceContext::recorded(None).unwrap(), party());
        let deliveries_max = usize::MAX;
        let beginning =
            Beginning { context, parent, state, topic: "t", payload_bytes, qos, publisher, deliveries_max };
        let recording = Recording::begin(&Clock::system(), beginning);
        (1..spans).for_each(|_| recording.note_delivery(0, party, 0, Outcome::Sent));
        recording.end(None)
    }

    fn taken(queue: &Queue) -> Vec<usize> {
        queue.take().iter().map(Recorded::span_count).collect()
    }

    #[test]
    fn there_is_room_for_so_many_spans_and_batches_have_a_size() {
        let queue = Queue::new(1_100);
        for (spans, is_taken) in [(1_000, true), (101, false), (100, true), (1, false)] {
            assert_eq!(queue.push(recorded(spans)), is_taken, "{spans}");
        }
        assert_eq!(taken(&queue), [1_000]);
        assert!(queue.push(recorded(500)));
        assert_eq!(taken(&queue), [100, 500]);
        assert_eq!(taken(&queue), [0; 0]);
        assert!(queue.push(recorded(1_100)), "what was taken has made room");
    }
}
