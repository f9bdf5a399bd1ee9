//! The handle that all connections share, and what they ask of it: connect, publish, subscribe, disconnect.
//!
//! One file per request; each takes the [`Turn`] it belongs to, locks what it must for as short as it can, and never
//! waits.

mod arrivals;
mod ask;
mod bans;
mod bury;
mod connect;
mod consume;
mod door;
mod drain;
mod durable;
mod enqueue;
mod events;
mod follow_up;
pub mod inspect;
mod links;
mod live;
mod memory;
mod offer;
pub mod operate;
mod probe;
mod publish;
mod restore;
mod rights;
mod share;
mod standing;
mod subscribe;
mod sweep;
mod sys;
mod taken;
mod trace;
mod traced;
mod transmit;
mod visitors;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::watch;

pub use self::arrivals::Arrivals;
pub use self::ask::{Answer, Asked};
pub use self::bans::Bans;
pub use self::connect::{Connected, Departure, NewConnection};
pub use self::consume::ConsumeRequest;
pub use self::door::{Barred, counts_as};
pub use self::drain::Drain;
pub use self::durable::{DurableRequest, durable_queue};
use self::events::EventLines;
pub use self::events::{Carried, Ending, LoggedIn, LoggedOut, Loss, Refused, Who};
use self::follow_up::FollowUps;
use self::links::Links;
use self::live::Live;
pub use self::memory::Memory;
use self::operate::Orders;
pub use self::publish::PublishRefused;
pub use self::rights::{TOKEN_TOPIC, TimeIsOver, guard};
pub use self::standing::Standing;
pub use self::subscribe::{SubscribeRefused, SubscribeRequest};
pub use self::trace::{Happened, Trace, TraceEvent, Traces, Watched};
pub use self::visitors::{Visit, Visitors};
use crate::address::Address;
use crate::auth::Authority;
use crate::clock::{Clock, Now};
use crate::config::Config;
use crate::counters::{Counter, Counters, Spoken};
use crate::message::SessionId;
use crate::queue::Queues;
use crate::router::{Retained, Router};
use crate::session::{Link, Origin, Registry, Schedule};
use crate::store::Store;
use crate::telemetry::Telemetry;
use crate::turn::Turn;

/// Entries of the schedule that one turn handles: ends of sessions and delayed wills. What more is due waits for the
/// next turn, so that connections are not kept waiting and no batch grows without end.
const DUE_PER_TURN_MAX: usize = 256;

/// See the module.
pub struct Broker {
    config: Live,
    /// The time.
    pub clock: Clock,
    /// Who may do what.
    pub authority: Arc<dyn Authority>,
    /// What is counted.
    pub counters: Counters,
    /// Connections by the address that they come from.
    pub visitors: Arc<Visitors<Address>>,
    /// Connections by the user that has logged in over them.
    pub users: Arc<Visitors<Arc<str>>>,
    /// How fast connections may come from each address.
    pub arrivals: Arrivals,
    /// Addresses from which too many logins have failed.
    pub bans: Bans,
    /// Whether there is room in memory, and who waits for it.
    pub memory: Memory,
    /// Who watches what happens.
    pub traces: Arc<Traces>,
    /// What publishes are recorded for a collector; `None`: there is none.
    pub telemetry: Option<Arc<Telemetry>>,
    orders: Orders,
    store: Arc<dyn Store>,
    router: Router,
    retained: Retained,
    queues: Queues,
    registry: Registry,
    schedule: Schedule,
    follow_ups: Arc<FollowUps>,
    event_lines: EventLines,
    links: Links,
    /// Subscriptions to work queues, which the router knows nothing of.
    queue_subscriptions: Counter,
    next_session: AtomicU64,
    next_link: AtomicU64,
    draining: watch::Sender<bool>,
    is_restarting: AtomicBool,
    started_at: Now,
}

