//! The keeper: one thread that reads stored messages back, writes checkpoints, and is the only one to touch the archive.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::archive::Archive;
use super::bodies::{Bodies, BodyError};
use super::commit::Commits;
use super::image::Image;
use super::journal::Segments;
use super::place::Location;
use crate::store::CommitId;
use crate::store::fetch::{Fetch, Fetched, Owner};
use crate::store::record::QueuedTerms;

/// How often is looked whether what is asked for has become durable.
const LOOK_AGAIN: Duration = Duration::from_millis(2);
/// How long a checkpoint that failed, or a disk that cannot be read, is left alone.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What the keeper is asked for.
pub(super) enum Job {
    /// Messages, once everything up to that commit is durable.
    Fetch(Fetch, CommitId),
    /// The journal has grown.
    Checkpoint,
    /// A file is wanted for a segment to come.
    Prepare,
    /// Something that needs the keeper's things and may take long.
    Run(Box<dyn FnOnce(&mut Keeper) + Send>),
    Stop,
}

/// What the keeper has done.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) checkpoints: AtomicU64,
    pub(super) checkpoint_failures: AtomicU64,
    /// Bytes of the archive on disk.
    pub(super) archive_bytes: AtomicU64,
    pub(super) unreadable: AtomicU64,
}

/// See the module.
pub(super) struct Keeper {
    pub(super) desk: Desk,
    pub(super) archive: Archive,
    /// Segments that the journal may have before the oldest is given up.
    pub(super) segments_max: usize,
    /// Bytes of a segment.
    pub(super) segment_bytes: u64,
    pub(super) next_chunk: u32,
    /// Bytes of the archive on disk when it was last made anew.
    pub(super) renewed_bytes: u64,
}

/// Where messages are asked for, and read back; also between the pieces of something long.
pub(super) struct Desk {
    pub(super) image: Arc<Mutex<Image>>,
    pub(super) commits: Arc<Commits>,
    pub(super) segments: Arc<Segments>,
    pub(super) bodies: Bodies,
    pub(super) kept: Arc<Kept>,
    pub(super) jobs: Receiver<Job>,
    /// Fetches that wait for a commit.
    pub(super) held: VecDeque<(CommitId, Fetch)>,
    /// Jobs that came while something long was under way.
    pub(super) later: VecDeque<Job>,
    /// Fetches for which the disk could not be read, and until when it is left alone.
    pub(super) troubled: Vec<Fetch>,
    pub(super) troubled_until: Instant,
}

impl Keeper {
    /// Works until it is told to stop.
    pub(super) fn run(mut self) {
        let mut retry_at: Option<Instant> = None;
        loop {
            let wait = match retry_at {
                _ if !self.desk.held.is_empty() => Some(LOOK_AGAIN),
                _ if !self.desk.troubled.is_empty() => Some(RETRY_AFTER / 10),
                Some(at) => Some(at.saturating_duration_since(Instant::now())),
                None => None,
            };
            let mut is_checkpoint_due = false;
            match self.desk.next_job(wait) {
                Ok(Job::Fetch(fetch, commit)) => self.desk.held.push_back((commit, fetch)),
                Ok(Job::Run(run)) => run(&mut self),
                Ok(Job::Checkpoint) => is_checkpoint_due = retry_at.is_none(),
                Ok(Job::Prepare) => self.prepare(),
                Ok(Job::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {}
            }
            self.desk.serve_held(&self.archive);
            if is_checkpoint_due || retry_at.is_some_and(|at| at <= Instant::now()) {
                retry_at = self.keep_short();
            }
        }
    }

    /// Writes checkpoints until the journal is short enough. Returns when to try again, if that failed.
    fn keep_short(&mut self) -> Option<Instant> {
        while self.desk.segments.len() > self.segments_max {
            if let Err(error) = self.checkpoint() {
                tracing::error!(%error, "a checkpoint failed: the journal grows until one succeeds");
                self.desk.kept.checkpoint_failures.fetch_add(1, Ordering::Relaxed);
                if let Err(error) = self.archive.reopen() {
                    tracing::error!(%error, "the archive cannot be opened");
                }
                return Some(Instant::now() + RETRY_AFTER);
            }
            self.desk.kept.checkpoints.fetch_add(1, Ordering::Relaxed);
        }
        let renewed = if self.wants_renewal() { self.renew() } else { Ok(()) };
        if let Err(error) = renewed {
            tracing::error!(%error, "the archive could not be made anew: it takes more room than it needs");
        }
        self.desk.kept.archive_bytes.store(self.archive.disk_bytes(), Ordering::Relaxed);
        None
    }

    /// Makes a file ready for a segment to come, unless one has become free. Without it that one is a little slower.
    fn prepare(&mut self) {
        if self.desk.segments.wants_spare()
            && let Err(error) = self.desk.segments.make_spare(self.segment_bytes)
        {
            tracing::debug!(%error, "no file could be made ready for the journal");
        }
    }

    /// Serves fetches between the pieces of something long.
    pub(super) fn serve_between(&mut self) {
        self.desk.serve_between(&self.archive);
    }

    /// Reads a message. A checkpoint of this thread cannot have moved it since it was found.
    pub(super) fn read(
        &mut self,
        message: u64,
        at: Location,
    ) -> Result<Arc<crate::message::Message>, BodyError> {
        self.desk.bodies.message(message, at, &self.desk.segments, &self.archive)
    }
}

impl Desk {
    fn next_job(&mut self, wait: Option<Duration>) -> Result<Job, RecvTimeoutError> {
        match (self.later.pop_front(), wait) {
            (Some(job), _) => Ok(job),
            (None, Some(wait)) => self.jobs.recv_timeout(wait),
            (None, None) => self.jobs.recv().map_err(|_| RecvTimeoutError::Disconnected),
        }
    }

