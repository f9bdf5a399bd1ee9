//! Where the application's wishes wait for the connection: the one place that both sides share.
//!
//! ```text
//!   Client, Messages, Received --- commands, settlements ---> Mailbox ---> driver
//! ```
//!
//! While there is no connection this is also the queue of what is to be sent, in its order. The lock is held to append or
//! to take a batch, never across an await.

use std::collections::VecDeque;
use std::mem;
use std::pin::pin;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::command::{Command, Publication, Settlement};
use crate::error::Error;
use crate::options::Protocol;
use crate::session::{Limits, Welcome};

/// See the module.
pub(crate) struct Mailbox {
    state: Mutex<State>,
    /// The driver waits for it.
    filled: Notify,
    /// Whoever publishes waits for it.
    emptied: Notify,
    offline: Bound,
    /// What the connection speaks.
    pub(crate) protocol: Protocol,
}

/// How many messages, and how many bytes of topics and payloads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bound {
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
}

struct State {
    commands: VecDeque<Command>,
    settlements: Vec<Settlement>,
    /// Messages among the commands.
    messages: usize,
    bytes: usize,
    phase: Phase,
    /// Those of the connection, while there is one.
    limits: Option<Limits>,
    client_id: String,
    /// Whether somebody waits for room.
    is_awaited: bool,
}

enum Phase {
    Open,
    /// No more is taken, from that time on; what is there is still sent.
    Closing(Instant),
    /// Why, unless regularly.
    Ended(Option<Error>),
}

/// What the driver takes at once; empty before.
#[derive(Default)]
pub(crate) struct Collected {
    pub(crate) settlements: Vec<Settlement>,
    pub(crate) commands: Vec<Command>,
    /// Whether no command is left.
    pub(crate) is_all: bool,
    pub(crate) closing_at: Option<Instant>,
}

impl Mailbox {
    pub(crate) fn new(protocol: Protocol, offline: Bound, client_id: String) -> Self {
        let state = State {
            commands: VecDeque::new(),
            settlements: Vec::new(),
            messages: 0,
            bytes: 0,
            phase: Phase::Open,
            limits: None,
            client_id,
            is_awaited: false,
        };
        Self { state: Mutex::new(state), filled: Notify::new(), emptied: Notify::new(), offline, protocol }
    }

    /// Takes over a message. Waits while the connection has more to send than it can; without a connection it does not
    /// wait. Nothing is taken if the future is dropped before it is ready.
    pub(crate) async fn publish(&self, publication: Publication) -> Result<(), Error> {
        let Some(mut publication) = self.offer(publication, false)? else { return Ok(()) };
        loop {
            let mut emptied = pin!(self.emptied.notified());
            // Before the look, so that what happens between the two is not missed.
            emptied.as_mut().enable();
            publication = match self.offer(publication, true)? {
                None => return Ok(()),
                Some(publication) => publication,
            };
            emptied.await;
        }
    }

    /// Takes over a message; gives it back if there is a connection, and more to send than that can.
    fn offer(&self, publication: Publication, is_waiting: bool) -> Result<Option<Publication>, Error> {
        let mut state = self.state.lock();
        state.check_open()?;
        let bytes = publication.bytes();
        match state.limits {
            None if !state.has_room(self.offline, bytes) => return Err(Error::OfflineFull),
            None => {}
            Some(limits) => {
                limits.check(&publication.message)?;
                if !state.has_room(ONLINE, 0) {
                    state.is_awaited |= is_waiting;
                    return Ok(Some(publication));
                }
            }
        }
        state.messages += 1;
        state.bytes += bytes;
        state.put(Command::Publish(publication), &self.filled);
        Ok(None)
    }

    /// Takes over anything but a message. There are no more of them than somebody waits for or has made before.
    pub(crate) fn put(&self, command: Command) -> Result<(), Error> {
        let mut state = self.state.lock();
        state.check_open()?;
        state.put(command, &self.filled);
        Ok(())
    }

    /// Takes over what the application has done with messages. A client that has ended cannot tell the broker, which
    /// will send them again.
    pub(crate) fn settle(&self, settlements: impl IntoIterator<Item = Settlement>) {
        let mut state = self.state.lock();
        let was_empty = state.settlements.is_empty();
        state.settlements.extend(settlements);
        if was_empty {
            self.filled.notify_one();
        }
    }

