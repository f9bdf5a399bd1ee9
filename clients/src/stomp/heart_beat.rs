//! When to send a heart-beat, and when to give the broker up.

use std::time::{Duration, Instant};

/// The heart-beats of one connection, in both directions.
#[derive(Debug)]
pub(super) struct Beats {
    /// How often we send something; none if zero was agreed.
    sending: Option<Duration>,
    /// How often something is to come.
    hearing: Option<Duration>,
    last_sent: Instant,
    last_received: Instant,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    HeartBeat,
    /// Nothing has come for so long.
    Lost(Duration),
}

impl Beats {
    /// Intervals in milliseconds, as negotiated: ours and theirs.
    pub(super) fn new(sending_ms: u32, hearing_ms: u32, now: Instant) -> Self {
        let interval =
            |milliseconds: u32| (milliseconds > 0).then(|| Duration::from_millis(milliseconds.into()));
        Self {
            // Earlier than promised, because the way takes time.
            sending: interval(sending_ms).map(|interval| interval * 3 / 4),
            // Later than promised, for the same reason (STOMP12-HEARTBEAT-7).
            hearing: interval(hearing_ms).map(|interval| interval * 2),
            last_sent: now,
            last_received: now,
        }
    }

    pub(super) fn handle_sent(&mut self, now: Instant) {
        self.last_sent = now;
    }

    pub(super) fn handle_received(&mut self, now: Instant) {
        self.last_received = now;
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let send_at = self.sending.map(|interval| self.last_sent + interval);
        let lost_at = self.hearing.map(|interval| self.last_received + interval);
        send_at.into_iter().chain(lost_at).min()
    }

    /// `is_reading` is false while the application keeps us from reading: silence is no sign then.
    pub(super) fn handle_timeout(&mut self, now: Instant, is_reading: bool) -> Due {
        if let Some(hearing) = self.hearing
            && now >= self.last_received + hearing
        {
            if is_reading {
                return Due::Lost(hearing);
            }
            self.last_received = now;
        }
        match self.sending {
            Some(sending) if now >= self.last_sent + sending => Due::HeartBeat,
            _ => Due::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn silence_is_broken_in_time() {
        let start = Instant::now();
        let mut beats = Beats::new(4000, 0, start);
        assert_eq!(beats.poll_timeout(), Some(start + 3 * SECOND));
        assert_eq!(beats.handle_timeout(start + 3 * SECOND, true), Due::HeartBeat);
        beats.handle_sent(start + 3 * SECOND);
        assert_eq!(beats.handle_timeout(start + 5 * SECOND, true), Due::Nothing);
    }

    #[test]
    fn a_silent_broker_is_given_up_unless_nobody_listens() {
        let start = Instant::now();
        let mut beats = Beats::new(0, 4000, start);
        assert_eq!(beats.handle_timeout(start + 7 * SECOND, true), Due::Nothing);
        assert_eq!(beats.handle_timeout(start + 8 * SECOND, false), Due::Nothing);
        assert_eq!(beats.handle_timeout(start + 16 * SECOND, true), Due::Lost(8 * SECOND));
    }

    #[test]
    fn zero_means_none() {
        assert_eq!(Beats::new(0, 0, Instant::now()).poll_timeout(), None);
    }
}
