//! One client's task: connects, lets the session speak, connects again.
//!
//! ```text
//!            mailbox ----> +---------+ ---- poll_transmit ----> +-----------+
//!   Client                 | Session |                          | Transport |
//!   Messages <--- inbox -- +---------+ <--- handle_input ------ +-----------+
//! ```
//!
//! Each turn of the loop does all that is there to do: it takes what waits in the mailbox, writes once, and wakes each
//! stream once. It reads no more while the application is behind, and takes no more commands while the socket or the
//! session's window is full.

mod connected;
mod renewal;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use self::connected::Connected;
use crate::error::Error;
use crate::mailbox::Mailbox;
use crate::options::{Backoff, Login, Options, Proof, Protocol};
use crate::session::{Session, Welcome};
use crate::state::State;
use crate::transport::{Driven, Transport, is_of_tls};
use crate::url::{Scheme, Url};

/// See the module.
pub(crate) struct Driver {
    url: Url,
    protocol: Protocol,
    options: Arc<Options>,
    mailbox: Arc<Mailbox>,
    session: Box<dyn Session>,
    backoff: Backoff,
    state: watch::Sender<State>,
    /// Told of the first connection, once.
    accepted: Option<oneshot::Sender<()>>,
    is_ended: bool,
}

/// A connection that the broker has accepted.
struct Opened {
    transport: Transport,
    /// Came with the welcome.
    input: BytesMut,
    welcome: Welcome,
    login: Login,
}

impl Driver {
    pub(crate) fn new(
        url: Url,
        options: Arc<Options>,
        mailbox: Arc<Mailbox>,
        session: Box<dyn Session>,
        state: watch::Sender<State>,
        accepted: oneshot::Sender<()>,
    ) -> Self {
        let (backoff, protocol) = (options.reconnect.backoff(), mailbox.protocol);
        let accepted = Some(accepted);
        Self { url, protocol, options, mailbox, session, backoff, state, accepted, is_ended: false }
    }

    /// Runs until the client has ended.
    pub(crate) async fn run(mut self) {
        let outcome = self.live().await;
        self.end(outcome.err());
    }

    async fn live(&mut self) -> Result<(), Error> {
        loop {
            let attempt = self.backoff.attempts() + 1;
            self.state.send_replace(State::Connecting { attempt });
            let error = match self.connection().await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            self.session.handle_lost();
            self.mailbox.handle_lost();
            if self.is_flushed() {
                return Ok(());
            }
            let retry_in = self.retry_in(error)?;
            let closed = self.closed();
            tokio::select! {
                () = sleep(retry_in) => {}
                () = closed => return self.flushed(),
            }
        }
    }

    /// One connection from its beginning to its end, which is regular or an error.
    async fn connection(&mut self) -> Result<(), Error> {
        let closed = self.closed();
        let (url, limit) = (self.url.clone(), self.options.connect_timeout);
        let opened = tokio::select! {
            opened = timeout(limit, self.open()) => {
                opened.map_err(|_| Error::TimedOut { url, timeout: limit })??
            }
            () = closed => return self.flushed(),
        };
        let session_present = opened.welcome.session_present;
        self.backoff.handle_connected(Instant::now().into_std());
        self.mailbox.handle_connected(&opened.welcome);
        self.state.send_replace(State::Connected { session_present });
        if let Some(accepted) = self.accepted.take() {
            // Whoever wanted the client may have stopped waiting.
            let _ = accepted.send(());
        }
        Connected::new(self, opened).run().await
    }

    /// Asks for credentials, connects, introduces itself and waits for the welcome.
    async fn open(&mut self) -> Result<Opened, Error> {
        let login = self.options.credentials.login().await?;
        let login = self.placed(login);
        let mut headers = self.options.upgrade_headers.clone();
        if let Proof::Bearer(token) = &login.proof {
            headers.push(("Authorization".to_owned(), format!("Bearer {token}")));
        }
        let mut transport = Transport::connect(&self.url, self.protocol, &self.options, &headers).await?;
        let mut input = BytesMut::new();
        self.session.handle_open(now(), &login)?;
        loop {
            while let Some(chunk) = self.session.poll_transmit(now()) {
                transport.queue(chunk);
            }
            if let Some(welcome) = self.session.poll_welcome() {
                return Ok(Opened { transport, input, welcome, login });
            }
            match transport.drive(Some(&mut input)).await.map_err(|error| self.unanswered(&error))? {
                Driven::Received => {
                    self.session.handle_input(now(), &mut input).map_err(|error| self.as_answer(error))?;
                }
                Driven::Sent => {}
                Driven::Ended => {
                    return Err(Error::Lost("it was closed without an answer".to_owned()));
                }
            }
        }
    }