    /// Lets the driver look again.
    pub(crate) fn wake(&self) {
        self.filled.notify_one();
    }

    /// Takes no more, and ends when what is there has been sent.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        if matches!(state.phase, Phase::Open) {
            state.phase = Phase::Closing(Instant::now());
        }
        drop(state);
        self.filled.notify_one();
        self.emptied.notify_waiters();
    }

    /// Why nothing is taken any more, if so.
    pub(crate) fn ending(&self) -> Error {
        self.state.lock().check_open().err().unwrap_or(Error::Disconnected)
    }

    pub(crate) fn client_id(&self) -> String {
        self.state.lock().client_id.clone()
    }
}

/// The driver's side.
impl Mailbox {
    /// Resolves when something was put in; maybe also when nothing was.
    pub(crate) async fn filled(&self) {
        self.filled.notified().await;
    }

    /// Takes out all settlements and up to `room` commands, and makes room for others.
    pub(crate) fn collect(&self, room: usize, collected: &mut Collected) {
        let mut state = self.state.lock();
        mem::swap(&mut state.settlements, &mut collected.settlements);
        let count = room.min(state.commands.len());
        let State { commands, messages, bytes, .. } = &mut *state;
        collected.commands.extend(commands.drain(..count).inspect(|command| {
            if let Command::Publish(publication) = command {
                *messages -= 1;
                *bytes -= publication.bytes();
            }
        }));
        collected.is_all = state.commands.is_empty();
        collected.closing_at = state.closing_at();
        // Not for each place: whoever waits is to find room for many.
        if state.is_awaited && state.has_room(ONLINE.half(), 0) {
            state.is_awaited = false;
            self.emptied.notify_waiters();
        }
    }

    /// Messages that wait.
    pub(crate) fn messages(&self) -> usize {
        self.state.lock().messages
    }

    /// Since when no more is taken, if so.
    pub(crate) fn closing_at(&self) -> Option<Instant> {
        self.state.lock().closing_at()
    }

    /// There is a connection.
    pub(crate) fn handle_connected(&self, welcome: &Welcome) {
        let mut state = self.state.lock();
        state.limits = Some(welcome.limits);
        state.client_id.clone_from(&welcome.client_id);
    }

    /// There is none any more: whoever waits for room finds another bound, and what was to be acknowledged comes again.
    pub(crate) fn handle_lost(&self) {
        self.state.lock().limits = None;
        self.emptied.notify_waiters();
    }

    /// There will be none. What waits is dropped, and whoever waits for its outcome asks [`ending`](Self::ending).
    pub(crate) fn end(&self, error: Option<Error>) {
        let mut state = self.state.lock();
        state.phase = Phase::Ended(error);
        let commands = mem::take(&mut state.commands);
        drop(state);
        self.emptied.notify_waiters();
        drop(commands);
    }
}

impl State {
    fn check_open(&self) -> Result<(), Error> {
        match &self.phase {
            Phase::Open => Ok(()),
            Phase::Closing(_) | Phase::Ended(None) => Err(Error::Disconnected),
            Phase::Ended(Some(error)) => Err(error.clone()),
        }
    }

    fn closing_at(&self) -> Option<Instant> {
        match self.phase {
            Phase::Closing(at) => Some(at),
            Phase::Open | Phase::Ended(_) => None,
        }
    }

    /// One more message of so many bytes; one alone always has room for its bytes.
    fn has_room(&self, bound: Bound, bytes: usize) -> bool {
        self.messages < bound.messages && (self.bytes + bytes <= bound.bytes || self.messages == 0)
    }

    fn put(&mut self, command: Command, filled: &Notify) {
        // The driver knows of what is there.
        if self.commands.is_empty() {
            filled.notify_one();
        }
        self.commands.push_back(command);
    }
}

impl Bound {
    const fn half(self) -> Self {
        Self { messages: self.messages / 2, bytes: self.bytes / 2 }
    }
}

