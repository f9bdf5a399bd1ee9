//! One connection, from the welcome to the end.

use std::pin::{Pin, pin};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use tokio::time::{Sleep, sleep_until, timeout};

use super::renewal::Renewal;
use super::{Driver, Opened, now};
use crate::error::Error;
use crate::mailbox::Collected;
use crate::transport::{Driven, Transport};

/// See the module.
pub(super) struct Connected<'a> {
    driver: &'a mut Driver,
    transport: Transport,
    input: BytesMut,
    renewal: Renewal,
    collected: Collected,
    /// When to end without an answer, after the goodbye.
    goodbye_until: Option<Instant>,
}

impl<'a> Connected<'a> {
    pub(super) fn new(driver: &'a mut Driver, opened: Opened) -> Self {
        let Opened { transport, input, login, .. } = opened;
        let renewal = Renewal::new(driver.options.credentials.clone(), &login, now());
        let collected = Collected::default();
        Self { driver, transport, input, renewal, collected, goodbye_until: None }
    }

    /// Runs until the application wants an end, or the connection has one.
    pub(super) async fn run(mut self) -> Result<(), Error> {
        let mut timer = pin!(sleep_until((now() + FAR).into()));
        // Something may have come with the welcome.
        let mut outcome = self.driver.session.handle_input(now(), &mut self.input);
        while outcome.is_ok() {
            self.feed();
            let is_paused = self.driver.session.handle_turn_end();
            if self.driver.session.is_finished() {
                let unflushed = self.driver.flushed();
                return close(self.transport).await.and(unflushed);
            }
            outcome = self.turn(is_paused, timer.as_mut()).await;
        }
        // What had come before is for the application all the same, and what the session still has to say, such as why
        // it gives up, for the broker.
        self.driver.session.handle_turn_end();
        self.transmit();
        if !matches!(outcome, Err(Error::Lost(_))) {
            let _ = close(self.transport).await;
        }
        outcome
    }

    /// Gives the session what the application wants, as far as there is room.
    fn feed(&mut self) {
        loop {
            let is_congested = self.transport.unsent() >= UNSENT_BYTES_MAX;
            let room = if is_congested { 0 } else { self.driver.session.room().min(BATCH_COMMANDS) };
            let session = &mut self.driver.session;
            self.driver.mailbox.collect(room, &mut self.collected);
            if !self.collected.settlements.is_empty() {
                session.handle_settlements(std::mem::take(&mut self.collected.settlements));
            }
            let count = self.collected.commands.len();
            let now = now();
            for command in self.collected.commands.drain(..) {
                session.handle_command(now, command);
            }
            self.transmit();
            if count < BATCH_COMMANDS {
                break;
            }
        }
        self.say_goodbye();
    }

    /// Ends the connection when the application wants it and all is done, or there is no more time.
    fn say_goodbye(&mut self) {
        let Some(closing_at) = self.collected.closing_at else { return };
        let is_done = self.collected.is_all && !self.driver.session.is_waiting();
        let is_late = now() >= closing_at.into_std() + self.driver.options.disconnect_timeout;
        if self.goodbye_until.is_none() && (is_done || is_late) {
            self.goodbye_until = Some(now() + GOODBYE_TIMEOUT);
            self.driver.session.handle_disconnect();
            self.transmit();
        }
    }

    fn transmit(&mut self) {
        while let Some(chunk) = self.driver.session.poll_transmit(now()) {
            self.transport.queue(chunk);
        }
    }

    /// Waits for one thing to happen, and handles it.
    async fn turn(&mut self, is_paused: bool, mut timer: Pin<&mut Sleep>) -> Result<(), Error> {
        let deadline = self.deadline();
        // It moves with every packet, and mostly away. So the timer is left alone until it goes off, or would be late.
        if timer.is_elapsed() || deadline < timer.deadline().into_std() {
            timer.as_mut().reset(deadline.into());
        }
        let Self { driver, transport, input, renewal, .. } = self;
        let read_into = if is_paused { None } else { Some(&mut *input) };
        tokio::select! {
            driven = transport.drive(read_into) => match driven.map_err(|error| Error::lost(&error))? {
                Driven::Received => driver.session.handle_input(now(), input)?,
                Driven::Sent => {}
                Driven::Ended => return Err(Error::Lost("the broker closed it".to_owned())),
            },
            () = driver.mailbox.filled() => {}
            answer = renewal.answer() => {
                if let Some(login) = renewal.handle_answer(answer, now()) {
                    driver.session.handle_renewal(&driver.placed(login));
                }
            }
            () = timer => self.handle_timeout()?,
        }
        Ok(())
    }

    fn handle_timeout(&mut self) -> Result<(), Error> {
        let now = now();
        if self.goodbye_until.is_some_and(|until| now >= until) {
            return Err(Error::Lost("the broker did not answer the goodbye".to_owned()));
        }
        self.renewal.handle_timeout(now);
        match self.driver.session.poll_timeout() {
            Some(at) if now >= at => self.driver.session.handle_timeout(now),
            _ => Ok(()),
        }
    }

    /// When something is to be done though nothing has happened.
    fn deadline(&self) -> Instant {
        let closing_at = self.collected.closing_at.map(|at| at.into_std());
        let flushed_until = closing_at.map(|at| at + self.driver.options.disconnect_timeout);
        let end = self.goodbye_until.or(flushed_until);
        [self.driver.session.poll_timeout(), self.renewal.poll_timeout(), end]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or_else(|| now() + FAR)
    }
}

async fn close(transport: Transport) -> Result<(), Error> {
    match timeout(CLOSE_TIMEOUT, transport.close()).await {
        Ok(result) => result.map_err(|error| Error::lost(&error)),
        Err(_) => Err(Error::Lost("the broker did not close it in time".to_owned())),
    }
}

/// Commands that are taken together: so long does the mailbox's lock last.
const BATCH_COMMANDS: usize = 256;
/// Beyond it no more commands are taken until the system has taken what there is.
const UNSENT_BYTES_MAX: usize = 1024 * 1024;
/// For the last bytes, and the closing handshake of WebSocket and TLS.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// For the answer to STOMP's DISCONNECT.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(2);
/// Later than anything that is waited for.
const FAR: Duration = Duration::from_secs(24 * 3600);
