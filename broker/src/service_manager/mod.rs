//! What systemd, or whoever has started the process, is told: ready, reloading, stopping, alive, and how things are.
//!
//! ```text
//!   start        STATUS=recovering …  EXTEND_TIMEOUT_USEC         while the store is read
//!   ready        READY=1  STATUS=ready: 12 connections, …         once every listener is bound
//!   reload       RELOADING=1 MONOTONIC_USEC  …  READY=1           with the first fault in STATUS, where there is one
//!   stop         STOPPING=1  STATUS=draining: …  EXTEND_TIMEOUT_USEC
//!   all along    WATCHDOG=1                                       as long as the watchdog finds nothing stuck
//! ```
//!
//! (`sd_notify(3)`, `sd_watchdog_enabled(3)`, `systemd.service(5)`) Where nobody has said where to, nothing is told.

mod notify;
mod watchdog;

use std::ffi::OsString;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::Handle;

pub use self::notify::{Notifier, State};
pub use self::watchdog::{Stuck, Watchdog};
use crate::broker::Broker;

/// How often the status of a broker that serves is told anew, if it has changed.
const REPORT: Duration = Duration::from_secs(10);
/// The same of one that drains.
const REPORT_DRAINING: Duration = Duration::from_secs(1);
/// Time that is asked for at each step of a start or stop: much more than from one to the next.
const STEP: Duration = Duration::from_secs(30);
/// Time that is asked for while the archive is opened, which says nothing until it is done.
const OPENING: Duration = Duration::from_secs(600);

/// The variables that say where to, and what is wanted.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// `NOTIFY_SOCKET`.
    pub notify_socket: Option<OsString>,
    /// `WATCHDOG_USEC`.
    pub watchdog_usec: Option<String>,
    /// `WATCHDOG_PID`.
    pub watchdog_pid: Option<String>,
}

impl Environment {
    /// Those of this process.
    pub fn of_process() -> Self {
        Self {
            notify_socket: std::env::var_os("NOTIFY_SOCKET"),
            watchdog_usec: std::env::var("WATCHDOG_USEC").ok(),
            watchdog_pid: std::env::var("WATCHDOG_PID").ok(),
        }
    }

    /// How often this process has to say that it is alive, at least; `None` where nobody waits for it, or for another
    /// process of the unit.
    fn watchdog(&self) -> Option<Duration> {
        let is_ours = match &self.watchdog_pid {
            Some(pid) => pid.parse() == Ok(std::process::id()),
            None => true,
        };
        let micros = self.watchdog_usec.as_ref().filter(|_| is_ours)?.parse().ok()?;
        (micros > 0).then(|| Duration::from_micros(micros))
    }
}

/// See the module.
pub struct ServiceManager {
    notifier: Option<Notifier>,
    watchdog: Option<Duration>,
    is_stopping: AtomicBool,
    /// What the last reload was refused for.
    fault: Mutex<Option<String>>,
    /// The status that was told last.
    status: Mutex<String>,
}

impl ServiceManager {
    /// As the environment says. An address that is none is in the log, and nothing is told.
    pub fn new(environment: &Environment) -> Self {
        let connect = |address: &OsString| match Notifier::new(address) {
            Ok(notifier) => Some(notifier),
            Err(error) => {
                tracing::warn!(?address, %error, "NOTIFY_SOCKET cannot be used: the service manager is told nothing");
                None
            }
        };
        let notifier = environment.notify_socket.as_ref().and_then(connect);
        Self {
            watchdog: environment.watchdog().filter(|_| notifier.is_some()),
            notifier,
            is_stopping: AtomicBool::new(false),
            fault: Mutex::default(),
            status: Mutex::default(),
        }
    }

    /// The store is about to be opened.
    pub fn opening(&self) {
        self.tell(&[State::ExtendTimeout(OPENING)], "recovering the store");
    }

    /// The store is being read, and is so far.
    pub fn recovering(&self, progress: &str) {
        self.tell(&[State::ExtendTimeout(STEP)], &format!("recovering the store: {progress}"));
    }

    /// Every listener is bound: clients are served from here on, and the watchdog looks after that. Must be called inside the
    /// runtime that serves them.
    ///
    /// # Errors
    ///
    /// The watchdog's thread cannot be started.
    pub fn ready(&self, broker: &Arc<Broker>) -> std::io::Result<()> {
        self.tell(&[State::Ready], &self.of_ready(broker, None));
        let Some(interval) = self.watchdog else { return Ok(()) };
        let Some(notifier) = self.notifier.as_ref().map(Notifier::try_clone).transpose()? else {
            return Ok(());
        };
        tracing::info!(interval_ms = interval.as_millis() as u64, "the service manager's watchdog is fed");
        let watchdog = Watchdog::new(Handle::current(), Arc::clone(broker));
        let feed = move || feed(watchdog, interval, &notifier);
        // It ends with the process.
        std::thread::Builder::new().name("watchdog".to_owned()).spawn(feed).map(drop)
    }

