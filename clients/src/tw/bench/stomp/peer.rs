//! One STOMP connection with as little between frames and socket as possible.

use std::time::Duration;

use bytes::{Buf, BytesMut};
use tidewire_clients::transport::{Chunk, Driven, Protocol, Transport};
use tidewire_clients::{Error, Url};
use tidewire_protocols::stomp::{Command, Decoded, Decoder, Frame, Limits, Version};
use tokio::time::timeout;

pub(super) struct Peer {
    pub(super) transport: Transport,
    decoder: Decoder,
    input: BytesMut,
}

impl Peer {
    pub(super) async fn connect(url: &Url, host: &str) -> Result<Self, Error> {
        let transport = Transport::connect(url, Protocol::Stomp).await?;
        let mut peer = Self { transport, decoder: Decoder::new(Limits::default()), input: BytesMut::new() };
        let connect = format!("CONNECT\naccept-version:1.2\nhost:{host}\nheart-beat:0,0\n\n\0");
        peer.ask(connect, |frame| frame.command == Command::Connected).await?;
        peer.decoder.set_version(Version::V12);
        Ok(peer)
    }

    /// Sends a frame and waits for its answer.
    pub(super) async fn ask(
        &mut self,
        request: String,
        is_answer: impl Fn(&Frame<'_>) -> bool,
    ) -> Result<(), Error> {
        self.transport.queue(Chunk { bytes: request.into(), is_text: true });
        let answered = async {
            loop {
                let driven = self.drive().await?;
                let mut is_answered = false;
                self.frames(|frame| is_answered |= is_answer(frame))?;
                match (is_answered, driven) {
                    (true, _) => return Ok(()),
                    (false, Driven::Ended) => return Err(Error::Lost("the broker closed it".to_owned())),
                    (false, _) => {}
                }
            }
        };
        let late = |_| Error::Lost(format!("no answer to a request in {} s", ANSWER_TIMEOUT.as_secs()));
        timeout(ANSWER_TIMEOUT, answered).await.map_err(late)?
    }

    /// Sends what is queued and receives what has come. Nothing is lost when the future is dropped.
    pub(super) async fn drive(&mut self) -> Result<Driven, Error> {
        self.transport.drive(Some(&mut self.input)).await.map_err(|error| Error::Lost(error.to_string()))
    }

    /// Hands over each frame that has arrived whole.
    pub(super) fn frames(&mut self, mut handle: impl FnMut(&Frame<'_>)) -> Result<(), Error> {
        let mut at = 0;
        loop {
            let rest = self.input.get(at..).unwrap_or_default();
            match self.decoder.decode(rest).map_err(|error| Error::Protocol(error.to_string()))? {
                Decoded::Frame { frame, .. } if frame.command == Command::Error => {
                    let said = String::from_utf8_lossy(frame.body).into_owned();
                    let message = frame.headers.get("message").unwrap_or_default();
                    return Err(Error::EndedByBroker(format!("{message}: {said}")));
                }
                Decoded::Frame { frame, size } => {
                    handle(&frame);
                    at += size;
                }
                Decoded::HeartBeat { size } => at += size,
                Decoded::Incomplete { .. } => {
                    self.input.advance(at);
                    return Ok(());
                }
            }
        }
    }

    /// Says goodbye. The figures are taken by then, so a broker that does not answer is left.
    pub(super) async fn leave(mut self) {
        self.transport.queue(Chunk { bytes: "DISCONNECT\n\n\0".into(), is_text: true });
        let _ = timeout(Duration::from_secs(1), self.transport.close()).await;
    }
}

const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