    /// See [`Keeper::serve_between`].
    pub(super) fn serve_between(&mut self, archive: &Archive) {
        loop {
            match self.jobs.try_recv() {
                Ok(Job::Fetch(fetch, commit)) => self.held.push_back((commit, fetch)),
                // Whoever commits next asks again.
                Ok(Job::Checkpoint | Job::Prepare) => {}
                Ok(job) => self.later.push_back(job),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
            }
        }
        self.serve_held(archive);
    }

    /// Answers the fetches whose commits are durable.
    fn serve_held(&mut self, archive: &Archive) {
        if !self.troubled.is_empty() && self.troubled_until <= Instant::now() {
            let again = std::mem::take(&mut self.troubled);
            self.held.extend(again.into_iter().map(|fetch| (CommitId::NONE, fetch)));
        }
        for _ in 0..self.held.len() {
            let Some((commit, fetch)) = self.held.pop_front() else { return };
            if commit > self.commits.durable() {
                self.held.push_back((commit, fetch));
            } else {
                self.serve(fetch, archive);
            }
        }
    }

    /// Answers a fetch. A message that is damaged is not there; while the disk only fails to be read, it is tried again.
    fn serve(&mut self, fetch: Fetch, archive: &Archive) {
        let found: Vec<_> = {
            let image = self.image.lock();
            fetch.sequences.iter().map(|sequence| find(&image, &fetch.owner, *sequence)).collect()
        };
        let mut read = Vec::with_capacity(found.len());
        for wanted in found {
            let Some(Wanted { message, at, terms }) = wanted else {
                read.push(None);
                continue;
            };
            match self.bodies.message(message, at, &self.segments, archive) {
                Ok(message) => read.push(Some(Fetched { message, terms })),
                Err(error @ BodyError::Malformed(_)) => {
                    tracing::error!(message, %error, "a stored message cannot be read");
                    self.kept.unreadable.fetch_add(1, Ordering::Relaxed);
                    read.push(None);
                }
                Err(error) => {
                    tracing::error!(%error, "stored messages cannot be read at present, and are tried again");
                    self.troubled.push(fetch);
                    self.troubled_until = Instant::now() + RETRY_AFTER;
                    return;
                }
            }
        }
        let mut read = read.into_iter();
        fetch.find(|_| read.next().flatten());
        if self.held.is_empty() && self.image.lock().messages.is_empty() {
            self.bodies.clear();
        }
    }
}

struct Wanted {
    message: u64,
    at: Location,
    terms: Option<QueuedTerms>,
}

fn find(image: &Image, owner: &Owner, sequence: u64) -> Option<Wanted> {
    let entry = image.backlog(owner)?.entries.get(&sequence)?;
    let at = image.messages.get(&entry.message)?.location;
    let terms = matches!(owner, Owner::Session(_)).then(|| entry.terms());
    Some(Wanted { message: entry.message, at, terms })
}
