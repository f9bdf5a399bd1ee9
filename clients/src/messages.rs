//! What arrives for a subscription.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::thread;

use futures_util::Stream;
use tokio::sync::oneshot;

use crate::acknowledgement::Answer;
use crate::client::Handle;
use crate::command::{Command, Settlement, SubscriptionId, Token, Verdict};
use crate::error::Error;
use crate::inbox::{Delivery, Inbox};
use crate::received::Received;

/// The messages of one subscription, in the broker's order: a [`Stream`], which ends when the client has ended or the
/// broker refuses the subscription after a reconnect. Dropping it unsubscribes, unless the client has been disconnected
/// before.
///
/// Messages wait here up to [`with_inbox_messages_max`](crate::Options::with_inbox_messages_max). Then the connection stops
/// reading, so that the broker slows down and nothing is lost; but it reads on while the broker owes an answer, such as
/// an acknowledgement of what is published, since whoever waits for that may be the one who is to take the messages.
/// Meanwhile what nobody acknowledges (QoS 0, [`OnDelivery`](crate::Acknowledge::OnDelivery)) is let go beyond sixteen
/// times that number, or 16,384 if that is more, and [`missed`](Self::missed) counts it; what is acknowledged never is.
#[must_use = "dropping it unsubscribes"]
pub struct Messages {
    /// Keeps the connection up while somebody listens.
    handle: Arc<Handle>,
    ids: Vec<SubscriptionId>,
    inbox: Arc<Inbox>,
    /// Taken out of the inbox together.
    batch: VecDeque<Delivery>,
    /// With the application, and to be acknowledged when it asks for the next one.
    taken: Vec<Token>,
}

impl Messages {
    pub(crate) fn new(handle: &Arc<Handle>) -> Self {
        Self {
            handle: Arc::clone(handle),
            ids: Vec::new(),
            inbox: Arc::default(),
            batch: VecDeque::new(),
            taken: Vec::new(),
        }
    }

    pub(crate) fn inbox(&self) -> &Arc<Inbox> {
        &self.inbox
    }

    /// The stream ends with this subscription.
    pub(crate) fn add(&mut self, id: SubscriptionId) {
        self.ids.push(id);
    }

    /// Acknowledges all that was taken before, then waits for the next message. Nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<Received> {
        poll_fn(|context| self.poll(context)).await
    }

    /// The next message if it is there already. Acknowledges nothing, so that a batch can be taken first, dealt with, and
    /// acknowledged as a whole.
    pub fn try_next(&mut self) -> Option<Received> {
        if self.batch.is_empty() && self.inbox.try_take(&mut self.batch) {
            self.handle.mailbox.wake();
        }
        let delivery = self.batch.pop_front()?;
        Some(self.hand_over(delivery))
    }

    /// Acknowledges all that was taken, where the client does that by itself.
    pub fn acknowledge(&mut self) {
        if !self.taken.is_empty() {
            let settlements = self.taken.drain(..).map(|token| Settlement::new(token, Verdict::DoneUpTo));
            self.handle.mailbox.settle(settlements);
        }
    }

    /// How many messages were let go because too many waited.
    pub fn missed(&self) -> u64 {
        self.inbox.missed()
    }

    /// Why the stream has ended, unless regularly.
    pub fn failure(&self) -> Option<Error> {
        self.inbox.failure()
    }

    /// Acknowledges what was taken, ends the subscription, and waits until the broker has confirmed that. A durable
    /// subscription of STOMP ends with it.
    ///
    /// # Errors
    ///
    /// The broker refused, or the client has ended.
    pub async fn unsubscribe(mut self) -> Result<(), Error> {
        for answer in self.leave(true) {
            answer.await?;
        }
        Ok(())
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Received>> {
        self.acknowledge();
        while self.batch.is_empty() {
            match ready!(self.inbox.poll_take(context, &mut self.batch)) {
                None => return Poll::Ready(None),
                Some(true) => self.handle.mailbox.wake(),
                Some(false) => {}
            }
        }
        let delivery = self.batch.pop_front();
        Poll::Ready(delivery.map(|delivery| self.hand_over(delivery)))
    }

    fn hand_over(&mut self, delivery: Delivery) -> Received {
        self.taken.extend(delivery.token.filter(|_| !delivery.is_manual));
        Received::new(delivery, &self.handle.mailbox)
    }

    /// Ends the subscriptions. Once: there is nothing left to end after it.
    fn leave(&mut self, is_for_good: bool) -> Vec<Answer> {
        self.acknowledge();
        let (waiting, _) = self.inbox.abandon();
        let unread: Vec<Token> = mem::take(&mut self.batch)
            .into_iter()
            .chain(waiting)
            .filter_map(|delivery| delivery.token)
            .collect();
        let mailbox = &self.handle.mailbox;
        let mut answers = Vec::new();
        for id in mem::take(&mut self.ids) {
            let unread = unread.iter().copied().filter(|token| token.subscription == id).collect();
            let (done, outcome) = oneshot::channel();
            let done = is_for_good.then_some(done);
            // A client that has ended has no subscriptions.
            if mailbox.put(Command::Unsubscribe { id, unread, is_for_good, done }).is_ok() {
                answers.push(Answer::new(outcome, mailbox));
            }
        }
        mailbox.wake();
        answers
    }
}

impl Stream for Messages {
    type Item = Received;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Received>> {
        self.poll(context)
    }
}

impl Drop for Messages {
    fn drop(&mut self) {
        // What the application was at work on when it panicked it has not done.
        if thread::panicking() {
            self.taken.clear();
        }
        drop(self.leave(false));
    }
}

impl fmt::Debug for Messages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Messages")
            .field("subscriptions", &self.ids)
            .field("is_ended", &self.inbox.is_closed())
            .finish_non_exhaustive()
    }
}
