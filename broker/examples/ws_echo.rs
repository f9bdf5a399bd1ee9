//! An echo endpoint on the message layer that the broker uses, so that foreign WebSocket suites can be run against it:
//! text comes back as text, binary as binary, up to 16 MiB, with any subprotocol or none.
//!
//! ```text
//! cargo run --release -p tidewire --example ws_echo -- --bind 127.0.0.1:9001
//! ```

use std::io;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::time::Duration;

use bytes::BytesMut;
use clap::{ArgAction, Parser};
use tidewire::config::Limits;
use tidewire::net::{Agreement, Asked, Raw, Refusal, Site, Socket, Upgraded, upgrade};
use tidewire_protocols::websocket::deflate::{Deflater, Policy, TRAILER, deflate};
use tidewire_protocols::websocket::{
    Closing, DecodeError, Decoder, Event, MessageKind, Opcode, encode_close, encode_head,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Echoes WebSocket messages.
#[derive(Clone, Parser)]
struct Arguments {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:9001")]
    bind: SocketAddr,
    /// Whether permessage-deflate is agreed on.
    #[arg(long, default_value_t = true, action = ArgAction::Set)]
    compression: bool,
    /// Whether messages may refer to earlier ones.
    #[arg(long, default_value_t = false, action = ArgAction::Set)]
    context_takeover: bool,
    /// How far a message looks back, as a power of two: 9 to 15.
    #[arg(long, default_value_t = 15)]
    window_bits: u8,
    /// 1 (fast) to 9 (small).
    #[arg(long, default_value_t = 1)]
    level: u8,
    /// Messages below this travel as they are.
    #[arg(long, default_value_t = 0)]
    size_min: usize,
}

/// The largest message.
const MESSAGE_SIZE_MAX: usize = 16 << 20;
/// How long a peer may take to close in return.
const LINGER: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    let listener = TcpListener::bind(arguments.bind).await?;
    loop {
        let (stream, peer) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let arguments = arguments.clone();
        tokio::spawn(async move {
            let limits = Limits::default();
            let socket = Socket::from(Raw::tcp(stream, peer));
            let upgrading = upgrade(socket, &arguments, &limits);
            if let Ok(Some(upgraded)) = tokio::time::timeout(limits.connect_timeout.0, upgrading).await {
                // A connection that breaks is the peer's affair.
                let _ = echo(upgraded, &arguments).await;
            }
        });
    }
}

impl Site for Arguments {
    type Subprotocol = Option<String>;

    fn admit(&self, _: &Asked<'_>) -> Result<(), Refusal> {
        Ok(())
    }

    fn check_origin(&self, _: &Asked<'_>) -> Result<(), Refusal> {
        Ok(())
    }

    fn choose(&self, offered: &[&str]) -> Result<Option<String>, Refusal> {
        Ok(offered.first().map(|name| (*name).to_owned()))
    }

    fn name(subprotocol: &Option<String>) -> Option<&str> {
        subprotocol.as_deref()
    }

    fn note_refusal(&self, _: &Refusal) {}

    fn compression(&self) -> Option<Policy> {
        let policy = Policy { context_takeover: self.context_takeover, window_bits: self.window_bits };
        self.compression.then_some(policy)
    }
}

/// What goes back.
struct Answers {
    bytes: BytesMut,
    /// The message that is arriving.
    message: Vec<u8>,
    compressor: Compressor,
    size_min: usize,
    is_closing: bool,
}

enum Compressor {
    None,
    /// Each message on its own: level and size of window.
    Alone(u8, u8),
    WithContext(Deflater),
}

impl Answers {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Data { bytes, kind, is_last } => {
                self.message.extend_from_slice(bytes);
                if is_last {
                    let message = std::mem::take(&mut self.message);
                    self.answer(kind, &message);
                }
            }
            Event::Ping(payload) => {
                encode_head(Opcode::Pong, false, payload.len(), &mut self.bytes);
                self.bytes.extend_from_slice(payload);
            }
            Event::Pong(_) => {}
            Event::Close(closing) => {
                self.is_closing = true;
                encode_close(Closing { code: closing.code, reason: "" }, &mut self.bytes);
            }
        }
    }

    fn answer(&mut self, kind: MessageKind, message: &[u8]) {
        let opcode = match kind {
            MessageKind::Text => Opcode::Text,
            MessageKind::Binary => Opcode::Binary,
        };
        let is_small = message.len() < self.size_min;
        let compressed = match &mut self.compressor {
            Compressor::WithContext(deflater) if !is_small => Some(deflater.deflate_message(message)),
            Compressor::Alone(level, window_bits) if !is_small => {
                let mut blocks = deflate(*level, *window_bits, message);
                blocks.truncate(blocks.len() - TRAILER.len());
                Some(blocks)
            }
            _ => None,
        };
        let payload = compressed.as_deref().unwrap_or(message);
        encode_head(opcode, compressed.is_some(), payload.len(), &mut self.bytes);
        self.bytes.extend_from_slice(payload);
    }
}

async fn echo(upgraded: Upgraded<Option<String>>, arguments: &Arguments) -> io::Result<()> {
    let Upgraded { mut socket, agreement: Agreement { deflate, .. }, unread } = upgraded;
    let mut decoder = Decoder::new(MESSAGE_SIZE_MAX, deflate.as_ref());
    let compressor = match deflate {
        None => Compressor::None,
        Some(agreed) if agreed.server_context_takeover => {
            Compressor::WithContext(Deflater::new(arguments.level, agreed.server_window_bits))
        }
        Some(agreed) => Compressor::Alone(arguments.level, agreed.server_window_bits),
    };
    let size_min = arguments.size_min;
    let mut answers =
        Answers { bytes: BytesMut::new(), message: Vec::new(), compressor, size_min, is_closing: false };
    let mut input = BytesMut::from(unread.as_ref());
    loop {
        let mut visit = |event: Event<'_>| {
            answers.take(event);
            ControlFlow::Continue(())
        };
        let decoded: Result<usize, DecodeError> = decoder.decode(&mut input, &mut visit);
        if let Err(error) = decoded {
            let reason = error.to_string();
            encode_close(Closing { code: Some(error.close_code()), reason: &reason }, &mut answers.bytes);
            answers.is_closing = true;
        }
        input.clear();
        socket.write_all(&answers.bytes.split()).await?;
        if answers.is_closing {
            socket.shutdown().await?;
            let drained = async {
                while matches!(socket.read_buf(&mut input).await, Ok(1..)) {
                    input.clear();
                }
            };
            let _ = tokio::time::timeout(LINGER, drained).await;
            return Ok(());
        }
        input.reserve(64 * 1024);
        if socket.read_buf(&mut input).await? == 0 {
            return Ok(());
        }
    }
}
