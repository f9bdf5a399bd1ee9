//! STOMP 1.2.

mod destination;
mod headers;
mod heart_beat;
mod session;

use std::time::{Duration, Instant};

use bytes::{Buf, Bytes, BytesMut};
use tidewire_protocols::stomp::{
    self, Command, Decoded, Decoder, Frame, FrameWriter, HeartBeat, Limits, Version,
};
use tokio::time::timeout;

use self::heart_beat::Beats;
use self::session::Session;
use crate::client::{Client, Messages, Welcome, halves};
use crate::connection;
use crate::error::Error;
use crate::transport::{Chunk, Driven, Protocol, Transport};
use crate::url::Url;

/// What CONNECT says. By default each side shows a sign of life every ten seconds.
#[derive(Clone, Debug)]
pub struct Options {
    /// The key of durable subscriptions; empty: there are none.
    pub client_id: String,
    /// Which of a server's virtual hosts is meant; empty: the one that the URL names.
    pub host: String,
    /// Who this client says it is.
    pub login: Option<String>,
    /// The proof of it.
    pub passcode: Option<String>,
    /// How often this client sends something, and how often it wishes to hear something. Zero for never.
    pub heart_beat: Duration,
    /// For everything up to the broker's CONNECTED.
    pub connect_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            client_id: String::new(),
            host: String::new(),
            login: None,
            passcode: None,
            heart_beat: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(10),
        }
    }
}

impl Options {
    fn heart_beat(&self) -> HeartBeat {
        let milliseconds = u32::try_from(self.heart_beat.as_millis()).unwrap_or(u32::MAX);
        HeartBeat { guarantees_ms: milliseconds, wants_ms: milliseconds }
    }

    fn connect_frame(&self, url: &Url) -> Bytes {
        let mut out = BytesMut::new();
        let mut writer = FrameWriter::new(&mut out, Version::V12, Command::Connect);
        writer.header("accept-version", Version::V12.as_str());
        writer.header("host", if self.host.is_empty() { url.host() } else { &self.host });
        writer.header("heart-beat", &self.heart_beat().to_string());
        let client_id = Some(&self.client_id).filter(|client_id| !client_id.is_empty());
        for (name, value) in
            [("client-id", client_id), ("login", self.login.as_ref()), ("passcode", self.passcode.as_ref())]
        {
            if let Some(value) = value {
                writer.header(name, value);
            }
        }
        writer.finish();
        out.freeze()
    }
}

/// Connects to a broker and waits for its CONNECTED. To be called inside a tokio runtime, which then runs the
/// connection.
///
/// # Errors
///
/// Nobody is there, something else is there, or the broker does not want this client.
pub async fn connect(url: &Url, options: Options) -> Result<(Client, Messages), Error> {
    let handshake = async {
        let mut transport = Transport::connect(url, Protocol::Stomp).await?;
        transport.queue(Chunk { bytes: options.connect_frame(url), is_text: true });
        let mut input = BytesMut::new();
        let mut decoder = Decoder::new(LIMITS);
        let beats = welcome(url, &mut transport, &mut input, &mut decoder, &options).await?;
        Ok((transport, input, decoder, beats))
    };
    let (transport, input, decoder, beats) = timeout(options.connect_timeout, handshake)
        .await
        .map_err(|_| Error::TimedOut { url: url.clone(), timeout: options.connect_timeout })??;
    let session = Session::new(decoder, beats);
    let welcome = Welcome { client_id: options.client_id, session_present: false };
    Ok(halves(connection::spawn(session, transport, input), welcome))
}

/// Waits for CONNECTED, and leaves what comes after it in `input`.
async fn welcome(
    url: &Url,
    transport: &mut Transport,
    input: &mut BytesMut,
    decoder: &mut Decoder,
    options: &Options,
) -> Result<Beats, Error> {
    let foreign = |detail: String| Error::Foreign { url: url.clone(), protocol: "STOMP", detail };
    loop {
        let size = match decoder.decode(input).map_err(|error| foreign(error.to_string()))? {
            Decoded::Frame { frame, size } => {
                let beats = accepted(&frame, options)?;
                input.advance(size);
                return Ok(beats);
            }
            Decoded::HeartBeat { size } => size,
            Decoded::Incomplete { .. } => 0,
        };
        input.advance(size);
        if size == 0
            && transport.drive(Some(input)).await.map_err(|error| Error::lost(&error))? == Driven::Ended
        {
            return Err(Error::Refused("it closed the connection without an answer".to_owned()));
        }
    }
}

fn accepted(frame: &Frame<'_>, options: &Options) -> Result<Beats, Error> {
    match frame.command {
        Command::Connected => {}
        Command::Error => return Err(Error::Refused(complaint(frame))),
        other => return Err(Error::Protocol(format!("{other} before CONNECTED"))),
    }
    let version = frame.headers.get("version");
    if version.as_deref() != Some(Version::V12.as_str()) {
        let version = version.as_deref().unwrap_or("1.0");
        return Err(Error::Protocol(format!("CONNECTED with version {version}, and 1.2 was asked for")));
    }
    let theirs = match frame.headers.get("heart-beat") {
        Some(value) => HeartBeat::parse(&value).map_err(|error| malformed(&error))?,
        None => HeartBeat::default(),
    };
    let (ours, theirs) = HeartBeat::negotiate(options.heart_beat(), theirs);
    Ok(Beats::new(ours, theirs, Instant::now()))
}

/// What an ERROR frame says: its `message`, and the first line of its body.
fn complaint(frame: &Frame<'_>) -> String {
    let message = frame.headers.get("message").unwrap_or_default();
    let body = String::from_utf8_lossy(frame.body);
    let details = body.lines().next().unwrap_or_default().trim();
    match (message.trim(), details) {
        ("", "") => "ERROR without a reason".to_owned(),
        ("", words) | (words, "") => words.to_owned(),
        (message, details) if message == details => details.to_owned(),
        (message, details) => format!("{message}: {details}"),
    }
}

fn malformed(error: &stomp::Error) -> Error {
    Error::Protocol(error.to_string())
}

/// A client trusts its broker more than the other way round: bodies are as large as MQTT's largest packet.
const LIMITS: Limits =
    Limits { header_count_max: 1024, header_line_max: 1024 * 1024, body_size_max: 256 * 1024 * 1024 };
