//! Time as an argument: the shell reads the clock once a turn, everything below it takes a [`Now`].

use std::fmt;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::{Serialize, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// One reading of both clocks. `instant` measures how long things took; `unix_ms` is what crosses the wire and the
/// disk (STOMP's `expires`, a message's expiry), since an [`Instant`] means nothing to another process.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// Monotonic time: deadlines and intervals.
    pub instant: Instant,
    /// Wall-clock time in milliseconds since the Unix epoch.
    pub unix_ms: u64,
}

impl Now {
    /// The wall-clock time in whole seconds since the epoch, as tokens count it.
    pub fn unix_secs(&self) -> u64 {
        self.unix_ms / 1000
    }

    /// The wall-clock time that lies `after` from now, in milliseconds since the epoch.
    pub fn unix_ms_after(&self, after: Duration) -> u64 {
        self.unix_ms.saturating_add(u64::try_from(after.as_millis()).unwrap_or(u64::MAX))
    }
}

/// A point in time for people and programs: milliseconds since the Unix epoch, written as RFC 3339 has it, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// The end of RFC 3339's years, 9999-12-31T23:59:59.999Z: what lies behind it is written so.
    const MAX_MS: u64 = 253_402_300_799_999;
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = i128::from(self.0.min(Self::MAX_MS)) * 1_000_000;
        let time = OffsetDateTime::from_unix_timestamp_nanos(nanos).map_err(|_| fmt::Error)?;
        formatter.write_str(&time.format(&Rfc3339).map_err(|_| fmt::Error)?)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Where [`Now`] comes from.
#[derive(Clone, Debug)]
pub struct Clock {
    /// In tests the wall clock is tied to the runtime's clock, which can be paused; a daemon that runs for months
    /// asks the system instead, because the two drift apart.
    tied: Option<(tokio::time::Instant, u64)>,
}

impl Clock {
    /// The system's clocks.
    pub fn system() -> Self {
        Self { tied: None }
    }

    /// A wall clock that starts at `unix_ms` and then follows the runtime's clock, virtual time included.
    pub fn tied_to_runtime(unix_ms: u64) -> Self {
        Self { tied: Some((tokio::time::Instant::now(), unix_ms)) }
    }

    /// Reads both clocks. Must be called inside a runtime.
    pub fn now(&self) -> Now {
        let instant = tokio::time::Instant::now();
        let unix_ms = match self.tied {
            Some((start, unix_ms)) => unix_ms + millis(instant.duration_since(start)),
            None => millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()),
        };
        Now { instant: instant.into_std(), unix_ms }
    }
}

/// Limits of rate run on the same time.
impl governor::clock::Clock for Clock {
    type Instant = Instant;

    fn now(&self) -> Instant {
        self.now().instant
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_is_written_for_people() {
        for (unix_ms, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (1_700_000_000_123, "2023-11-14T22:13:20.123Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
            (u64::MAX, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(Timestamp(unix_ms).to_string(), text);
        }
    }
}
