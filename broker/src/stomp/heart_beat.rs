//! Heart-beats: when to send one, and when the client has been silent for too long.

use std::time::{Duration, Instant};

use tidewire_protocols::stomp::HeartBeat;

/// The beats that were agreed, and where they stand.
#[derive(Debug)]
pub(super) struct HeartBeats {
    /// Something is sent at least this often.
    send_every: Option<Duration>,
    /// Something should be heard at least this often.
    hear_every: Option<Duration>,
    sent: Instant,
    heard: Instant,
}

impl HeartBeats {
    /// What follows from the two offers. [STOMP12-HEARTBEAT-3, STOMP12-HEARTBEAT-4]
    pub(super) fn negotiate(client: HeartBeat, server: HeartBeat, now: Instant) -> Self {
        let (hear_ms, send_ms) = HeartBeat::negotiate(client, server);
        let every = |ms: u32| (ms > 0).then(|| Duration::from_millis(ms.into()));
        Self { send_every: every(send_ms), hear_every: every(hear_ms), sent: now, heard: now }
    }

    /// Something was heard; any bytes count. [STOMP12-HEARTBEAT-9]
    pub(super) fn heard(&mut self, now: Instant) {
        self.heard = now;
    }

    /// Something was sent.
    pub(super) fn sent(&mut self, now: Instant) {
        self.sent = now;
    }

    /// Whether a beat must go out, since nothing else has.
    pub(super) fn is_beat_due(&self, now: Instant) -> bool {
        self.beat_at().is_some_and(|at| at <= now)
    }

    /// Whether the client has been silent for longer than may be put down to the network.
    pub(super) fn is_silent(&self, now: Instant) -> bool {
        self.silent_at().is_some_and(|at| at <= now)
    }

    /// When to look again.
    pub(super) fn next(&self) -> Option<Instant> {
        [self.beat_at(), self.silent_at()].into_iter().flatten().min()
    }

    /// A little early, so that the beat is there in time: the promise is "at least every". [STOMP12-HEARTBEAT-5]
    fn beat_at(&self) -> Option<Instant> {
        self.send_every.map(|every| self.sent + every * 9 / 10)
    }

    /// Twice the interval: a beat that is late is not a dead client. [STOMP12-HEARTBEAT-8]
    fn silent_at(&self) -> Option<Instant> {
        self.hear_every.map(|every| self.heard + every * 2)
    }
}
