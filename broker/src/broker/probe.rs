//! What is looked at once a second: how late a task runs, and what time it is.

use std::time::Duration;

use super::Broker;

/// Between two looks.
const INTERVAL: Duration = Duration::from_secs(1);

impl Broker {
    /// Measures how much later than it was to be a task runs, and tells queues the time, for as long as it is polled.
    pub async fn run_probe(&self) {
        let mut due = tokio::time::Instant::now();
        loop {
            let now = self.now();
            self.queues.totals().tick(now);
            self.counters.latencies.late.observe_time(now.instant.saturating_duration_since(due.into_std()));
            due = (due + INTERVAL).max(now.instant.into());
            tokio::time::sleep_until(due).await;
        }
    }
}
