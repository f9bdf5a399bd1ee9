//! A store made of text that an export has written.

use std::collections::HashMap;
use std::io::{self, BufRead};
use std::sync::Arc;
use std::time::Duration;

use super::DiskStore;
use super::text::{DeliveryLine, Line, SessionLine, TEXT_FORMAT, qos};
use crate::message::Message;
use crate::store::record::{Record, SettledState};
use crate::store::{Batch, Store};

/// Records that are applied at once.
const BATCH: usize = 1_000;
/// How often is looked whether the disk fails.
const PATIENCE: Duration = Duration::from_secs(1);

/// Text that no store can be made of.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The text could not be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A line is wrong.
    #[error("line {line}: {what}")]
    Line {
        /// Which, from 1.
        line: u64,
        /// What is wrong with it.
        what: String,
    },
    /// The store is not empty.
    #[error("the store is not empty: import into a new data directory")]
    NotEmpty,
    /// The disk refuses.
    #[error("the disk takes nothing: it is full or failing")]
    Store,
}

impl DiskStore {
    /// Takes everything that `text` tells of into this store, which must be empty. Returns the number of lines. After an
    /// error a part of it may be there.
    ///
    /// # Errors
    ///
    /// [`ImportError`].
    pub fn import(&self, text: impl BufRead) -> Result<u64, ImportError> {
        {
            let image = self.image.lock();
            if !image.sessions.is_empty() || !image.queues.is_empty() || !image.retained.is_empty() {
                return Err(ImportError::NotEmpty);
            }
        }
        let mut import =
            Import { store: self, batch: Batch::default(), messages: HashMap::new(), ended: false };
        let mut number = 0;
        for line in text.lines() {
            number += 1;
            let at = |what: String| ImportError::Line { line: number, what };
            let line = serde_json::from_str(&line?).map_err(|error| at(error.to_string()))?;
            import.line(number, line).map_err(at)?;
            if import.batch.len() >= BATCH {
                import.apply()?;
            }
        }
        if !import.ended {
            return Err(ImportError::Line {
                line: number,
                what: "the end is missing: it was cut short".into(),
            });
        }
        import.apply()?;
        import.wait()?;
        Ok(number)
    }
}

struct Import<'s> {
    store: &'s DiskStore,
    batch: Batch,
    messages: HashMap<u64, Arc<Message>>,
    ended: bool,
}

impl Import<'_> {
    fn line(&mut self, number: u64, line: Line) -> Result<(), String> {
        if self.ended {
            return Err("nothing may follow the end".to_owned());
        }
        match line {
            Line::Tidewire { format } if number == 1 => {
                if format > TEXT_FORMAT {
                    return Err(format!(
                        "format {format} is newer than {TEXT_FORMAT}, which this version reads"
                    ));
                }
            }
            Line::Tidewire { .. } => return Err("the first line came twice".to_owned()),
            _ if number == 1 => {
                return Err("this is no export: its first line must say \"tidewire\"".to_owned());
            }
            Line::Session(session) => self.session(session)?,
            Line::Message(line) => {
                let id = line.id.ok_or("a message needs an id")?;
                self.messages.insert(id, Arc::new(line.to_message()?));
            }
            Line::Delivery(delivery) => self.delivery(&delivery)?,
            Line::Queued(line) => {
                let message = self.message(line.message)?;
                self.batch.push(Record::Enqueued {
                    queue: line.queue,
                    priority: line.priority.min(9),
                    sequence: line.sequence,
                    message,
                    deliveries: line.deliveries,
                });
            }
            Line::Retained(line) => {
                let message = Arc::new(line.to_message()?);
                self.batch.push(Record::Retained { message });
            }
            Line::End { lines } => {
                if lines != number {
                    return Err(format!("{lines} lines were written, and this is line {number}"));
                }
                self.ended = true;
            }
        }
        Ok(())
    }

    fn message(&self, id: u64) -> Result<Arc<Message>, String> {
        self.messages.get(&id).cloned().ok_or_else(|| format!("there is no message {id} before this line"))
    }

    fn session(&mut self, line: SessionLine) -> Result<(), String> {
        let session = line.session;
        let (kind, client_id, expiry_secs) = (line.kind.into(), line.client_id, line.expiry_secs);
        let opened = Record::SessionOpened { session, kind, client_id, expiry_secs };
        self.batch.push(opened.clone());
        for one in line.subscriptions {
            self.batch.push(Record::Subscribed {
                session,
                filter: one.filter,
                qos: qos(one.qos)?,
                options: one.options,
                identifier: one.identifier,
                selector: one.selector,
            });
        }
        for packet_id in line.received {
            self.batch.push(Record::Received { session, packet_id });
        }
        if let Some(will) = line.will {
            let message = Arc::new(will.message.to_message()?);
            let (delay_secs, expiry_secs) = (will.delay_secs, will.expiry_secs);
            self.batch.push(Record::WillSet { session, message, delay_secs, expiry_secs });
        }
        let (closed_at, sent_to) = (line.closed_at_unix_ms, line.sent_to);
        let at_unix_ms = closed_at.unwrap_or(0);
        self.batch.push(Record::SessionClosed { session, at_unix_ms, sent_to });
        if closed_at.is_none() {
            self.batch.push(opened);
        }
        Ok(())
    }

    fn delivery(&mut self, line: &DeliveryLine) -> Result<(), String> {
        let (session, sequence) = (line.session, line.sequence);
        let (message, terms) = (self.message(line.message)?, line.terms()?);
        self.batch.push(Record::Queued { session, sequence, message, terms });
        if line.is_received {
            self.batch.push(Record::Settled { session, sequence, state: SettledState::Received });
        }
        Ok(())
    }

    fn apply(&mut self) -> Result<(), ImportError> {
        self.store.apply(&mut self.batch).map_err(|_| ImportError::Store)?;
        if self.store.is_congested() { self.wait() } else { Ok(()) }
    }

    fn wait(&self) -> Result<(), ImportError> {
        while !self.store.wait_until_durable(self.store.applied(), PATIENCE) {
            if self.store.is_failing() {
                return Err(ImportError::Store);
            }
        }
        Ok(())
    }
}
