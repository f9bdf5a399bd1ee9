//! What is in a store: for people who look at one.

use std::fmt;
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;

use super::export::{Exported, write_whole};
use super::keeper::{Job, Keeper};
use super::{DiskStore, image::Image};
use crate::store::StoreReport;

/// Counts of everything that is durable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Sessions.
    pub sessions: usize,
    /// Their subscriptions.
    pub subscriptions: usize,
    /// Messages that wait for sessions; one that waits for several counts with each.
    pub deliveries: usize,
    /// Work queues that hold messages.
    pub queues: usize,
    /// Their messages.
    pub queued: usize,
    /// Retained messages.
    pub retained: usize,
    /// Wills.
    pub wills: usize,
    /// Messages that wait, each once.
    pub messages: usize,
    /// Their bytes: payload, topic and properties.
    pub message_bytes: u64,
    /// Segments of the journal.
    pub segments: usize,
    /// Chunks of messages in the archive.
    pub chunks: usize,
    /// Bytes of those chunks.
    pub chunk_bytes: u64,
    /// Bytes of them that somebody still waits for.
    pub live_chunk_bytes: u64,
    /// Bytes of the archive on disk.
    pub archive_disk_bytes: u64,
    /// Groups that were committed since the start, and batches in them.
    pub groups: u64,
    /// Batches that were committed since the start.
    pub batches: u64,
    /// Checkpoints since the start.
    pub checkpoints: u64,
    /// Attempts to write that the disk refused since the start.
    pub failures: u64,
    /// Messages that could not be read back since the start.
    pub unreadable: u64,
}

impl fmt::Display for Stats {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows: [(&str, u64); 14] = [
            ("sessions", self.sessions as u64),
            ("subscriptions", self.subscriptions as u64),
            ("wills", self.wills as u64),
            ("deliveries that wait", self.deliveries as u64),
            ("queues with messages", self.queues as u64),
            ("messages in queues", self.queued as u64),
            ("retained messages", self.retained as u64),
            ("messages that wait", self.messages as u64),
            ("bytes of those", self.message_bytes),
            ("segments of the journal", self.segments as u64),
            ("chunks in the archive", self.chunks as u64),
            ("bytes of those", self.chunk_bytes),
            ("bytes of those in use", self.live_chunk_bytes),
            ("bytes of the archive on disk", self.archive_disk_bytes),
        ];
        for (name, value) in rows {
            writeln!(formatter, "{name:<30} {value:>15}")?;
        }
        Ok(())
    }
}

impl DiskStore {
    /// Counts what there is.
    pub fn stats(&self) -> Stats {
        let counted = self.image.lock().stats();
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            segments: self.segments.len(),
            archive_disk_bytes: read(&self.kept.archive_bytes),
            groups: read(&self.commits.groups),
            batches: read(&self.commits.batches),
            failures: read(&self.commits.failures),
            checkpoints: read(&self.kept.checkpoints),
            unreadable: read(&self.kept.unreadable),
            ..counted
        }
    }

    /// How it fares, told in no time: nothing is counted for it.
    pub(super) fn report(&self) -> StoreReport {
        let kept = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        StoreReport {
            commit: self.commits.times.spread(1e9),
            group: self.commits.sizes.spread(1.0),
            failures: kept(&self.commits.failures),
            pending_bytes: self.commits.pending_bytes(),
            messages: self.image.lock().messages.len() as u64,
            archive_bytes: kept(&self.kept.archive_bytes),
            segments: self.segments.len() as u64,
            unreadable: kept(&self.kept.unreadable),
        }
    }

    /// Writes everything that is durable as text: see [`DiskStore::import`]. The store can be in use.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn export(&self, mut out: impl Write + Send + 'static) -> io::Result<Exported> {
        self.ask(move |keeper| keeper.export(&mut out))?
    }

    /// The same into a file, which is there as a whole or not at all: a backup.
    ///
    /// # Errors
    ///
    /// Those of the file.
    pub fn backup(&self, path: &Path) -> io::Result<Exported> {
        let path = path.to_owned();
        self.ask(move |keeper| write_whole(&path, |out| keeper.export(out)))?
    }

    /// Reads every message that waits, and says which cannot be read.
    ///
    /// # Errors
    ///
    /// When the keeper is gone.
    pub fn unreadable_messages(&self) -> io::Result<Vec<String>> {
        self.ask(|keeper| {
            let mut messages: Vec<_> = keeper
                .desk
                .image
                .lock()
                .messages
                .iter()
                .map(|(number, stored)| (*number, stored.location))
                .collect();
            messages.sort_unstable_by_key(|(number, at)| (at.place, at.offset, *number));
            let mut unreadable = Vec::new();
            for (message, at) in messages {
                if let Err(error) = keeper.read(message, at) {
                    unreadable.push(format!("message {message} in {:?}: {error}", at.place));
                }
                keeper.serve_between();
            }
            unreadable
        })
    }

    /// Has the keeper do something, and waits for it.
    fn ask<R: Send + 'static>(&self, act: impl FnOnce(&mut Keeper) -> R + Send + 'static) -> io::Result<R> {
        let (answer, answered) = channel();
        let job = Job::Run(Box::new(move |keeper| {
            let _ = answer.send(act(keeper));
        }));
        let ended = || io::Error::other("the store has ended");
        self.jobs.send(job).map_err(|_| ended())?;
        answered.recv().map_err(|_| ended())
    }
}

impl Image {
    fn stats(&self) -> Stats {
        let sessions = self.sessions.values();
        Stats {
            sessions: self.sessions.len(),
            subscriptions: sessions.clone().map(|session| session.subscriptions.len()).sum(),
            deliveries: sessions.clone().map(|session| session.backlog.entries.len()).sum(),
            wills: sessions.filter(|session| session.will.is_some()).count(),
            queues: self.queues.len(),
            queued: self.queues.values().map(|backlog| backlog.entries.len()).sum(),
            retained: self.retained.len(),
            messages: self.messages.len(),
            message_bytes: self.messages.values().map(|stored| u64::from(stored.weight)).sum(),
            chunks: self.chunks.len(),
            chunk_bytes: self.chunks.values().map(|chunk| u64::from(chunk.bytes)).sum(),
            live_chunk_bytes: self.chunks.values().map(|chunk| u64::from(chunk.live_bytes)).sum(),
            ..Stats::default()
        }
    }
}
