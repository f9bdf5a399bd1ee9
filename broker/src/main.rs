//! The daemon `tidewire`.

mod config_command;
mod ctl;
mod failure;
mod manual;
mod passwd;
mod reload;
mod stop;
mod store_command;
mod surroundings;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::{Args, CommandFactory as _, Parser, Subcommand};
use tidewire::admin::{self, Access, Admin};
use tidewire::broker::Broker;
use tidewire::clock::Clock;
use tidewire::config::{
    Bind, Config, ConfigError, Loaded, ProtocolName, Sources, Transport, load_with_warnings,
};
use tidewire::logging::{self, LogLevel};
use tidewire::memory::{self, Ceiling, Process, Usage as _};
use tidewire::net;
use tidewire::service_manager::{Environment, ServiceManager};
use tidewire::store::{DiskStore, MemoryStore, OpenError, Recovered, Store};
use tidewire::telemetry::Exporter;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use self::failure::Failure;
use self::reload::Reload;
use self::stop::{Asked, Signals};

/// Most of a message's life is allocated and freed by different threads, in a few small sizes: `docs/benchmarks.md` has
/// the figures beside the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Message broker: MQTT 3.1.1 and 5.0 and STOMP 1.0 to 1.2, over WebSocket and TCP.
#[derive(Parser)]
#[command(name = "tidewire", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the broker; without a file, with the embedded default.
    Serve(ConfigArgs),
    /// Test a configuration, the files that it names, its directory and its addresses: exit 0, or 1 with every fault and its
    /// place.
    Check(config_command::Check),
    /// Print the effective configuration, defaults included, and where what was set comes from.
    Config(config_command::Show),
    /// Add or change a user; asks for the password on the terminal, or reads it from standard input.
    Passwd(passwd::Arguments),
    /// Tell a broker that runs what to do, over its admin listener.
    Ctl(ctl::Arguments),
    /// Look at a store that no broker has open, and copy it.
    Store(store_command::Arguments),
    #[command(flatten)]
    Manual(manual::Action),
}

#[derive(Args)]
struct ConfigArgs {
    /// The configuration file (TOML).
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Override one setting, as in --set log.level=debug. May be given again.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

impl ConfigArgs {
    fn sources(&self) -> Sources {
        Sources {
            file: self.config.clone(),
            environment: std::env::vars().collect(),
            overrides: self.set.clone(),
        }
    }
}

/// How long the process waits for work off the serving threads once all else has ended.
const RUNTIME_STOP_TIMEOUT: Duration = Duration::from_secs(1);
/// tokio looks for I/O events after this many tasks. Its default of 61 breaks the batches of a large fan-out.
const EVENT_INTERVAL: u32 = 2048;

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Serve(arguments) => serve(arguments.sources()),
        Command::Check(arguments) => config_command::check(&arguments),
        Command::Config(arguments) => config_command::show(&arguments),
        Command::Passwd(arguments) => succeed(passwd::run(&arguments)),
        Command::Ctl(arguments) => ctl::run(&arguments),
        Command::Store(arguments) => succeed(store_command::run(&arguments)),
        Command::Manual(action) => succeed(action.run(Cli::command())),
    }
}

fn serve(sources: Sources) -> ExitCode {
    let Loaded { config, warnings, .. } = match load_with_warnings(&sources) {
        Ok(loaded) => loaded,
        Err(errors) => {
            let failure = Failure::configuration(lines(&errors));
            return failure.say(&ServiceManager::new(&Environment::of_process()));
        }
    };
    let manager = Arc::new(ServiceManager::new(&Environment::of_process()));
    // What is in the queue is written when this is dropped.
    let logging = match logging::start(&config.log) {
        Ok(logging) => logging,
        Err(error) => return Failure::configuration(error).say(&manager),
    };
    reload::warn(&warnings);
    let passed = net::Passed::from_environment();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().event_interval(EVENT_INTERVAL).build();
    let served = match runtime {
        Ok(runtime) => {
            let served = runtime.block_on(run(config, passed, sources, logging.level, &manager));
            // What an operator has begun, as a backup, may still wait for a disk; a stop does not.
            runtime.shutdown_timeout(RUNTIME_STOP_TIMEOUT);
            served
        }
        Err(error) => Err(Failure::new(format!("cannot start: {error}"))),
    };
    served.unwrap_or_else(|failure| failure.say(&manager))
}

