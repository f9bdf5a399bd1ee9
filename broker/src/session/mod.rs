//! What the broker remembers of one client, whether it is connected or not.
//!
//! ```text
//!            connect                      connection lost, expiry > 0
//!   (none) ───────────▶ attached ──────────────────────────────────────▶ detached
//!                        │  ▲ │                                            │   │
//!              takeover  └──┘ │ connection lost, expiry 0      reconnect   │   │ expiry due,
//!                             ▼                          (back to attached)┘   │ clean start
//!                           ended ◀────────────────────────────────────────────┘
//! ```
//!
//! A session's data lives inside its one mutex. Locks are taken in the order registry, router, session, schedule; never two
//! sessions at once, and none is held across an await.

mod absent;
mod backlog;
mod deliver;
mod dormant;
mod feed;
mod inflight;
mod link;
mod outbox;
mod registry;
mod run;
mod schedule;
mod sources;
mod subscriptions;
mod transmit;
mod will;

use std::any::Any;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use parking_lot::Mutex;

pub use self::absent::{AbsentDelivery, chunk};
pub use self::deliver::{
    Claim, Deliver, Delivered, Delivery, DeliveryOptions, Guard, Identifiers, Place, Tie,
};
pub use self::dormant::Dormant;
pub use self::feed::{Feed, Pulled, Source};
pub use self::inflight::{Inflight, InflightState, Step, Unsettled};
pub use self::link::{Link, Origin, Signal};
pub use self::outbox::{Outbox, OutboxLimits, Overflow, READY_BYTES_MAX};
pub use self::registry::{ProtocolKind, Registry, SessionKey};
pub use self::run::Run;
pub use self::schedule::{Due, Schedule};
pub use self::sources::Sources;
pub(crate) use self::subscriptions::PackedOptions;
pub use self::subscriptions::{SubscriptionKey, SubscriptionOptions, Subscriptions};
pub use self::transmit::Transmit;
pub use self::will::{Will, WillJudge};
use crate::clock::Now;
pub use crate::message::SessionId;
use crate::message::{Publication, Qos};
use crate::output::Output;
use crate::store::{Answers, CommitId};

/// A session expiry interval that never ends.
pub const EXPIRY_NEVER: u32 = u32::MAX;

/// One client's session.
pub struct Session {
    id: SessionId,
    key: SessionKey,
    /// Whose it is, once a connection has said so.
    owner: OnceLock<Option<Arc<str>>>,
    expiry_secs: AtomicU32,
    is_stored: AtomicBool,
    sequence: Arc<AtomicU64>,
    state: Mutex<SessionState>,
}

/// What is inside a session's mutex.
pub struct SessionState {
    /// Over: whatever still holds the session must leave it alone.
    pub ended: bool,
    /// The network connection that serves the session at present.
    pub link: Option<Arc<Link>>,
    /// The name of the listener that the client came by last, which may have an overflow policy of its own; `None` where
    /// the client has not come since the broker's start.
    pub listener: Option<Arc<str>>,
    /// What waits for the client.
    pub outbox: Outbox,
    /// The protocol's half of delivering.
    pub deliver: Box<dyn Deliver>,
    /// What it has subscribed to. The router's entries are made and removed together with these.
    pub subscriptions: Subscriptions,
    /// The subscriptions among them that are to work queues, while a connection serves them.
    pub sources: Sources,
    /// What to publish when the client is lost.
    pub will: Option<Will>,
    /// Counts attachments, so that a timer set when a connection ended knows whether another has come since.
    pub attachments: u64,
    /// When the last connection ended; `None` while one is attached.
    pub detached_at: Option<Instant>,
    /// Messages that were written for the connection that is attached.
    pub sent: u64,
    feed: Option<Arc<Feed>>,
    /// The connection's socket takes nothing at present.
    is_blocked: bool,
    wake_pending: bool,
}

/// What became of a message that was offered to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offered {
    /// It is written, for the connection's next write.
    Sent,
    /// It waits in the outbox, where it displaced that many older ones; or the client does without it.
    Taken {
        /// Deliveries dropped in its favour.
        displaced: u64,
    },
    /// Nobody is there to take it: QoS 0 without a connection, or the session is over, or the message has expired, or is not
    /// for the client.
    Absent,
    /// The outbox is full, and its policy is to drop.
    Dropped,
    /// The outbox is full, and its policy is to end the connection.
    Overflowed,
}

impl Offered {
    /// Whether the message is on its way, or waits.
    #[inline]
    pub fn is_taken(self) -> bool {
        matches!(self, Self::Sent | Self::Taken { .. })
    }
}

