//! What survives, and when it is acknowledged.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Size, Span};
use crate::store::{Options, Policy};

/// What survives.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StorageConfig {
    /// When an acknowledgement is given.
    pub sync: Sync,
    /// With `sync = "interval"`: how often is flushed what was written.
    pub sync_interval: Span,
    /// Bytes of the journal, before what is alive in its oldest part moves into the archive; 5 MiB to 16 GiB.
    pub journal_bytes_max: Size,
    /// Bytes that may wait for the disk in memory before clients are not read from; 1 MiB to 16 GiB.
    pub pending_bytes_max: Size,
}

/// When an acknowledgement is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Sync {
    /// Once what it promises is on disk.
    Always,
    /// Once it is written, and on disk a little later.
    Interval,
    /// Once it is written, and on disk when the system likes.
    Never,
    /// At once, and nothing is kept.
    Memory,
}

/// Parts that the journal has before its oldest is given up.
const SEGMENTS: usize = 5;

impl Default for StorageConfig {
    fn default() -> Self {
        Self {
            sync: Sync::Always,
            sync_interval: Span(Duration::from_millis(100)),
            journal_bytes_max: Size(160 << 20),
            pending_bytes_max: Size(64 << 20),
        }
    }
}

impl StorageConfig {
    /// How the store on disk is kept; `None` where nothing is kept.
    pub fn options(&self) -> Option<Options> {
        let policy = match self.sync {
            Sync::Always => Policy::Always,
            Sync::Interval => Policy::Interval(self.sync_interval.0),
            Sync::Never => Policy::Never,
            Sync::Memory => return None,
        };
        Some(Options {
            policy,
            segment_bytes: (self.journal_bytes_max.0 / SEGMENTS) as u64,
            segments_max: SEGMENTS,
            pending_bytes_max: self.pending_bytes_max.0 as u64,
        })
    }
}
