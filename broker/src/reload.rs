//! What SIGHUP does: settings are read again, and those that can change while connections are served take effect,
//! wholly or not at all.

use std::sync::Arc;

use tidewire::auth::{Gate, Policy};
use tidewire::broker::Broker;
use tidewire::config::{ConfigError, Sources, load_with_warnings};
use tidewire::net::Bound;
use tidewire::tls::{LiveTls, Prepared};

/// What a reload reaches: users, rules and keys of tokens, and the listeners' certificates, keys, authorities and
/// revocation lists.
pub(crate) struct Reload {
    sources: Sources,
    broker: Arc<Broker>,
    gate: Arc<Gate>,
    listeners: Vec<Listener>,
}

/// What is ready to be put in force.
struct Ready<'r> {
    tls: Vec<(&'r LiveTls, Prepared)>,
    policy: Policy,
    warnings: Vec<ConfigError>,
}

struct Listener {
    name: Arc<str>,
    bind: String,
    tls: Option<Arc<LiveTls>>,
}

impl Reload {
    /// For a broker that was started from these sources and has bound these listeners.
    pub(crate) fn new(sources: Sources, broker: Arc<Broker>, gate: Arc<Gate>, bound: &[Bound]) -> Self {
        let listener = |bound: &Bound| Listener {
            name: bound.config.name.clone(),
            bind: bound.config.bind.clone(),
            tls: bound.tls.clone(),
        };
        Self { sources, broker, gate, listeners: bound.iter().map(listener).collect() }
    }

    /// Reads everything again. Where something is wrong, what was before stays. Says in the log what came of it.
    pub(crate) fn run(&self) {
        match self.prepare() {
            Ok(Ready { tls, policy, warnings }) => {
                warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
                let listeners = tls.len();
                tls.into_iter().for_each(|(live, prepared)| live.install(prepared));
                self.gate.install(policy);
                self.broker.reconsider_all();
                tracing::info!(
                    listeners,
                    "reloaded: users, rules, certificates, keys, authorities and revocation lists"
                );
            }
            Err(errors) => {
                for error in errors {
                    tracing::error!("not reloaded, what was before stays: {error}");
                }
            }
        }
    }

    fn prepare(&self) -> Result<Ready<'_>, Vec<ConfigError>> {
        let (config, warnings) = load_with_warnings(&self.sources)?;
        let policy = config.policy().map_err(|fault| vec![fault.into()])?;
        let mut prepared = Vec::new();
        for listener in &self.listeners {
            let is_same = |now: &&tidewire::config::ListenerConfig| {
                now.name == listener.name && now.bind == listener.bind
            };
            let settings = config.listeners.iter().find(is_same).map(|now| &now.tls);
            match (&listener.tls, settings) {
                (Some(live), Some(Some(settings))) => {
                    let ready = live.prepare(settings).map_err(|fault| {
                        let place = format!("listener \"{}\"", listener.name);
                        vec![ConfigError { place, text: fault.to_string(), excerpt: None }]
                    })?;
                    prepared.push((live.as_ref(), ready));
                }
                (None, Some(None)) => {}
                _ => tracing::warn!(
                    listener = %listener.name,
                    "the listener itself has changed, which takes a restart"
                ),
            }
        }
        Ok(Ready { tls: prepared, policy, warnings })
    }
}
