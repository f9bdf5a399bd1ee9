//! Whether anybody may log in over a connection now, whoever it is.

use std::time::Instant;

use super::Broker;
use crate::auth::Denial;
use crate::counters::RefusalReason;
use crate::session::Link;

/// Why nobody may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Barred {
    /// The operator keeps its address away.
    ByOperator,
    /// Too many logins from its address have failed, of others on other connections as well.
    Banned {
        /// Seconds until it may try again.
        secs: u128,
    },
    /// The memory is full.
    MemoryFull,
}

/// What it counts as when a client is not let in, or may not renew itself.
pub fn counts_as(denial: &Denial) -> RefusalReason {
    match denial {
        Denial::Wrong(_) | Denial::Missing => RefusalReason::Credentials,
        Denial::Forbidden(_) => RefusalReason::NotAuthorized,
        Denial::Banned => RefusalReason::Kicked,
        Denial::TooMany | Denial::Busy => RefusalReason::TooMany,
        Denial::Unavailable => RefusalReason::Unavailable,
    }
}

impl Broker {
    /// Asked when a client says who it is.
    ///
    /// # Errors
    ///
    /// Why it is not looked at.
    pub fn check_admission(&self, link: &Link, now: Instant) -> Result<(), Barred> {
        self.check_ban(link, now)?;
        if self.memory.is_full() { Err(Barred::MemoryFull) } else { Ok(()) }
    }

    /// Asked again with each further step of a login, and with an answer that comes late, since others may have failed
    /// meanwhile: no answer is told then, neither yes nor no.
    ///
    /// # Errors
    ///
    /// Why the login ends.
    pub fn check_ban(&self, link: &Link, now: Instant) -> Result<(), Barred> {
        if self.keeps_away(link, now) {
            return Err(Barred::ByOperator);
        }
        match self.ban_secs(link, now) {
            Some(secs) => Err(Barred::Banned { secs }),
            None => Ok(()),
        }
    }
}