/// Binds every listener, serves until a signal, and stops. SIGHUP reloads.
async fn run(
    config: Config,
    mut passed: net::Passed,
    sources: Sources,
    level: LogLevel,
    manager: &Arc<ServiceManager>,
) -> Result<ExitCode, Failure> {
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "tidewire starts");
    let (store, recovered) = open_store(&config, manager).map_err(Failure::new)?;
    let gate = config.authority().map_err(Failure::configuration)?;
    let exporter = config.telemetry.exporter();
    let exporter =
        exporter.map_err(|(key, text)| Failure::configuration(format!("telemetry.{key}: {text}")))?;
    let broker = Arc::new(Broker::new(config, gate.clone(), store, Clock::system()));
    manager.recovering("sessions, subscriptions and queues");
    broker.restore(recovered);
    let config = broker.kept_config();
    let bound = config.listeners.iter().map(|listener| net::bind_or_take(listener.clone(), &mut passed));
    let bound = bound.collect::<Result<Vec<_>, _>>()?;
    let (admin, access) = bind_admin(&config, &mut passed)?;
    for name in passed.left() {
        tracing::warn!(name, "a socket was passed that no listener takes (bind = \"systemd:NAME\")");
    }
    let mut signals =
        Signals::new().map_err(|error| Failure::new(format!("cannot listen for signals: {error}")))?;
    let (access_of_reload, level_of_reload) = (Arc::clone(&access), level.clone());
    let reload = Reload::new(sources, Arc::clone(&broker), gate, access_of_reload, level_of_reload, &bound);
    let reload = Arc::new(reload);
    let admin = admin.map(|bound| {
        tracing::info!("listening on {}", url("http", &bound, "admin"));
        let (broker, reload) = (Arc::clone(&broker), Arc::clone(&reload));
        let admin = Admin::new(Arc::clone(&broker), access, reload, broker.draining(), bound.address());
        let admin = admin.with_log(level);
        tokio::spawn(admin::serve(Arc::new(admin), bound))
    });
    tokio::spawn({
        let broker = Arc::clone(&broker);
        // They end with the runtime.
        async move { tokio::join!(broker.run_probe(), broker.run_sys()) }
    });
    let schedule = tokio::spawn({
        let broker = Arc::clone(&broker);
        async move { broker.run_schedule().await }
    });
    let exporting = exporter.and_then(|exporter| export(&broker, exporter));
    watch_memory(&broker).map_err(|error| Failure::new(format!("memory cannot be watched: {error}")))?;
    for listener in bound {
        tracing::info!("listening on {}", describe(&listener));
        tokio::spawn(net::serve(Arc::clone(&broker), listener, broker.draining()));
    }
    let who = match config.allows_anonymous() {
        true => "everybody may connect",
        false => "users may connect who authenticate",
    };
    tracing::info!("ready: {who}");
    let report = tokio::spawn({
        let (manager, broker) = (Arc::clone(manager), Arc::clone(&broker));
        async move { manager.report(&broker).await }
    });
    manager.ready(&broker).map_err(|error| Failure::new(format!("the watchdog cannot be fed: {error}")))?;
    let stop = loop {
        match signals.next().await {
            Asked::Reload => {
                if let Some(stop) = reload.run_until_stopped(manager, &mut signals).await {
                    break stop;
                }
            }
            Asked::Stop(stop) => break stop,
        }
    };
    let flushed_by = stop::drain(stop, &broker, manager, &mut signals).await;
    // It tells of the stop until then, and of why nobody is let in. Once it has ended, its socket's file is gone.
    for task in [Some(schedule), Some(report), admin].into_iter().flatten() {
        task.abort();
        let _ = task.await;
    }
    Ok(stop::flush(flushed_by, &broker, exporting, manager, &mut signals).await)
}

/// Has spans brought to the collector that is configured.
fn export(broker: &Broker, exporter: Exporter) -> Option<JoinHandle<()>> {
    let telemetry = Arc::clone(broker.telemetry.as_ref()?);
    tracing::info!("spans go to {}", exporter.uri());
    Some(tokio::spawn(exporter.run(telemetry)))
}

