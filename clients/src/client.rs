//! The application's handle.

use std::fmt;
use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use parking_lot::Mutex;
use tokio::sync::{oneshot, watch};

use crate::acknowledgement::{Acknowledgement, Answer, submit};
use crate::command::{Command, Done, SubscriptionId};
use crate::error::Error;
use crate::inbox::{Delivery, Sink};
use crate::mailbox::Mailbox;
use crate::message::Message;
use crate::messages::Messages;
use crate::options::Protocol;
use crate::received::Received;
use crate::replies::Replies;
use crate::state::State;
use crate::subscription::Subscription;
use crate::transaction::Transaction;
use crate::{mqtt, stomp};

/// Publishes and subscribes. Clones share the connection, which ends with [`disconnect`](Self::disconnect), or when all
/// clones and all [`Messages`] are dropped.
///
/// All futures may be dropped before they are ready: a message was then taken over or not, and nothing else is lost.
#[derive(Clone)]
pub struct Client {
    handle: Arc<Handle>,
}

/// The topic of replies, once the broker has confirmed the subscription to it.
type ReplyTopic = Shared<BoxFuture<'static, Result<String, Error>>>;

/// What all clones share. Dropping it ends the connection.
pub(crate) struct Handle {
    pub(crate) mailbox: Arc<Mailbox>,
    state: watch::Receiver<State>,
    replies: Arc<Replies>,
    /// Where replies come; there once the first request was made. All requests wait for the one subscription,
    /// also when the first of them is given up.
    reply_topic: Mutex<Option<ReplyTopic>>,
    last_subscription: AtomicU32,
    last_transaction: AtomicU64,
}

impl Client {
    pub(crate) fn new(mailbox: Arc<Mailbox>, state: watch::Receiver<State>, replies: Arc<Replies>) -> Self {
        let handle = Handle {
            mailbox,
            state,
            replies,
            reply_topic: Mutex::new(None),
            last_subscription: AtomicU32::new(0),
            last_transaction: AtomicU64::new(0),
        };
        Self { handle: Arc::new(handle) }
    }

    /// Publishes a message and waits until the broker has taken it over: the acknowledgement of QoS 1, the whole exchange
    /// of QoS 2, STOMP's receipt, over as many connections as that takes. QoS 0 over MQTT ends when the message is on its
    /// way.
    ///
    /// # Errors
    ///
    /// [`Error::Rejected`] and [`Error::Invalid`] concern this message only; so do [`Error::OfflineFull`] and
    /// [`Error::FateUnknown`]. Others end the client.
    pub async fn publish(&self, message: Message) -> Result<(), Error> {
        self.send(message).await?.await
    }

    /// Hands a message over and does not wait for the broker, so that many can be on their way. Messages leave in the order
    /// of the calls. Waits only while the connection has more to send than it can. Without a connection the message waits
    /// for one, up to [`with_offline_bound`](crate::Options::with_offline_bound).
    ///
    /// A message of QoS 0 that the broker of a later connection does not take (too large, retained) is let go in silence.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`], [`Error::OfflineFull`], or the client has ended. What the broker says to the message, the
    /// [`Acknowledgement`] tells.
    pub async fn send(&self, message: Message) -> Result<Acknowledgement, Error> {
        submit(&self.handle.mailbox, message).await
    }

    /// Subscribes, and waits until the broker has confirmed it; without a connection until there is one. Dropping the
    /// [`Messages`] unsubscribes.
    ///
    /// # Errors
    ///
    /// [`Error::Rejected`], [`Error::Invalid`], or the client has ended.
    pub async fn subscribe(&self, subscription: impl Into<Subscription>) -> Result<Messages, Error> {
        self.subscribe_all(vec![subscription.into()]).await
    }

