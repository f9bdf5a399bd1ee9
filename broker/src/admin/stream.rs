//! Answers that are written bit by bit, for as long as there is something to say and somebody who listens.

use std::io;
use std::sync::{Arc, Weak};
use std::time::Duration;

use http_body_util::BodyExt as _;
use http_body_util::channel::{Channel, Sender};
use hyper::StatusCode;
use hyper::body::Bytes;
use tokio::sync::{Semaphore, watch};

use super::access::Grant;
use super::answer::{Answer, Refused, with_body};

/// Streams at once: fewer than connections, so that others can ask something meanwhile.
const STREAMS_MAX: usize = 16;
/// Pieces that may wait for whoever reads.
const PIECES_MAX: usize = 16;
/// How long whoever reads may take nothing.
const STALL_TIMEOUT: Duration = Duration::from_secs(60);

/// The room for streams.
#[derive(Debug)]
pub(super) struct Streams(Arc<Semaphore>);

/// Writes a body. Dropping it ends the body.
pub(super) struct BodySender {
    sender: Sender<Bytes, io::Error>,
    grant: Grant,
    _writes: Arc<()>,
}

/// Marks an answer whose body is still being written, or read.
#[derive(Clone, Debug)]
pub(super) struct Streaming {
    /// Told of each piece that is read, and gone with the body.
    is_read: watch::Receiver<()>,
    /// Gone when nothing more is written.
    writes: Weak<()>,
}

/// Whoever asked has gone away, takes nothing, or may not ask any more.
#[derive(Debug)]
pub(super) struct Gone;

impl Default for Streams {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(STREAMS_MAX)))
    }
}

impl Streams {
    /// 200 with a body that is to be written, for as long as the grant holds.
    ///
    /// # Errors
    ///
    /// 503: there are as many as there may be.
    pub(super) fn open(
        &self,
        content_type: &'static str,
        grant: &Grant,
    ) -> Result<(BodySender, Answer), Refused> {
        let permit = Arc::clone(&self.0).try_acquire_owned().map_err(|_| {
            Refused::new(StatusCode::SERVICE_UNAVAILABLE, "as many traces and backups are open as may be")
        })?;
        let (sender, pieces) = Channel::new(PIECES_MAX);
        let (is_read, reads) = watch::channel(());
        let writes = Arc::new(());
        let streaming = Streaming { is_read: reads, writes: Arc::downgrade(&writes) };
        // It has its place among the streams until it is read.
        let body = pieces.map_frame(move |piece| {
            let _permit = &permit;
            is_read.send_replace(());
            piece
        });
        let mut answer = with_body(StatusCode::OK, content_type, body.boxed_unsync());
        answer.extensions_mut().insert(streaming);
        Ok((BodySender { sender, grant: grant.clone(), _writes: writes }, answer))
    }
}

impl BodySender {
    /// Sends a piece, as soon as there is room for it.
    ///
    /// # Errors
    ///
    /// [`Gone`]; nothing more need be sent, and the body is to be [aborted](Self::abort).
    pub(super) async fn send(&mut self, piece: impl Into<Bytes>) -> Result<(), Gone> {
        tokio::select! {
            sent = tokio::time::timeout(STALL_TIMEOUT, self.sender.send_data(piece.into())) => {
                sent.map_err(|_| Gone)?.map_err(|_| Gone)
            }
            () = self.grant.ended() => Err(Gone),
        }
    }

    /// Waits until whoever asked may not ask any more.
    pub(super) async fn revoked(&mut self) -> Gone {
        self.grant.ended().await;
        Gone
    }

    /// Ends the body before its end, so that whoever reads does not take it for the whole.
    pub(super) fn abort(self, error: io::Error) {
        self.sender.abort(error);
    }
}

impl From<Gone> for io::Error {
    fn from(Gone: Gone) -> Self {
        Self::other("nobody reads, or may read, any more")
    }
}

impl Streaming {
    /// Waits until the body was read to its end, or nothing more is written and whoever reads takes nothing for
    /// [`STALL_TIMEOUT`].
    pub(super) async fn ended(&self) {
        let mut is_read = self.is_read.clone();
        loop {
            match tokio::time::timeout(STALL_TIMEOUT, is_read.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return,
                Err(_) if self.writes.strong_count() == 0 => return,
                // Whoever writes sees to it: there may be nothing to read.
                Err(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;
    use crate::admin::Access;
    use crate::admin::testing::token;

    #[tokio::test]
    async fn so_many_streams_are_open_at_once_until_they_are_read() {
        let streams = Streams::default();
        let open = || streams.open("text/plain", &Grant::default());
        let mut all: Vec<_> = (0..STREAMS_MAX).map(|_| open().unwrap()).collect();
        assert_eq!(open().map(|_| ()).unwrap_err().status, StatusCode::SERVICE_UNAVAILABLE);
        let (mut sender, answer) = all.remove(0);
        sender.send("a piece").await.unwrap();
        drop(sender);
        assert!(open().is_err(), "what was written is not read yet");
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "a piece");
        open().unwrap();
    }

    /// A reader that takes a piece every so many seconds gets all of them; one that takes none is not waited for.
    #[tokio::test(start_paused = true)]
    async fn a_body_is_over_when_it_is_read_or_nobody_reads() {
        for (takes_one_in_secs, expected) in [(Some(10), 50), (Some(50), 250), (None, 60)] {
            let (mut sender, answer) = Streams::default().open("text/plain", &Grant::default()).unwrap();
            let streaming = answer.extensions().get::<Streaming>().unwrap().clone();
            for _ in 0..4 {
                sender.send("a piece").await.unwrap();
            }
            drop(sender);
            let began = Instant::now();
            let mut body = answer.into_body();
            let reader = tokio::spawn(async move {
                let Some(secs) = takes_one_in_secs else { return std::future::pending().await };
                loop {
                    tokio::time::sleep(Duration::from_secs(secs)).await;
                    if body.frame().await.is_none() {
                        return;
                    }
                }
            });
            streaming.ended().await;
            assert_eq!(began.elapsed().as_secs(), expected, "{takes_one_in_secs:?}");
            reader.abort();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_is_written_is_waited_for() {
        let (sender, answer) = Streams::default().open("text/plain", &Grant::default()).unwrap();
        let streaming = answer.extensions().get::<Streaming>().unwrap().clone();
        let ended = tokio::time::timeout(STALL_TIMEOUT * 3, streaming.ended()).await;
        assert!(ended.is_err(), "there may be something to say later");
        drop(sender);
        assert!(answer.into_body().collect().await.is_ok());
        streaming.ended().await;
    }

    #[tokio::test]
    async fn another_token_ends_a_body_before_its_end() {
        let access = Access::new(Some(token("0123456789abcdef")), false);
        let headers = [(hyper::header::AUTHORIZATION, "Bearer 0123456789abcdef".parse().unwrap())];
        let grant = access.admit(&headers.into_iter().collect(), false).unwrap();
        let (mut sender, answer) = Streams::default().open("text/plain", &grant).unwrap();
        sender.send("a piece").await.unwrap();
        access.install(Some(token("fedcba9876543210")), false);
        let gone = sender.revoked().await;
        sender.abort(gone.into());
        assert!(answer.into_body().collect().await.is_err(), "it is not the whole");
    }
}
