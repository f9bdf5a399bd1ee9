//! The log: what becomes of the events that the others write down with `tracing`.
//!
//! ```text
//!   an event ──▶ LogLevel: wanted? ──▶ a line: text, JSON or for the journal ──▶ queue ──▶ its own thread writes
//! ```
//!
//! Nobody who serves clients waits for whoever reads the log: lines that find the queue full are lost, counted, and the
//! next line that there is room for says so. What the events are is in `docs/logging.md`.

mod escape;
mod journal;
mod level;
mod output;
mod text;

use std::io::{self, IsTerminal as _, Write};

use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::layer::{Layered, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer, Registry, fmt};

use self::journal::{Journal, JournalFormat};
pub use self::level::{LevelError, LogLevel};
use self::output::queued;
use self::text::TextFormat;
use crate::config::{LogConfig, LogFormat};

/// Where journald listens. (systemd's "Native Journal Protocol")
const JOURNAL_SOCKET: &str = "/run/systemd/journal/socket";

/// The log of a process. Dropping it writes what is still in the queue.
#[derive(Debug)]
pub struct Logging {
    /// What is logged, to be changed at any time.
    pub level: LogLevel,
    _worker: WorkerGuard,
}

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// What is wrong with `log.level`.
    #[error("log.level: {0}")]
    Level(#[from] LevelError),
    /// `log.format` asks for the journal, and there is none.
    #[error("log.format: the journal cannot be reached at {JOURNAL_SOCKET}: {0}")]
    Journal(io::Error),
    /// The process has a log already.
    #[error("the log is started twice")]
    Twice,
}

/// Begins to log what the whole process says, as the configuration asks.
///
/// # Errors
///
/// [`LogError`]: the configuration cannot be followed.
pub fn start(config: &LogConfig) -> Result<Logging, LogError> {
    let (level, filter) = LogLevel::new(&config.level)?;
    let (layer, worker) = Form::choose(config.format)?.begin();
    tracing_subscriber::registry().with(filter).with(layer).try_init().map_err(|_| LogError::Twice)?;
    Ok(Logging { level, _worker: worker })
}

/// What is below the layer that writes.
type Filtered = Layered<level::Filter, Registry>;
type Lines = Box<dyn Layer<Filtered> + Send + Sync>;

fn text(writer: impl Write + Send + 'static, is_coloured: bool) -> (Lines, WorkerGuard) {
    let (lines, worker) = queued(writer, say_what_is_lost);
    // Without colours of its own; its lines are written as they come.
    let layer = fmt::layer().event_format(TextFormat { is_coloured }).with_ansi(false).with_writer(lines);
    (Box::new(layer), worker)
}

/// One object a line, without anything inside another.
fn json(writer: impl Write + Send + 'static) -> (Lines, WorkerGuard) {
    let (lines, worker) = queued(writer, say_what_is_lost);
    let layer = fmt::layer().json().flatten_event(true).with_current_span(false).with_span_list(false);
    (Box::new(layer.with_writer(lines)), worker)
}

fn entries(journal: Journal) -> (Lines, WorkerGuard) {
    let (lines, worker) = queued(journal, say_what_is_lost);
    (Box::new(fmt::layer().event_format(JournalFormat).with_ansi(false).with_writer(lines)), worker)
}

fn say_what_is_lost(lost: usize) {
    tracing::warn!(lost, "lines of the log were lost, since it is read too slowly");
}

/// The format that was decided on.
enum Form {
    Text { is_coloured: bool },
    Json,
    Journal(Journal),
}

impl Form {
    fn choose(format: LogFormat) -> Result<Self, LogError> {
        let text = || Self::Text { is_coloured: is_coloured() };
        Ok(match format {
            LogFormat::Text => text(),
            LogFormat::Json => Self::Json,
            LogFormat::Journald => Self::Journal(Journal::open(JOURNAL_SOCKET).map_err(LogError::Journal)?),
            LogFormat::Auto if journal::is_standard_error() => {
                Journal::open(JOURNAL_SOCKET).map_or_else(|_| text(), Self::Journal)
            }
            LogFormat::Auto => text(),
        })
    }

    /// What writes in this form to where it belongs, and the guard of its queue.
    fn begin(self) -> (Lines, WorkerGuard) {
        match self {
            Self::Text { is_coloured } => text(io::stderr(), is_coloured),
            Self::Json => json(io::stderr()),
            Self::Journal(journal) => entries(journal),
        }
    }
}

/// On a terminal, unless its user wants none: <https://no-color.org>.
fn is_coloured() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

#[cfg(test)]
mod tests;