    /// A connection that breaks before the welcome.
    fn unanswered(&self, error: &io::Error) -> Error {
        match is_of_tls(error) {
            true => Error::Tls { url: self.url.clone(), detail: error.to_string() },
            false => Error::lost(error),
        }
    }

    /// What breaks the protocol before the welcome is not of this protocol.
    fn as_answer(&self, error: Error) -> Error {
        let protocol = if self.protocol == Protocol::Stomp { "STOMP" } else { "MQTT" };
        match error {
            Error::Protocol(detail) => Error::Foreign { url: self.url.clone(), protocol, detail },
            Error::EndedByBroker(reason) => Error::Refused(reason),
            other => other,
        }
    }

    /// Without an upgrade there is no header for a token.
    fn placed(&self, login: Login) -> Login {
        match login.proof {
            Proof::Bearer(token) if self.url.scheme().plain() != Scheme::Ws => {
                Login { proof: Proof::Token(token), ..login }
            }
            _ => login,
        }
    }

    /// How long to wait for the next attempt; the error if there is to be none. Tells the application.
    fn retry_in(&mut self, error: Error) -> Result<Duration, Error> {
        let may_change = matches!(error, Error::BadCredentials(_)) && self.options.credentials.may_change();
        let was_accepted = self.accepted.is_none();
        let may_begin = was_accepted || self.options.reconnect.is_first_retried();
        let may_work = error.is_transient() || may_change || was_accepted && has_worked_before(&error);
        if !may_begin || !may_work {
            return Err(error);
        }
        let attempts = self.backoff.attempts();
        let Some(retry_in) = self.backoff.handle_failed(now()) else {
            return Err(match attempts {
                0 => error,
                attempts => Error::GaveUp { attempts, last: Arc::new(error) },
            });
        };
        self.state.send_replace(State::Waiting { retry_in, why: error });
        Ok(retry_in)
    }

    /// Resolves when the application wants the client to end and there is nothing to be sent, or no more time for it.
    fn closed(&self) -> impl Future<Output = ()> + use<> {
        let (mailbox, limit) = (Arc::clone(&self.mailbox), self.options.disconnect_timeout);
        let unacknowledged = self.session.unacknowledged();
        async move {
            let closing_at = loop {
                match mailbox.closing_at() {
                    Some(at) => break at,
                    None => mailbox.filled().await,
                }
            };
            if mailbox.messages() + unacknowledged > 0 {
                sleep_until(closing_at + limit).await;
            }
        }
    }

    /// Whether the client is to end and there is nothing more to be sent.
    fn is_flushed(&self) -> bool {
        self.mailbox.closing_at().is_some() && self.mailbox.messages() + self.session.unacknowledged() == 0
    }

    /// The outcome of an end that the application wanted.
    fn flushed(&self) -> Result<(), Error> {
        match self.mailbox.messages() + self.session.unacknowledged() {
            0 => Ok(()),
            messages => Err(Error::NotFlushed(messages)),
        }
    }

    fn end(&mut self, error: Option<Error>) {
        self.is_ended = true;
        self.mailbox.end(error.clone());
        self.session.handle_end(error.as_ref());
        self.state.send_replace(State::Ended(error));
        self.accepted = None;
    }
}

/// When the runtime goes, nobody is to wait for ever.
impl Drop for Driver {
    fn drop(&mut self) {
        if !self.is_ended {
            self.end(Some(Error::Lost("the runtime that it ran in has ended".to_owned())));
        }
    }
}

/// Whether this was right when the client was accepted earlier, and so may become right again: a proxy that
/// answers for a broker which is down, or a certificate that is being renewed.
fn has_worked_before(error: &Error) -> bool {
    matches!(error, Error::Tls { .. } | Error::Handshake { .. } | Error::Foreign { .. })
}

/// The time by the runtime's clock, which tests can hold.
fn now() -> std::time::Instant {
    Instant::now().into_std()
}