impl Session {
    /// A session that nothing is attached to yet.
    pub fn new(
        id: SessionId,
        key: SessionKey,
        expiry_secs: u32,
        limits: OutboxLimits,
        mut deliver: Box<dyn Deliver>,
    ) -> Self {
        let sequence = Arc::default();
        deliver.share_sequence(&sequence);
        Self {
            id,
            key,
            owner: OnceLock::new(),
            expiry_secs: AtomicU32::new(expiry_secs),
            is_stored: AtomicBool::new(false),
            sequence,
            state: Mutex::new(SessionState {
                ended: false,
                link: None,
                listener: None,
                outbox: Outbox::new(limits),
                deliver,
                subscriptions: Subscriptions::default(),
                sources: Sources::default(),
                will: None,
                attachments: 0,
                detached_at: None,
                sent: 0,
                feed: None,
                is_blocked: false,
                wake_pending: false,
            }),
        }
    }

    /// Its number.
    #[inline]
    pub fn id(&self) -> SessionId {
        self.id
    }

    /// Its protocol and client identifier.
    #[inline]
    pub fn key(&self) -> &SessionKey {
        &self.key
    }

    /// Whether it is this user's, or anonymous clients' where there is none. It becomes so for whoever asks first: one that
    /// was there before this process began is not known to be anybody's.
    pub fn belongs_to(&self, user: Option<&Arc<str>>) -> bool {
        self.owner.get_or_init(|| user.cloned()).as_ref() == user
    }

    /// Whose it is; none: anonymous clients', or nobody's who is known.
    pub fn owner(&self) -> Option<&Arc<str>> {
        self.owner.get()?.as_ref()
    }

    /// Whether it is a durable subscription: what it is offered goes into a queue.
    #[inline]
    pub fn is_durable_subscription(&self) -> bool {
        self.key.protocol == ProtocolKind::DurableSubscription
    }

    /// How long it outlives its connection, in seconds.
    #[inline]
    pub fn expiry_secs(&self) -> u32 {
        self.expiry_secs.load(Ordering::Relaxed)
    }

    /// Changes how long it outlives its connection. Done under its lock, by whoever is attached.
    pub fn set_expiry_secs(&self, expiry_secs: u32) {
        self.expiry_secs.store(expiry_secs, Ordering::Relaxed);
    }

    /// Whether it outlives its connection, so that what it is owed must survive.
    #[inline]
    pub fn is_persistent(&self) -> bool {
        self.expiry_secs() > 0
    }

    /// The store has been told of it, and must be told what becomes of it.
    pub fn mark_stored(&self) {
        self.is_stored.store(true, Ordering::Relaxed);
    }

    /// Whether the store knows of it. A session that never outlived a connection leaves no records.
    #[inline]
    pub fn is_stored(&self) -> bool {
        self.is_stored.load(Ordering::Relaxed)
    }

    /// The next place in the order of its stored deliveries; the first is 1.
    pub fn next_sequence(&self) -> u64 {
        self.sequence.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Goes on counting places behind those that it had before this process began: `next` is the next one.
    pub fn set_next_sequence(&self, next: u64) {
        self.sequence.fetch_max(next.saturating_sub(1), Ordering::Relaxed);
    }

    /// Messages of its backlog have come from the store: see [`Outbox::fill`].
    pub fn fill(&self, answers: Answers, commit: CommitId) {
        let mut state = self.lock();
        let is_attached = state.link.is_some();
        let lost = state.outbox.fill(answers, commit, is_attached);
        let link = state.to_wake().cloned();
        drop(state);
        if lost > 0 {
            tracing::error!(
                client_id = &*self.key.client_id,
                lost,
                "stored messages cannot be read, and are dropped"
            );
        }
        if let Some(link) = link {
            link.wake();
        }
    }

    /// Locks its state. Keep it short, and touch no other session meanwhile.
    #[inline]
    pub fn lock(&self) -> parking_lot::MutexGuard<'_, SessionState> {
        self.state.lock()
    }
}

