//! Whether the broker still works, looked at from a thread of its own, which no stuck task can hold up.
//!
//! ```text
//!            every half interval
//!   look ──▶ the pulse: a task that waits for a timer and counts       queue, timers and I/O driver go round
//!        ──▶ each worker: parks, or finishes rounds of tasks           none is caught in one task
//!        ──▶ the store: what was applied at the last look is durable,  the committer goes round
//!            or it has tried meanwhile
//!   all alive: WATCHDOG=1;  else a line in the log, and the service manager restarts the process
//! ```
//!
//! A broker that is busy passes: a worker has its rounds counted after some thousand tasks whatever waits behind them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::runtime::Handle;

use crate::broker::Broker;
use crate::store::CommitId;

/// The pulse waits so long for its timer: it has to be set and to fire.
const PULSE: Duration = Duration::from_millis(1);

/// What is stuck.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stuck {
    /// Tasks are not run, or timers and sockets not looked at.
    Runtime,
    /// One of the threads that serve is caught in one task.
    Worker(usize),
    /// The store's committer.
    Committer,
}

impl std::fmt::Display for Stuck {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Runtime => formatter.write_str("no task is run, or no timer fires"),
            Self::Worker(worker) => write!(formatter, "serving thread {worker} is caught in one task"),
            Self::Committer => formatter.write_str("the store's committer commits nothing"),
        }
    }
}

/// Looks whether a broker goes on, between one look and the next.
pub struct Watchdog {
    runtime: Handle,
    broker: Arc<Broker>,
    pulse: Arc<AtomicU64>,
    /// Pulses that were asked for.
    asked: u64,
    workers: Vec<Worker>,
    /// The last batch that the store had taken, and how often it had tried to commit.
    applied: CommitId,
    attempts: u64,
}

/// What a look finds of a worker.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Worker {
    /// How often it has parked and been woken: odd while it is parked.
    parks: u64,
    /// How long it has run tasks, counted after each round of them.
    busy: Duration,
}

impl Watchdog {
    /// For the broker that this runtime serves. Between here and the first look there has to be time for a round.
    pub fn new(runtime: Handle, broker: Arc<Broker>) -> Self {
        let mut watchdog = Self {
            runtime,
            broker,
            pulse: Arc::default(),
            asked: 0,
            workers: Vec::new(),
            applied: CommitId::NONE,
            attempts: 0,
        };
        watchdog.remember();
        watchdog
    }

    /// Looks.
    ///
    /// # Errors
    ///
    /// What has made no progress since the last look.
    pub fn look(&mut self) -> Result<(), Stuck> {
        let stuck = self.find_stuck();
        self.remember();
        stuck.map_or(Ok(()), Err)
    }

    fn find_stuck(&self) -> Option<Stuck> {
        let workers = self.workers.iter().zip(self.workers_now());
        let caught = |(before, now): (&Worker, Worker)| *before == now && now.parks.is_multiple_of(2);
        if let Some(worker) = workers.map(caught).position(|is_caught| is_caught) {
            return Some(Stuck::Worker(worker));
        }
        if self.pulse.load(Ordering::Relaxed) < self.asked {
            return Some(Stuck::Runtime);
        }
        let store = self.broker.store();
        let is_idle = store.durable() >= self.applied;
        (!is_idle && store.attempts() == self.attempts).then_some(Stuck::Committer)
    }

    /// Notes how things are, and asks for the next pulse.
    fn remember(&mut self) {
        self.workers = self.workers_now();
        (self.applied, self.attempts) = (self.broker.store().applied(), self.broker.store().attempts());
        // One that has not come yet is waited for: a task for each look would pile up.
        if self.pulse.load(Ordering::Relaxed) == self.asked {
            self.asked += 1;
            let pulse = Arc::clone(&self.pulse);
            self.runtime.spawn(async move {
                tokio::time::sleep(PULSE).await;
                pulse.fetch_add(1, Ordering::Relaxed);
            });
        }
    }

