//! The seam for authentication in several steps: what a method is asked, and what it answers.

use super::Identity;

/// One enhanced authentication under way. It knows its method's messages and nothing of the packets that carry them.
///
/// ```text
///   client          server
///   CONNECT data ─▶ step ─▶ Continue: AUTH with data
///   AUTH data    ─▶ step ─▶ Continue … or Done, or Refused
/// ```
pub trait Exchange: Send {
    /// Takes the client's next message; an empty one where the packet carried no data.
    fn step(&mut self, data: &[u8]) -> Step;
}

/// What follows from a client's message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The client is to answer this.
    Continue(Vec<u8>),
    /// It has proved who it is.
    Done {
        /// Who.
        identity: Identity,
        /// The last word, by which the server proves itself; may be empty.
        data: Vec<u8>,
    },
    /// It has not; why, in words that help its developer and tell an attacker nothing.
    Refused(&'static str),
}
