//! The admin listener: HTTP/1.1 for those who run the broker, and their programs.
//!
//! ```text
//!   bytes ──▶ server: TLS, limits ──▶ router ──▶ guard: no foreign page ──▶ access: the token ──▶ routes ──▶ an endpoint
//!
//!   GET  /                     the dashboard, a page that asks all the others
//!   GET  /ws                   a WebSocket on which the broker's own protocols are spoken
//!   GET  /healthz              200 as long as there is anybody to answer
//!   GET  /readyz               200, or 503 and why clients should be sent elsewhere
//!   GET  /metrics              all counters, for Prometheus
//!   GET  /api/v1/openapi.json  what else there is: every path, parameter and answer
//! ```
//!
//! One file in `endpoints` for each group of paths; each adds its own to the [`Routes`]. What is listed comes in pages
//! (`page.rs`). What a reload does is the daemon's to know: it hands in a [`Reload`].

mod access;
mod answer;
mod call;
mod dashboard;
mod endpoints;
mod guard;
mod page;
mod router;
mod routes;
mod server;
mod stream;
#[cfg(test)]
mod testing;
mod visit;

use std::net::SocketAddr;
use std::sync::Arc;

use hyper::StatusCode;
use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

pub use self::access::Access;
use self::answer::Refused;
use self::routes::Routes;
pub use self::server::serve;
use self::stream::Streams;
use crate::broker::Broker;
use crate::config::{Change, ConfigError};
use crate::line_budget::LineBudget;
use crate::logging::LogLevel;
use crate::net::Operators;

/// Long answers at once to those who have not shown who they are: fewer than connections, so that whoever has can ask.
const SEATS_MAX: usize = 48;

/// Whoever has files that can be read again while connections are served.
pub trait Reload: Send + Sync {
    /// Reads them and puts them in force, wholly or not at all; returns what has changed. Takes as long as reading takes,
    /// and is called where that keeps nobody waiting.
    ///
    /// # Errors
    ///
    /// What is wrong; then all is as before.
    fn reload(&self) -> Result<Reloaded, Vec<ConfigError>>;
}

/// What came of a reload.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reloaded {
    /// What should be otherwise all the same.
    pub warnings: Vec<ConfigError>,
    /// What was changed, and what of it waits for a restart.
    pub changes: Vec<Change>,
}

/// What the answers come from.
pub struct Admin {
    broker: Arc<Broker>,
    access: Arc<Access>,
    reload: Arc<dyn Reload>,
    stopping: watch::Receiver<bool>,
    /// Where the listener is bound; none on a Unix socket.
    address: Option<SocketAddr>,
    is_tls: bool,
    routes: Routes,
    operators: Operators,
    streams: Streams,
    /// For long answers to those who have not shown who they are.
    seats: Arc<Semaphore>,
    log: Option<LogLevel>,
    /// The drain that was asked for last.
    draining: Mutex<Option<JoinHandle<()>>>,
    refusals: LineBudget,
}

impl Admin {
    /// For a broker that clients may come to until `stopping` says otherwise, on a listener bound at `address`.
    pub fn new(
        broker: Arc<Broker>,
        access: Arc<Access>,
        reload: Arc<dyn Reload>,
        stopping: watch::Receiver<bool>,
        address: Option<SocketAddr>,
    ) -> Self {
        let routes = endpoints::routes(&broker.config());
        let is_tls = broker.config().admin.tls.is_some();
        let operators = Operators::new(Arc::clone(&broker), "admin");
        Self {
            broker,
            access,
            reload,
            stopping,
            address,
            is_tls,
            routes,
            operators,
            streams: Streams::default(),
            seats: Arc::new(Semaphore::new(SEATS_MAX)),
            log: None,
            draining: Mutex::default(),
            refusals: LineBudget::default(),
        }
    }

    /// The same with a log whose level can be changed.
    #[must_use]
    pub fn with_log(self, log: LogLevel) -> Self {
        Self { log: Some(log), ..self }
    }
}

impl Admin {
    /// Does what takes a while, such as a walk over all clients, where it keeps nobody waiting who is served.
    ///
    /// # Errors
    ///
    /// 500: it has panicked.
    async fn off_thread<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Result<T, Refused> {
        let admin = Arc::clone(self);
        let done = tokio::task::spawn_blocking(move || work(&admin)).await;
        done.map_err(|_| {
            Refused::new(StatusCode::INTERNAL_SERVER_ERROR, "this has failed: see the broker's log")
        })
    }
}
