//! The admin listener: HTTP/1.1 for those who run the broker, and their programs.
//!
//! ```text
//!   bytes ──▶ server: limits ──▶ router ──▶ guard: no page ──▶ access: the token ──▶ an answer
//!
//!   GET  /healthz         200 as long as there is anybody to answer
//!   GET  /readyz          200, or 503 and why clients should be sent elsewhere
//!   POST /api/v1/reload   200, or 422 and what is wrong
//! ```
//!
//! What a reload does is the daemon's to know: it hands in a [`Reload`].

mod access;
mod answer;
mod guard;
mod router;
mod server;

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::watch;

pub use self::access::Access;
pub use self::server::serve;
use crate::broker::Broker;
use crate::config::ConfigError;
use crate::line_budget::LineBudget;

/// Whoever has files that can be read again while connections are served.
pub trait Reload: Send + Sync {
    /// Reads them and puts them in force, wholly or not at all; returns what should be otherwise all the same. Takes as long
    /// as reading takes, and is called where that keeps nobody waiting.
    ///
    /// # Errors
    ///
    /// What is wrong; then all is as before.
    fn reload(&self) -> Result<Vec<ConfigError>, Vec<ConfigError>>;
}

/// What the answers come from.
pub struct Admin {
    broker: Arc<Broker>,
    access: Arc<Access>,
    reload: Arc<dyn Reload>,
    stopping: watch::Receiver<bool>,
    /// Where the listener is bound; none on a Unix socket.
    address: Option<SocketAddr>,
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
        Self { broker, access, reload, stopping, address, refusals: LineBudget::default() }
    }
}
