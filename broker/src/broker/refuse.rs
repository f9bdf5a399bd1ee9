//! Telling the log and the counters that something was refused. Whoever refuses calls this once, and says to
//! the client what its protocol has words for.

use std::fmt::Display;

use super::Broker;
use crate::counters::RefusalReason;
use crate::refusal_log::{LINES_PER_SECOND_MAX, Verdict};
use crate::session::Link;

/// One refusal.
pub struct Refused<'a> {
    /// Why.
    pub reason: RefusalReason,
    /// The listener, where it is known.
    pub listener: Option<&'a str>,
    /// The client's identifier, where it is known.
    pub client_id: Option<&'a str>,
    /// Why, in words; put together only when they are written.
    pub detail: &'a dyn Display,
}

impl Broker {
    /// Counts a refusal, and writes it into the log, if that has a line left for it.
    pub fn note_refusal(&self, link: &Link, refused: &Refused<'_>) {
        let Refused { reason, listener, client_id, detail } = *refused;
        self.counters.refused.add(reason);
        match self.refusal_log.judge(self.now()) {
            Verdict::Write { unlogged } => {
                if unlogged > 0 {
                    tracing::warn!("{unlogged} more refusals were not logged");
                }
                // As a string it is escaped: parts of it come from outside.
                let (reason, detail) = (reason.name(), detail.to_string());
                tracing::info!(listener, %link, client_id, reason, detail, "refused");
            }
            Verdict::Announce => tracing::warn!(
                "more than {LINES_PER_SECOND_MAX} refusals in this second: the others are counted and not logged"
            ),
            Verdict::Withhold => {}
        }
    }
}
