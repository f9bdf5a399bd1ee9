//! The archive's room on disk is kept in proportion to what lives in it: when it takes too much, what is alive is copied
//! into a new one, which then takes its place.

use super::archive::ArchiveError;
use super::image::Image;
use super::keeper::Keeper;

/// Room that an archive may take whatever is in it.
const SMALL_BYTES: u64 = 2 << 20;

impl Keeper {
    /// Whether the archive takes more than one and three quarters of what it needs, and has grown so since it was made.
    pub(super) fn wants_renewal(&self) -> bool {
        let bytes = self.archive.disk_bytes();
        let is_too_large = |needed: u64| bytes > SMALL_BYTES + needed + needed / 4 * 3;
        is_too_large(self.desk.image.lock().archived_bytes()) && is_too_large(self.renewed_bytes)
    }

    /// Makes the archive anew.
    pub(super) fn renew(&mut self) -> Result<(), ArchiveError> {
        let Self { desk, archive, .. } = self;
        archive.renew(|archive| desk.serve_between(archive))?;
        self.renewed_bytes = self.archive.disk_bytes();
        Ok(())
    }
}

impl Image {
    /// Bytes that the archive needs, roughly.
    fn archived_bytes(&self) -> u64 {
        /// A session without its subscriptions; a subscription; an entry in a chunk.
        const SESSION: usize = 64;
        const SUBSCRIPTION: usize = 32;
        const ENTRY: usize = 16;
        let chunks: u64 = self.chunks.values().map(|chunk| u64::from(chunk.bytes)).sum();
        let retained: usize = self.retained.values().map(|message| message.weight()).sum();
        let backlogs = self.sessions.values().map(|session| &session.backlog).chain(self.queues.values());
        let entries: u64 = backlogs
            .flat_map(|backlog| backlog.chunks.values())
            .map(|chunk| u64::from(chunk.live) * ENTRY as u64)
            .sum();
        let sessions: usize = self
            .sessions
            .values()
            .map(|session| SESSION + session.subscriptions.len() * SUBSCRIPTION + session.client_id.len())
            .sum();
        chunks + entries + (retained + sessions) as u64
    }
}
