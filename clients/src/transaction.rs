//! STOMP's transactions.

use tokio::sync::oneshot;

use crate::acknowledgement::{Answer, check};
use crate::client::Client;
use crate::command::{Command, Done, Publication, TransactionId, Verdict};
use crate::error::Error;
use crate::message::Message;
use crate::received::Received;

/// Messages and acknowledgements that take effect together, at [`commit`](Self::commit), or not at all. Dropping it
/// aborts. It is of one connection: when that is lost, nothing of it takes effect.
///
/// ```no_run
/// # async fn example(client: tidewire_client::Client, job: tidewire_client::Received) -> Result<(), tidewire_client::Error> {
/// use tidewire_client::Message;
///
/// let transaction = client.begin().await?;
/// transaction.send(Message::new("/queue/done", "result")).await?;
/// transaction.acknowledge(job);
/// transaction.commit().await
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a transaction takes effect at its commit"]
pub struct Transaction {
    client: Client,
    id: TransactionId,
    is_open: bool,
}

impl Transaction {
    pub(crate) fn new(client: Client, id: TransactionId) -> Self {
        Self { client, id, is_open: true }
    }

    /// Sends a message that is published at the commit. Waits only while the connection has more to send than it can.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`], or the client has ended. What the broker says, the commit tells.
    pub async fn send(&self, message: Message) -> Result<(), Error> {
        let mailbox = self.client.mailbox();
        check(mailbox.protocol, &message)?;
        mailbox.publish(Publication { message, done: None, transaction: Some(self.id) }).await
    }

    /// Acknowledges a message of a subscription with [`Acknowledge::Manual`](crate::Acknowledge::Manual) at the commit.
    pub fn acknowledge(&self, received: Received) {
        received.settle(Verdict::Done, Some(self.id));
    }

    /// Rejects one likewise.
    pub fn reject(&self, received: Received) {
        received.settle(Verdict::Rejected, Some(self.id));
    }

    /// Lets all of it take effect, and waits until it has.
    ///
    /// # Errors
    ///
    /// [`Error::TransactionLost`]: nothing of it took effect. [`Error::FateUnknown`]: the connection was lost before the
    /// broker's answer came. [`Error::Rejected`].
    pub async fn commit(self) -> Result<(), Error> {
        self.end(|transaction, done| Command::Commit { transaction, done }).await
    }

    /// Lets nothing of it take effect, and waits until the broker has confirmed that.
    ///
    /// # Errors
    ///
    /// The client has ended; nothing took effect then either.
    pub async fn abort(self) -> Result<(), Error> {
        self.end(|transaction, done| Command::Abort { transaction, done: Some(done) }).await
    }

    async fn end(mut self, command: impl FnOnce(TransactionId, Done) -> Command) -> Result<(), Error> {
        let (done, outcome) = oneshot::channel();
        self.is_open = false;
        self.client.mailbox().put(command(self.id, done))?;
        Answer::new(outcome, self.client.mailbox()).await
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if self.is_open {
            // A client that has ended has no transactions.
            let _ = self.client.mailbox().put(Command::Abort { transaction: self.id, done: None });
        }
    }
}
