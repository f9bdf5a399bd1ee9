//! One connection: the task between a [`Transport`] and a protocol's [`Session`].
//!
//! ```text
//!            commands ----> +---------+ ---- poll_transmit ----> +-----------+
//!   Client                  | Session |                          | Transport |
//!   Messages <--- inbox --- +---------+ <--- handle_input ------ +-----------+
//! ```
//!
//! The task reads no more while the inbox is full, so that a slow application slows the broker down and does not fill
//! the memory; and it takes no more commands while the socket or the session's window is full.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep_until, timeout};

use crate::error::Error;
use crate::message::{Message, Subscription};
use crate::transport::{Chunk, Driven, Transport};

/// A protocol's side of one connection: pure, so that it can be tested without a broker.
///
/// Call any `handle_*` for what has happened, then `poll_transmit` and `poll_delivery` until they have nothing more.
pub(crate) trait Session: Send + 'static {
    /// Takes whole packets or frames off the front of `input`.
    fn handle_input(&mut self, now: Instant, input: &mut BytesMut) -> Result<(), Error>;
    /// Begins what the application wants; not while `may_accept` is false.
    fn handle_command(&mut self, now: Instant, command: Command);
    /// The application has done with these messages.
    fn handle_acknowledged(&mut self, now: Instant, tokens: &[Token]);
    /// The time of `poll_timeout` has come.
    fn handle_timeout(&mut self, now: Instant) -> Result<(), Error>;
    fn poll_timeout(&self) -> Option<Instant>;
    fn poll_transmit(&mut self, now: Instant) -> Option<Chunk>;
    fn poll_delivery(&mut self) -> Option<Delivery>;
    fn has_delivery(&self) -> bool;
    /// Whether the windows leave room for one more command.
    fn may_accept(&self) -> bool;
    /// Whether the connection is to be closed once all is sent.
    fn is_finished(&self) -> bool;
}

/// What the application wants.
#[derive(Debug)]
pub(crate) enum Command {
    Publish(Message, Done),
    Subscribe(Vec<Subscription>, Done),
    Unsubscribe(Vec<String>, Done),
    Disconnect,
}

/// Where a command's outcome goes; nobody may be waiting for it any more.
pub(crate) type Done = oneshot::Sender<Result<(), Error>>;

/// A received message on its way to the application.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) message: Message,
    /// What the session wants to hear when the application has done with the message.
    pub(crate) token: Option<Token>,
}

/// A session's name for a message that it must acknowledge: MQTT's packet identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token(pub(crate) u16);

/// The application's ends.
#[derive(Debug)]
pub(crate) struct Ends {
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) acknowledged: mpsc::UnboundedSender<Vec<Token>>,
    pub(crate) inbox: mpsc::Receiver<Delivery>,
    pub(crate) ending: Arc<OnceLock<Error>>,
}

/// Lets the connection run in a task of its own. It ends when the session has finished, when all ends are dropped, or
/// with the error that is then in `ending`.
pub(crate) fn spawn(session: impl Session, transport: Transport, input: BytesMut) -> Ends {
    let (commands, command_receiver) = mpsc::channel(COMMANDS_MAX);
    // Its length is bounded by the messages in the inbox.
    let (acknowledged, acknowledged_receiver) = mpsc::unbounded_channel();
    let (inbox_sender, inbox) = mpsc::channel(INBOX_MESSAGES_MAX);
    let ending = Arc::new(OnceLock::new());
    let task = Task {
        session,
        transport,
        input,
        commands: command_receiver,
        acknowledged: acknowledged_receiver,
        inbox: inbox_sender,
    };
    tokio::spawn({
        let ending = Arc::clone(&ending);
        async move {
            if let Err(error) = task.run(&ending).await {
                // Only this task sets it.
                let _ = ending.set(error);
            }
        }
    });
    Ends { commands, acknowledged, inbox, ending }
}

struct Task<S> {
    session: S,
    transport: Transport,
    input: BytesMut,
    commands: mpsc::Receiver<Command>,
    acknowledged: mpsc::UnboundedReceiver<Vec<Token>>,
    inbox: mpsc::Sender<Delivery>,
}

