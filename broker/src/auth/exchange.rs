//! The seam for authentication in several steps: what a method is asked, and what it answers.

use super::{Check, Vouched};

/// One enhanced authentication under way. It knows its method's messages and nothing of the packets that carry them.
///
/// ```text
///   client          server
///   CONNECT data ─▶ step ─▶ Continue: AUTH with data
///   AUTH data    ─▶ step ─▶ Continue … or Done, or Ask, or Refused
/// ```
pub trait Exchange: Send {
    /// Takes the client's next message; an empty one where the packet carried no data. The time is in seconds since the
    /// Unix epoch.
    fn step(&mut self, data: &[u8], now_secs: u64) -> Step;
}

/// What follows from a client's message.
pub enum Step {
    /// The client is to answer this.
    Continue(Vec<u8>),
    /// It has proved who it is.
    Done {
        /// Who.
        vouched: Vouched,
        /// The last word, by which the server proves itself; may be empty.
        data: Vec<u8>,
    },
    /// Whether it has is for this to say.
    Ask(Check),
    /// It has not; why, in words that help its developer and tell an attacker nothing.
    Refused(&'static str),
}
