//! What SIGHUP and `tidewire ctl reload` do: settings are read again, and those that can change while connections are
//! served take effect, wholly or not at all.

use std::sync::Arc;

use parking_lot::Mutex;
use tidewire::admin::{self, Access, Reloaded};
use tidewire::auth::{Gate, Policy};
use tidewire::broker::Broker;
use tidewire::config::{
    AdminToken, Config, ConfigError, ListenerConfig, Loaded, Snapshot, Sources, load_with_warnings,
};
use tidewire::logging::LogLevel;
use tidewire::net::Bound;
use tidewire::service_manager::ServiceManager;
use tidewire::tls::{LiveTls, Prepared, TlsSettings};

use crate::stop::{Asked, Signals, Stop};

/// What a reload reaches: users, rules and keys of tokens, the listeners' certificates, keys, authorities and revocation
/// lists, the admin listener's token, the log's level, and the settings that can change meanwhile: see
/// [`Config::until_restart`].
pub(crate) struct Reload {
    sources: Sources,
    broker: Arc<Broker>,
    gate: Arc<Gate>,
    access: Arc<Access>,
    level: LogLevel,
    listeners: Vec<Listener>,
    /// The admin listener's TLS, if it speaks TLS.
    admin_tls: Option<Arc<LiveTls>>,
    /// What is in force. Two reloads at once would put in force now what the one has read, now what the other has.
    in_force: Mutex<Snapshot>,
}

/// What is ready to be put in force.
struct Ready<'r> {
    config: Config,
    snapshot: Snapshot,
    tls: Vec<(&'r LiveTls, Prepared)>,
    policy: Policy,
    /// The admin listener's.
    token: Option<AdminToken>,
    reloaded: Reloaded,
}

struct Listener {
    name: Arc<str>,
    bind: String,
    is_loopback: bool,
    tls: Option<Arc<LiveTls>>,
}

impl Reload {
    /// For a broker that was started from these sources and has bound these listeners, and that for those who run it.
    pub(crate) fn new(
        sources: Sources,
        broker: Arc<Broker>,
        gate: Arc<Gate>,
        access: Arc<Access>,
        level: LogLevel,
        bound: &[Bound],
        admin: Option<&Bound>,
    ) -> Self {
        let listener = |bound: &Bound| Listener {
            name: bound.config.name.clone(),
            bind: bound.config.bind.clone(),
            is_loopback: bound.config.is_loopback(),
            tls: bound.tls.clone(),
        };
        let listeners = bound.iter().map(listener).collect();
        let in_force = Mutex::new(Snapshot::take(&broker.config()));
        let admin_tls = admin.and_then(|bound| bound.tls.clone());
        Self { sources, broker, gate, access, level, listeners, admin_tls, in_force }
    }

    /// Runs, and runs again if that is asked for meanwhile. A stop is not kept waiting by a file that is slow to read; it is
    /// returned at once, and what was begun is left to itself.
    pub(crate) async fn run_until_stopped(
        self: &Arc<Self>,
        manager: &ServiceManager,
        signals: &mut Signals,
    ) -> Option<Stop> {
        loop {
            manager.reloading();
            let reload = Arc::clone(self);
            // Files are read, so not on the threads that serve.
            let mut running = tokio::task::spawn_blocking(move || reload.run());
            let mut again = false;
            let reloaded = loop {
                tokio::select! {
                    reloaded = &mut running => break reloaded,
                    asked = signals.next() => match asked {
                        Asked::Reload => again = true,
                        Asked::Stop(stop) => return Some(stop),
                    },
                }
            };
            let refused = match reloaded {
                Ok(Ok(_)) => None,
                Ok(Err(errors)) => errors.first().map(ToString::to_string),
                Err(error) => Some(error.to_string()),
            };
            manager.reloaded(&self.broker, refused);
            if !again {
                return None;
            }
        }
    }

    /// Reads everything again. Where something is wrong, what was before stays. Says in the log what came of it, and
    /// returns the same. One that comes meanwhile waits.
    pub(crate) fn run(&self) -> Result<Reloaded, Vec<ConfigError>> {
        let mut in_force = self.in_force.lock();
        let Ready { config, snapshot, tls, policy, token, reloaded } =
            self.prepare(&in_force).inspect_err(|errors| {
                for error in errors {
                    let text = format!("not reloaded, what was before stays: {error}");
                    text.lines().for_each(|line| tracing::error!("{line}"));
                }
            })?;
        let listeners = tls.len();
        tls.into_iter().for_each(|(live, prepared)| live.install(prepared));
        self.access.install(token, config.admin.takes_certificates());
        // One that was set at run time ends with a reload.
        if let Err(error) = self.level.set(&config.log.level) {
            tracing::error!("log.level: {error}");
        }
        self.gate.install(policy);
        *in_force = snapshot.with(config.clone());
        self.broker.install(config);
        self.broker.reconsider_all();
        warn(&reloaded.warnings);
        for change in &reloaded.changes {
            match change.takes_restart {
                true => tracing::warn!("changed: {change}"),
                false => tracing::info!("changed: {change}"),
            }
        }
        tracing::info!(
            listeners,
            changes = reloaded.changes.len(),
            "reloaded: users, rules, certificates, keys, authorities, revocation lists and settings"
        );
        Ok(reloaded)
    }

    fn prepare(&self, in_force: &Snapshot) -> Result<Ready<'_>, Vec<ConfigError>> {
        let Loaded { config: read, warnings, .. } = load_with_warnings(&self.sources)?;
        self.check_anonymous(&read).map_err(|error| vec![error])?;
        let config = read.until_restart(&self.broker.config());
        // Before they are used: what changes in between is seen as a change the next time.
        let snapshot = Snapshot::take(&read);
        let policy = config.policy().map_err(|fault| vec![fault.into()])?;
        let tls = self.listeners.iter().filter_map(|listener| listener.prepare(&config));
        let admin = self.admin_tls.as_deref().zip(config.admin.tls.as_ref());
        let tls = tls.chain(admin.map(|(live, settings)| prepare(live, settings, "admin")));
        let tls = tls.collect::<Result<_, _>>().map_err(|error| vec![error])?;
        let token = config.admin.token().map_err(|text| vec![fault("admin.token_file", text)])?;
        let reloaded = Reloaded { warnings, changes: in_force.changes(&snapshot, &config) };
        Ok(Ready { config, snapshot, tls, policy, token, reloaded })
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
    fn reload(&self) -> Result<Reloaded, Vec<ConfigError>> {
        self.run()
    }
}

impl Listener {
    /// Its TLS as the settings have it by now, if it speaks TLS.
    fn prepare(&self, config: &Config) -> Option<Result<(&LiveTls, Prepared), ConfigError>> {
        let is_it = |now: &&ListenerConfig| now.name == self.name && now.bind == self.bind;
        let settings = config.listeners.iter().find(is_it)?.tls.as_ref();
        let (live, settings) = self.tls.as_deref().zip(settings)?;
        Some(prepare(live, settings, &format!("listener \"{}\"", self.name)))
    }
}

fn prepare<'l>(
    live: &'l LiveTls,
    settings: &TlsSettings,
    place: &str,
) -> Result<(&'l LiveTls, Prepared), ConfigError> {
    match live.prepare(settings) {
        Ok(prepared) => Ok((live, prepared)),
        Err(tls_fault) => Err(fault(place, tls_fault.to_string())),
    }
}

fn fault(place: &str, text: String) -> ConfigError {
    ConfigError { place: place.to_owned(), text, excerpt: None }
}
