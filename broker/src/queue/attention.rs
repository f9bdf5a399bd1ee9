//! When queues want to be looked after: the earliest time that any of them has named.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

use crate::clock::Now;

/// Nobody need look after it.
pub(super) const NEVER: u64 = u64::MAX;

/// How long whoever looks after queues rests in between: an expired message is a dead letter at most so much later. It
/// is never delivered.
const REST: Duration = Duration::from_millis(500);

/// See the module. There is one who waits.
pub(super) struct Attention {
    /// In milliseconds since the epoch.
    at: AtomicU64,
    earlier: Notify,
}

impl Default for Attention {
    fn default() -> Self {
        Self { at: AtomicU64::new(NEVER), earlier: Notify::new() }
    }
}

impl Attention {
    /// Somebody should come at `at`.
    pub(super) fn call(&self, at: u64) {
        // As a rule nothing is to be done, and this is on the way of every message.
        if at < self.at.load(Ordering::Relaxed) && at < self.at.fetch_min(at, Ordering::Relaxed) {
            self.earlier.notify_one();
        }
    }

    /// Forgets all calls: whoever asks looks at every queue now.
    pub(super) fn clear(&self) {
        self.at.store(NEVER, Ordering::Relaxed);
    }

    /// Waits until it is time, and then a little, so that many calls are answered at once.
    pub(super) async fn wait(&self, now: impl Fn() -> Now) {
        loop {
            let at = self.at.load(Ordering::Relaxed);
            let left = at.saturating_sub(now().unix_ms);
            if at == NEVER {
                self.earlier.notified().await;
            } else {
                tokio::select! {
                    () = tokio::time::sleep(Duration::from_millis(left).max(REST)) => return,
                    () = self.earlier.notified(), if left > 0 => {}
                }
            }
        }
    }
}
