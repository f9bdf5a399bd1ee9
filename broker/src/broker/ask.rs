//! Asking who somebody is, where the answer may take a while: hashing a password, or asking another server. The
//! connection that asks waits, and handles no input meanwhile; all others go on.

use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use super::Broker;
use crate::auth::{Check, Denial, Vouched};
use crate::session::Link;

/// What came of asking.
pub enum Asked {
    /// The answer.
    Answered(Result<Vouched, Denial>),
    /// It will come.
    Waiting(Answer),
}

/// An answer that has not come yet. Nobody goes on looking for it once this is dropped.
pub struct Answer {
    receiver: oneshot::Receiver<Result<Vouched, Denial>>,
    task: AbortHandle,
}

impl Broker {
    /// Finds out what `check` finds out, and wakes the connection once the answer is there.
    pub fn ask(&self, check: Check, link: &Arc<Link>) -> Asked {
        let asking = match check {
            Check::Done(answer) => return Asked::Answered(answer),
            Check::Asking(asking) => asking,
        };
        let (sender, receiver) = oneshot::channel();
        let wake = WakeAtEnd(Arc::clone(link));
        let task = tokio::spawn(async move {
            // Whatever becomes of it, a panic included: the sender is gone when the connection is woken.
            let _wake = wake;
            let sender = sender;
            let answer = asking.await;
            // Nobody may be there to hear it any more.
            let _ = sender.send(answer);
        });
        Asked::Waiting(Answer { receiver, task: task.abort_handle() })
    }
}

impl Answer {
    /// The answer, if it has come.
    pub fn take(&mut self) -> Option<Result<Vouched, Denial>> {
        match self.receiver.try_recv() {
            Ok(answer) => Some(answer),
            Err(oneshot::error::TryRecvError::Empty) => None,
            Err(oneshot::error::TryRecvError::Closed) => Some(Err(Denial::Unavailable)),
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct WakeAtEnd(Arc<Link>);

impl Drop for WakeAtEnd {
    fn drop(&mut self) {
        self.0.wake();
    }
}
