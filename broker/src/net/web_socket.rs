//! A WebSocket connection after its upgrade: the message layer of `protocols::websocket` between a socket and the
//! connection's loop.
//!
//! It holds no buffer while nothing is under way: input is decoded where the thread has read it, output is framed in a
//! buffer that the thread lends.

use std::io::{self, IoSlice};
use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::{Buf, BytesMut};
use tidewire_protocols::websocket::{
    Closing, Decoder, Event, HEAD_SIZE_MAX, MessageKind, Opcode, encode_close, encode_head,
};
use tokio::io::AsyncWrite;

use super::Socket;
use super::framing::{Framing, give_back, lend};
use super::stream::{Received, SCRATCH, SCRATCH_BYTES, poll_end, poll_read};
use crate::connection::{Close, CloseCode, Flow};
use crate::counters::RefusalReason;
use crate::output::Output;

/// Bytes of control frames that wait for the socket; of more pings than that, the later ones are not answered, as RFC
/// 6455, section 5.5.3 allows.
const CONTROL_BYTES_MAX: usize = 4 * 1024;

/// Pieces of messages handled in one turn, which one read ends anyway.
const PIECES_PER_TURN: usize = 64;

/// A WebSocket connection, upgraded.
pub struct WebSocket {
    socket: Socket,
    decoder: Decoder,
    framing: Framing,
    takes_text: bool,
    /// What was read and is not decoded yet: it came with the upgrade, or the protocol broke off.
    unread: BytesMut,
    /// Control frames that leave before the next message.
    control: BytesMut,
    /// What leaves now, before the output itself if that is framed: whole frames, or the head of one.
    unsent: BytesMut,
    /// Bytes of it that have left.
    unsent_at: usize,
    /// The output is frames, or the payload of one whose head has been formed.
    is_output_framed: bool,
    /// The socket took less than it was given.
    is_blocked: bool,
    liveness: Option<Liveness>,
    /// A Close frame came: nothing but the answer to it may leave any more.
    is_closed_by_peer: bool,
    /// The peer broke a rule: what else it sends has no meaning.
    is_failed: bool,
    is_close_sent: bool,
    is_shut: bool,
    /// The peer has ended its stream, and everything that it sent has been read.
    is_ended: bool,
}

/// Whether the peer is still there.
struct Liveness {
    interval: Duration,
    heard_at: Instant,
    is_pinged: bool,
    /// A socket that was full has taken bytes again: its peer reads.
    has_read: bool,
}

/// What a connection has agreed on and begins with.
pub struct Terms {
    /// Decodes what comes.
    pub decoder: Decoder,
    /// Frames what leaves.
    pub framing: Framing,
    /// Bytes that came with the upgrade.
    pub unread: BytesMut,
    /// A peer that is quiet for so long is pinged; never, if none.
    pub ping_interval: Option<Duration>,
}

impl WebSocket {
    /// An upgraded connection; `takes_text` says whether text messages carry its protocol.
    pub fn new(socket: Socket, terms: Terms, takes_text: bool, now: Instant) -> Self {
        let Terms { decoder, framing, unread, ping_interval } = terms;
        let liveness = ping_interval.map(|interval| Liveness {
            interval,
            heard_at: now,
            is_pinged: false,
            has_read: false,
        });
        Self {
            socket,
            decoder,
            framing,
            takes_text,
            unread,
            control: BytesMut::new(),
            unsent: BytesMut::new(),
            unsent_at: 0,
            is_output_framed: false,
            is_blocked: false,
            liveness,
            is_closed_by_peer: false,
            is_failed: false,
            is_close_sent: false,
            is_shut: false,
            is_ended: false,
        }
    }