impl<S: Session> Task<S> {
    async fn run(mut self, ending: &OnceLock<Error>) -> Result<(), Error> {
        // The handshake may have left something there.
        let mut outcome = self.session.handle_input(Instant::now(), &mut self.input);
        while outcome.is_ok() {
            self.transmit();
            self.deliver();
            if self.session.is_finished() {
                return self.close().await;
            }
            outcome = self.turn().await;
        }
        // Known before the ends notice that this task's are gone.
        if let Err(error) = &outcome {
            let _ = ending.set(error.clone());
        }
        // What the session still has to say, such as why it gives up.
        self.transmit();
        let _ = self.close().await;
        outcome
    }

    /// Waits for one thing to happen, and handles it.
    async fn turn(&mut self) -> Result<(), Error> {
        let Self { session, transport, input, commands, acknowledged, inbox } = self;
        let has_delivery = session.has_delivery();
        let has_room = session.may_accept() && transport.unsent() < UNSENT_BYTES_MAX;
        let deadline = session.poll_timeout();
        let read_into = if has_delivery { None } else { Some(&mut *input) };
        tokio::select! {
            driven = transport.drive(read_into) => match driven.map_err(|error| Error::lost(&error))? {
                Driven::Received => session.handle_input(Instant::now(), input)?,
                Driven::Sent => {}
                Driven::Ended => return Err(Error::Lost("the broker closed it".to_owned())),
            },
            permit = inbox.reserve(), if has_delivery => {
                let delivery = session.poll_delivery();
                // Without a permit nobody listens any more: the message is let go and not acknowledged.
                if let (Ok(permit), Some(delivery)) = (permit, delivery) {
                    permit.send(delivery);
                }
            }
            Some(tokens) = acknowledged.recv() => session.handle_acknowledged(Instant::now(), &tokens),
            command = commands.recv(), if has_room => {
                let now = Instant::now();
                // What was acknowledged before this command is to arrive before it: it may be the last one.
                while let Ok(tokens) = acknowledged.try_recv() {
                    session.handle_acknowledged(now, &tokens);
                }
                session.handle_command(now, command.unwrap_or(Command::Disconnect));
                // What is waiting goes out with it, in one write.
                while session.may_accept() && let Ok(command) = commands.try_recv() {
                    session.handle_command(now, command);
                }
            }
            () = sleep_until(deadline.unwrap_or_else(far_future).into()), if deadline.is_some() => {
                session.handle_timeout(Instant::now())?;
            }
        }
        Ok(())
    }

    fn transmit(&mut self) {
        while let Some(chunk) = self.session.poll_transmit(Instant::now()) {
            self.transport.queue(chunk);
        }
    }

    /// Hands over what the inbox has room for.
    fn deliver(&mut self) {
        while self.session.has_delivery() {
            let permit = match self.inbox.try_reserve() {
                Err(TrySendError::Full(())) => return,
                permit => permit,
            };
            if let (Ok(permit), Some(delivery)) = (permit, self.session.poll_delivery()) {
                permit.send(delivery);
            }
        }
    }

    async fn close(self) -> Result<(), Error> {
        match timeout(CLOSE_TIMEOUT, self.transport.close()).await {
            Ok(result) => result.map_err(|error| Error::lost(&error)),
            Err(_) => Err(Error::Lost("the broker did not close it in time".to_owned())),
        }
    }
}

fn far_future() -> Instant {
    Instant::now() + Duration::from_secs(3600)
}

/// Commands that wait for the task; enough to fill a batch.
const COMMANDS_MAX: usize = 256;
/// Messages that wait for the application before the broker is slowed down.
const INBOX_MESSAGES_MAX: usize = 1024;
/// Bytes that wait for the socket before commands have to wait: a few full socket buffers.
const UNSENT_BYTES_MAX: usize = 1024 * 1024;
/// For the last bytes and the broker's own goodbye.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
