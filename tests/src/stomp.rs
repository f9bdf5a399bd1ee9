//! A peer that speaks STOMP: frames are written as in the specification, with `^` for the NUL at their end.

use bytes::Buf;

use crate::peer::{PATIENCE, Peer};

/// See the module.
pub struct StompPeer {
    /// The connection.
    pub peer: Peer,
}

/// A frame that has come: its command, its headers in order, its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Command.
    pub command: String,
    /// Headers as they came, escapes included.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
    /// Whether it came as a text WebSocket message.
    pub was_text: bool,
}

impl Heard {
    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is UTF-8")
    }
}

impl StompPeer {
    /// Speaks over `peer`.
    pub fn new(peer: Peer) -> Self {
        Self { peer }
    }

    /// Sends a frame, or several, each ended by `^`; line breaks are as they stand.
    pub async fn says(&mut self, frames: &str) -> &mut Self {
        self.peer.send_as(frames.replace('^', "\0").as_bytes(), true).await;
        self
    }

    /// Sends bytes as they are: over WebSocket as one binary message.
    pub async fn says_bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.peer.send(bytes).await;
        self
    }

    /// Connects with one version.
    pub async fn connects(&mut self, version: &str) -> &mut Self {
        self.says(&format!("CONNECT\naccept-version:{version}\nhost:test\n\n^")).await;
        let heard = self.next().await;
        assert_eq!(heard.command, "CONNECTED", "{heard:?}");
        assert_eq!(heard.header("version"), (version != "1.0").then_some(version));
        self
    }

    /// The next frame. Heart-beats before it are passed over.
    pub async fn next(&mut self) -> Heard {
        loop {
            while self.peer.buffer.first() == Some(&b'\n') {
                self.peer.buffer.advance(1);
            }
            if let Some((heard, size)) = parse(&self.peer.buffer) {
                self.peer.buffer.advance(size);
                return Heard { was_text: self.peer.was_text, ..heard };
            }
            match self.peer.fill(PATIENCE).await {
                Some(true) => {}
                Some(false) => panic!("the broker closed the connection instead of answering"),
                None => panic!("nothing came"),
            }
        }
    }

    /// Holds that the next frame is a MESSAGE with this body, and returns it.
    pub async fn hears_message(&mut self, body: &str) -> Heard {
        let heard = self.next().await;
        assert_eq!((heard.command.as_str(), heard.text()), ("MESSAGE", body), "{heard:?}");
        heard
    }

    /// Holds that the next frame is the RECEIPT with this id.
    pub async fn hears_receipt(&mut self, id: &str) -> &mut Self {
        let heard = self.next().await;
        assert_eq!((heard.command.as_str(), heard.header("receipt-id")), ("RECEIPT", Some(id)), "{heard:?}");
        self
    }

    /// Holds that ERROR with this message comes, and then the end.
    pub async fn is_refused(&mut self, message: &str, code: u16) -> Heard {
        let heard = self.next().await;
        assert_eq!((heard.command.as_str(), heard.header("message")), ("ERROR", Some(message)), "{heard:?}");
        assert!(!heard.body.is_empty(), "the body tells a developer what to do");
        self.peer.is_closed_with(code).await;
        heard
    }

    /// Holds that the broker closes the connection, over WebSocket with 1000.
    pub async fn is_closed(&mut self) {
        self.peer.is_closed_with(1000).await;
    }

    /// Holds that nothing comes.
    pub async fn hears_nothing(&mut self) -> &mut Self {
        self.peer.hears_nothing().await;
        self
    }
}

/// The frame at the start of `bytes`, and its size. Written apart from the broker's decoder, so that the two do not
/// share a mistake.
fn parse(bytes: &[u8]) -> Option<(Heard, usize)> {
    let head_end = bytes.windows(2).position(|pair| pair == b"\n\n")?;
    let head = std::str::from_utf8(&bytes[..head_end]).expect("a frame's head is UTF-8");
    let mut lines = head.split('\n');
    let command = lines.next()?.to_owned();
    let headers: Vec<_> = lines
        .map(|line| line.split_once(':').expect("a header has a colon"))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let body_start = head_end + 2;
    let length = headers.iter().find(|(name, _)| name == "content-length").map(|(_, value)| value);
    let body_end = match length {
        Some(length) => body_start + length.parse::<usize>().expect("content-length is a number"),
        None => body_start + bytes[body_start..].iter().position(|byte| *byte == 0)?,
    };
    if bytes.len() <= body_end {
        return None;
    }
    assert_eq!(bytes[body_end], 0, "NUL ends a frame");
    let body = bytes[body_start..body_end].to_vec();
    Some((Heard { command, headers, body, was_text: false }, body_end + 1))
}
