//! The application's two halves of a connection.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use tokio::sync::{mpsc, oneshot};

use crate::connection::{Command, Delivery, Ends, Token};
use crate::error::Error;
use crate::message::{Message, Subscription};

/// Publishes and subscribes. Clones share the connection, which ends with [`disconnect`](Self::disconnect), or when
/// all clones and its [`Messages`] are dropped.
#[derive(Clone, Debug)]
pub struct Client {
    commands: mpsc::Sender<Command>,
    ending: Arc<OnceLock<Error>>,
    welcome: Arc<Welcome>,
}

/// What the broker said when it accepted the connection.
#[derive(Debug, Default)]
pub(crate) struct Welcome {
    pub(crate) client_id: String,
    pub(crate) session_present: bool,
}

impl Client {
    /// Publishes a message and waits until the broker has taken it over: the acknowledgement of QoS 1, the whole
    /// exchange of QoS 2, STOMP's receipt. QoS 0 over MQTT ends when the message is on its way.
    ///
    /// # Errors
    ///
    /// [`Error::Rejected`] and [`Error::Invalid`] concern this message only; others the connection.
    pub async fn publish(&self, message: Message) -> Result<(), Error> {
        self.send(message).await?.await
    }

    /// Publishes a message and does not wait for the broker, so that many can be on their way. Messages leave in the
    /// order of the calls. Waits only while the connection has more to send than it can.
    ///
    /// # Errors
    ///
    /// The connection has ended. What the broker says to the message, the [`Acknowledgement`] tells.
    pub async fn send(&self, message: Message) -> Result<Acknowledgement, Error> {
        self.command(|done| Command::Publish(message, done)).await
    }

    /// Subscribes, and waits until the broker has confirmed it.
    ///
    /// # Errors
    ///
    /// [`Error::Rejected`] names the first filter that the broker refused; those beside it may have been accepted.
    pub async fn subscribe(&self, subscriptions: Vec<Subscription>) -> Result<(), Error> {
        self.command(|done| Command::Subscribe(subscriptions, done)).await?.await
    }

    /// Ends subscriptions, by their filters.
    ///
    /// # Errors
    ///
    /// As [`subscribe`](Self::subscribe).
    pub async fn unsubscribe(&self, filters: Vec<String>) -> Result<(), Error> {
        self.command(|done| Command::Unsubscribe(filters, done)).await?.await
    }

    /// Says goodbye, and waits until the connection has ended. What has not been acknowledged by then fails with
    /// [`Error::Disconnected`].
    ///
    /// # Errors
    ///
    /// The connection had broken before, or broke meanwhile.
    pub async fn disconnect(self) -> Result<(), Error> {
        // A task that has ended takes no commands, and its ending tells why.
        let _ = self.commands.send(Command::Disconnect).await;
        self.commands.closed().await;
        self.ending.get().cloned().map_or(Ok(()), Err)
    }

    /// The client identifier: the one that was asked for, or the one that the broker chose.
    pub fn client_id(&self) -> &str {
        &self.welcome.client_id
    }

    /// Whether the broker still had this client's session.
    pub fn session_present(&self) -> bool {
        self.welcome.session_present
    }

    async fn command(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<(), Error>>) -> Command,
    ) -> Result<Acknowledgement, Error> {
        let (done, outcome) = oneshot::channel();
        match self.commands.send(command(done)).await {
            Ok(()) => Ok(Acknowledgement { outcome, ending: Arc::clone(&self.ending) }),
            Err(_) => Err(ending(&self.ending)),
        }
    }
}

/// Resolves when the broker has answered. Dropping it does not undo the request.
#[derive(Debug)]
#[must_use = "only the acknowledgement tells whether the broker has the message"]
pub struct Acknowledgement {
    outcome: oneshot::Receiver<Result<(), Error>>,
    ending: Arc<OnceLock<Error>>,
}

impl Future for Acknowledgement {
    type Output = Result<(), Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = ready!(Pin::new(&mut self.outcome).poll(context));
        Poll::Ready(outcome.unwrap_or_else(|_| Err(ending(&self.ending))))
    }
}

/// What arrives, in the broker's order.
///
/// Messages of QoS 1 and 2 are acknowledged when the application has done with them, which it says by asking for the
/// next one. Ask for them: while some thousand messages wait here, the connection receives nothing, not even the
/// acknowledgements that [`Client::publish`] waits for.
#[derive(Debug)]
pub struct Messages {
    inbox: mpsc::Receiver<Delivery>,
    taken: Vec<Token>,
    acknowledged: mpsc::UnboundedSender<Vec<Token>>,
    ending: Arc<OnceLock<Error>>,
    /// Keeps the connection up while somebody listens.
    _client: Client,
}

impl Messages {
    /// Acknowledges all that was taken before, then waits for the next message; `None` after a regular disconnect.
    /// Nothing is lost when the future is dropped.
    ///
    /// # Errors
    ///
    /// The connection has broken. It comes after all messages that had arrived.
    pub async fn next(&mut self) -> Result<Option<Message>, Error> {
        self.acknowledge();
        match self.inbox.recv().await {
            Some(delivery) => Ok(Some(self.take(delivery))),
            None => self.ending.get().cloned().map_or(Ok(None), Err),
        }
    }

    /// The next message if it is there already. Acknowledges nothing, so that a batch can be taken first, dealt with,
    /// and acknowledged as a whole.
    pub fn try_next(&mut self) -> Option<Message> {
        let delivery = self.inbox.try_recv().ok()?;
        Some(self.take(delivery))
    }

    /// Acknowledges all that was taken.
    pub fn acknowledge(&mut self) {
        if !self.taken.is_empty() {
            // A connection that has ended cannot acknowledge; the broker will send the messages again.
            let _ = self.acknowledged.send(std::mem::take(&mut self.taken));
        }
    }

    fn take(&mut self, delivery: Delivery) -> Message {
        self.taken.extend(delivery.token);
        delivery.message
    }
}

/// Makes the two halves of a running connection.
pub(crate) fn halves(ends: Ends, welcome: Welcome) -> (Client, Messages) {
    let Ends { commands, acknowledged, inbox, ending } = ends;
    let client = Client { commands, ending: Arc::clone(&ending), welcome: Arc::new(welcome) };
    let messages = Messages { inbox, taken: Vec::new(), acknowledged, ending, _client: client.clone() };
    (client, messages)
}

fn ending(ending: &OnceLock<Error>) -> Error {
    ending.get().cloned().unwrap_or(Error::Disconnected)
}