    /// A reload begins.
    pub fn reloading(&self) {
        self.tell(&[State::Reloading], "reloading");
    }

    /// A reload is over, with what it was refused for.
    pub fn reloaded(&self, broker: &Broker, fault: Option<String>) {
        *self.fault.lock() = fault;
        self.tell(&[State::Ready], &self.of_ready(broker, None));
    }

    /// The stop begins.
    pub fn stopping(&self, broker: &Broker) {
        self.is_stopping.store(true, Ordering::Relaxed);
        self.tell(&[State::Stopping, State::ExtendTimeout(STEP)], &of_draining(broker));
    }

    /// Clients have gone; what is stored is flushed.
    pub fn flushing(&self) {
        self.tell(&[State::ExtendTimeout(STEP)], "flushing the store");
    }

    /// The process ends, since it cannot serve.
    pub fn failed(&self, reason: &str) {
        self.tell(&[], reason);
    }

    /// Tells how things are, again and again, for as long as it is polled.
    pub async fn report(&self, broker: &Broker) {
        let mut draining = broker.draining();
        let mut published = broker.counters.published();
        loop {
            if broker.is_draining() {
                let extend = self.is_stopping.load(Ordering::Relaxed).then_some(State::ExtendTimeout(STEP));
                self.tell(extend.as_slice(), &of_draining(broker));
                tokio::time::sleep(REPORT_DRAINING).await;
                continue;
            }
            tokio::select! {
                () = tokio::time::sleep(REPORT) => {
                    let before = std::mem::replace(&mut published, broker.counters.published());
                    let rate = (published - before) / REPORT.as_secs();
                    self.tell(&[], &self.of_ready(broker, Some(rate)));
                }
                // It fails only when the broker is gone.
                _ = draining.changed() => {}
            }
        }
    }

    fn of_ready(&self, broker: &Broker, rate: Option<u64>) -> String {
        let mut text = format!("ready: {}", connections(broker.link_count()));
        if let Some(rate) = rate {
            text += &format!(", {rate} messages/s");
        }
        if let Some(fault) = &*self.fault.lock() {
            text += &format!("; not reloaded: {fault}");
        }
        text
    }

    /// Tells the status, unless it is what was told last, and all else.
    fn tell(&self, states: &[State<'_>], status: &str) {
        let Some(notifier) = &self.notifier else { return };
        let is_new = {
            let mut last = self.status.lock();
            let is_new = *last != status;
            status.clone_into(&mut last);
            is_new
        };
        let told: Vec<_> = states.iter().copied().chain(is_new.then_some(State::Status(status))).collect();
        if !told.is_empty()
            && let Err(error) = notifier.send(&told)
        {
            tracing::warn!(%error, "the service manager could not be told: {status}");
        }
    }
}

fn of_draining(broker: &Broker) -> String {
    format!("draining: {} left", connections(broker.link_count()))
}

fn connections(count: usize) -> String {
    if count == 1 { "1 connection".to_owned() } else { format!("{count} connections") }
}

/// Says that the process is alive for as long as it is: at half the interval, and sooner after a look that found something
/// stuck, which may have been busy.
fn feed(mut watchdog: Watchdog, interval: Duration, notifier: &Notifier) {
    let mut is_alive = true;
    loop {
        std::thread::sleep(if is_alive { interval / 2 } else { interval / 8 });
        let stuck = watchdog.look().err();
        if let Some(stuck) = stuck.as_ref().filter(|_| is_alive) {
            tracing::error!("{stuck}: the service manager is to restart the broker, unless that ends");
        }
        is_alive = stuck.is_none();
        if is_alive && let Err(error) = notifier.send(&[State::Watchdog]) {
            tracing::warn!(%error, "the service manager could not be told that the broker is alive");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watchdog_is_fed_where_it_waits_for_this_process() {
        let own = std::process::id().to_string();
        for (usec, pid, interval) in [
            (None, None, None),
            (Some("2000000"), None, Some(2)),
            (Some("2000000"), Some(own.as_str()), Some(2)),
            (Some("2000000"), Some("1"), None),
            (Some("2000000"), Some("me"), None),
            (Some("0"), None, None),
            (Some("soon"), None, None),
            (None, Some(own.as_str()), None),
        ] {
            let owned = |text: Option<&str>| text.map(str::to_owned);
            let environment = Environment {
                watchdog_usec: owned(usec),
                watchdog_pid: owned(pid),
                ..Environment::default()
            };
            assert_eq!(environment.watchdog(), interval.map(Duration::from_secs), "{usec:?} for {pid:?}");
        }
    }

    #[test]
    fn where_nobody_listens_nothing_is_told_and_nothing_fails() {
        for socket in [None, Some("relative"), Some("/nowhere/at/all")] {
            let environment = Environment { notify_socket: socket.map(Into::into), ..Environment::default() };
            ServiceManager::new(&environment).failed("as said");
        }
    }
}
