//! The settings that hold at present, and how a reload changes them while clients are served.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};

use super::Broker;
use crate::config::Config;

/// See the module. A connection keeps the settings that it began with: what its client was told goes on to hold.
pub(super) struct Live(ArcSwap<Config>);

impl Live {
    pub(super) fn new(config: Config) -> Self {
        Self(ArcSwap::from_pointee(config))
    }
}

impl Broker {
    /// The settings that hold now. For a look at one of them; it is not to be held for long, nor asked for with each message.
    pub fn config(&self) -> Guard<Arc<Config>> {
        self.config.0.load()
    }

    /// The same, to be kept: a connection does so, from its first moment on.
    pub fn kept_config(&self) -> Arc<Config> {
        self.config.0.load_full()
    }

    /// Puts other settings in force: for connections that come from now on; for sessions and queues, those that are there
    /// included; and for the rates and bans of addresses. What was read at the start stays as it was: see
    /// [`Config::until_restart`]. Looks at every session and queue, so it is not for a thread that serves.
    pub fn install(&self, config: Config) {
        self.arrivals
            .set_rate(config.limits.connect_rate_per_address, config.limits.connect_burst_per_address);
        self.bans.set_rules(&config.limits);
        let config = Arc::new(config);
        self.config.0.store(Arc::clone(&config));
        for session in self.registry.all() {
            let mut state = session.lock();
            let user = session.owner().map(|user| &**user);
            let limits = config.outbox_limits(user, state.listener.as_deref());
            state.outbox.set_limits(limits);
        }
        for queue in self.queues.all() {
            queue.set_limits(self.queue_limits(queue.name()));
        }
    }
}
