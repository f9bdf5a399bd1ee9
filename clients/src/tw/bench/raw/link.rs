//! One socket with its buffers.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::ops::ControlFlow;

use tidewire_client::Error;

use super::broker::{Speech, Wire};
use super::frame::{HEAD_BYTES_MAX, Kind, parse_head, put_binary_head, put_head, put_pong};
use super::scan::{self, Incoming};
use super::tls::Tls;

/// Packets go out and come in; see the module above for how they travel.
#[derive(Debug)]
pub(in super::super) struct Link {
    pub(super) socket: TcpStream,
    pub(super) tls: Option<Box<Tls>>,
    pub(in super::super) wire: Wire,
    /// Whether the upgrade is done.
    is_framed: bool,
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
    /// Of bytes as they are, until [`begin_frames`](Self::begin_frames).
    pub(super) fn new(socket: TcpStream, tls: Option<Tls>, wire: Wire) -> Self {
        Self {
            socket,
            tls: tls.map(Box::new),
            wire,
            is_framed: false,
            output: vec![0; HEAD_BYTES_MAX],
            sending: Vec::new(),
            sent: 0,
            pongs: Vec::new(),
            is_watched: false,
            input: vec![0; INPUT_BYTES_FIRST],
            start: 0,
            plain: 0,
            end: 0,
            frame_left: 0,
        }
    }

    /// From now on WebSocket frames travel, behind `taken` bytes of what has come.
    pub(super) fn begin_frames(&mut self, taken: usize) {
        self.is_framed = true;
        self.start += taken;
        self.plain = self.start;
        self.open_frames();
    }

    /// What has come and is not taken, before frames begin.
    pub(super) fn received(&self) -> &[u8] {
        &self.input[self.start..self.plain]
    }

    /// Where packets are appended.
    pub(in super::super) fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// Whether something has not gone to the system yet.
    pub(in super::super) fn is_unsent(&self) -> bool {
        self.sent < self.sending.len()
            || self.output.len() > HEAD_BYTES_MAX
            || !self.pongs.is_empty()
            || self.tls.as_ref().is_some_and(|tls| tls.is_unsent())
    }

