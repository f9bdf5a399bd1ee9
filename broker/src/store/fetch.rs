//! Reading stored messages back: a long backlog's messages lie on disk until they are needed.

use std::fmt;
use std::sync::Arc;

use super::record::QueuedTerms;
use crate::message::Message;

/// Whose messages are asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Owner {
    /// A session's deliveries, by their places in its order.
    Session(u64),
    /// A work queue's messages, by their numbers there.
    Queue(Arc<str>),
}

/// A message that was read back.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The message.
    pub message: Arc<Message>,
    /// How it goes to the session; absent where it belongs to a queue.
    pub terms: Option<QueuedTerms>,
}

/// What came of each message that was asked for, by its number, in the order in which it was.
pub type Answers = Vec<(u64, Option<Fetched>)>;

/// Some stored messages of one owner, and who wants them.
pub struct Fetch {
    /// Whose they are.
    pub owner: Owner,
    /// Which, in the order in which they are wanted.
    pub sequences: Vec<u64>,
    deliver: Box<dyn FnOnce(Answers) + Send>,
}

impl Fetch {
    /// Asks for these messages. `deliver` gets each, in the order of `sequences`, or nothing for one that is not there
    /// any more or cannot be read.
    pub fn new(owner: Owner, sequences: Vec<u64>, deliver: impl FnOnce(Answers) + Send + 'static) -> Self {
        Self { owner, sequences, deliver: Box::new(deliver) }
    }

    /// Answers: `find` says what there is of each.
    pub fn find(self, mut find: impl FnMut(u64) -> Option<Fetched>) {
        let found = self.sequences.into_iter().map(|sequence| (sequence, find(sequence))).collect();
        (self.deliver)(found);
    }
}

impl fmt::Debug for Fetch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Fetch")
            .field("owner", &self.owner)
            .field("sequences", &self.sequences)
            .finish_non_exhaustive()
    }
}