/// Sees to it that the process stays within the memory that it may have, if there is such a bound. It has a thread of its
/// own: on those that serve clients, timers come late when there is most to do.
fn watch_memory(broker: &Arc<Broker>) -> std::io::Result<()> {
    let available = memory::available();
    let configured = broker.config().limits.memory_max.map(|size| size.0 as u64);
    let Some(ceiling) = Ceiling::choose(configured, available) else { return Ok(()) };
    let process = Process { runtime: Handle::current() };
    if process.resident().is_none() {
        tracing::warn!("limits.memory_max does nothing: the system does not say how much memory is in use");
        return Ok(());
    }
    let mib = |bytes: u64| bytes >> 20;
    tracing::info!(ceiling_mib = mib(ceiling.bytes()), "memory is watched");
    if let Some(available) = available.filter(|available| ceiling.bytes() > *available) {
        tracing::warn!(available_mib = mib(available), "limits.memory_max is more than the process may have");
    }
    let broker = Arc::clone(broker);
    let own = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let watch = move || own.block_on(broker.watch_memory(ceiling, process));
    // It ends with the process.
    std::thread::Builder::new().name("memory".to_owned()).spawn(watch).map(drop)
}

/// Binds the admin listener, if there is to be one, and reads its token.
fn bind_admin(
    config: &Config,
    passed: &mut net::Passed,
) -> Result<(Option<net::Bound>, Arc<Access>), Failure> {
    let token = config.admin.token();
    let token = token.map_err(|text| Failure::configuration(format!("admin.token_file: {text}")))?;
    let bound = config.admin.listener().map(|listener| net::bind_or_take(listener, passed)).transpose();
    let bound = bound.map_err(|error| {
        let hint = "set admin.bind to another address, or to \"\" to do without the admin listener";
        Failure::new(format!("{error}: {hint}"))
    })?;
    Ok((bound, Arc::new(Access::new(token))))
}

/// Opens the store that the configuration asks for, and says what it promises.
fn open_store(config: &Config, manager: &ServiceManager) -> Result<(Arc<dyn Store>, Recovered), OpenError> {
    let Some(options) = config.storage.options() else {
        let store = MemoryStore::default();
        tracing::warn!("{}", store.promise());
        return Ok((Arc::new(store), Recovered::default()));
    };
    manager.opening();
    let started = Instant::now();
    let (store, recovered) =
        DiskStore::open_telling(&config.data_dir, options, &|progress| manager.recovering(progress))?;
    for damaged in store.damaged() {
        tracing::error!("damaged and set aside: {damaged}");
    }
    tracing::info!(
        sessions = recovered.sessions.len(),
        queues = recovered.queues.len(),
        retained = recovered.retained.len(),
        took_ms = started.elapsed().as_millis() as u64,
        "store opened: {}",
        store.promise()
    );
    Ok((store, recovered))
}

/// An address as a person would type it, and what is spoken there.
fn describe(bound: &net::Bound) -> String {
    let spoken = |protocol: &ProtocolName| match protocol {
        ProtocolName::Mqtt => "MQTT",
        ProtocolName::Stomp => "STOMP",
    };
    let protocols: Vec<_> = bound.config.protocols.iter().map(spoken).collect();
    let is_secure = bound.tls.is_some();
    let scheme = match (bound.config.transport, bound.config.protocols.as_slice()) {
        (Transport::Ws, _) => "ws",
        (Transport::Tcp, [ProtocolName::Mqtt]) => "mqtt",
        (Transport::Tcp, [ProtocolName::Stomp]) => "stomp",
        (Transport::Tcp, _) => "tcp",
    };
    let scheme = if is_secure { secure(scheme) } else { scheme };
    url(scheme, bound, &format!("{}: {}", bound.config.name, protocols.join(" and ")))
}

fn url(scheme: &str, bound: &net::Bound, what: &str) -> String {
    match Bind::parse(&bound.config.bind) {
        Some(Bind::Unix(_)) => format!("{scheme} at {bound} ({what})"),
        _ => format!("{scheme}://{bound} ({what})"),
    }
}

fn secure(scheme: &'static str) -> &'static str {
    match scheme {
        "ws" => "wss",
        "mqtt" => "mqtts",
        "stomp" => "stomps",
        _ => "tls",
    }
}

fn name(sources: &Sources) -> String {
    sources.file.as_ref().map_or_else(|| "embedded default".to_owned(), |file| file.display().to_string())
}

fn fail(errors: &[ConfigError]) -> ExitCode {
    complain(&lines(errors))
}

fn lines(errors: &[ConfigError]) -> String {
    let lines: Vec<_> = errors.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

/// A reader that has gone away is no failure of ours.
fn say(text: &str) -> ExitCode {
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

fn succeed(result: Result<(), String>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&error),
    }
}

fn complain(text: &str) -> ExitCode {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
    ExitCode::FAILURE
}
