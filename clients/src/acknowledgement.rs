//! Handing a message over, and hearing what became of it.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tidewire_protocols::mqtt::Qos;
use tokio::sync::oneshot;

use crate::command::Publication;
use crate::error::Error;
use crate::mailbox::Mailbox;
use crate::message::Message;
use crate::options::Protocol;
use crate::{mqtt, stomp};

/// Resolves when the broker has answered: the acknowledgement of QoS 1, the whole exchange of QoS 2, STOMP's receipt. At
/// once for QoS 0 of MQTT, which nobody acknowledges. Dropping it does not undo the request.
#[must_use = "only the acknowledgement tells whether the broker has the message"]
pub struct Acknowledgement(Outcome);

enum Outcome {
    /// Nothing will acknowledge it.
    Sent,
    Awaited(Answer),
}

impl Future for Acknowledgement {
    type Output = Result<(), Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            Outcome::Sent => Poll::Ready(Ok(())),
            Outcome::Awaited(answer) => Pin::new(answer).poll(context),
        }
    }
}

impl fmt::Debug for Acknowledgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Outcome::Sent => "Acknowledgement(sent)",
            Outcome::Awaited(_) => "Acknowledgement(awaited)",
        })
    }
}

/// The outcome of a command.
pub(crate) struct Answer {
    outcome: oneshot::Receiver<Result<(), Error>>,
    mailbox: Arc<Mailbox>,
}

impl Answer {
    pub(crate) fn new(outcome: oneshot::Receiver<Result<(), Error>>, mailbox: &Arc<Mailbox>) -> Self {
        Self { outcome, mailbox: Arc::clone(mailbox) }
    }
}

impl Future for Answer {
    type Output = Result<(), Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = ready!(Pin::new(&mut self.outcome).poll(context));
        Poll::Ready(outcome.unwrap_or_else(|_| Err(self.mailbox.ending())))
    }
}

/// Hands a message over to be published.
pub(crate) async fn submit(mailbox: &Arc<Mailbox>, message: Message) -> Result<Acknowledgement, Error> {
    check(mailbox.protocol, &message)?;
    if mailbox.protocol != Protocol::Stomp && message.qos == Qos::AtMostOnce {
        mailbox.publish(Publication { message, done: None, transaction: None }).await?;
        return Ok(Acknowledgement(Outcome::Sent));
    }
    let (done, outcome) = oneshot::channel();
    mailbox.publish(Publication { message, done: Some(done), transaction: None }).await?;
    Ok(Acknowledgement(Outcome::Awaited(Answer::new(outcome, mailbox))))
}

/// What is wrong with a message in itself.
pub(crate) fn check(protocol: Protocol, message: &Message) -> Result<(), Error> {
    match protocol {
        Protocol::Mqtt5 | Protocol::Mqtt311 => mqtt::check_message(message),
        Protocol::Stomp => stomp::check_message(message),
    }
}
