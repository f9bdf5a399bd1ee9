//! Where received messages wait for the application.
//!
//! The session pushes what one turn brings and wakes the application once. The application takes all that is there in
//! one go. So neither asks the other for each message.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use crate::command::Token;
use crate::error::Error;
use crate::message::Message;
use crate::replies::Replies;

/// A received message on its way to the application.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) message: Message,
    /// What the session wants to hear when the application has done with the message.
    pub(crate) token: Option<Token>,
    /// Whether the application says so itself.
    pub(crate) is_manual: bool,
    pub(crate) is_redelivered: bool,
}

/// The end of a subscription in this process.
#[derive(Clone, Debug)]
pub(crate) enum Sink {
    Inbox(Arc<Inbox>),
    Replies(Arc<Replies>),
}

impl Sink {
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Inbox(one), Self::Inbox(other)) => Arc::ptr_eq(one, other),
            (Self::Replies(one), Self::Replies(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }

    /// No more will come.
    pub(crate) fn close(&self, failure: Option<Error>) {
        match self {
            Self::Inbox(inbox) => inbox.close(failure),
            Self::Replies(replies) => replies.close(),
        }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Inbox(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Delivery>,
    waker: Option<Waker>,
    /// The connection wants to know when there is room again.
    is_watched: bool,
    /// Nobody takes anything any more.
    is_abandoned: bool,
    is_closed: bool,
    failure: Option<Error>,
    missed: u64,
}

/// What became of a message that was pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    Kept {
        /// How many wait now.
        waiting: usize,
    },
    /// There were too many, and nothing will be acknowledged.
    Missed,
    /// Nobody takes it.
    Abandoned,
}

impl Inbox {
    /// Takes over a message. One that nobody acknowledges is let go when `messages_max` wait already; those that are
    /// acknowledged are bounded by what the broker may send.
    pub(crate) fn push(&self, delivery: Delivery, messages_max: usize) -> Pushed {
        let mut state = self.0.lock();
        if state.is_abandoned || state.is_closed {
            return Pushed::Abandoned;
        }
        if delivery.token.is_none() && state.queue.len() >= messages_max {
            state.missed += 1;
            return Pushed::Missed;
        }
        state.queue.push_back(delivery);
        Pushed::Kept { waiting: state.queue.len() }
    }

    /// Tells the application that something has come.
    pub(crate) fn wake(&self) {
        let waker = self.0.lock().waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Whether `messages` or more wait; if so, [`poll_take`](Self::poll_take) tells when they have been taken.
    pub(crate) fn is_full(&self, messages: usize) -> bool {
        let mut state = self.0.lock();
        state.is_watched = !state.is_abandoned && state.queue.len() >= messages;
        state.is_watched
    }

    /// Swaps all that waits into `batch`, which is empty. Ready with whether somebody waits for the room, or with `None`
    /// when no more will come.
    pub(crate) fn poll_take(
        &self,
        context: &mut Context<'_>,
        batch: &mut VecDeque<Delivery>,
    ) -> Poll<Option<bool>> {
        let mut state = self.0.lock();
        if !state.queue.is_empty() {
            return Poll::Ready(Some(state.take(batch)));
        }
        if state.is_closed {
            return Poll::Ready(None);
        }
        if !state.waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            state.waker = Some(context.waker().clone());
        }
        Poll::Pending
    }

    /// The same without waiting; whether somebody waits for the room.
    pub(crate) fn try_take(&self, batch: &mut VecDeque<Delivery>) -> bool {
        self.0.lock().take(batch)
    }

    pub(crate) fn close(&self, failure: Option<Error>) {
        let mut state = self.0.lock();
        if !state.is_closed {
            state.is_closed = true;
            state.failure = failure;
        }
        drop(state);
        self.wake();
    }

    /// The application goes: what it had not taken, and whether somebody waits for the room.
    pub(crate) fn abandon(&self) -> (VecDeque<Delivery>, bool) {
        let mut state = self.0.lock();
        state.is_abandoned = true;
        (mem::take(&mut state.queue), mem::take(&mut state.is_watched))
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.0.lock().is_closed
    }

    pub(crate) fn failure(&self) -> Option<Error> {
        self.0.lock().failure.clone()
    }

    pub(crate) fn missed(&self) -> u64 {
        self.0.lock().missed
    }
}

impl State {
    fn take(&mut self, batch: &mut VecDeque<Delivery>) -> bool {
        mem::swap(&mut self.queue, batch);
        mem::take(&mut self.is_watched)
    }
}
