//! The daemon `tidewire`.

mod config_command;
mod ctl;
mod passwd;
mod reload;
mod store_command;

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::{Args, Parser, Subcommand};
use tidewire::admin::{self, Access, Admin};
use tidewire::broker::Broker;
use tidewire::clock::Clock;
use tidewire::config::{
    Bind, Config, ConfigError, Loaded, LogConfig, LogFormat, ProtocolName, Sources, Transport,
    load_with_warnings,
};
use tidewire::memory::{self, Ceiling, Process, Usage as _};
use tidewire::net;
use tidewire::store::{DiskStore, MemoryStore, OpenError, Recovered, Store};
use tokio::runtime::Handle;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tracing_subscriber::EnvFilter;

use self::reload::Reload;

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
    /// Test a configuration: exit 0, or 1 with every fault and its place.
    Check(ConfigArgs),
    /// Print the effective configuration, defaults included, and where what was set comes from.
    Config(config_command::Show),
    /// Add or change a user; asks for the password on the terminal, or reads it from standard input.
    Passwd(passwd::Arguments),
    /// Tell a broker that runs what to do, over its admin listener.
    Ctl(ctl::Arguments),
    /// Look at a store that no broker has open, and copy it.
    Store(store_command::Arguments),
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

/// How long connections may take to end when the broker is stopped.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
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
    }
}

fn serve(sources: Sources) -> ExitCode {
    let Loaded { config, warnings, .. } = match load_with_warnings(&sources) {
        Ok(loaded) => loaded,
        Err(errors) => return fail(&errors),
    };
    if let Err(error) = start_log(&config.log) {
        return complain(&format!("log.level: {error}"));
    }
    warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    let passed = net::Passed::from_environment();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().event_interval(EVENT_INTERVAL).build();
    match runtime {
        Ok(runtime) => runtime.block_on(run(config, passed, sources)),
        Err(error) => complain(&format!("cannot start: {error}")),
    }
}

/// Binds every listener, serves until a signal, and stops: accepts nobody any more, tells every client, and waits for
/// them to go. A second signal stops at once. SIGHUP reloads.
async fn run(config: Config, mut passed: net::Passed, sources: Sources) -> ExitCode {
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "tidewire starts");
    let (store, recovered) = match open_store(&config) {
        Ok(opened) => opened,
        Err(error) => return complain(&error.to_string()),
    };
    let gate = match config.authority() {
        Ok(gate) => gate,
        Err(fault) => return complain(&fault.to_string()),
    };
    let broker = Arc::new(Broker::new(config, gate.clone(), store, Clock::system()));
    broker.restore(recovered);
    let mut bound = Vec::new();
    for listener in &broker.config.listeners {
        match net::bind_or_take(listener.clone(), &mut passed) {
            Ok(listener) => bound.push(listener),
            Err(error) => return complain(&error.to_string()),
        }
    }
    let (admin, access) = match bind_admin(&broker.config, &mut passed) {
        Ok(bound) => bound,
        Err(text) => return complain(&text),
    };
    for name in passed.left() {
        tracing::warn!(name, "a socket was passed that no listener takes (bind = \"systemd:NAME\")");
    }
    let Ok(mut signals) = Signals::new() else {
        return complain("cannot listen for signals");
    };
    let reload = Arc::new(Reload::new(sources, Arc::clone(&broker), gate, Arc::clone(&access), &bound));
    let (stop, stopped) = watch::channel(false);
    let admin = admin.map(|bound| {
        tracing::info!("listening on {}", url("http", &bound, "admin"));
        let (broker, reload) = (Arc::clone(&broker), Arc::clone(&reload));
        let admin = Admin::new(broker, access, reload, stopped.clone(), bound.address());
        tokio::spawn(admin::serve(Arc::new(admin), bound))
    });
    let schedule = tokio::spawn({
        let broker = Arc::clone(&broker);
        async move { broker.run_schedule().await }
    });
    if let Err(error) = watch_memory(&broker) {
        return complain(&format!("memory cannot be watched: {error}"));
    }
    for listener in bound {
        tracing::info!("listening on {}", describe(&listener));
        tokio::spawn(net::serve(Arc::clone(&broker), listener, stopped.clone()));
    }
    let who = match broker.config.allows_anonymous() {
        true => "everybody may connect",
        false => "users may connect who authenticate",
    };
    tracing::info!("ready: {who}");
    let first = loop {
        match signals.next().await {
            HANGUP => {
                let reload = Arc::clone(&reload);
                // Files are read, so not on the threads that serve.
                let _ = tokio::task::spawn_blocking(move || reload.run()).await;
            }
            other => break other,
        }
    };
    tracing::info!(signal = first, connections = broker.link_count(), "stopping; once more stops at once");
    stop.send_replace(true);
    broker.end_all_links();
    let drained = tokio::time::timeout(STOP_TIMEOUT, all_gone(&broker));
    tokio::select! {
        result = drained => if result.is_err() {
            tracing::warn!(connections = broker.link_count(), "stopped, though some connections did not end in time");
        },
        again = signals.next_stop() => tracing::warn!(signal = again, "stopping at once"),
    }
    schedule.abort();
    if let Some(admin) = admin {
        // It tells of the stop until then. Once it has ended, its socket's file is gone.
        admin.abort();
        let _ = admin.await;
    }
    broker.store().close();
    tracing::info!("stopped");
    ExitCode::SUCCESS
}