    fn workers_now(&self) -> Vec<Worker> {
        let metrics = self.runtime.metrics();
        let worker = |index| Worker {
            parks: metrics.worker_park_unpark_count(index),
            busy: metrics.worker_total_busy_duration(index),
        };
        (0..metrics.num_workers()).map(worker).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::sync::mpsc::channel;
    use std::task::Waker;
    use std::thread::{sleep, yield_now};
    use std::time::Instant;

    use tokio::runtime::Runtime;

    use super::*;
    use crate::auth::Gate;
    use crate::clock::Clock;
    use crate::config::Config;
    use crate::store::{Batch, Fetch, Record, Store, StoreError};

    /// Takes batches, and commits when it is told to.
    #[derive(Default)]
    struct Slow {
        applied: AtomicU64,
        durable: AtomicU64,
        attempts: AtomicU64,
    }

    impl Store for Slow {
        fn apply(&self, batch: &mut Batch) -> Result<CommitId, StoreError> {
            batch.clear();
            Ok(CommitId(self.applied.fetch_add(1, Ordering::Relaxed) + 1))
        }
        fn durable(&self) -> CommitId {
            CommitId(self.durable.load(Ordering::Relaxed))
        }
        fn wake_when_durable(&self, _commit: CommitId, _waker: &Waker) {}
        fn applied(&self) -> CommitId {
            CommitId(self.applied.load(Ordering::Relaxed))
        }
        fn attempts(&self) -> u64 {
            self.attempts.load(Ordering::Relaxed)
        }
        fn fetch(&self, fetch: Fetch) {
            fetch.find(|_| None);
        }
        fn promise(&self) -> String {
            "nothing".to_owned()
        }
    }

    fn runtime() -> Runtime {
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
    }

    fn watched(runtime: &Runtime) -> (Watchdog, Arc<Slow>) {
        let store = Arc::<Slow>::default();
        let broker = Broker::new(
            Config::default(),
            Arc::new(Gate::default()),
            Arc::<Slow>::clone(&store),
            Clock::system(),
        );
        (Watchdog::new(runtime.handle().clone(), Arc::new(broker)), store)
    }

    /// Looks until it finds this, which it does soon, or never.
    fn finds(watchdog: &mut Watchdog, expected: &Result<(), Stuck>) {
        let deadline = Instant::now() + Duration::from_secs(20);
        // Looks are about real time: workers and timers have to have some between two of them.
        sleep(LOOK);
        while watchdog.look() != *expected {
            assert!(Instant::now() < deadline, "it does not find {expected:?}");
            sleep(LOOK);
        }
    }

    /// Between two looks.
    const LOOK: Duration = Duration::from_millis(200);
    /// The same where a look must find nothing: a machine that has much else to do may need so much for a round.
    const LONG_LOOK: Duration = Duration::from_secs(1);

    #[test]
    fn an_idle_broker_is_alive() {
        let runtime = runtime();
        let (mut watchdog, _) = watched(&runtime);
        for _ in 0..3 {
            finds(&mut watchdog, &Ok(()));
        }
    }

    #[test]
    fn a_worker_in_an_endless_loop_is_found_though_the_other_goes_on() {
        let runtime = runtime();
        let (mut watchdog, _) = watched(&runtime);
        finds(&mut watchdog, &Ok(()));
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        runtime.spawn(async move {
            while !stopped.load(Ordering::Relaxed) {
                yield_now();
            }
        });
        sleep(LOOK);
        let deadline = Instant::now() + Duration::from_secs(20);
        while !matches!(watchdog.look(), Err(Stuck::Worker(_))) {
            assert!(Instant::now() < deadline, "it is not found");
            sleep(LOOK);
        }
        // It stays so for as long as it lasts.
        sleep(LOOK);
        assert!(matches!(watchdog.look(), Err(Stuck::Worker(_))));
        stop.store(true, Ordering::Relaxed);
        finds(&mut watchdog, &Ok(()));
    }

    #[test]
    fn a_runtime_whose_workers_all_wait_for_something_is_found() {
        let runtime = runtime();
        let (mut watchdog, _) = watched(&runtime);
        finds(&mut watchdog, &Ok(()));
        let (held, locked) = (Arc::new(parking_lot::Mutex::new(())), channel());
        let guard = held.lock();
        for _ in 0..2 {
            let (held, locked) = (Arc::clone(&held), locked.0.clone());
            runtime.spawn(async move {
                locked.send(()).unwrap();
                drop(held.lock());
            });
        }
        (0..2).for_each(|_| locked.1.recv().unwrap());
        sleep(LOOK);
        // Caught before its first look at it, a worker is in both.
        watchdog.look().ok();
        sleep(LOOK);
        assert!(matches!(watchdog.look(), Err(Stuck::Worker(_))));
        drop(guard);
        finds(&mut watchdog, &Ok(()));
    }

    /// Tasks that wake themselves are never out of work, so that no worker parks.
    #[test]
    fn a_busy_broker_is_alive() {
        let runtime = runtime();
        let (mut watchdog, _) = watched(&runtime);
        for _ in 0..64 {
            runtime.spawn(async {
                loop {
                    std::hint::black_box((0..1_000).sum::<u64>());
                    tokio::task::yield_now().await;
                }
            });
        }
        for _ in 0..4 {
            sleep(LONG_LOOK);
            assert_eq!(watchdog.look(), Ok(()));
        }
        runtime.shutdown_background();
    }

    #[test]
    fn a_committer_that_commits_nothing_is_found_and_a_failing_disk_is_not_blamed_on_it() {
        let runtime = runtime();
        let (mut watchdog, store) = watched(&runtime);
        finds(&mut watchdog, &Ok(()));
        let mut batch = Batch::default();
        batch.push(Record::SessionEnded { session: 7 });
        store.apply(&mut batch).unwrap();
        // The first look sees that it waits, the second that it still does.
        finds(&mut watchdog, &Err(Stuck::Committer));
        store.attempts.fetch_add(1, Ordering::Relaxed);
        finds(&mut watchdog, &Ok(()));
        finds(&mut watchdog, &Err(Stuck::Committer));
        store.durable.store(1, Ordering::Relaxed);
        finds(&mut watchdog, &Ok(()));
        sleep(LONG_LOOK);
        assert_eq!(watchdog.look(), Ok(()));
    }
}