impl Broker {
    /// A broker that serves nobody yet. `authority` is as a rule the one that the configuration asks for:
    /// [`Config::authority`].
    pub fn new(config: Config, authority: Arc<dyn Authority>, store: Arc<dyn Store>, clock: Clock) -> Self {
        let (limits, started_at) = (&config.limits, clock.now());
        let (rate, burst) = (limits.connect_rate_per_address, limits.connect_burst_per_address);
        Self {
            arrivals: Arrivals::new(rate, burst, clock.clone()),
            bans: Bans::new(limits),
            memory: Memory::default(),
            telemetry: config.telemetry.extent().map(Telemetry::new).map(Arc::new),
            config: Live::new(config),
            clock,
            authority,
            counters: Counters::default(),
            visitors: Arc::default(),
            users: Arc::default(),
            traces: Arc::default(),
            orders: Orders::default(),
            store,
            router: Router::default(),
            retained: Retained::default(),
            queues: Queues::default(),
            registry: Registry::default(),
            schedule: Schedule::default(),
            follow_ups: Arc::default(),
            event_lines: EventLines::default(),
            links: Links::default(),
            queue_subscriptions: Counter::default(),
            next_session: AtomicU64::new(SessionId::BROKER.0 + 1),
            next_link: AtomicU64::new(1),
            draining: watch::Sender::new(false),
            is_restarting: AtomicBool::new(false),
            started_at,
        }
    }

    /// The current time.
    pub fn now(&self) -> Now {
        self.clock.now()
    }