/// Sees to it that the process stays within the memory that it may have, if there is such a bound. It has a thread of its
/// own: on those that serve clients, timers come late when there is most to do.
fn watch_memory(broker: &Arc<Broker>) -> std::io::Result<()> {
    let available = memory::available();
    let configured = broker.config.limits.memory_max.map(|size| size.0 as u64);
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
) -> Result<(Option<net::Bound>, Arc<Access>), String> {
    let token = config.admin.token().map_err(|text| format!("admin.token_file: {text}"))?;
    let bound = config.admin.listener().map(|listener| net::bind_or_take(listener, passed)).transpose();
    let bound = bound.map_err(|error| {
        format!("{error}: set admin.bind to another address, or to \"\" to do without the admin listener")
    })?;
    Ok((bound, Arc::new(Access::new(token))))
}

/// Opens the store that the configuration asks for, and says what it promises.
fn open_store(config: &Config) -> Result<(Arc<dyn Store>, Recovered), OpenError> {
    let Some(options) = config.storage.options() else {
        let store = MemoryStore::default();
        tracing::warn!("{}", store.promise());
        return Ok((Arc::new(store), Recovered::default()));
    };
    let started = Instant::now();
    let (store, recovered) = DiskStore::open(&config.data_dir, options)?;
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

/// Waits until no connection is left. Looks again at intervals: this happens once, and needs no machinery.
async fn all_gone(broker: &Broker) {
    let mut interval = tokio::time::interval(Duration::from_millis(10));
    while broker.link_count() > 0 {
        interval.tick().await;
    }
}

const HANGUP: &str = "SIGHUP";

/// SIGTERM, SIGINT and SIGHUP.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.hangup.recv() => HANGUP,
        }
    }

    /// The next one that is to stop.
    async fn next_stop(&mut self) -> &'static str {
        loop {
            match self.next().await {
                HANGUP => {}
                other => return other,
            }
        }
    }
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

fn start_log(config: &LogConfig) -> Result<(), String> {
    let filter = EnvFilter::try_new(&config.level).map_err(|error| error.to_string())?;
    let is_terminal = std::io::stderr().is_terminal();
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match config.format {
        LogFormat::Json => builder.json().init(),
        LogFormat::Text => builder.with_ansi(false).with_target(false).init(),
        LogFormat::Auto => builder.with_ansi(is_terminal).with_target(false).init(),
    }
    Ok(())
}

fn name(sources: &Sources) -> String {
    sources.file.as_ref().map_or_else(|| "embedded default".to_owned(), |file| file.display().to_string())
}

fn fail(errors: &[ConfigError]) -> ExitCode {
    let lines: Vec<_> = errors.iter().map(ToString::to_string).collect();
    complain(&lines.join("\n"))
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
