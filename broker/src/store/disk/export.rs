//! A consistent copy of everything, as text: of a store that is at rest, or of one that is in use.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::backlog::Backlog;
use super::image::{Image, SessionImage};
use super::keeper::Keeper;
use super::text::{
    DeliveryLine, Line, MessageLine, QueuedLine, SessionLine, SubscriptionLine, TEXT_FORMAT, WillLine,
};

/// Lines between which others are served.
const LINES_BETWEEN: u64 = 256;

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// Lines, the first and the last included.
    pub lines: u64,
    /// Messages.
    pub messages: u64,
    /// Messages that could not be read, and what waits for them with them.
    pub unreadable: u64,
}

impl Keeper {
    /// Writes everything that is durable at this moment. What is settled while this runs is in it all the same; no
    /// checkpoint moves anything until it is over.
    pub(super) fn export(&mut self, out: &mut dyn Write) -> io::Result<Exported> {
        let image = self.desk.image.lock().clone();
        let mut export = Export { out, exported: Exported::default(), written: HashSet::new() };
        export.line(&Line::Tidewire { format: TEXT_FORMAT })?;
        let mut sessions: Vec<_> = image.sessions.iter().collect();
        sessions.sort_unstable_by_key(|(number, _)| **number);
        for (number, session) in sessions {
            export.line(&Line::Session(session_line(*number, session)))?;
            for (sequence, entry) in &session.backlog.entries {
                if export.message(self, &image, entry.message)? {
                    let terms = entry.terms();
                    let line = DeliveryLine::of(*number, *sequence, entry.message, entry.is_received, &terms);
                    export.line(&Line::Delivery(line))?;
                }
            }
        }
        let mut queues: Vec<_> = image.queues.iter().collect();
        queues.sort_unstable_by_key(|(name, _)| *name);
        for (name, Backlog { entries, .. }) in queues {
            for (sequence, entry) in entries {
                if export.message(self, &image, entry.message)? {
                    export.line(&Line::Queued(QueuedLine {
                        queue: name.clone(),
                        sequence: *sequence,
                        priority: entry.priority,
                        deliveries: entry.deliveries,
                        message: entry.message,
                    }))?;
                }
            }
        }
        let mut retained: Vec<_> = image.retained.iter().collect();
        retained.sort_unstable_by_key(|(topic, _)| *topic);
        for (_, message) in retained {
            export.line(&Line::Retained(MessageLine::of(None, message)))?;
        }
        let lines = export.exported.lines + 1;
        export.line(&Line::End { lines })?;
        export.out.flush()?;
        Ok(export.exported)
    }
}

struct Export<'o> {
    out: &'o mut dyn Write,
    exported: Exported,
    /// Messages that were written already.
    written: HashSet<u64>,
}

impl Export<'_> {
    fn line(&mut self, line: &Line) -> io::Result<()> {
        serde_json::to_writer(&mut *self.out, line)?;
        self.out.write_all(b"\n")?;
        self.exported.lines += 1;
        Ok(())
    }

    /// Writes a message unless it was; whether it could be read.
    fn message(&mut self, keeper: &mut Keeper, image: &Image, message: u64) -> io::Result<bool> {
        if self.exported.lines.is_multiple_of(LINES_BETWEEN) {
            keeper.serve_between();
        }
        if self.written.contains(&message) {
            return Ok(true);
        }
        let read = image.messages.get(&message).and_then(|stored| keeper.read(message, stored.location).ok());
        let Some(read) = read else {
            self.exported.unreadable += 1;
            return Ok(false);
        };
        self.written.insert(message);
        self.exported.messages += 1;
        self.line(&Line::Message(MessageLine::of(Some(message), &read)))?;
        Ok(true)
    }
}

fn session_line(number: u64, session: &SessionImage) -> SessionLine {
    let subscriptions = session.subscriptions.iter().map(|(filter, terms)| SubscriptionLine {
        filter: filter.clone(),
        qos: terms.qos.as_u8(),
        options: terms.options,
        identifier: terms.identifier,
        selector: terms.selector.clone(),
    });
    SessionLine {
        session: number,
        kind: session.kind.into(),
        client_id: session.client_id.clone(),
        expiry_secs: session.expiry_secs,
        closed_at_unix_ms: session.closed_at,
        sent_to: session.sent_to,
        subscriptions: subscriptions.collect(),
        received: session.received.iter().copied().collect(),
        will: session.will.as_ref().map(|will| WillLine {
            delay_secs: will.delay_secs,
            expiry_secs: will.expiry_secs,
            message: MessageLine::of(None, &will.message),
        }),
    }
}

/// Writes a file that is there as a whole or not at all.
pub(super) fn write_whole(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<Exported>,
) -> io::Result<Exported> {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".unfinished");
    let unfinished = path.with_file_name(name);
    let written = File::create(&unfinished).and_then(|file| {
        let mut out = BufWriter::with_capacity(1 << 20, file);
        let exported = write(&mut out)?;
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&unfinished, path)?;
        Ok(exported)
    });
    let exported = written.inspect_err(|_| {
        let _ = fs::remove_file(&unfinished);
    })?;
    if let Some(dir) = path.parent().filter(|dir| !dir.as_os_str().is_empty()) {
        super::journal::sync_dir(dir)?;
    }
    Ok(exported)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_there_as_a_whole_or_not_at_all_and_no_other_suffers() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let other = folder.path().join("x.unfinished");
        fs::write(&other, "another backup").unwrap();
        let failed = write_whole(&path, |out| {
            out.write_all(b"half of it")?;
            Err(io::ErrorKind::StorageFull.into())
        });
        assert_eq!(failed.unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left behind");
        write_whole(&path, |out| out.write_all(b"all of it").map(|()| Exported::default())).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "all of it");
        assert_eq!(fs::read_to_string(&other).unwrap(), "another backup");
    }
}
