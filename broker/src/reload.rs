//! What SIGHUP and `tidewire ctl reload` do: settings are read again, and those that can change while connections are
//! served take effect, wholly or not at all.

use std::sync::Arc;

use parking_lot::Mutex;
use tidewire::admin::{self, Access};
use tidewire::auth::{Gate, Policy};
use tidewire::broker::Broker;
use tidewire::config::{AdminToken, Config, ConfigError, ListenerConfig, Sources, load_with_warnings};
use tidewire::logging::LogLevel;
use tidewire::net::Bound;
use tidewire::tls::{LiveTls, Prepared};

/// What a reload reaches: users, rules and keys of tokens, the listeners' certificates, keys, authorities and revocation
/// lists, the admin listener's token, and the log's level.
pub(crate) struct Reload {
    sources: Sources,
    broker: Arc<Broker>,
    gate: Arc<Gate>,
    access: Arc<Access>,
    level: LogLevel,
    listeners: Vec<Listener>,
    /// Two at once would put in force now what the one has read, now what the other has.
    turn: Mutex<()>,
}

/// What is ready to be put in force.
struct Ready<'r> {
    tls: Vec<(&'r LiveTls, Prepared)>,
    policy: Policy,
    /// What is logged; one that was set at run time ends with a reload.
    log_level: String,
    /// The admin listener's, unless that itself has changed: what an address needs is asked of the one that is bound.
    access: Option<Option<AdminToken>>,
    warnings: Vec<ConfigError>,
}

struct Listener {
    name: Arc<str>,
    bind: String,
    is_loopback: bool,
    tls: Option<Arc<LiveTls>>,
}

impl Reload {
    /// For a broker that was started from these sources and has bound these listeners.
    pub(crate) fn new(
        sources: Sources,
        broker: Arc<Broker>,
        gate: Arc<Gate>,
        access: Arc<Access>,
        level: LogLevel,
        bound: &[Bound],
    ) -> Self {
        let listener = |bound: &Bound| Listener {
            name: bound.config.name.clone(),
            bind: bound.config.bind.clone(),
            is_loopback: bound.config.is_loopback(),
            tls: bound.tls.clone(),
        };
        let listeners = bound.iter().map(listener).collect();
        Self { sources, broker, gate, access, level, listeners, turn: Mutex::new(()) }
    }

    /// Reads everything again. Where something is wrong, what was before stays. Says in the log what came of it, and
    /// returns the same. One that comes meanwhile waits.
    pub(crate) fn run(&self) -> Result<Vec<ConfigError>, Vec<ConfigError>> {
        let _turn = self.turn.lock();
        let Ready { tls, policy, access, log_level, warnings } = self.prepare().inspect_err(|errors| {
            for error in errors {
                let text = format!("not reloaded, what was before stays: {error}");
                text.lines().for_each(|line| tracing::error!("{line}"));
            }
        })?;
        warn(&warnings);
        let listeners = tls.len();
        tls.into_iter().for_each(|(live, prepared)| live.install(prepared));
        if let Some(token) = access {
            self.access.install(token);
        }
        if let Err(error) = self.level.set(&log_level) {
            tracing::error!("log.level: {error}");
        }
        self.gate.install(policy);
        self.broker.reconsider_all();
        tracing::info!(
            listeners,
            "reloaded: users, rules, certificates, keys, authorities and revocation lists"
        );
        Ok(warnings)
    }

    fn prepare(&self) -> Result<Ready<'_>, Vec<ConfigError>> {
        let (config, mut warnings) = load_with_warnings(&self.sources)?;
        self.check_anonymous(&config).map_err(|error| vec![error])?;
        let policy = config.policy().map_err(|fault| vec![fault.into()])?;
        let mut tls = Vec::new();
        for listener in &self.listeners {
            match listener.prepare(&config).map_err(|error| vec![error])? {
                Change::Tls(live, prepared) => tls.push((live, prepared)),
                Change::None => {}
                Change::Listener => warnings.push(takes_a_restart(&listener.place())),
            }
        }
        let access = if config.admin.bind == self.broker.config.admin.bind {
            Some(config.admin.token().map_err(|text| vec![fault("admin.token_file", text)])?)
        } else {
            warnings.push(takes_a_restart("admin.bind"));
            None
        };
        Ok(Ready { tls, policy, access, log_level: config.log.level, warnings })
    }

    /// Where nothing is said of clients without credentials, the listeners decide. Those of the file may be on loopback
    /// by now, but those that are bound stay as they are until a restart, and must not be opened to everybody.
    fn check_anonymous(&self, config: &Config) -> Result<(), ConfigError> {
        match self.listeners.iter().find(|listener| !listener.is_loopback) {
            Some(listener) if config.auth.anonymous.is_none() => Err(fault(
                "auth.anonymous",
                format!(
                    "{} stays bound until a restart, and can be reached from other machines: say true if everybody may \
                     connect, or false",
                    listener.bind
                ),
            )),
            _ => Ok(()),
        }
    }
}

/// Logs what should be other about a configuration, with the lines of the file that it shows; a line end within an event would
/// be escaped.
pub(crate) fn warn(warnings: &[ConfigError]) {
    for warning in warnings {
        warning.to_string().lines().for_each(|line| tracing::warn!("{line}"));
    }
}

impl admin::Reload for Reload {
    fn reload(&self) -> Result<Vec<ConfigError>, Vec<ConfigError>> {
        self.run()
    }
}

/// What a reload makes of a listener.
enum Change<'r> {
    Tls(&'r LiveTls, Prepared),
    None,
    /// It is another one now, or is gone, or speaks TLS where it did not.
    Listener,
}

impl Listener {
    fn prepare(&self, config: &Config) -> Result<Change<'_>, ConfigError> {
        let is_same = |now: &&ListenerConfig| now.name == self.name && now.bind == self.bind;
        let settings = config.listeners.iter().find(is_same).map(|now| &now.tls);
        match (&self.tls, settings) {
            (Some(live), Some(Some(settings))) => match live.prepare(settings) {
                Ok(prepared) => Ok(Change::Tls(live, prepared)),
                Err(tls_fault) => Err(fault(&self.place(), tls_fault.to_string())),
            },
            (None, Some(None)) => Ok(Change::None),
            _ => Ok(Change::Listener),
        }
    }

    fn place(&self) -> String {
        format!("listener \"{}\"", self.name)
    }
}

fn fault(place: &str, text: String) -> ConfigError {
    ConfigError { place: place.to_owned(), text, excerpt: None }
}

fn takes_a_restart(place: &str) -> ConfigError {
    fault(place, "the listener itself has changed, which takes a restart".to_owned())
}
