//! Answers that are written bit by bit, for as long as there is something to say and somebody who listens.

use std::io;
use std::sync::{Arc, Weak};
use std::time::Duration;

use http_body_util::BodyExt as _;
use http_body_util::channel::{Channel, Sender};
use hyper::StatusCode;
use hyper::body::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

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
    _permit: Arc<OwnedSemaphorePermit>,
}

/// Marks an answer whose body is still being written.
#[derive(Clone, Debug)]
pub(super) struct Streaming(Weak<OwnedSemaphorePermit>);

/// Whoever asked has gone away, or takes nothing.
#[derive(Debug)]
pub(super) struct Gone;

impl Default for Streams {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(STREAMS_MAX)))
    }
}

impl Streams {
    /// 200 with a body that is to be written.
    ///
    /// # Errors
    ///
    /// 503: there are as many as there may be.
    pub(super) fn open(&self, content_type: &'static str) -> Result<(BodySender, Answer), Refused> {
        let permit = Arc::clone(&self.0).try_acquire_owned().map_err(|_| {
            Refused::new(StatusCode::SERVICE_UNAVAILABLE, "as many traces and backups are open as may be")
        })?;
        let (permit, (sender, body)) = (Arc::new(permit), Channel::new(PIECES_MAX));
        let mut answer = with_body(StatusCode::OK, content_type, body.boxed_unsync());
        answer.extensions_mut().insert(Streaming(Arc::downgrade(&permit)));
        Ok((BodySender { sender, _permit: permit }, answer))
    }
}

impl BodySender {
    /// Sends a piece, as soon as there is room for it.
    ///
    /// # Errors
    ///
    /// [`Gone`]; nothing more need be sent.
    pub(super) async fn send(&mut self, piece: impl Into<Bytes>) -> Result<(), Gone> {
        let sent = tokio::time::timeout(STALL_TIMEOUT, self.sender.send_data(piece.into())).await;
        sent.map_err(|_| Gone)?.map_err(|_| Gone)
    }

    /// Ends the body before its end, so that whoever reads does not take it for the whole.
    pub(super) fn abort(self, error: io::Error) {
        self.sender.abort(error);
    }
}

impl Streaming {
    /// Whether the body is not at its end yet.
    pub(super) fn is_open(&self) -> bool {
        self.0.strong_count() > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn so_many_streams_are_open_at_once() {
        let streams = Streams::default();
        let mut open: Vec<_> = (0..STREAMS_MAX).map(|_| streams.open("text/plain").unwrap()).collect();
        let refused = streams.open("text/plain").map(|_| ()).unwrap_err();
        assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
        let (mut sender, answer) = open.remove(0);
        let streaming = answer.extensions().get::<Streaming>().unwrap().clone();
        sender.send("a piece").await.unwrap();
        assert!(streaming.is_open());
        drop(sender);
        assert!(!streaming.is_open(), "the connection's time runs again");
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "a piece");
        streams.open("text/plain").unwrap();
    }
}
