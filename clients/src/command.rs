//! What the application wants of a session, on its way there.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::error::Error;
use crate::inbox::Sink;
use crate::message::Message;
use crate::subscription::Subscription;

/// One wish. Those of one application are done in their order.
#[expect(clippy::large_enum_variant, reason = "nearly all are messages, and a box is an allocation for each")]
pub(crate) enum Command {
    Publish(Publication),
    Subscribe {
        id: SubscriptionId,
        subscription: Arc<Subscription>,
        sink: Sink,
        done: Done,
    },
    /// Nobody listens any more.
    Unsubscribe {
        id: SubscriptionId,
        /// What had arrived for it and nobody took.
        unread: Vec<Token>,
        /// Whether a durable subscription of STOMP ends, too.
        is_for_good: bool,
        done: Option<Done>,
    },
    /// Ends every subscription to a filter, those that an earlier process left as well.
    UnsubscribeFilter {
        filter: String,
        done: Done,
    },
    Begin {
        transaction: TransactionId,
        done: Done,
    },
    Commit {
        transaction: TransactionId,
        done: Done,
    },
    /// Without `done` nobody is told.
    Abort {
        transaction: TransactionId,
        done: Option<Done>,
    },
}

/// A message to be published.
pub(crate) struct Publication {
    pub(crate) message: Message,
    /// `None` where nothing will acknowledge it.
    pub(crate) done: Option<Done>,
    pub(crate) transaction: Option<TransactionId>,
}

impl Publication {
    /// What it counts for where bytes are bounded.
    pub(crate) fn bytes(&self) -> usize {
        self.message.topic.len() + self.message.payload.len()
    }

    /// Tells whoever waits.
    pub(crate) fn settle(self, outcome: Result<(), Error>) {
        settle(self.done, outcome);
    }
}

/// Where a command's outcome goes; nobody may be waiting for it any more.
pub(crate) type Done = oneshot::Sender<Result<(), Error>>;

/// Tells an outcome to whoever waits for it.
pub(crate) fn settle(done: impl IntoIterator<Item = Done>, outcome: Result<(), Error>) {
    for done in done {
        let _ = done.send(outcome.clone());
    }
}

/// The client's own number of a subscription, unlike MQTT's subscription identifier and STOMP's id.
pub(crate) type SubscriptionId = u32;

/// The client's own number of a transaction.
pub(crate) type TransactionId = u64;

/// A session's name for a message that it must acknowledge. One of an earlier connection means nothing to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) subscription: SubscriptionId,
    pub(crate) serial: u64,
}

/// What the application has done with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settlement {
    pub(crate) token: Token,
    pub(crate) verdict: Verdict,
    pub(crate) transaction: Option<TransactionId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is done with, and so are all before it in the subscription: they are taken in their order.
    DoneUpTo,
    Done,
    /// Somebody else may try.
    Rejected,
    /// Nobody is to try again.
    Discarded,
}

impl Settlement {
    pub(crate) fn new(token: Token, verdict: Verdict) -> Self {
        Self { token, verdict, transaction: None }
    }
}
