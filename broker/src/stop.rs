//! The signals, and the stop.
//!
//! ```text
//!   SIGTERM SIGINT SIGUSR2 ──▶ nobody is let in ──▶ clients are told, and go ──▶ the store is flushed ──▶ the end
//!                              /readyz: 503         over shutdown.spread         spans are exported
//!                                                                               all within shutdown.timeout
//! ```
//!
//! SIGUSR2 says that the broker is to be back soon: a unit has it as its `RestartKillSignal=`. A second signal stops at once.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use tidewire::broker::{Broker, Drain};
use tidewire::service_manager::ServiceManager;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// The part of the timeout that is kept for the flush: one in so many.
const FLUSH_SHARE: u32 = 10;

/// What a signal asks for.
pub(crate) enum Asked {
    /// SIGHUP: settings are read again.
    Reload,
    /// To stop.
    Stop(Stop),
}

/// A signal that is to stop the broker.
#[derive(Clone, Copy)]
pub(crate) struct Stop {
    signal: &'static str,
    restart: bool,
}

/// The signals that the broker listens to.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    restart: Signal,
    hangup: Signal,
}

impl Signals {
    /// From here on they end the process no more by themselves.
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            restart: signal(SignalKind::user_defined2())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// The next one.
    pub(crate) async fn next(&mut self) -> Asked {
        let stop = |signal| Asked::Stop(Stop { signal, restart: false });
        tokio::select! {
            _ = self.terminate.recv() => stop("SIGTERM"),
            _ = self.interrupt.recv() => stop("SIGINT"),
            _ = self.restart.recv() => Asked::Stop(Stop { signal: "SIGUSR2", restart: true }),
            _ = self.hangup.recv() => Asked::Reload,
        }
    }

    /// The next one that is to stop.
    async fn next_stop(&mut self) -> Stop {
        loop {
            if let Asked::Stop(stop) = self.next().await {
                return stop;
            }
        }
    }
}

/// Has a broker that serves let nobody in any more, and everybody go. Returns when the flush has to be done.
pub(crate) async fn drain(
    stop: Stop,
    broker: &Broker,
    manager: &ServiceManager,
    signals: &mut Signals,
) -> Instant {
    let Stop { signal, restart } = stop;
    tracing::info!(signal, connections = broker.link_count(), "stopping; once more stops at once");
    let config = broker.kept_config();
    let timeout = config.shutdown.timeout.0;
    let flushed_by = Instant::now() + timeout;
    let timeout = timeout - timeout / FLUSH_SHARE;
    let drain = Drain { timeout, ..Drain::from_config(&config.shutdown, restart) };
    let drained = broker.drain(drain);
    // Whoever hears it can rely on that nobody is let in any more.
    manager.stopping(broker);
    tokio::select! {
        connections = drained => if connections > 0 {
            tracing::warn!(connections, "stopped, though some connections did not end in time");
        },
        again = signals.next_stop() => tracing::warn!(signal = again.signal, "stopping at once"),
    }
    flushed_by
}

/// Flushes what is stored, once nothing changes it any more, and lets `exporting` bring away what spans there are.
pub(crate) async fn flush(
    flushed_by: Instant,
    broker: &Arc<Broker>,
    exporting: Option<JoinHandle<()>>,
    manager: &ServiceManager,
    signals: &mut Signals,
) -> ExitCode {
    manager.flushing();
    if let Some(telemetry) = &broker.telemetry {
        telemetry.finish();
    }
    let is_flushed = tokio::select! {
        is_flushed = tokio::time::timeout_at(flushed_by.into(), close_store(broker)) => matches!(is_flushed, Ok(true)),
        again = signals.next_stop() => {
            tracing::warn!(signal = again.signal, "stopped at once, before everything was on disk");
            return ExitCode::FAILURE;
        }
    };
    if let Some(exporting) = exporting {
        // Messages are what counts: a collector that is too slow, or not waited for, changes nothing of how this ended.
        tokio::select! {
            _ = tokio::time::timeout_at(flushed_by.into(), exporting) => {}
            _ = signals.next_stop() => {}
        }
    }
    if is_flushed {
        tracing::info!("stopped");
        ExitCode::SUCCESS
    } else {
        tracing::error!("stopped, though the disk did not take everything in time");
        ExitCode::FAILURE
    }
}

/// Makes everything durable; whether it could be tried. A disk that hangs must not keep the process: the thread that waits
/// for it ends with that, and the runtime would wait for one of its own.
async fn close_store(broker: &Arc<Broker>) -> bool {
    let (done, closed) = oneshot::channel();
    let broker = Arc::clone(broker);
    let close = move || {
        broker.store().close();
        // Nobody waits any more when it comes too late.
        let _ = done.send(());
    };
    if let Err(error) = std::thread::Builder::new().name("flush".to_owned()).spawn(close) {
        tracing::error!(%error, "what waits for the disk cannot be flushed");
        return false;
    }
    closed.await.is_ok()
}
