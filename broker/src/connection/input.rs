//! What a connection reads, and how its protocol gets it.

use bytes::{Buf, BytesMut};

use super::{Flow, Protocol};
use crate::turn::Turn;

/// What came of reading.
pub(super) enum Input {
    /// The socket was not asked.
    NotAsked,
    /// Nothing has arrived; the socket wakes the task when something does.
    Nothing,
    /// Something was handled, and there may be more.
    Part,
    /// Something was handled, and that was all; the socket wakes the task when there is more.
    All,
    /// The peer is gone.
    Ended,
}

/// Lets the protocol handle `bytes`, behind what is left from before. In the usual case nothing is, and whole packets
/// are handled right where they were read.
pub(super) fn handle(
    protocol: &mut dyn Protocol,
    turn: &mut Turn<'_>,
    tail: &mut BytesMut,
    bytes: &[u8],
) -> Flow {
    turn.carried.read += bytes.len() as u64;
    if tail.is_empty() {
        let (used, flow) = protocol.handle_input(turn, bytes);
        tail.extend_from_slice(&bytes[used..]);
        return flow;
    }
    tail.extend_from_slice(bytes);
    let (used, flow) = protocol.handle_input(turn, tail);
    tail.advance(used);
    if tail.is_empty() {
        *tail = BytesMut::new();
    }
    flow
}
