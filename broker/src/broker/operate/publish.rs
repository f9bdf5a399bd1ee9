//! A message that the operator publishes.

use std::future::poll_fn;
use std::task::Poll;

use crate::broker::{Broker, PublishRefused};
use crate::message::Publication;
use crate::store::CommitId;

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// Sessions, groups and queues that it went to.
    pub matched: usize,
    /// The commit that must be durable before it is said to be published.
    pub commit: CommitId,
}

impl Broker {
    /// Publishes a message that no client has sent.
    ///
    /// # Errors
    ///
    /// [`PublishRefused`]; nobody has received it then.
    pub fn publish_as_operator(&self, publication: &Publication<'_>) -> Result<Published, PublishRefused> {
        let matched = match publication.queue_name() {
            Some(_) => 1,
            None => {
                let matches = self.router.matches(publication.topic);
                matches.targets.len() + matches.groups.len()
            }
        };
        let mut turn = self.turn();
        self.publish(&mut turn, publication)?;
        let commit = turn.finish()?;
        Ok(Published { matched, commit })
    }

    /// Waits until a commit is durable: nothing is said to be done before.
    pub async fn wait_until_durable(&self, commit: CommitId) {
        poll_fn(|cx| {
            if self.store.durable() >= commit {
                return Poll::Ready(());
            }
            self.store.wake_when_durable(commit, cx.waker());
            Poll::Pending
        })
        .await;
    }
}
