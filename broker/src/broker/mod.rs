//! The handle that all connections share, and what they ask of it: connect, publish, subscribe, disconnect.
//!
//! One file per request; each takes the [`Turn`] it belongs to, locks what it must for as short as it can, and never
//! waits.

mod connect;
mod publish;
mod subscribe;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use dashmap::DashMap;

pub use self::connect::{Connected, Departure, NewConnection};
pub use self::subscribe::{SubscribeRefused, SubscribeRequest};
use crate::auth::{Authority, Closed, Open};
use crate::clock::{Clock, Now};
use crate::config::Config;
use crate::counters::Counters;
use crate::message::SessionId;
use crate::router::{Retained, Router};
use crate::session::{Link, Registry, Schedule, Signal};
use crate::store::Store;
use crate::turn::Turn;

/// See the module.
pub struct Broker {
    /// The configuration.
    pub config: Config,
    /// The time.
    pub clock: Clock,
    /// Who may do what.
    pub authority: Box<dyn Authority>,
    /// What is counted.
    pub counters: Counters,
    store: Arc<dyn Store>,
    router: Router,
    retained: Retained,
    registry: Registry,
    schedule: Schedule,
    links: DashMap<u64, Arc<Link>, foldhash::fast::RandomState>,
    next_session: AtomicU64,
    next_link: AtomicU64,
    stopping: AtomicBool,
}

impl Broker {
    /// A broker that serves nobody yet.
    pub fn new(config: Config, store: Arc<dyn Store>, clock: Clock) -> Self {
        let authority: Box<dyn Authority> =
            if config.allows_anonymous() { Box::new(Open) } else { Box::new(Closed) };
        Self {
            config,
            clock,
            authority,
            counters: Counters::default(),
            store,
            router: Router::default(),
            retained: Retained::default(),
            registry: Registry::default(),
            schedule: Schedule::default(),
            links: DashMap::default(),
            next_session: AtomicU64::new(SessionId::BROKER.0 + 1),
            next_link: AtomicU64::new(1),
            stopping: AtomicBool::new(false),
        }
    }

    /// The current time.
    pub fn now(&self) -> Now {
        self.clock.now()
    }

    /// Begins a turn.
    pub fn turn(&self) -> Turn<'_> {
        Turn::new(self.now(), self.store.as_ref())
    }

    /// The store.
    pub fn store(&self) -> &dyn Store {
        self.store.as_ref()
    }

    /// Sessions there are, connected or not.
    pub fn session_count(&self) -> usize {
        self.registry.len()
    }

    /// Subscriptions there are.
    pub fn subscription_count(&self) -> usize {
        self.router.len()
    }

    /// A number for a session that no other has had.
    pub fn new_session_id(&self) -> SessionId {
        SessionId(self.next_session.fetch_add(1, Ordering::Relaxed))
    }

    /// A handle for a new connection from `origin`, listed until [`Broker::remove_link`]. A connection that comes while the broker
    /// stops gets the signal at once.
    pub fn new_link(&self, origin: &str) -> Arc<Link> {
        let id = self.next_link.fetch_add(1, Ordering::Relaxed);
        let link = Arc::new(Link::new(id, origin.into(), self.now().instant));
        self.links.insert(link.id(), Arc::clone(&link));
        if self.stopping.load(Ordering::SeqCst) {
            link.end(Signal::ShuttingDown);
        }
        link
    }

    /// Takes a connection off the list.
    pub fn remove_link(&self, link: &Link) {
        self.links.remove(&link.id());
    }

    /// Asks every connection to end, those that are being accepted included.
    pub fn end_all_links(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        let links: Vec<_> = self.links.iter().map(|entry| Arc::clone(&entry)).collect();
        for link in links {
            link.end(Signal::ShuttingDown);
        }
    }

    /// Connections that are on the list.
    pub fn link_count(&self) -> usize {
        self.links.len()
    }

    /// Publishes delayed wills and ends sessions as they fall due, for as long as it is polled.
    pub async fn run_schedule(&self) {
        loop {
            self.schedule.wait().await;
            let mut turn = self.turn();
            while let Some(due) = self.schedule.pop_due(turn.now.instant) {
                self.handle_due(&mut turn, &due);
            }
            if let Err(error) = turn.finish() {
                tracing::error!(%error, "what fell due could not be stored");
            }
        }
    }
}
