//! Those who send and those who receive, and what they know of each other.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::{BufMut, Bytes, BytesMut};
use tidewire_clients::Error;
use tidewire_clients::transport::{Chunk, Driven};
use tidewire_protocols::stomp::Command;
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use super::super::BenchArgs;
use super::super::tally::Tally;
use super::StompArgs;
use super::peer::Peer;

/// Messages that have not arrived by then do not come any more.
pub(super) const STALL_TIMEOUT: Duration = Duration::from_secs(10);

/// Digits of a message's number, at the start of its body.
const DIGITS: usize = 12;

/// Those who share a destination.
pub(super) struct Group {
    sent: u64,
    copies: u64,
    window: u64,
    received: AtomicU64,
    wrong: AtomicU64,
    last: Mutex<Option<Instant>>,
    begun: watch::Sender<bool>,
    /// Something was received.
    moved: Notify,
    /// Everything was received, or nothing moves any more.
    ended: watch::Sender<bool>,
}

impl Group {
    /// A group whose producers send `sent` messages in all, of which each is received `copies` times, and are together
    /// at most `window` ahead.
    pub(super) fn new(sent: u64, copies: u64, window: u64) -> Self {
        Self {
            sent,
            copies,
            window,
            received: AtomicU64::new(0),
            wrong: AtomicU64::new(0),
            last: Mutex::new(None),
            begun: watch::Sender::new(false),
            moved: Notify::new(),
            ended: watch::Sender::new(false),
        }
    }

    /// Lets all begin.
    pub(super) fn begin(&self) {
        self.begun.send_replace(true);
    }

    pub(super) fn expected(&self) -> u64 {
        self.sent * self.copies
    }

    pub(super) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// Messages that came twice, or with no number of ours.
    pub(super) fn wrong(&self) -> u64 {
        self.wrong.load(Ordering::Relaxed)
    }

    pub(super) fn last_received(&self) -> Option<Instant> {
        *lock(&self.last)
    }

    fn note_received(&self, count: u64) {
        let before = self.received.fetch_add(count, Ordering::Relaxed);
        if before + count >= self.expected() {
            *lock(&self.last) = Some(Instant::now());
            self.ended.send_replace(true);
        }
        self.moved.notify_one();
    }
}

pub(super) struct Consumer {
    peer: Peer,
    group: Arc<Group>,
    tally: Tally,
    is_acknowledging: bool,
}

impl Consumer {
    pub(super) async fn connect(
        args: &BenchArgs,
        scenario: &StompArgs,
        destination: &str,
        group: &Arc<Group>,
    ) -> Result<Self, Error> {
        let mut peer = Peer::connect(&args.url, &scenario.host).await?;
        let is_acknowledging = destination.starts_with("/queue/");
        let ack = match is_acknowledging {
            true => "ack:client-individual\nprefetch-count:200\n",
            false => "ack:auto\n",
        };
        let subscribe = format!("SUBSCRIBE\nid:0\ndestination:{destination}\n{ack}receipt:s\n\n\0");
        // A message may come before the receipt.
        peer.ask(subscribe, |frame| frame.command == Command::Receipt).await?;
        let tally = Tally::new(group.sent);
        Ok(Self { peer, group: Arc::clone(group), tally, is_acknowledging })
    }

    pub(super) async fn run(mut self) -> Result<(), Error> {
        let mut ended = self.group.ended.subscribe();
        loop {
            let driven = tokio::select! {
                driven = self.peer.drive() => driven?,
                _ = ended.wait_for(|ended| *ended) => break,
            };
            match driven {
                Driven::Received => self.handle_received()?,
                Driven::Ended => return Err(Error::Lost("the broker closed it".to_owned())),
                Driven::Sent => {}
            }
        }
        let wrong = self.tally.duplicates() + self.tally.foreign();
        self.group.wrong.fetch_add(wrong, Ordering::Relaxed);
        self.peer.leave().await;
        Ok(())
    }

    fn handle_received(&mut self) -> Result<(), Error> {
        let mut received = 0;
        let mut acks: Vec<Bytes> = Vec::new();
        let (tally, is_acknowledging) = (&mut self.tally, self.is_acknowledging);
        self.peer.frames(|frame| {
            if frame.command != Command::Message {
                return;
            }
            received += 1;
            let digits = frame.body.get(..DIGITS).and_then(|digits| std::str::from_utf8(digits).ok());
            match digits.and_then(|digits| digits.parse().ok()) {
                Some(number) => {
                    tally.record(number);
                }
                None => tally.record_foreign(),
            }
            if is_acknowledging && let Some(id) = frame.headers.get("ack") {
                acks.push(format!("ACK\nid:{id}\n\n\0").into());
            }
        })?;
        for bytes in acks {
            self.peer.transport.queue(Chunk { bytes, is_text: true });
        }
        if received > 0 {
            self.group.note_received(received);
        }
        Ok(())
    }
}