    pub(super) fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
        size_max: usize,
        handle: &mut dyn FnMut(&[u8], bool) -> Flow,
    ) -> Poll<Received> {
        if !self.unread.is_empty() || self.decoder.has_more() {
            let mut input = std::mem::take(&mut self.unread);
            let (used, received) = self.decode(&mut input, handle);
            if used < input.len() {
                input.advance(used);
                self.unread = input;
            }
            return Poll::Ready(received);
        }
        SCRATCH.with_borrow_mut(|scratch| {
            let scratch = &mut scratch[..size_max.min(SCRATCH_BYTES)];
            let Some(size) = ready!(poll_read(&mut self.socket, cx, scratch)) else {
                return Poll::Ready(Received::End);
            };
            self.note_life(now);
            let input = &mut scratch[..size];
            let (used, received) = self.decode(input, handle);
            self.unread.extend_from_slice(&input[used..]);
            Poll::Ready(received)
        })
    }

    /// Decodes what it may. Returns how much of `input` was used.
    fn decode(&mut self, input: &mut [u8], handle: &mut dyn FnMut(&[u8], bool) -> Flow) -> (usize, Received) {
        let (control, takes_text) = (&mut self.control, self.takes_text);
        let mut flow = Flow::Continue;
        let (mut refused, mut is_closed_by_peer) = (None, false);
        let mut pieces = 0;
        let mut visit = |event: Event<'_>| {
            match event {
                Event::Data { kind: MessageKind::Text, .. } if !takes_text => {
                    let reason = "MQTT travels in binary WebSocket messages, and this one is text";
                    refused = Some(Close::new(CloseCode::Unsupported, reason));
                    return ControlFlow::Break(());
                }
                Event::Data { bytes: [], .. } => {}
                Event::Data { bytes, kind, .. } => {
                    pieces += 1;
                    flow = handle(bytes, kind == MessageKind::Text);
                }
                Event::Ping(payload) => {
                    if control.len() < CONTROL_BYTES_MAX {
                        encode_head(Opcode::Pong, false, payload.len(), control);
                        control.extend_from_slice(payload);
                    }
                }
                Event::Pong(_) => {}
                Event::Close(closing) => {
                    // The answer must not wait for replies that the disk still holds. (RFC 6455, section 5.5.1)
                    encode_close(Closing { code: closing.code, reason: "" }, control);
                    is_closed_by_peer = true;
                }
            }
            match flow {
                Flow::Continue if pieces < PIECES_PER_TURN => ControlFlow::Continue(()),
                Flow::Continue | Flow::Yield | Flow::Close(_) => ControlFlow::Break(()),
            }
        };
        let result = self.decoder.decode(input, &mut visit);
        if let Some(close) = refused {
            return (input.len(), Received::Refused(close, RefusalReason::Malformed));
        }
        if is_closed_by_peer {
            self.is_closed_by_peer = true;
            self.is_close_sent = true;
            return (input.len(), Received::Closed);
        }
        match result {
            Ok(used) => (used, Received::Bytes(flow)),
            Err(error) => {
                self.is_failed = true;
                let code = CloseCode::of_breach(error.close_code());
                let reason = match code {
                    CloseCode::TooLarge => RefusalReason::TooLarge,
                    _ => RefusalReason::Malformed,
                };
                (input.len(), Received::Refused(Close::new(code, error.to_string()), reason))
            }
        }
    }

    pub(super) fn poll_send(&mut self, cx: &mut Context<'_>, output: &mut Output) -> Poll<io::Result<()>> {
        if self.is_closed_by_peer && !self.is_output_framed {
            output.clear(0);
        }
        loop {
            let sent = self.poll_unsent(cx, output);
            self.is_blocked = sent.is_pending();
            ready!(sent)?;
            if self.control.is_empty() && output.is_empty() {
                return Pin::new(&mut self.socket).poll_flush(cx);
            }
            self.unsent = lend();
            self.unsent.extend_from_slice(&std::mem::take(&mut self.control));
            self.is_output_framed = self.framing.frame(output, &mut self.unsent);
        }
    }

    /// Writes what has been framed.
    fn poll_unsent(&mut self, cx: &mut Context<'_>, output: &mut Output) -> Poll<io::Result<()>> {
        while self.has_framed() {
            let framed = &self.unsent[self.unsent_at..];
            let payload = if self.is_output_framed { output.bytes.as_ref() } else { &[] };
            let socket = Pin::new(&mut self.socket);
            let written = match (framed.is_empty(), payload.is_empty()) {
                (false, false) => {
                    let slices = [IoSlice::new(framed), IoSlice::new(payload)];
                    ready!(socket.poll_write_vectored(cx, &slices))?
                }
                (false, true) => ready!(socket.poll_write(cx, framed))?,
                (true, _) => ready!(socket.poll_write(cx, payload))?,
            };
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            // A socket that was full takes bytes again: its peer reads.
            if let Some(liveness) = self.liveness.as_mut().filter(|_| self.is_blocked) {
                liveness.has_read = true;
            }
            let of_framed = written.min(framed.len());
            self.unsent_at += of_framed;
            if written > of_framed {
                output.advance(written - of_framed);
            }
            self.is_output_framed &= !output.is_empty();
        }
        give_back(std::mem::take(&mut self.unsent));
        self.unsent_at = 0;
        Poll::Ready(Ok(()))
    }

    pub(super) fn has_unsent(&self) -> bool {
        self.has_framed() || !self.control.is_empty() || self.socket.has_unflushed()
    }

    fn has_framed(&self) -> bool {
        self.unsent_at < self.unsent.len() || self.is_output_framed
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.liveness.as_ref().map(Liveness::due_at)
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) -> Option<Close> {
        let liveness = self.liveness.as_mut().filter(|liveness| liveness.due_at() <= now)?;
        if std::mem::take(&mut liveness.has_read) {
            (liveness.heard_at, liveness.is_pinged) = (now, false);
            return None;
        }
        if liveness.is_pinged {
            return Some(Close::new(CloseCode::Protocol, "a ping was not answered in time"));
        }
        liveness.is_pinged = true;
        encode_head(Opcode::Ping, false, 0, &mut self.control);
        None
    }

    /// The peer was heard, or could not be.
    pub(super) fn note_life(&mut self, now: Instant) {
        if let Some(liveness) = &mut self.liveness {
            liveness.heard_at = now;
            liveness.is_pinged = false;
        }
    }

    pub(super) fn poll_close(&mut self, cx: &mut Context<'_>, close: &Close) -> Poll<()> {
        if !self.is_close_sent {
            let closing = Closing { code: Some(close.code.number()), reason: &close.reason };
            self.control.reserve(HEAD_SIZE_MAX + 2 + close.reason.len());
            encode_close(closing, &mut self.control);
            self.is_close_sent = true;
        }
        if ready!(self.poll_send(cx, &mut Output::default())).is_err() {
            return Poll::Ready(());
        }
        if !self.is_failed && !self.is_closed_by_peer {
            ready!(self.poll_peers_close(cx));
        }
        // Nothing is unread that would make a reset of the end, and dropping the socket says the rest.
        if self.is_ended && !self.socket.has_last_words() {
            return Poll::Ready(());
        }
        let ended = poll_end(&mut self.socket, &mut self.is_shut, cx);
        // Both have said that nothing more comes: TCP ends at once. (RFC 6455, section 5.5.1)
        if self.is_shut && self.is_closed_by_peer { Poll::Ready(()) } else { ended }
    }

    /// Waits for the peer's Close frame, or the end; what comes before it is thrown away.
    fn poll_peers_close(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut ignore = |event: Event<'_>| match event {
            Event::Close(_) => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        };
        let mut input = std::mem::take(&mut self.unread);
        if self.decoder.decode(&mut input, &mut ignore).is_err() {
            self.is_failed = true;
            return Poll::Ready(());
        }
        SCRATCH.with_borrow_mut(|scratch| {
            while !self.decoder.is_closed() {
                let Some(size) = ready!(poll_read(&mut self.socket, cx, scratch)) else {
                    self.is_ended = true;
                    break;
                };
                if self.decoder.decode(&mut scratch[..size], &mut ignore).is_err() {
                    self.is_failed = true;
                    return Poll::Ready(());
                }
            }
            self.is_closed_by_peer = true;
            Poll::Ready(())
        })
    }
}

impl Liveness {
    fn due_at(&self) -> Instant {
        self.heard_at + self.interval * (1 + u32::from(self.is_pinged))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Thousands of connections are idle at a time, and each holds this; the allocator's next size is 640.
    #[test]
    fn a_web_socket_is_small() {
        let size = size_of::<WebSocket>();
        assert!(size <= 512, "{size} bytes");
    }
}
