//! What was refused, counted by reason.

use super::Counter;

/// Why the broker refused something: a connection, an upgrade, or one packet or frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalReason {
    /// Bytes that cannot be parsed.
    Malformed,
    /// What can be parsed and is forbidden here.
    Protocol,
    /// A packet, frame, message or request that is larger than it may be.
    TooLarge,
    /// Who connects has not proved who it is.
    Credentials,
    /// Something that this client may not do.
    NotAuthorized,
    /// There are as many as there may be: connections, subscriptions, messages of a queue.
    TooMany,
    /// A TLS handshake that failed.
    Tls,
    /// A WebSocket upgrade: path, origin, subprotocol, or what else a request must say.
    Upgrade,
    /// A connection's first words did not come in time.
    Timeout,
    /// A client that was connected was not heard for too long.
    KeepAlive,
    /// Another connection uses the client's identifier.
    TakenOver,
    /// Whoever runs the server has ended the connection, or bans who comes.
    Kicked,
    /// More waits for a client than may.
    SlowConsumer,
    /// The server stops.
    ShuttingDown,
    /// The client is sent to another server.
    Redirected,
    /// The server cannot do it at present: its disk takes nothing.
    Unavailable,
    /// The memory that there may be is full.
    Memory,
    /// Anything else.
    Other,
}

impl RefusalReason {
    /// All of them, in the order in which they are declared.
    pub const ALL: [Self; 18] = [
        Self::Malformed,
        Self::Protocol,
        Self::TooLarge,
        Self::Credentials,
        Self::NotAuthorized,
        Self::TooMany,
        Self::Tls,
        Self::Upgrade,
        Self::Timeout,
        Self::KeepAlive,
        Self::TakenOver,
        Self::Kicked,
        Self::SlowConsumer,
        Self::ShuttingDown,
        Self::Redirected,
        Self::Unavailable,
        Self::Memory,
        Self::Other,
    ];

    /// Its name in logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Protocol => "protocol",
            Self::TooLarge => "too_large",
            Self::Credentials => "credentials",
            Self::NotAuthorized => "not_authorized",
            Self::TooMany => "too_many",
            Self::Tls => "tls",
            Self::Upgrade => "upgrade",
            Self::Timeout => "timeout",
            Self::KeepAlive => "keep_alive",
            Self::TakenOver => "taken_over",
            Self::Kicked => "kicked",
            Self::SlowConsumer => "slow_consumer",
            Self::ShuttingDown => "shutting_down",
            Self::Redirected => "redirected",
            Self::Unavailable => "unavailable",
            Self::Memory => "memory",
            Self::Other => "other",
        }
    }
}

/// A count for each reason.
#[derive(Debug, Default)]
pub struct RefusedCounters([Counter; RefusalReason::ALL.len()]);

impl RefusedCounters {
    /// One more.
    pub fn add(&self, reason: RefusalReason) {
        self.0[reason as usize].add(1);
    }

    /// How many there were for this reason.
    pub fn value(&self, reason: RefusalReason) -> u64 {
        self.0[reason as usize].value()
    }

    /// How many there were, for whatever reason.
    pub fn total(&self) -> u64 {
        self.0.iter().map(Counter::value).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_a_place_and_a_name_of_its_own() {
        let counters = RefusedCounters::default();
        let mut names: Vec<_> = RefusalReason::ALL.map(RefusalReason::name).into();
        for (place, reason) in RefusalReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, place, "{reason:?}");
            counters.add(reason);
            assert_eq!((counters.value(reason), counters.total()), (1, place as u64 + 1), "{reason:?}");
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), RefusalReason::ALL.len());
    }
}
