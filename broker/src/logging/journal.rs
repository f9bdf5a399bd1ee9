//! Lines for journald, with each field as one of its own. (systemd's "Native Journal Protocol")
//!
//! ```text
//!   MESSAGE=connected link=7 from 192.0.2.7:4711 client_id="alice" …     what `journalctl` shows
//!   PRIORITY=6                                                           by which it filters
//!   TIDEWIRE_CLIENT_ID=alice                                             what it finds with TIDEWIRE_CLIENT_ID=alice
//! ```
//!
//! One datagram is one entry. No value has a line end, since that is escaped, so each field is one line. The ready-made crate
//! for this sends on the thread that logs, which would wait for a journald that is slow.

use std::fmt::{self, Write as _};
use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::registry::LookupSpan;

use super::escape::{Escaped, Sentence};

/// Whether what the process writes to its standard error goes to the journal anyway. `JOURNAL_STREAM` names the device and
/// inode of that stream. (systemd.exec, "Environment variables")
pub(super) fn is_standard_error() -> bool {
    let Ok(named) = std::env::var("JOURNAL_STREAM") else { return false };
    rustix::fs::fstat(rustix::stdio::stderr())
        .is_ok_and(|stat| names_stream(&named, stat.st_dev, stat.st_ino))
}

fn names_stream(named: &str, device: u64, inode: u64) -> bool {
    named.split_once(':').is_some_and(|(named_device, named_inode)| {
        named_device.parse() == Ok(device) && named_inode.parse() == Ok(inode)
    })
}

/// The way to journald.
#[derive(Debug)]
pub(super) struct Journal {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Journal {
    /// # Errors
    ///
    /// Nobody listens at `path`.
    pub(super) fn open(path: impl Into<PathBuf>) -> io::Result<Self> {
        let (socket, path) = (UnixDatagram::unbound()?, path.into());
        // An empty datagram is no entry.
        socket.send_to(&[], &path)?;
        Ok(Self { socket, path })
    }
}

/// Each call is one entry. It is addressed anew each time: journald may have been restarted.
impl io::Write for Journal {
    fn write(&mut self, entry: &[u8]) -> io::Result<usize> {
        self.socket.send_to(entry, &self.path)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// See the module.
pub(super) struct JournalFormat;

impl<S, N> FormatEvent<S, N> for JournalFormat
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
        writer.write_str("MESSAGE=")?;
        Sentence::write(&mut writer, event)?;
        let (level, target) = (event.metadata().level(), event.metadata().target());
        write!(
            writer,
            "\nPRIORITY={}\nSYSLOG_IDENTIFIER=tidewire\n{PREFIX}TARGET={target}\n",
            priority(*level)
        )?;
        let mut fields = Fields { writer, result: Ok(()) };
        event.record(&mut fields);
        fields.result
    }
}

/// Stands before the names of fields.
const PREFIX: &str = "TIDEWIRE_";

/// As in syslog. (RFC 5424, section 6.2.1)
fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    }
}

/// Writes an event's fields, a line for each.
struct Fields<'w> {
    writer: Writer<'w>,
    result: fmt::Result,
}

impl Fields<'_> {
    fn put(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        if self.result.is_err() || field.name() == "message" {
            return;
        }
        self.result = self.try_to_put(field.name(), value);
    }

    /// Names are of upper case letters, digits and underscores.
    fn try_to_put(&mut self, name: &str, value: fmt::Arguments<'_>) -> fmt::Result {
        self.writer.write_str(PREFIX)?;
        for letter in name.chars() {
            let letter = letter.to_ascii_uppercase();
            let is_allowed = letter.is_ascii_uppercase() || letter.is_ascii_digit();
            self.writer.write_char(if is_allowed { letter } else { '_' })?;
        }
        self.writer.write_char('=')?;
        Escaped(&mut self.writer).write_fmt(value)?;
        self.writer.write_char('\n')
    }
}

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format_args!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_known_by_device_and_inode() {
        for (named, is_it) in [
            ("8:4711", true),
            ("8:4712", false),
            ("9:4711", false),
            ("8", false),
            ("", false),
            ("8:x", false),
        ] {
            assert_eq!(names_stream(named, 8, 4711), is_it, "{named:?}");
        }
    }
}
