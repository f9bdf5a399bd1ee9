//! The protocol's versions, and which of them two peers share.

use std::fmt;

/// A version of STOMP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// 1.0: no escapes, no heart-beats.
    V10,
    /// 1.1: escapes for LF, colon and backslash.
    V11,
    /// 1.2: an escape for CR besides, and CR LF ends a line as LF does.
    V12,
}

impl Version {
    /// All versions, the oldest first.
    pub const ALL: [Self; 3] = [Self::V10, Self::V11, Self::V12];

    /// The version as headers write it, such as `1.2`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V10 => "1.0",
            Self::V11 => "1.1",
            Self::V12 => "1.2",
        }
    }

    /// Reads one version as [`as_str`](Self::as_str) writes it.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|version| version.as_str() == text)
    }

    /// The highest version that a CONNECT's `accept-version` shares with us (STOMP12-NEGOTIATE-2).
    ///
    /// A client without the header speaks 1.0 only (STOMP12-NEGOTIATE-1). `None` asks for an ERROR that lists
    /// [`ALL`](Self::ALL) (STOMP12-NEGOTIATE-3). Spaces around the items are forgiven: they cannot mean anything else.
    pub fn negotiate(accept_version: Option<&str>) -> Option<Self> {
        match accept_version {
            None => Some(Self::V10),
            Some(list) => list.split(',').filter_map(|item| Self::parse(item.trim())).max(),
        }
    }

    /// Whether CR LF ends a line as LF does (STOMP12-FRAME-2, STOMP11-FRAME-1).
    pub(super) const fn has_crlf(self) -> bool {
        matches!(self, Self::V12)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