impl SessionState {
    /// Hands a message to the client: straight into the bytes for its next write where the connection keeps up, else
    /// into the backlog. `commit` is what a QoS 2 delivery must wait for: sent earlier, it could be sent a second
    /// time, under another packet identifier, after a crash that forgot it.
    #[inline]
    pub fn offer(
        &mut self,
        now: Now,
        publication: &Publication<'_>,
        options: &DeliveryOptions,
        persistent: bool,
        commit: CommitId,
        durable: CommitId,
    ) -> Offered {
        if self.ended
            || publication.is_expired(now)
            || (self.link.is_none() && (options.qos == Qos::AtMostOnce || !persistent))
        {
            self.outbox.note_settled(options.sequence);
            return Offered::Absent;
        }
        let waits = options.qos == Qos::ExactlyOnce && commit > durable;
        if self.link.is_some() && !waits && self.outbox.is_passable() {
            let (payload_bytes, deliver) = (publication.payload.len(), &self.deliver);
            let ready = self.outbox.ready_for(payload_bytes, || deliver.has_long_heads());
            match self.deliver.deliver(now, publication, options, ready) {
                Delivered::Sent => {
                    self.sent += 1;
                    return Offered::Sent;
                }
                Delivered::Discarded => {
                    self.outbox.note_settled(options.sequence);
                    return Offered::Taken { displaced: 0 };
                }
                Delivered::Denied => {
                    self.outbox.note_settled(options.sequence);
                    return Offered::Absent;
                }
                Delivered::WindowClosed | Delivered::SubscriptionClosed => {}
            }
        }
        self.keep_waiting(publication, options, if waits { commit } else { CommitId::NONE })
    }

    /// Puts a message into the backlog.
    #[inline(never)]
    fn keep_waiting(
        &mut self,
        publication: &Publication<'_>,
        options: &DeliveryOptions,
        commit: CommitId,
    ) -> Offered {
        let delivery = Delivery { message: publication.to_kept(), options: options.clone(), commit };
        self.outbox.push(delivery, self.link.is_some())
    }

    /// Moves what may go now into `output`: first what must be sent again, then the backlog in its order, then what
    /// work queues have for it. Returns the commit that the head of the backlog waits for, if it does.
    pub fn transmit(&mut self, transmit: &mut Transmit<'_>, output: &mut Output) -> Option<CommitId> {
        self.wake_pending = false;
        let waits_for = self.outbox.refill(transmit, self.deliver.as_mut());
        // What was taken from a queue and waits for the disk must not be overtaken by what comes from there. Others may have
        // that meanwhile.
        if self.feed.is_some() && transmit.may_take() && self.outbox.has_taken() {
            self.block();
        } else if let Some(feed) = &self.feed {
            if std::mem::take(&mut self.is_blocked) {
                self.sources.iter().for_each(|source| source.resume());
            }
            feed.pull(transmit, self.deliver.as_mut(), self.outbox.ready(), READY_BYTES_MAX);
        }
        self.outbox.move_ready(output);
        waits_for
    }

    /// The connection's socket takes nothing at present: work queues need not wait for it.
    pub fn block(&mut self) {
        if !self.sources.is_empty() && !std::mem::replace(&mut self.is_blocked, true) {
            self.sources.iter().for_each(|source| source.stall());
        }
    }

    /// The connection to wake for what was just offered; `None` when there is none, or a wake-up is under way.
    #[inline]
    pub fn to_wake(&mut self) -> Option<&Arc<Link>> {
        let link = self.link.as_ref()?;
        (!std::mem::replace(&mut self.wake_pending, true)).then_some(link)
    }

    /// The feed of the connection that is attached; `None` without one.
    pub fn feed(&mut self) -> Option<Arc<Feed>> {
        let link = self.link.as_ref()?;
        Some(Arc::clone(self.feed.get_or_insert_with(|| Arc::new(Feed::new(Arc::clone(link))))))
    }

    /// Takes the sources out, and their feed with them: their connection is gone.
    pub fn take_sources(&mut self) -> Vec<Arc<dyn Source>> {
        (self.feed, self.is_blocked) = (None, false);
        self.sources.take()
    }

    /// Whether `link` is the connection that serves this session.
    #[inline]
    pub fn is_attached(&self, link: &Link) -> bool {
        self.link.as_ref().is_some_and(|attached| attached.id() == link.id())
    }

    /// Messages that were written for this connection; none where another one has come in its place.
    pub fn sent_over(&self, link: &Link) -> Option<u64> {
        self.is_attached(link).then_some(self.sent)
    }

    /// The protocol's half of delivering, as the type that the protocol put in; `None` only if another protocol did,
    /// which the registry's keys rule out.
    #[inline]
    pub fn deliver_as<D: Deliver>(&mut self) -> Option<&mut D> {
        let deliver: &mut dyn Any = self.deliver.as_mut();
        deliver.downcast_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_takes_half_a_kibibyte() {
        // With the counts of its `Arc`: a byte more, and the allocator gives it 640.
        let size = size_of::<Session>() + 2 * size_of::<usize>();
        assert!(size <= 512, "{size} bytes: an idle client has one");
    }
}
