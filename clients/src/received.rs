//! One received message, and what may be done with it.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use bytes::Bytes;

use crate::acknowledgement::{Acknowledgement, submit};
use crate::command::{Settlement, Token, TransactionId, Verdict};
use crate::error::Error;
use crate::inbox::Delivery;
use crate::mailbox::Mailbox;
use crate::message::Message;

/// A message as it came; it can be used like a [`Message`].
///
/// One of a subscription with [`Acknowledge::Manual`](crate::Acknowledge::Manual) is to be acknowledged, rejected or
/// discarded. If it is dropped without that, it counts as in work for as long as the connection lasts, and comes again
/// after it. What is said of a message whose connection has gone meanwhile has no effect, and it comes again as well; but
/// for MQTT's QoS 2 in a session that goes on, where it counts.
#[must_use = "a message may have to be acknowledged"]
pub struct Received {
    /// The message.
    pub message: Message,
    is_redelivered: bool,
    /// If it is for the application to acknowledge.
    token: Option<Token>,
    mailbox: Arc<Mailbox>,
}

impl Received {
    pub(crate) fn new(delivery: Delivery, mailbox: &Arc<Mailbox>) -> Self {
        Self {
            message: delivery.message,
            is_redelivered: delivery.is_redelivered,
            token: delivery.token.filter(|_| delivery.is_manual),
            mailbox: Arc::clone(mailbox),
        }
    }

    /// The application has done with it. Nothing where the client acknowledges by itself.
    pub fn acknowledge(self) {
        self.settle(Verdict::Done, None);
    }

    /// The application cannot do it: the next consumer is to try. STOMP's NACK; an error in MQTT 5's PUBACK or PUBREC.
    /// MQTT 3.1.1 has no such word, and the message counts as done.
    pub fn reject(self) {
        self.settle(Verdict::Rejected, None);
    }

    /// Nobody can do it: a dead letter. STOMP's NACK with `requeue:false`; over MQTT the same as [`reject`](Self::reject).
    pub fn discard(self) {
        self.settle(Verdict::Discarded, None);
    }

    /// Whether it may have been received before: MQTT's DUP, STOMP's `redelivered`.
    pub fn is_redelivered(&self) -> bool {
        self.is_redelivered
    }

    /// Answers it: see [`reply_with`](Self::reply_with).
    ///
    /// # Errors
    ///
    /// As [`reply_with`](Self::reply_with).
    pub async fn reply(&self, payload: impl Into<Bytes>) -> Result<Acknowledgement, Error> {
        self.reply_with(Message::new("", payload).with_qos(self.message.qos)).await
    }

    /// Answers it with a message that is published to its response topic with its correlation data, whatever `answer` says
    /// there.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if the message asks for no reply; otherwise as [`Client::send`](crate::Client::send).
    pub async fn reply_with(&self, answer: Message) -> Result<Acknowledgement, Error> {
        let properties = &self.message.properties;
        let Some(topic) = &properties.response_topic else {
            return Err(Error::Invalid(
                "this message asks for no reply: it has no response topic".to_owned(),
            ));
        };
        let mut answer = Message { topic: topic.clone(), ..answer };
        answer.properties.correlation_data.clone_from(&properties.correlation_data);
        submit(&self.mailbox, answer).await
    }

    /// The message alone.
    pub fn into_message(self) -> Message {
        self.message
    }

    pub(crate) fn settle(self, verdict: Verdict, transaction: Option<TransactionId>) {
        if let Some(token) = self.token {
            self.mailbox.settle([Settlement { token, verdict, transaction }]);
        }
    }
}

impl Deref for Received {
    type Target = Message;

    fn deref(&self) -> &Message {
        &self.message
    }
}

impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Received")
            .field("message", &self.message)
            .field("is_redelivered", &self.is_redelivered)
            .finish_non_exhaustive()
    }
}
