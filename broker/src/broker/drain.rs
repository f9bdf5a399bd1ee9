//! Everybody is asked to leave: the broker stops, or its machine is taken out of service.
//!
//! From then on nobody is let in, `/readyz` says so, and whoever is connected is told in the words of its protocol: MQTT 5's
//! 0x8B, or 0x9C with the other server's name where there is one, STOMP's ERROR, WebSocket's 1001 or 1012. What was
//! acknowledged is kept, sessions included.

use std::hash::BuildHasher as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::Broker;
use crate::config::ShutdownConfig;
use crate::session::{Link, Signal};

/// How clients are asked to leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drain {
    /// How long they may take in all; who is still there then is left to the caller.
    pub timeout: Duration,
    /// Over how long they are told, in random order, so that they do not all connect elsewhere, or again, at the same
    /// moment. Zero: all at once. No longer than `timeout` in any case.
    pub spread: Duration,
    /// The broker is to be back soon, which WebSocket clients are told: 1012 (service restart) instead of 1001 (going away).
    pub restart: bool,
}

impl Drain {
    /// As the configuration says.
    pub fn from_config(config: &ShutdownConfig, restart: bool) -> Self {
        Self { timeout: config.timeout.0, spread: config.spread.0, restart }
    }

    fn signal(self) -> Signal {
        if self.restart { Signal::Restarting } else { Signal::ShuttingDown }
    }
}

impl Broker {
    /// Lets nobody in from this call on; what it returns asks everybody to leave, and waits until they have or the time is
    /// up, and says how many are left. A second one beside the first hastens it: each client is told when the earlier of
    /// the two says so.
    pub fn drain(&self, drain: Drain) -> impl Future<Output = usize> + Send + '_ {
        let links = self.begin_drain(drain.signal());
        async move {
            let leave = async {
                tell_all(links, drain).await;
                self.wait_until_empty().await;
            };
            // In time or not, the number says it.
            let _ = tokio::time::timeout(drain.timeout, leave).await;
            self.link_count()
        }
    }

    /// Whether nobody is let in any more.
    pub fn is_draining(&self) -> bool {
        *self.draining.borrow()
    }

    /// Changes to true, once, when nobody is let in any more: listeners accept until then.
    pub fn draining(&self) -> watch::Receiver<bool> {
        self.draining.subscribe()
    }

    /// Asks every connection to end at once, those that are being accepted included.
    pub fn end_all_links(&self) {
        self.begin_drain(Signal::ShuttingDown).iter().for_each(|link| link.end(Signal::ShuttingDown));
    }

    /// The signal for a connection that comes while nobody is let in.
    pub(super) fn farewell(&self) -> Option<Signal> {
        if !self.is_draining() {
            return None;
        }
        // It was said before.
        let restart = self.is_restarting.load(Ordering::Relaxed);
        Some(if restart { Signal::Restarting } else { Signal::ShuttingDown })
    }

    /// Lets nobody in from here on; returns who is there. Whoever comes later than that sees that it comes too late.
    fn begin_drain(&self, signal: Signal) -> Vec<Arc<Link>> {
        self.is_restarting.store(signal == Signal::Restarting, Ordering::Relaxed);
        self.draining.send_replace(true);
        self.links.all()
    }

    /// Looks again at intervals: this happens once, and needs no machinery.
    async fn wait_until_empty(&self) {
        let mut interval = tokio::time::interval(LOOK_AGAIN);
        while self.link_count() > 0 {
            interval.tick().await;
        }
    }
}

async fn tell_all(mut links: Vec<Arc<Link>>, drain: Drain) {
    let started = Instant::now();
    let order = foldhash::fast::RandomState::default();
    links.sort_by_cached_key(|link| order.hash_one(link.id()));
    let count = u32::try_from(links.len()).unwrap_or(u32::MAX);
    for (place, link) in (0..).zip(links) {
        let due = started + share(drain.spread.min(drain.timeout), place, count);
        if due > Instant::now() {
            tokio::time::sleep_until(due).await;
        }
        link.end(drain.signal());
    }
}

/// When the client in this place of so many has its turn.
fn share(spread: Duration, place: u32, count: u32) -> Duration {
    spread.mul_f64(f64::from(place) / f64::from(count.max(1)))
}

/// So often is looked whether everybody has gone.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_spread_evenly_and_the_last_one_is_within_the_time() {
        let secs = Duration::from_secs;
        for (spread, place, count, turn) in [
            (secs(0), 3, 4, secs(0)),
            (secs(8), 0, 4, secs(0)),
            (secs(8), 1, 4, secs(2)),
            (secs(8), 3, 4, secs(6)),
            (secs(8), 0, 1, secs(0)),
            (secs(8), 0, 0, secs(0)),
        ] {
            assert_eq!(share(spread, place, count), turn, "{place} of {count} over {spread:?}");
        }
    }
}
