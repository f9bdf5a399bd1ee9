//! Committed before said holds for operators as well.

use std::future::poll_fn;
use std::task::Poll;

use crate::broker::Broker;
use crate::store::CommitId;

impl Broker {
    /// Waits until the store is durable up to that commit.
    pub async fn wait_until_durable(&self, commit: CommitId) {
        poll_fn(|context| {
            if self.store.durable() < commit {
                self.store.wake_when_durable(commit, context.waker());
            }
            // It may have become so meanwhile.
            if self.store.durable() < commit { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
    }
}
