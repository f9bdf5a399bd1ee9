//! One socket with its buffers.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::ops::ControlFlow;

use tidewire_clients::Error;
use tidewire_clients::mqtt::Version;

use super::frame::{HEAD_BYTES_MAX, Kind, parse_head, put_head, put_pong};
use super::scan::{self, Incoming};

/// Packets go out and come in; over WebSocket what is flushed together is one frame.
#[derive(Debug)]
pub(in super::super) struct Link {
    pub(super) socket: TcpStream,
    is_websocket: bool,
    pub(super) version: Version,
    /// Packets that wait, behind room for a head.
    output: Vec<u8>,
    /// Bytes that the system is taking, and how many it has.
    sending: Vec<u8>,
    sent: usize,
    pongs: Vec<u8>,
    /// Whether the poller tells when the system takes more.
    pub(super) is_watched: bool,
    /// `start..plain` are packets, `plain..end` bytes of frames that are not opened yet.
    input: Vec<u8>,
    start: usize,
    plain: usize,
    end: usize,
    /// Payload of the last frame that is still to come.
    frame_left: u64,
}

/// What came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Received {
    Something,
    Nothing,
    End,
}

impl Link {
    /// `received` is what has come on the socket already.
    pub(super) fn new(socket: TcpStream, is_websocket: bool, version: Version, received: &[u8]) -> Self {
        let mut input = vec![0; INPUT_BYTES];
        input[..received.len()].copy_from_slice(received);
        let mut link = Self {
            socket,
            is_websocket,
            version,
            output: vec![0; HEAD_BYTES_MAX],
            sending: Vec::new(),
            sent: 0,
            pongs: Vec::new(),
            is_watched: false,
            input,
            start: 0,
            plain: 0,
            end: received.len(),
            frame_left: 0,
        };
        link.open_frames();
        link
    }

    /// Where packets are appended.
    pub(in super::super) fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// Whether something has not gone to the system yet.
    pub(in super::super) fn is_unsent(&self) -> bool {
        self.sent < self.sending.len() || self.output.len() > HEAD_BYTES_MAX || !self.pongs.is_empty()
    }

    /// Hands to the system what it takes.
    pub(in super::super) fn flush(&mut self) -> Result<(), Error> {
        loop {
            while self.sent < self.sending.len() {
                match self.socket.write(&self.sending[self.sent..]) {
                    Ok(0) => return Err(Error::Lost("the broker closed it".to_owned())),
                    Ok(count) => self.sent += count,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) => return Err(Error::Lost(error.to_string())),
                }
            }
            self.sending.clear();
            self.sent = 0;
            if !self.pongs.is_empty() {
                std::mem::swap(&mut self.sending, &mut self.pongs);
            } else if self.output.len() > HEAD_BYTES_MAX {
                std::mem::swap(&mut self.sending, &mut self.output);
                self.output.resize(HEAD_BYTES_MAX, 0);
                self.sent = HEAD_BYTES_MAX;
                if self.is_websocket {
                    let payload_bytes = self.sending.len() - HEAD_BYTES_MAX;
                    if let Some(room) = self.sending.first_chunk_mut() {
                        self.sent = put_head(payload_bytes, room);
                    }
                }
            } else {
                return Ok(());
            }
        }
    }

    /// Takes what has come, with one read.
    pub(in super::super) fn receive(&mut self) -> Result<Received, Error> {
        self.input.copy_within(self.start..self.end, 0);
        (self.plain, self.end) = (self.plain - self.start, self.end - self.start);
        self.start = 0;
        if self.input.len() - self.end < INPUT_BYTES / 2 {
            self.input.resize(self.input.len() * 2, 0);
        }
        match self.socket.read(&mut self.input[self.end..]) {
            Ok(0) => return Ok(Received::End),
            Ok(count) => self.end += count,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                return Ok(Received::Nothing);
            }
            Err(error) => return Err(Error::Lost(error.to_string())),
        }
        if self.open_frames() { Ok(Received::Something) } else { Ok(Received::End) }
    }

    /// Hands over each whole packet, with room for answers, until it is told to stop.
    pub(in super::super) fn packets(
        &mut self,
        mut handle: impl FnMut(Incoming<'_>, &mut Vec<u8>) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        while let Some((packet, size)) = scan::next(self.version, &self.input[self.start..self.plain])? {
            self.start += size;
            if handle(packet, &mut self.output).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Takes the heads of frames out of what has come; `false` if the broker closes.
    fn open_frames(&mut self) -> bool {
        if !self.is_websocket {
            self.plain = self.end;
            return true;
        }
        let (mut from, mut to, mut is_open) = (self.plain, self.plain, true);
        loop {
            let taken = usize::try_from(self.frame_left).unwrap_or(usize::MAX).min(self.end - from);
            self.input.copy_within(from..from + taken, to);
            (from, to) = (from + taken, to + taken);
            self.frame_left -= taken as u64;
            let Some(head) = parse_head(&self.input[from..self.end]).filter(|_| self.frame_left == 0) else {
                break;
            };
            let payload = from + head.bytes;
            match head.kind {
                Kind::Data => {
                    self.frame_left = head.payload_bytes;
                    from = payload;
                    continue;
                }
                Kind::Close => is_open = false,
                Kind::Ping | Kind::Pong => {}
            }
            // Of control frames, which have at most 125 bytes.
            let end = payload + (head.payload_bytes & 0x7F) as usize;
            if end > self.end {
                break;
            }
            if head.kind == Kind::Ping {
                put_pong(&self.input[payload..end], &mut self.pongs);
            }
            from = end;
        }
        self.input.copy_within(from..self.end, to);
        (self.plain, self.end) = (to, to + self.end - from);
        is_open
    }
}

/// Room for reading: as much as a socket holds when the broker writes faster than this program reads.
const INPUT_BYTES: usize = 256 * 1024;