    /// Subscribes several times into one stream: in the order of arrival, and what two of them match comes once, if the
    /// broker sends it once.
    ///
    /// # Errors
    ///
    /// As [`subscribe`](Self::subscribe), of the first that fails; those beside it end.
    pub async fn subscribe_all(&self, subscriptions: Vec<Subscription>) -> Result<Messages, Error> {
        if subscriptions.is_empty() {
            return Err(Error::Invalid("there is no topic filter: name at least one".to_owned()));
        }
        // Dropped on the way out, it ends what was begun.
        let mut messages = Messages::new(&self.handle);
        let mut answers = Vec::new();
        for subscription in subscriptions {
            self.check(&subscription)?;
            let id = self.next_subscription();
            let sink = Sink::Inbox(Arc::clone(messages.inbox()));
            messages.add(id);
            answers.push(self.ask(|done| Command::Subscribe {
                id,
                subscription: Arc::new(subscription),
                sink,
                done,
            })?);
        }
        for answer in answers {
            answer.await?;
        }
        Ok(messages)
    }

    /// Ends all subscriptions to exactly this filter; their streams end. Over MQTT also one that is left of an earlier
    /// process in a session that persists.
    ///
    /// # Errors
    ///
    /// As [`subscribe`](Self::subscribe).
    pub async fn unsubscribe(&self, filter: &str) -> Result<(), Error> {
        self.check(&Subscription::from(filter))?;
        let filter = filter.to_owned();
        self.ask(|done| Command::UnsubscribeFilter { filter, done })?.await
    }

    /// Publishes a request and waits for its reply, for `timeout` at most. The response topic and the correlation data are
    /// filled in: over MQTT 5 a topic `replies/…` that this client subscribes to at its first request, over STOMP
    /// `/temp-queue/replies`, which Tidewire and RabbitMQ turn into an address. Any number of requests can be under way.
    ///
    /// # Errors
    ///
    /// [`Error::NoReply`]; [`Error::Unsupported`] over MQTT 3.1.1; otherwise as [`publish`](Self::publish) and
    /// [`subscribe`](Self::subscribe).
    pub async fn request(&self, message: Message, timeout: Duration) -> Result<Received, Error> {
        let asked = tokio::time::timeout(timeout, self.ask_for_reply(message));
        asked.await.unwrap_or(Err(Error::NoReply(timeout)))
    }

    /// Begins a transaction of STOMP.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] over MQTT; otherwise the client has ended.
    pub async fn begin(&self) -> Result<Transaction, Error> {
        if self.protocol() != Protocol::Stomp {
            return Err(Error::Unsupported("MQTT has no transactions: use STOMP"));
        }
        let transaction = self.handle.last_transaction.fetch_add(1, Ordering::Relaxed) + 1;
        // Made before it is waited for, so that dropping the future aborts it.
        let begun = Transaction::new(self.clone(), transaction);
        self.ask(|done| Command::Begin { transaction, done })?.await?;
        Ok(begun)
    }

    /// The state of the connection, to be looked at or waited for.
    pub fn state(&self) -> watch::Receiver<State> {
        self.handle.state.clone()
    }

    /// The client identifier: the one that was asked for, or the one that the broker chose.
    pub fn client_id(&self) -> String {
        self.handle.mailbox.client_id()
    }

    /// What is spoken.
    pub fn protocol(&self) -> Protocol {
        self.handle.mailbox.protocol
    }

    /// Waits until the client has ended.
    ///
    /// # Errors
    ///
    /// Why it ended, unless regularly.
    pub async fn ended(&self) -> Result<(), Error> {
        let mut state = self.handle.state.clone();
        match state.wait_for(|state| matches!(state, State::Ended(_))).await.as_deref() {
            Ok(State::Ended(Some(error))) => Err(error.clone()),
            Ok(_) => Ok(()),
            Err(_) => Err(self.handle.mailbox.ending()),
        }
    }

