//! When to send a PINGREQ, and when to give the broker up.

use std::time::{Duration, Instant};

/// The clock of one connection's silence, in either direction.
#[derive(Debug)]
pub(super) struct KeepAlive {
    /// None for a keep alive of zero.
    interval: Option<Duration>,
    last_sent: Instant,
    last_received: Instant,
    pinged_at: Option<Instant>,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    Ping,
    /// The broker has not answered for an interval.
    Lost(Duration),
}

impl KeepAlive {
    pub(super) fn new(keep_alive: Duration, now: Instant) -> Self {
        // The broker's patience is half as long again, but the way may be slow.
        let interval = (!keep_alive.is_zero()).then(|| keep_alive * 3 / 4);
        Self { interval, last_sent: now, last_received: now, pinged_at: None }
    }

    pub(super) fn handle_sent(&mut self, now: Instant) {
        self.last_sent = now;
    }

    pub(super) fn handle_received(&mut self, now: Instant) {
        self.last_received = now;
        self.pinged_at = None;
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let interval = self.interval?;
        // Silence of either side asks for a ping: the broker wants to hear something, and so do we.
        Some(self.pinged_at.unwrap_or_else(|| self.last_sent.min(self.last_received)) + interval)
    }

    /// `is_reading` is false while the application keeps us from reading: no answer is no sign then.
    pub(super) fn handle_timeout(&mut self, now: Instant, is_reading: bool) -> Due {
        if self.poll_timeout().is_none_or(|at| now < at) {
            return Due::Nothing;
        }
        match (self.pinged_at, self.interval) {
            (Some(_), Some(interval)) if is_reading => Due::Lost(interval),
            _ => {
                self.pinged_at = Some(now);
                self.last_sent = now;
                Due::Ping
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn silence_asks_for_a_ping_and_then_ends_the_connection() {
        let start = Instant::now();
        let mut keep_alive = KeepAlive::new(4 * SECOND, start);
        assert_eq!(keep_alive.handle_timeout(start + 2 * SECOND, true), Due::Nothing);
        assert_eq!(keep_alive.handle_timeout(start + 3 * SECOND, true), Due::Ping);
        assert_eq!(keep_alive.handle_timeout(start + 5 * SECOND, true), Due::Nothing);
        assert_eq!(keep_alive.handle_timeout(start + 6 * SECOND, true), Due::Lost(3 * SECOND));
    }

    #[test]
    fn an_answer_keeps_the_connection() {
        let start = Instant::now();
        let mut keep_alive = KeepAlive::new(4 * SECOND, start);
        assert_eq!(keep_alive.handle_timeout(start + 3 * SECOND, true), Due::Ping);
        keep_alive.handle_received(start + 4 * SECOND);
        assert_eq!(keep_alive.poll_timeout(), Some(start + 6 * SECOND));
        assert_eq!(keep_alive.handle_timeout(start + 6 * SECOND, true), Due::Ping);
    }

    #[test]
    fn sending_alone_does_not_show_that_the_broker_is_there() {
        let start = Instant::now();
        let mut keep_alive = KeepAlive::new(4 * SECOND, start);
        keep_alive.handle_sent(start + 2 * SECOND);
        assert_eq!(keep_alive.handle_timeout(start + 3 * SECOND, true), Due::Ping);
    }

    #[test]
    fn a_broker_that_nobody_listens_to_is_not_given_up() {
        let start = Instant::now();
        let mut keep_alive = KeepAlive::new(4 * SECOND, start);
        assert_eq!(keep_alive.handle_timeout(start + 3 * SECOND, false), Due::Ping);
        assert_eq!(keep_alive.handle_timeout(start + 6 * SECOND, false), Due::Ping);
    }

    #[test]
    fn zero_means_none() {
        assert_eq!(KeepAlive::new(Duration::ZERO, Instant::now()).poll_timeout(), None);
    }
}
