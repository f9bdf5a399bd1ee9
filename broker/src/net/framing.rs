//! Output becomes WebSocket frames, compressed where that was agreed.

use std::cell::Cell;
use std::sync::Arc;

use bytes::BytesMut;
use tidewire_protocols::websocket::deflate::{Deflater, TRAILER, encode_stored, end_stored, stored_len};
use tidewire_protocols::websocket::{HEAD_SIZE_MAX, Opcode, encode_head};

use crate::broker::Broker;
use crate::output::{FrameKind, Output, OutputMessage};

/// The largest buffer that a thread keeps for framing.
const LENT_BYTES_MAX: usize = 128 * 1024;

thread_local! {
    static LENT: Cell<BytesMut> = Cell::new(BytesMut::new());
}

/// Lends the thread's buffer; empty.
pub(super) fn lend() -> BytesMut {
    LENT.take()
}

/// Takes a buffer back that is not needed any more.
pub(super) fn give_back(mut buffer: BytesMut) {
    buffer.clear();
    if (1..=LENT_BYTES_MAX).contains(&buffer.capacity()) {
        LENT.set(buffer);
    }
}

/// How one connection's output is framed.
#[derive(Default)]
pub struct Framing {
    context: Option<Box<Context>>,
}

/// Compression that refers to earlier messages.
struct Context {
    deflater: Deflater,
    size_min: usize,
    broker: Arc<Broker>,
}

impl Framing {
    /// Compresses whole messages of at least `size_min` bytes, with a context that is kept. It is counted while it is
    /// there.
    pub(super) fn with_context(deflater: Deflater, size_min: usize, broker: Arc<Broker>) -> Self {
        broker.counters.deflate_contexts.add(1);
        Self { context: Some(Box::new(Context { deflater, size_min, broker })) }
    }

    /// Moves all of `output` into `frames`, framed; or, where it can leave as it stands, returns `true` and writes there only
    /// the head of the frame that it is the payload of, if it is not frames already.
    pub(super) fn frame(&mut self, output: &mut Output, frames: &mut BytesMut) -> bool {
        if output.is_empty() || output.is_framed() {
            return output.is_framed();
        }
        if output.is_plain() && self.context.as_ref().is_none_or(|context| output.len() < context.size_min) {
            encode_head(Opcode::Binary, false, output.len(), frames);
            return true;
        }
        frames.reserve(output.len() + HEAD_SIZE_MAX);
        for message in output.messages() {
            match &mut self.context {
                Some(context) if message.bytes.len() >= context.size_min => {
                    let payload = context.deflater.deflate_message(message.bytes);
                    append(message.kind, true, &payload, frames);
                }
                _ if message.is_deflated() => append_blocks(&message, frames),
                _ => append(message.kind, false, message.bytes, frames),
            }
        }
        output.advance(output.len());
        false
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        self.broker.counters.deflate_contexts.subtract(1);
    }
}

fn append(kind: FrameKind, is_compressed: bool, payload: &[u8], frames: &mut BytesMut) {
    encode_head(kind.opcode(), is_compressed, payload.len(), frames);
    frames.extend_from_slice(payload);
}

/// Puts a message together from DEFLATE blocks that others share and from its own bytes, in stored blocks.
fn append_blocks(message: &OutputMessage<'_>, frames: &mut BytesMut) {
    let size = |(is_deflated, stretch): (bool, &[u8])| match is_deflated {
        true => stretch.len(),
        false => stored_len(stretch.len()),
    };
    let size: usize = message.stretches().map(size).sum();
    let ends_deflated = message.stretches().last().is_some_and(|(is_deflated, _)| is_deflated);
    let size = if ends_deflated { size - TRAILER.len() } else { size + 1 };
    encode_head(message.kind.opcode(), true, size, frames);
    let end = frames.len() + size;
    for (is_deflated, stretch) in message.stretches() {
        match is_deflated {
            true => frames.extend_from_slice(stretch),
            false => encode_stored(stretch, frames),
        }
    }
    match ends_deflated {
        true => frames.truncate(end),
        false => end_stored(frames),
    }
}