    /// Begins a turn.
    #[inline]
    pub fn turn(&self) -> Turn<'_> {
        self.turn_at(self.now())
    }

    /// The same, at a time that has been read.
    #[inline]
    pub fn turn_at(&self, now: Now) -> Turn<'_> {
        let mut turn = Turn::new(now, self.store.as_ref(), &self.counters);
        if self.traces.are_on() {
            turn.watch();
        }
        turn
    }

    /// The store.
    pub fn store(&self) -> &dyn Store {
        self.store.as_ref()
    }

    /// Sessions there are, connected or not.
    pub fn session_count(&self) -> usize {
        self.registry.len()
    }

    /// Subscriptions to topics there are.
    pub fn subscription_count(&self) -> usize {
        self.router.len()
    }

    /// A number for a session that no other has had.
    pub fn new_session_id(&self) -> SessionId {
        SessionId(self.next_session.fetch_add(1, Ordering::Relaxed))
    }

    /// A handle for a new connection from `origin`, listed until [`Broker::remove_link`]. A connection that comes while
    /// the broker drains gets the signal at once.
    pub fn new_link(&self, origin: impl Into<Box<dyn Origin>>) -> Arc<Link> {
        let id = self.next_link.fetch_add(1, Ordering::Relaxed);
        let link = Arc::new(Link::new(id, origin.into(), self.now().instant));
        self.links.insert(&link);
        if let Some(signal) = self.farewell() {
            link.end(signal);
        }
        link
    }

    /// A connection's client has logged in, and speaks this. It counts until [`Broker::forget_client`].
    fn note_client(&self, link: &Link, spoken: Spoken) {
        link.set_spoken(spoken);
        self.counters.clients.add(spoken, link.carrier());
    }

    /// A connection's client, if there was one, is leaving; saying it again does nothing.
    pub fn forget_client(&self, link: &Link) {
        if let Some(spoken) = link.take_client() {
            self.counters.clients.remove(spoken, link.carrier());
        }
    }

    /// Takes a connection off the list.
    pub fn remove_link(&self, link: &Link) {
        self.memory.forget(link);
        self.links.remove(link);
        self.forget_client(link);
    }

    /// Connections that are on the list.
    pub fn link_count(&self) -> usize {
        self.links.len()
    }

    /// Queues there are.
    pub fn queue_count(&self) -> usize {
        self.queues.len()
    }

    /// Publishes delayed wills, ends sessions and gives up expired messages of queues as they fall due, and goes on with
    /// what waited for the store, for as long as it is polled. Says as well what the log has left out.
    pub async fn run_schedule(&self) {
        tokio::join!(self.run_due(), self.run_event_lines());
    }

    async fn run_due(&self) {
        loop {
            tokio::select! {
                () = self.schedule.wait() => {}
                () = self.queues.wait(|| self.now()) => self.handle_sweep(),
                () = self.follow_ups.wait() => {}
            }
            while self.handle_follow_up() {
                tokio::task::yield_now().await;
            }
            // After a loss of the network many sessions end at once: the connections that share this thread have a
            // turn in between.
            while self.handle_due_round() {
                tokio::task::yield_now().await;
            }
        }
    }

    fn handle_sweep(&self) {
        let mut turn = self.turn();
        self.catch_panic(|| self.sweep_queues(&mut turn));
        if let Some(Err(error)) = self.catch_panic(|| turn.finish()) {
            tracing::error!(%error, "what was given up by queues could not be stored");
        }
    }

    /// One turn of what is due; whether there may be more. A panic costs the one entry that it came from: without the
    /// schedule no session would ever end again.
    fn handle_due_round(&self) -> bool {
        let mut turn = self.turn();
        let has_more = self.catch_panic(|| {
            for _ in 0..DUE_PER_TURN_MAX {
                let Some(due) = self.schedule.pop_due(turn.now.instant) else { return false };
                self.handle_due(&mut turn, &due);
            }
            true
        });
        if let Some(Err(error)) = self.catch_panic(|| turn.finish()) {
            tracing::error!(%error, "what fell due could not be stored");
        }
        has_more.unwrap_or(true)
    }

    fn catch_panic<R>(&self, action: impl FnOnce() -> R) -> Option<R> {
        let result = catch_unwind(AssertUnwindSafe(action));
        if result.is_err() {
            self.counters.panics.add(1);
            tracing::error!("a panic while sessions were ended or wills published; the others go on");
        }
        result.ok()
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;
    use std::time::Duration;

    use tidewire_protocols::topic::TopicName;

    use super::*;
    use crate::message::{Publication, Qos};
    use crate::router::testing::Nowhere;
    use crate::session::{ProtocolKind, Session, SessionKey, Will};
    use crate::store::{Batch, CommitId, Fetch, MemoryStore, StoreError};

    /// Panics at its first batch.
    #[derive(Default)]
    struct PanickingStore {
        batches: AtomicU64,
    }

    impl Store for PanickingStore {
        fn apply(&self, batch: &mut Batch) -> Result<CommitId, StoreError> {
            batch.clear();
            let batches = self.batches.fetch_add(1, Ordering::Relaxed);
            assert!(batches > 0, "the test's store panics");
            Ok(CommitId(batches))
        }

        fn durable(&self) -> CommitId {
            CommitId(u64::MAX)
        }

        fn wake_when_durable(&self, _commit: CommitId, waker: &Waker) {
            waker.wake_by_ref();
        }

        fn applied(&self) -> CommitId {
            CommitId(self.batches.load(Ordering::Relaxed))
        }

        fn fetch(&self, fetch: Fetch) {
            fetch.find(|_| None);
        }

        fn promise(&self) -> String {
            "nothing".to_owned()
        }
    }

    fn broker(store: impl Store + 'static) -> Broker {
        let config = Config::default();
        let authority = config.authority().unwrap();
        Broker::new(config, authority, Arc::new(store), Clock::system())
    }

    /// A session whose client has been gone for longer than it was to be kept.
    fn overdue(broker: &Broker, will: Option<Will>) {
        let id = broker.new_session_id();
        let key = SessionKey::new(ProtocolKind::Mqtt, id.0.to_string().into());
        let limits = broker.config().session.outbox_limits();
        let session = Arc::new(Session::new(id, key.clone(), 1, limits, Box::new(Nowhere)));
        broker.registry.find_or_insert(&key, || Arc::clone(&session));
        let mut state = session.lock();
        let gone_at = broker.now().instant - Duration::from_secs(2);
        state.detached_at = Some(gone_at);
        state.will = will;
        broker.schedule.set(&session, 0, [None, Some(gone_at + Duration::from_secs(1))]);
    }

    #[test]
    fn one_turn_ends_so_many_sessions_and_no_more() {
        let broker = broker(MemoryStore::default());
        (0..DUE_PER_TURN_MAX + 10).for_each(|_| overdue(&broker, None));
        assert!(broker.handle_due_round());
        assert_eq!(broker.session_count(), 10);
        assert!(!broker.handle_due_round());
        assert_eq!(broker.session_count(), 0);
        assert_eq!(broker.schedule.next(), None);
    }

    #[test]
    fn a_panic_costs_one_entry_of_the_schedule_and_not_the_others() {
        let broker = broker(PanickingStore::default());
        let mut publication = Publication::new(TopicName::parse("t").unwrap(), b"x", SessionId::BROKER);
        publication.qos = Qos::AtLeastOnce;
        publication.retain = true;
        let will =
            Will { message: Arc::clone(publication.keep()), delay_secs: 0, expiry_secs: None, judge: None };
        overdue(&broker, Some(will));
        (0..DUE_PER_TURN_MAX / 2).for_each(|_| overdue(&broker, None));
        while broker.handle_due_round() {}
        assert_eq!(broker.counters.panics.value(), 1);
        assert_eq!(broker.session_count(), 0);
    }
}