    /// Takes no more, sends what is waiting and waits for what is unacknowledged, for
    /// [`with_disconnect_timeout`](crate::Options::with_disconnect_timeout) at most, then says goodbye. It unsubscribes from
    /// nothing: a session that persists goes on collecting, and what [`Messages`] still hold comes again.
    ///
    /// # Errors
    ///
    /// [`Error::NotFlushed`] if something was left; or why the client had ended before.
    pub async fn disconnect(&self) -> Result<(), Error> {
        self.handle.mailbox.close();
        self.ended().await
    }

    pub(crate) fn mailbox(&self) -> &Arc<Mailbox> {
        &self.handle.mailbox
    }

    fn check(&self, subscription: &Subscription) -> Result<(), Error> {
        match self.protocol() {
            Protocol::Mqtt5 | Protocol::Mqtt311 => mqtt::check_subscription(subscription),
            Protocol::Stomp => stomp::check_name(&subscription.filter),
        }
    }

    fn ask(&self, command: impl FnOnce(Done) -> Command) -> Result<Answer, Error> {
        let (done, outcome) = oneshot::channel();
        self.handle.mailbox.put(command(done))?;
        Ok(Answer::new(outcome, &self.handle.mailbox))
    }

    async fn ask_for_reply(&self, mut message: Message) -> Result<Received, Error> {
        let topic = self.reply_topic()?.await?;
        let replies = &self.handle.replies;
        let (correlation, mut reply) = replies.expect();
        let _forgotten = Forget { replies, correlation: &correlation };
        message.properties.response_topic = Some(topic);
        message.properties.correlation_data = Some(correlation.clone());
        let acknowledgement = self.send(message).await?;
        let message = tokio::select! {
            biased;
            message = &mut reply => message,
            refused = acknowledgement => {
                refused?;
                reply.await
            }
        };
        let message = message.map_err(|_| self.handle.mailbox.ending())?;
        let delivery = Delivery { message, token: None, is_manual: false, is_redelivered: false };
        Ok(Received::new(delivery, &self.handle.mailbox))
    }

    /// The one that there is, unless the broker has refused it.
    fn reply_topic(&self) -> Result<ReplyTopic, Error> {
        let mut known = self.handle.reply_topic.lock();
        match known.as_ref().filter(|topic| !matches!(topic.peek(), Some(Err(_)))) {
            Some(topic) => Ok(topic.clone()),
            None => Ok(known.insert(self.make_reply_topic()?).clone()),
        }
    }

    fn make_reply_topic(&self) -> Result<ReplyTopic, Error> {
        match self.protocol() {
            Protocol::Mqtt311 => Err(Error::Unsupported("MQTT 3.1.1 has no response topics: use MQTT 5")),
            // The broker knows it without a subscription.
            Protocol::Stomp => Ok(ready(Ok("/temp-queue/replies".to_owned())).boxed().shared()),
            Protocol::Mqtt5 => {
                let topic = format!("replies/{}", self.handle.replies.unique_name());
                let subscription = Arc::new(Subscription::from(topic.as_str()));
                let id = self.next_subscription();
                let sink = Sink::Replies(Arc::clone(&self.handle.replies));
                let answer = self.ask(|done| Command::Subscribe { id, subscription, sink, done })?;
                Ok(async move { answer.await.map(|()| topic) }.boxed().shared())
            }
        }
    }

    /// Over MQTT it is the subscription identifier as well, which has 28 bits.
    fn next_subscription(&self) -> SubscriptionId {
        self.handle.last_subscription.fetch_add(1, Ordering::Relaxed) % SUBSCRIPTION_IDENTIFIER_MAX + 1
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("state", &*self.handle.state.borrow()).finish_non_exhaustive()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.mailbox.close();
    }
}

/// A request whose future is dropped waits for nothing any more.
struct Forget<'a> {
    replies: &'a Replies,
    correlation: &'a Bytes,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.replies.forget(self.correlation);
    }
}

const SUBSCRIPTION_IDENTIFIER_MAX: u32 = 268_435_455;
