//! When a table that grows by what strangers do is looked through for what can be forgotten.

use std::sync::atomic::{AtomicU32, Ordering};

/// See the module. A table that is swept whenever one is due holds no more than what must be remembered, and at most as many
/// entries besides as there are between two sweeps.
#[derive(Debug, Default)]
pub(super) struct Sweep {
    entries: AtomicU32,
}

/// Entries from one sweep to the next: so many that looking at each costs next to nothing.
pub(super) const ENTRIES: u32 = 4096;

impl Sweep {
    /// Counts an entry that may be new; whether it is time.
    pub(super) fn is_due(&self) -> bool {
        self.entries.fetch_add(1, Ordering::Relaxed) % ENTRIES == ENTRIES - 1
    }
}