pub(super) struct Producer {
    peer: Peer,
    group: Arc<Group>,
    head: String,
    payload: usize,
    first: u64,
}

impl Producer {
    pub(super) async fn connect(
        args: &BenchArgs,
        scenario: &StompArgs,
        destination: &str,
        group: &Arc<Group>,
        first: u64,
    ) -> Result<Self, Error> {
        let peer = Peer::connect(&args.url, &scenario.host).await?;
        let head = format!("SEND\ndestination:{destination}\ncontent-length:{}\n", scenario.payload);
        Ok(Self { peer, group: Arc::clone(group), head, payload: scenario.payload as usize, first })
    }

    /// Sends messages that are not counted, before all begins.
    pub(super) async fn fill(mut self, count: u64) -> Result<(), Error> {
        for number in 0..count {
            let is_last = number + 1 == count;
            self.queue(u64::MAX, is_last.then_some(0));
            if self.peer.transport.unsent() > 1 << 16 {
                while !matches!(self.peer.drive().await?, Driven::Sent) {}
            }
        }
        let mut is_done = false;
        while !is_done {
            self.peer.drive().await?;
            self.peer.frames(|frame| is_done |= frame.command == Command::Receipt)?;
        }
        self.peer.leave().await;
        Ok(())
    }

    pub(super) async fn run(mut self, messages: u64, with_receipts: bool) -> Result<(), Error> {
        let mut begun = self.group.begun.subscribe();
        let _ = begun.wait_for(|begun| *begun).await;
        let mut ended = self.group.ended.subscribe();
        let (mut sent, mut receipts) = (0, 0);
        let share = (self.group.window * messages / self.group.sent).max(1);
        while sent < messages || (with_receipts && receipts < messages) {
            let received = self.group.received() / self.group.copies * messages / self.group.sent;
            let settled = if with_receipts { received.min(receipts) } else { received };
            let room = share.saturating_sub(sent.max(settled) - settled).min(messages - sent);
            if room > 0 && (room >= share / 2 || room == messages - sent) && self.peer.transport.unsent() == 0
            {
                for number in sent..sent + room {
                    self.queue(self.first + number, with_receipts.then_some(number));
                }
                sent += room;
            }
            let moved = async {
                tokio::select! {
                    driven = self.peer.drive() => driven,
                    () = self.group.moved.notified() => Ok(Driven::Sent),
                    _ = ended.wait_for(|ended| *ended) => Ok(Driven::Sent),
                    // Others may have been told instead.
                    () = tokio::time::sleep(Duration::from_millis(1)) => Ok(Driven::Sent),
                }
            };
            let Ok(driven) = timeout(STALL_TIMEOUT, moved).await else { break };
            if driven? == Driven::Ended {
                return Err(Error::Lost("the broker closed it".to_owned()));
            }
            self.peer.frames(|frame| receipts += u64::from(frame.command == Command::Receipt))?;
        }
        while self.peer.transport.unsent() > 0 {
            self.peer.drive().await?;
        }
        self.wait_for_the_end().await;
        self.peer.leave().await;
        Ok(())
    }

    /// Waits until all has arrived, or nothing has for too long; then the consumers are told.
    async fn wait_for_the_end(&self) {
        let mut ended = self.group.ended.subscribe();
        let mut before = u64::MAX;
        loop {
            if timeout(STALL_TIMEOUT, ended.wait_for(|ended| *ended)).await.is_ok() {
                return;
            }
            let received = self.group.received();
            if received == before {
                *lock(&self.group.last) = Some(Instant::now());
                self.group.ended.send_replace(true);
                return;
            }
            before = received;
        }
    }

    fn queue(&mut self, number: u64, receipt: Option<u64>) {
        let mut frame = String::with_capacity(self.head.len() + self.payload + 40);
        frame.push_str(&self.head);
        if let Some(receipt) = receipt {
            let _ = writeln!(frame, "receipt:{receipt}");
        }
        let _ = write!(frame, "\n{number:0DIGITS$}");
        let mut bytes = BytesMut::from(frame.as_bytes());
        bytes.put_bytes(b'x', self.payload - (frame.len() - frame.rfind('\n').unwrap_or_default() - 1));
        bytes.put_u8(0);
        self.peer.transport.queue(Chunk { bytes: bytes.freeze(), is_text: true });
    }
}

/// Nobody panics while it is held.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
