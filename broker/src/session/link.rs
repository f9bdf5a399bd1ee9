//! How others reach a network connection: they leave a signal and wake it; they never touch its socket.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Poll, Waker};
use std::time::Instant;

use atomic_waker::AtomicWaker;
use parking_lot::Mutex;

use crate::address::Address;
use crate::counters::{Carrier, Spoken};
use crate::message::Deflating;

/// A connection's handle, held by its session and by the broker's list of connections.
#[derive(Debug)]
pub struct Link {
    id: u64,
    peer: Mutex<Peer>,
    opened_at: Instant,
    /// Its number; 0: none.
    address: AtomicU64,
    deflating: OnceLock<Deflating>,
    waker: AtomicWaker,
    signal: AtomicU8,
    is_framed_in_place: AtomicBool,
    /// The number of its [`Carrier`].
    carrier: AtomicU8,
    /// What its client has logged in with, as a place among [`Spoken::ALL`] counted from 1; 0: it has not.
    spoken: AtomicU8,
    /// Whether the client counts as logged in.
    is_client: AtomicBool,
    wants_review: AtomicBool,
    keep_alive: AtomicU16,
}

/// Who is at the far end, as far as it is known.
#[derive(Debug)]
struct Peer {
    origin: Box<dyn Origin>,
    /// Boxed, since hardly any has one.
    names: Option<Box<Names>>,
}

/// What a peer is called besides.
#[derive(Debug, Default)]
struct Names {
    /// The user that its certificate names.
    user: Option<Arc<str>>,
    /// STOMP's client-id, which names no session.
    client_id: Option<Box<str>>,
}

/// Where a connection comes from, for logs; put in words only when these are wanted.
pub trait Origin: fmt::Display + fmt::Debug + Send + Sync {
    /// The peer's address without a port; none on a Unix socket and within the process.
    fn address(&self) -> Option<String>;

    /// The name of the listener that the connection came to, where it came to one.
    fn listener(&self) -> Option<&str>;
}

/// Within the process.
impl Origin for &'static str {
    fn address(&self) -> Option<String> {
        None
    }

    fn listener(&self) -> Option<&str> {
        None
    }
}

impl From<&'static str> for Box<dyn Origin> {
    fn from(name: &'static str) -> Self {
        Box::new(name)
    }
}

/// Why a connection is asked to end. The first one that is given stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Another connection took the session over.
    TakenOver,
    /// The broker stops.
    ShuttingDown,
    /// The broker stops, and is to be back soon.
    Restarting,
    /// The session's outbox overflowed, and its policy is to disconnect.
    Overflowed,
    /// Whoever runs the broker has said so.
    Kicked,
}

impl Link {
    /// A handle for the connection with this number, opened at that time; `origin` is its peer's address, for logs.
    pub fn new(id: u64, origin: Box<dyn Origin>, opened_at: Instant) -> Self {
        let peer = Mutex::new(Peer { origin, names: None });
        let (address, deflating, waker) = (AtomicU64::new(0), OnceLock::new(), AtomicWaker::new());
        let (is_framed_in_place, wants_review) = (AtomicBool::new(false), AtomicBool::new(false));
        let signal = AtomicU8::new(NONE);
        let (carrier, spoken, is_client) = (AtomicU8::new(0), AtomicU8::new(0), AtomicBool::new(false));
        Self {
            id,
            peer,
            opened_at,
            address,
            deflating,
            waker,
            signal,
            is_framed_in_place,
            carrier,
            spoken,
            is_client,
            wants_review,
            keep_alive: AtomicU16::new(0),
        }
    }

    /// The connection's number, which no other ever has.
    #[inline]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// When the connection was accepted: what must happen in time counts from here.
    pub fn opened_at(&self) -> Instant {
        self.opened_at
    }

    /// Says where the peer really is, once that is known: a proxy's word came, and is believed.
    pub fn set_origin(&self, origin: Box<dyn Origin>) {
        self.peer.lock().origin = origin;
    }

    /// The peer's address without a port, and the name of the listener: both for logs.
    pub fn whence(&self) -> (Option<String>, Option<String>) {
        let peer = self.peer.lock();
        (peer.origin.address(), peer.origin.listener().map(str::to_owned))
    }

    /// Where the peer is: its address with its port, or words.
    pub fn origin(&self) -> String {
        self.peer.lock().origin.to_string()
    }

    /// Says which address answers for what the peer does, where limits are about that.
    pub fn set_address(&self, address: Address) {
        self.address.store(address.number(), Ordering::Relaxed);
    }

    /// The address that answers for what the peer does; none if limits are not about that: it is exempt, or on a Unix
    /// socket.
    pub fn address(&self) -> Option<Address> {
        Address::from_number(self.address.load(Ordering::Relaxed))
    }

    /// Says which user the peer's certificate names; it has been verified.
    pub fn set_user(&self, user: &str) {
        self.peer.lock().names.get_or_insert_default().user = Some(user.into());
    }

    /// The user that the peer's certificate names.
    pub fn user(&self) -> Option<Arc<str>> {
        self.peer.lock().names.as_ref()?.user.clone()
    }

    /// Says what the client calls itself by STOMP's client-id.
    pub fn set_client_id(&self, client_id: &str) {
        self.peer.lock().names.get_or_insert_default().client_id = Some(client_id.into());
    }

    /// STOMP's client-id, if one was given.
    pub fn client_id(&self) -> Option<Box<str>> {
        self.peer.lock().names.as_ref()?.client_id.clone()
    }

