//! One connection to the admin listener, which carries one request: who is at its far end, and how far the answer is.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::Instant;

use super::stream::Streaming;

/// See the module.
#[derive(Debug)]
pub(super) struct Visit {
    /// Whose certificate the peer has shown, if it has shown one; empty where that names nobody.
    certificate: OnceLock<String>,
    has_asked: AtomicBool,
    /// Since when the peer's time runs; none while an endpoint is at work, which may take its time.
    runs_since: watch::Sender<Option<Instant>>,
    streaming: OnceLock<Streaming>,
    /// Its place among those that are answered without having shown who they are.
    seat: OnceLock<OwnedSemaphorePermit>,
}

/// One that begins now.
impl Default for Visit {
    fn default() -> Self {
        Self {
            certificate: OnceLock::new(),
            has_asked: AtomicBool::new(false),
            runs_since: watch::Sender::new(Some(Instant::now())),
            streaming: OnceLock::new(),
            seat: OnceLock::new(),
        }
    }
}

/// The work goes on until this is dropped, however that comes about.
pub(super) struct AtWork<'v>(&'v Visit);

impl Visit {
    /// The peer has shown the certificate of this user.
    pub(super) fn set_certificate(&self, user: Option<String>) {
        // There is one handshake.
        let _ = self.certificate.set(user.unwrap_or_default());
    }

    /// Whose certificate it has shown.
    pub(super) fn certificate(&self) -> Option<&str> {
        self.certificate.get().map(String::as_str)
    }

    /// The request is there.
    pub(super) fn note_request(&self) {
        self.has_asked.store(true, Ordering::Relaxed);
    }

    /// Whether it is.
    pub(super) fn has_asked(&self) -> bool {
        self.has_asked.load(Ordering::Relaxed)
    }

    /// An endpoint begins.
    pub(super) fn begin_work(&self) -> AtWork<'_> {
        self.runs_since.send_replace(None);
        AtWork(self)
    }

    /// The answer's body is still being written.
    pub(super) fn set_streaming(&self, streaming: Streaming) {
        // There is one answer.
        let _ = self.streaming.set(streaming);
    }

    /// Keeps a place for as long as the connection is there.
    pub(super) fn keep_seat(&self, seat: OwnedSemaphorePermit) {
        // There is one answer.
        let _ = self.seat.set(seat);
    }

    /// Waits until the peer has taken so long. What an endpoint takes does not count, nor what a body takes that is written
    /// and read; from the end of each the time begins anew, so that what has come of it is not cut.
    pub(super) async fn outlasts(&self, time: Duration) {
        let mut runs_since = self.runs_since.subscribe();
        let mut elapsed = None;
        // The sender is here, so that there is no error.
        while let Ok(since) = runs_since.wait_for(Option::is_some).await.map(|since| *since) {
            if since == elapsed {
                break;
            }
            elapsed = since;
            tokio::time::sleep_until(since.unwrap_or_else(Instant::now) + time).await;
        }
        if let Some(streaming) = self.streaming.get() {
            streaming.ended().await;
            tokio::time::sleep(time).await;
        }
    }
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.0.runs_since.send_replace(Some(Instant::now()));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn the_time_begins_anew_once_the_work_is_done() {
        for (begins_at, takes, expected) in [(0, 0, 60), (10, 20, 90), (10, 100, 170), (61, 9, 60)] {
            let visit = Arc::<Visit>::default();
            let worker = Arc::clone(&visit);
            let work = async move {
                tokio::time::sleep(Duration::from_secs(begins_at)).await;
                let _at_work = worker.begin_work();
                tokio::time::sleep(Duration::from_secs(takes)).await;
            };
            let began = Instant::now();
            let work = tokio::spawn(work);
            visit.outlasts(MINUTE).await;
            assert_eq!(began.elapsed().as_secs(), expected, "{takes} s of work after {begins_at} s");
            work.abort();
        }
    }
}
