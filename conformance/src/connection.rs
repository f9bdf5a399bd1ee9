//! One network connection of a case: encodes what is sent, decodes what comes, and watches the rules between.

use tokio::time::{Instant, timeout_at};

use crate::answer::Answer;
use crate::case::{FrameKind, Suite};
use crate::filled::Filled;
use crate::play::Setup;
use crate::transport::{Incoming, OpenOptions, Transport};
use crate::variables::Datum;
use crate::{mqtt, stomp, websocket};

/// An open connection.
pub struct Connection {
    transport: Transport,
    codec: Codec,
    /// What came and is not decoded yet.
    buffer: Vec<u8>,
    /// What `>+` sends with the next `>`.
    held: Vec<u8>,
}

enum Codec {
    /// `either`: the CONNECT named a level that neither layout belongs to, so that the answer may have either.
    Mqtt {
        version: mqtt::Version,
        either: bool,
        monitor: mqtt::Monitor,
    },
    Stomp {
        version: Option<stomp::Version>,
        monitor: stomp::Monitor,
    },
    WebSocket(Box<websocket::Session>),
}

/// What came.
#[derive(Debug)]
pub enum Event {
    /// A packet or frame, and its bytes.
    Answer(Answer, Vec<u8>),
    /// The end of the connection, in words, and the Close frame's code.
    End(String, Option<u16>),
    /// Something that a server may not send, and its bytes.
    Illegal(String, Vec<u8>),
    /// Nothing, until the deadline.
    Silence,
}

impl Connection {
    /// Opens the transport and sends nothing.
    ///
    /// # Errors
    ///
    /// When there is no connection.
    pub async fn open(setup: &Setup, suite: Suite, options: &OpenOptions) -> Result<Connection, String> {
        let transport = Transport::open(&setup.target, setup.tls.as_ref(), suite, options).await?;
        let codec = match suite {
            Suite::Mqtt5 => Codec::mqtt(mqtt::Version::V5),
            Suite::Mqtt311 => Codec::mqtt(mqtt::Version::V311),
            Suite::Stomp => Codec::Stomp { version: None, monitor: stomp::Monitor::default() },
            Suite::WebSocket => {
                let path = options.path.as_ref().unwrap_or(&setup.target.path).clone();
                Codec::WebSocket(Box::new(websocket::Session::new(setup.target.authority(), path)))
            }
        };
        Ok(Connection { transport, codec, buffer: Vec::new(), held: Vec::new() })
    }

    /// The bytes of a packet or frame in the version of this connection.
    ///
    /// # Errors
    ///
    /// When a field cannot be written.
    pub fn encode(&mut self, filled: &Filled) -> Result<Vec<u8>, String> {
        match &mut self.codec {
            Codec::Mqtt { version, either, monitor } => {
                // A case of either suite may speak the other version: `CONNECT protocol_level=4`.
                let level = if filled.kind == "CONNECT" { filled.number("protocol_level")? } else { None };
                let spoken = match level {
                    Some(5) => mqtt::Version::V5,
                    Some(3 | 4) => mqtt::Version::V311,
                    _ => *version,
                };
                if spoken != *version {
                    *version = spoken;
                    *monitor = mqtt::Monitor::new(spoken);
                }
                *either = level.is_some_and(|level| !(3..=5).contains(&level));
                let bytes = mqtt::encode(filled, spoken)?;
                monitor.handle_sent(filled);
                Ok(bytes)
            }
            Codec::Stomp { version, .. } => Ok(stomp::encode(filled, version.unwrap_or(stomp::Version::V12))),
            Codec::WebSocket(session) => session.encode(filled),
        }
    }

    /// Keeps bytes back until the next send.
    pub fn hold(&mut self, bytes: &[u8]) {
        self.held.extend(bytes);
    }

    /// Sends what was held and these bytes, in pieces where asked.
    ///
    /// # Errors
    ///
    /// When the connection is gone, or the broker does not read.
    pub async fn send(
        &mut self,
        bytes: &[u8],
        chunk: Option<usize>,
        frame: Option<FrameKind>,
    ) -> std::io::Result<()> {
        let mut whole = std::mem::take(&mut self.held);
        whole.extend(bytes);
        if let Codec::WebSocket(session) = &mut self.codec {
            session.handle_sent(&whole);
        }
        for piece in whole.chunks(chunk.unwrap_or(usize::MAX)) {
            self.transport.send(piece, frame).await?;
        }
        Ok(())
    }

    /// Waits for the next packet or frame, the end, or the deadline.
    pub async fn receive(&mut self, deadline: Instant) -> Event {
        loop {
            if let Some(event) = self.decode() {
                return event;
            }
            match timeout_at(deadline, self.transport.receive()).await {
                Err(_) => return Event::Silence,
                Ok(Incoming::Bytes(bytes)) => self.buffer.extend(bytes),
                Ok(Incoming::End { how, .. }) if !self.buffer.is_empty() => {
                    let rest = std::mem::take(&mut self.buffer);
                    return Event::Illegal(
                        format!("the connection ended ({how}) within a packet or frame"),
                        rest,
                    );
                }
                Ok(Incoming::End { how, code }) => return Event::End(how, code),
                Ok(Incoming::Illegal(error)) => {
                    return Event::Illegal(error, std::mem::take(&mut self.buffer));
                }
            }
        }
    }

