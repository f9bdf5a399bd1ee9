//! Lines for people: when, how grave, what, and about whom.

use std::fmt;

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::registry::LookupSpan;

use super::escape::Sentence;

/// See the module.
pub(super) struct TextFormat {
    pub(super) is_coloured: bool,
}

impl<S, N> FormatEvent<S, N> for TextFormat
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let (dim, colour, plain) = match self.is_coloured {
            true => (DIM, colour(*event.metadata().level()), PLAIN),
            false => ("", "", ""),
        };
        writer.write_str(dim)?;
        SystemTime.format_time(&mut writer)?;
        write!(writer, "{plain} {colour}{:>5}{plain} ", event.metadata().level().as_str())?;
        Sentence::write(&mut writer, event)?;
        writeln!(writer)
    }
}

/// How a terminal is told. (ECMA-48, "Select graphic rendition")
const PLAIN: &str = "\x1b[0m";
const DIM: &str = "\x1b[2m";

fn colour(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\x1b[31m",
        Level::WARN => "\x1b[33m",
        Level::INFO => "\x1b[32m",
        Level::DEBUG => "\x1b[34m",
        Level::TRACE => "\x1b[35m",
    }
}
