//! The `heart-beat` header: how often each side promises to send, and wishes to receive.

use std::fmt;

use nom::bytes::complete::tag;
use nom::combinator::all_consuming;
use nom::sequence::separated_pair;
use nom::{Finish, Parser};

use super::error::{Error, ErrorKind, Fault};
use super::line::number;

/// One side's offer, in milliseconds; 0 means none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeartBeat {
    /// The sender of this header can send something at least this often.
    pub guarantees_ms: u32,
    /// The sender of this header would like to receive something at least this often.
    pub wants_ms: u32,
}

impl HeartBeat {
    /// Reads the header's value: two integers and a comma (STOMP12-HEARTBEAT-1). A missing header is
    /// [`HeartBeat::default`] (STOMP12-HEARTBEAT-2).
    ///
    /// An interval beyond 32 bits (49 days) counts as the longest one.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let (_, (guarantees, wants)) = all_consuming(separated_pair(number, tag(&b","[..]), number))
            .parse(text.as_bytes())
            .finish()
            .map_err(|_: Fault| {
                let detail = "heart-beat is two numbers of milliseconds, such as 10000,10000";
                Error::new(ErrorKind::BadHeartBeat, "STOMP12-HEARTBEAT-1", detail)
            })?;
        let milliseconds = |number| u32::try_from(number).unwrap_or(u32::MAX);
        Ok(Self { guarantees_ms: milliseconds(guarantees), wants_ms: milliseconds(wants) })
    }

    /// The intervals that hold for a connection: (client to server, server to client), 0 for none
    /// (STOMP12-HEARTBEAT-3, -4).
    pub fn negotiate(client: Self, server: Self) -> (u32, u32) {
        (
            interval_ms(client.guarantees_ms, server.wants_ms),
            interval_ms(server.guarantees_ms, client.wants_ms),
        )
    }
}

impl fmt::Display for HeartBeat {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{},{}", self.guarantees_ms, self.wants_ms)
    }
}

/// The slower of what one side can do and the other wishes; none when either says 0.
fn interval_ms(guarantees_ms: u32, wants_ms: u32) -> u32 {
    if guarantees_ms == 0 || wants_ms == 0 { 0 } else { guarantees_ms.max(wants_ms) }
}