/// What waits for an open connection: enough that it never waits for the application.
const ONLINE: Bound = Bound { messages: 2048, bytes: 4 * 1024 * 1024 };

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::message::Message;

    fn message(payload: &'static str) -> Publication {
        Publication { message: Message::new("a", payload), done: None, transaction: None }
    }

    fn mailbox(messages: usize, bytes: usize) -> Mailbox {
        Mailbox::new(Protocol::Mqtt5, Bound { messages, bytes }, String::new())
    }

    fn welcome() -> Welcome {
        Welcome { client_id: "me".to_owned(), session_present: false, limits: Limits::default() }
    }

    fn take(mailbox: &Mailbox, count: usize) -> Vec<Command> {
        let mut collected = Collected::default();
        mailbox.collect(count, &mut collected);
        collected.commands
    }

    fn payloads(mailbox: &Mailbox) -> Vec<String> {
        let batch = take(mailbox, usize::MAX);
        let text = |command: &Command| match command {
            Command::Publish(publication) => {
                String::from_utf8_lossy(&publication.message.payload).into_owned()
            }
            _ => String::from("?"),
        };
        batch.iter().map(text).collect()
    }

    #[tokio::test]
    async fn while_away_it_keeps_the_order_up_to_both_bounds() {
        let full = |outcome: Result<(), Error>| matches!(outcome, Err(Error::OfflineFull));
        let by_count = mailbox(2, 100);
        for payload in ["1", "2"] {
            by_count.publish(message(payload)).await.unwrap();
        }
        assert!(full(by_count.publish(message("3")).await));
        assert_eq!(payloads(&by_count), ["1", "2"]);
        let by_bytes = mailbox(100, 10);
        by_bytes.publish(message("12345678")).await.unwrap();
        assert!(full(by_bytes.publish(message("9")).await));
        take(&by_bytes, 1);
        by_bytes.publish(message("longer than the bound, but alone")).await.unwrap();
    }

    #[tokio::test]
    async fn whoever_waits_for_room_is_told_when_the_connection_goes() {
        let mailbox = Arc::new(mailbox(1, 100));
        mailbox.handle_connected(&welcome());
        for _ in 0..ONLINE.messages {
            mailbox.publish(message("x")).await.unwrap();
        }
        let waiting = tokio::spawn({
            let mailbox = Arc::clone(&mailbox);
            async move { mailbox.publish(message("y")).await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        mailbox.handle_lost();
        assert!(matches!(waiting.await.unwrap(), Err(Error::OfflineFull)));
    }

    #[tokio::test]
    async fn whoever_waits_for_room_gets_it() {
        let mailbox = Arc::new(mailbox(1, 100));
        mailbox.handle_connected(&welcome());
        for _ in 0..ONLINE.messages {
            mailbox.publish(message("x")).await.unwrap();
        }
        let waiting = tokio::spawn({
            let mailbox = Arc::clone(&mailbox);
            async move { mailbox.publish(message("last")).await }
        });
        tokio::task::yield_now().await;
        take(&mailbox, ONLINE.messages / 2);
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished(), "half of it is not room enough");
        take(&mailbox, 1);
        waiting.await.unwrap().unwrap();
        assert_eq!(payloads(&mailbox).last().map(String::as_str), Some("last"));
    }

    #[tokio::test]
    async fn what_the_broker_does_not_take_is_refused_at_once() {
        let mailbox = mailbox(10, 100);
        let limits = Limits { retain_available: false, packet_bytes_max: 20, ..Limits::default() };
        mailbox.handle_connected(&Welcome { limits, ..welcome() });
        let mut retained = message("x");
        retained.message.retain = true;
        for refused in [retained, message("this is longer than twenty bytes")] {
            assert!(matches!(mailbox.publish(refused).await, Err(Error::Invalid(_))));
        }
        assert_eq!(mailbox.client_id(), "me");
    }

    #[tokio::test]
    async fn after_the_end_everybody_is_told_why() {
        for (error, told) in [(None, "disconnected"), (Some(Error::TakenOver), "another client")] {
            let mailbox = mailbox(10, 100);
            mailbox.end(error);
            let refused = mailbox.publish(message("x")).await.unwrap_err();
            assert!(refused.to_string().contains(told), "{refused}");
            assert!(mailbox.ending().to_string().contains(told));
        }
    }
}