    /// Says how long the client may be silent, in seconds; 0: for ever.
    pub fn set_keep_alive(&self, secs: u16) {
        self.keep_alive.store(secs, Ordering::Relaxed);
    }

    /// MQTT's keep alive in seconds; 0: none.
    pub fn keep_alive(&self) -> u16 {
        self.keep_alive.load(Ordering::Relaxed)
    }

    /// Says that the connection takes payloads that were deflated on their own.
    pub fn set_deflating(&self, deflating: Deflating) {
        // It is agreed on once, at the upgrade.
        let _ = self.deflating.set(deflating);
    }

    /// How payloads for the connection are deflated; `None` where they are not.
    pub fn deflating(&self) -> Option<Deflating> {
        self.deflating.get().copied()
    }

    /// Says that the connection is a WebSocket and compresses nothing, so that messages can be framed where they are written.
    pub fn set_framed_in_place(&self) {
        self.is_framed_in_place.store(true, Ordering::Relaxed);
    }

    /// Whether messages are framed where they are written.
    pub fn is_framed_in_place(&self) -> bool {
        self.is_framed_in_place.load(Ordering::Relaxed)
    }

    /// Says what carries the connection's protocol.
    pub fn set_carrier(&self, carrier: Carrier) {
        self.carrier.store(carrier.number() as u8, Ordering::Relaxed);
    }

    /// What carries the connection's protocol, once that is settled.
    pub fn carrier(&self) -> Carrier {
        let number = usize::from(self.carrier.load(Ordering::Relaxed));
        Carrier::ALL.get(number).copied().unwrap_or_default()
    }

    /// Says what the client has logged in with: it counts from here on.
    pub fn set_spoken(&self, spoken: Spoken) {
        self.spoken.store(spoken as u8 + 1, Ordering::Relaxed);
        self.is_client.store(true, Ordering::Relaxed);
    }

    /// The client is leaving; returns what it has logged in with, to the first who asks.
    pub fn take_client(&self) -> Option<Spoken> {
        self.spoken().filter(|_| self.is_client.swap(false, Ordering::Relaxed))
    }

    /// What the client has logged in with; `None` if it has not.
    pub fn spoken(&self) -> Option<Spoken> {
        let place = usize::from(self.spoken.load(Ordering::Relaxed)).checked_sub(1)?;
        Spoken::ALL.get(place).copied()
    }

    /// Waits for a signal.
    pub async fn signalled(&self) -> Signal {
        std::future::poll_fn(|cx| {
            self.register(cx.waker());
            self.signal().map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    /// Says which task to wake; called by the connection at each poll.
    pub fn register(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    /// Wakes the connection, because its session's outbox has something.
    pub fn wake(&self) {
        self.waker.wake();
    }

    /// Asks the connection to look at its client's rights anew, and wakes it.
    pub fn ask_for_review(&self) {
        self.wants_review.store(true, Ordering::Release);
        self.waker.wake();
    }

    /// Whether that was asked for since this was called last.
    pub fn take_review(&self) -> bool {
        // Read first: as a rule it is not, and a read costs next to nothing.
        self.wants_review.load(Ordering::Relaxed) && self.wants_review.swap(false, Ordering::AcqRel)
    }

    /// Asks the connection to end, and wakes it.
    pub fn end(&self, signal: Signal) {
        let code = match signal {
            Signal::TakenOver => TAKEN_OVER,
            Signal::ShuttingDown => SHUTTING_DOWN,
            Signal::Restarting => RESTARTING,
            Signal::Overflowed => OVERFLOWED,
            Signal::Kicked => KICKED,
        };
        let _ = self.signal.compare_exchange(NONE, code, Ordering::AcqRel, Ordering::Acquire);
        self.waker.wake();
    }

    /// The signal that was left, if any.
    pub fn signal(&self) -> Option<Signal> {
        match self.signal.load(Ordering::Acquire) {
            TAKEN_OVER => Some(Signal::TakenOver),
            SHUTTING_DOWN => Some(Signal::ShuttingDown),
            RESTARTING => Some(Signal::Restarting),
            OVERFLOWED => Some(Signal::Overflowed),
            KICKED => Some(Signal::Kicked),
            _ => None,
        }
    }
}

/// How a connection is named in logs. A user's name may hold a line end, which would begin a line of its own there.
impl fmt::Display for Link {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let peer = self.peer.lock();
        write!(formatter, "{} from {}", self.id, peer.origin)?;
        match peer.names.as_ref().and_then(|names| names.user.as_ref()) {
            Some(user) => write!(formatter, " with the certificate of {}", user.escape_debug()),
            None => Ok(()),
        }
    }
}

const NONE: u8 = 0;
const TAKEN_OVER: u8 = 1;
const SHUTTING_DOWN: u8 = 2;
const OVERFLOWED: u8 = 3;
const RESTARTING: u8 = 4;
const KICKED: u8 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_end_in_a_users_name_makes_no_line() {
        let link = Link::new(7, "memory".into(), Instant::now());
        link.set_user("ann\nERROR forged");
        assert_eq!(link.to_string(), r"7 from memory with the certificate of ann\nERROR forged");
    }

    /// Thousands of connections are idle at a time, and each holds this, with its two counts; the allocator's next size is
    /// 160.
    #[test]
    fn a_link_is_small() {
        let size = size_of::<Link>() + 2 * size_of::<usize>();
        assert!(size <= 128, "{size} bytes");
    }
}