    /// Answers what the server's own layer asks for, a Ping or a Close frame of WebSocket; else does nothing. That
    /// the server may be gone already is no error.
    pub async fn reply(&mut self, answer: &Answer) {
        let Codec::WebSocket(session) = &mut self.codec else { return };
        let bytes = match answer.kind {
            "PING" => session.pong(answer),
            "CLOSE" => session.closing(),
            _ => None,
        };
        if let Some(bytes) = bytes {
            let _ = self.transport.send(&bytes, None).await;
        }
    }

    /// Ends the connection in order.
    pub async fn close(mut self) {
        if let Codec::WebSocket(session) = &mut self.codec
            && let Some(bytes) = session.closing()
        {
            let _ = self.transport.send(&bytes, None).await;
        }
        self.transport.close().await;
    }

    /// What the buffer holds, judged by the codec and then by the monitor.
    fn decode(&mut self) -> Option<Event> {
        if self.buffer.is_empty() {
            return None;
        }
        if let Codec::WebSocket(session) = &mut self.codec {
            return decode_web_socket(session, &mut self.buffer);
        }
        let (answer, size, judgement) = match &mut self.codec {
            Codec::Mqtt { version, either, monitor } => match decode_mqtt(&self.buffer, *version, *either) {
                mqtt::Decoded::Incomplete => return None,
                mqtt::Decoded::Illegal(error) => {
                    return Some(Event::Illegal(error, std::mem::take(&mut self.buffer)));
                }
                mqtt::Decoded::Packet(answer, size) => {
                    let judgement = monitor.handle_answer(&answer, size);
                    (answer, size, judgement)
                }
            },
            Codec::Stomp { version, monitor } => match stomp::decode(&self.buffer, *version) {
                stomp::Decoded::Incomplete => return None,
                stomp::Decoded::Illegal(error) => {
                    return Some(Event::Illegal(error, std::mem::take(&mut self.buffer)));
                }
                stomp::Decoded::Frame(answer, size) => {
                    if answer.kind == "CONNECTED" {
                        *version = Some(stomp::Version::from_header(answer.bytes("version")));
                    }
                    let judgement = monitor.handle_answer(&answer);
                    (answer, size, judgement)
                }
            },
            Codec::WebSocket(_) => return None, // above
        };
        let bytes: Vec<u8> = self.buffer.drain(..size).collect();
        Some(match judgement {
            Ok(()) => Event::Answer(answer, bytes),
            Err(rule) => Event::Illegal(rule, bytes),
        })
    }
}

impl Codec {
    fn mqtt(version: mqtt::Version) -> Codec {
        Codec::Mqtt { version, either: false, monitor: mqtt::Monitor::new(version) }
    }
}

fn decode_mqtt(buffer: &[u8], version: mqtt::Version, either: bool) -> mqtt::Decoded {
    let decoded = mqtt::decode(buffer, version);
    match decoded {
        mqtt::Decoded::Illegal(_) if either => mqtt::decode(buffer, mqtt::Version::V311),
        _ => decoded,
    }
}

/// Frames that complete no message are taken in without a word.
fn decode_web_socket(session: &mut websocket::Session, buffer: &mut Vec<u8>) -> Option<Event> {
    loop {
        match session.decode(buffer) {
            websocket::Decoded::Incomplete => return None,
            websocket::Decoded::Part(size) => drop(buffer.drain(..size)),
            websocket::Decoded::Answer(answer, size) => {
                return Some(Event::Answer(answer, buffer.drain(..size).collect()));
            }
            websocket::Decoded::Illegal(rule) => return Some(Event::Illegal(rule, std::mem::take(buffer))),
        }
        if buffer.is_empty() {
            return None;
        }
    }
}

/// What a CONNECT holds that its case does not say.
pub fn complete_connect(
    filled: &mut Filled,
    suite: Suite,
    client_id: &str,
    host: &str,
    login: Option<&(String, String)>,
) {
    let text = |text: &str| Datum::Bytes(text.as_bytes().to_vec());
    let names = match (suite, filled.kind.as_str()) {
        (Suite::Stomp, "CONNECT" | "STOMP") => {
            filled.or_default("accept-version", text("1.2"));
            filled.or_default("host", text(host));
            ("login", "passcode")
        }
        (Suite::Mqtt5 | Suite::Mqtt311, "CONNECT") => {
            filled.or_default("client_id", text(client_id));
            ("username", "password")
        }
        _ => return,
    };
    if let Some((user, password)) = login {
        filled.or_default(names.0, text(user));
        filled.or_default(names.1, text(password));
    }
}