    /// Hands to the system what it takes.
    pub(in super::super) fn flush(&mut self) -> Result<(), Error> {
        loop {
            while self.sent < self.sending.len() {
                let rest = &self.sending[self.sent..];
                let written = match &mut self.tls {
                    None => self.socket.write(rest),
                    Some(tls) => tls.write(&mut self.socket, rest),
                };
                match written {
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
                if self.is_framed {
                    self.frame()?;
                }
            } else {
                return self.flush_tls();
            }
        }
    }

    /// Makes WebSocket messages of the packets that are about to be sent.
    fn frame(&mut self) -> Result<(), Error> {
        match self.wire.speech {
            // Its frames have come with their heads, since each is a text message.
            Speech::Stomp => {}
            Speech::Mqtt(_) if self.wire.is_single => {
                let mut framed = Vec::with_capacity(self.sending.len() * 2);
                let mut rest = &self.sending[HEAD_BYTES_MAX..];
                while let Some((header, remaining)) = scan::header(rest)? {
                    let (packet, behind) = rest.split_at(header + remaining);
                    put_binary_head(packet.len(), &mut framed);
                    framed.extend_from_slice(packet);
                    rest = behind;
                }
                self.sending = framed;
                self.sent = 0;
            }
            Speech::Mqtt(_) => {
                let payload_bytes = self.sending.len() - HEAD_BYTES_MAX;
                if let Some(room) = self.sending.first_chunk_mut() {
                    self.sent = put_head(payload_bytes, room);
                }
            }
        }
        Ok(())
    }

    fn flush_tls(&mut self) -> Result<(), Error> {
        match self.tls.as_mut().map_or(Ok(()), |tls| tls.flush(&mut self.socket)) {
            Err(error) if error.kind() != ErrorKind::WouldBlock => Err(Error::Lost(error.to_string())),
            _ => Ok(()),
        }
    }

    /// Takes what has come, with one read.
    pub(in super::super) fn receive(&mut self) -> Result<Received, Error> {
        self.input.copy_within(self.start..self.end, 0);
        (self.plain, self.end) = (self.plain - self.start, self.end - self.start);
        self.start = 0;
        if self.end > self.input.len() / 2 {
            self.input.resize(self.input.len() * 2, 0);
        }
        let room = self.input.len() - self.end;
        let read = match &mut self.tls {
            None => self.socket.read(&mut self.input[self.end..]).map(|count| {
                self.end += count;
                // There may be more than fits: next time there is room for it.
                if count == room && self.input.len() < INPUT_BYTES {
                    self.input.resize(self.input.len() * 2, 0);
                }
                count > 0
            }),
            Some(tls) => tls.read(&mut self.socket, &mut self.input, &mut self.end),
        };
        match read {
            Ok(true) => {}
            Ok(false) => return Ok(Received::End),
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
        while let Some((packet, size)) = scan::next(self.wire.speech, &self.input[self.start..self.plain])? {
            self.start += size;
            if handle(packet, &mut self.output).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Takes the heads of frames out of what has come; `false` if the broker closes.
    fn open_frames(&mut self) -> bool {
        if !self.is_framed {
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

/// Room for reading that is made when it is needed: as much as a socket holds when the broker writes faster than this
/// program reads.
const INPUT_BYTES: usize = 256 * 1024;
/// Room of one among ten thousand that are mostly silent.
const INPUT_BYTES_FIRST: usize = 2048;

#[cfg(test)]
mod tests {
    use std::io;
    use std::net::TcpListener;
    use std::sync::Arc;
    use std::thread;

    use rustls::crypto::aws_lc_rs;
    use rustls::{ServerConfig, ServerConnection, StreamOwned};
    use tidewire_client::mqtt::Version;

    use super::super::tls::{Trust, config};
    use super::*;

    const WIRE: Wire = Wire { speech: Speech::Mqtt(Version::V5), is_websocket: false, is_single: false };

    /// A PUBLISH of QoS 0 to `a`, with so many bytes of payload, each `x`.
    fn publish(payload_bytes: usize) -> Vec<u8> {
        let remaining = 4 + payload_bytes;
        let mut packet = vec![0x30];
        packet.extend((0..3).map(|at| (remaining >> (7 * at)) as u8 & 0x7F | if at < 2 { 0x80 } else { 0 }));
        packet.extend_from_slice(b"\0\x01a\0");
        packet.resize(packet.len() + payload_bytes, b'x');
        packet
    }

    /// Sends packets of these sizes to what sends them back, and expects them.
    fn echo(mut link: Link, sizes: &[usize]) {
        for size in sizes {
            link.output().extend_from_slice(&publish(*size));
        }
        link.flush().unwrap();
        assert!(!link.is_unsent());
        let mut came = Vec::new();
        while came.len() < sizes.len() {
            assert_eq!(link.receive().unwrap(), Received::Something);
            let take = |incoming: Incoming<'_>, _: &mut Vec<u8>| {
                let Incoming::Publish { payload, .. } = incoming else { panic!("{incoming:?}") };
                assert!(payload.iter().all(|byte| *byte == b'x'));
                came.push(payload.len());
                ControlFlow::Continue(())
            };
            link.packets(take).unwrap();
        }
        assert_eq!(came, sizes);
    }

    /// A few that end in the midst of a read, and one that is larger than the room for it.
    const SIZES: [usize; 6] = [16, 3000, 1, 100_000, 16_384, 7];

    #[test]
    fn packets_come_as_they_went() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        thread::spawn(move || io::copy(&mut peer.try_clone().unwrap(), &mut peer));
        echo(Link::new(socket, None, WIRE), &SIZES);
    }

    #[test]
    fn packets_travel_together_or_singly() {
        let packets = [publish(16), publish(300)];
        let together = packets.concat();
        for (is_single, messages) in
            [(false, vec![together.as_slice()]), (true, vec![&packets[0], &packets[1]])]
        {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let socket = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let mut link = Link::new(socket, None, Wire { is_websocket: true, is_single, ..WIRE });
            link.begin_frames(0);
            link.output().extend_from_slice(&together);
            link.flush().unwrap();
            drop(link);
            let mut sent = Vec::new();
            listener.accept().unwrap().0.read_to_end(&mut sent).unwrap();
            let mut expected = Vec::new();
            for message in messages {
                put_binary_head(message.len(), &mut expected);
                expected.extend_from_slice(message);
            }
            assert_eq!(sent, expected, "single: {is_single}");
        }
    }

    #[test]
    fn packets_come_over_tls_as_they_went() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut socket = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let rcgen::CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = rustls::pki_types::PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        let server = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        thread::spawn(move || {
            let (socket, _) = listener.accept().unwrap();
            let mut peer = StreamOwned::new(ServerConnection::new(Arc::new(server)).unwrap(), socket);
            let mut buffer = [0; 5000];
            while let Ok(count @ 1..) = peer.read(&mut buffer) {
                peer.write_all(&buffer[..count]).unwrap();
            }
        });
        let trust = Trust { is_anyone: true, ..Trust::default() };
        let mut tls = Tls::new(&config(&trust).unwrap(), "localhost").unwrap();
        tls.shake_hands(&mut socket).unwrap();
        echo(Link::new(socket, Some(tls), WIRE), &SIZES);
    }
}
