//! Saying no: the ERROR frame, after which the connection is closed. [STOMP12-ERROR-1 to -6]

use std::borrow::Cow;

use tidewire_protocols::stomp::{Command, Error, ErrorKind, Frame, FrameWriter};

use super::Stomp;
use crate::broker::{Departure, PublishRefused};
use crate::connection::{Close, CloseCode};
use crate::turn::Turn;

/// Why a connection ends, and what the ERROR frame says: a short message, and a body that tells a developer what to do.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    message: Cow<'static, str>,
    body: Cow<'static, str>,
    code: CloseCode,
    receipt: Option<String>,
}

impl Refusal {
    pub(super) fn new(message: impl Into<Cow<'static, str>>, body: impl Into<Cow<'static, str>>) -> Self {
        Self { message: message.into(), body: body.into(), code: CloseCode::Normal, receipt: None }
    }

    /// A header that this frame needs is missing.
    pub(super) fn missing(command: Command, header: &str) -> Self {
        let command = command.as_str();
        Self::new(
            format!("{command} needs a {header} header"),
            format!("Add {header}:… to the {command} frame."),
        )
    }

    /// A header has a value that means nothing.
    pub(super) fn bad_header(header: &str, value: &str, expected: &str) -> Self {
        Self::new(
            format!("bad {header} header"),
            format!("{header}:{value} is not understood: expected {expected}."),
        )
    }

    /// The store takes nothing.
    pub(super) fn not_stored() -> Self {
        Self::new("not stored", "The server cannot store messages at present. Try again later.")
    }

    /// A message was not taken.
    pub(super) fn not_published(refused: PublishRefused) -> Self {
        match refused {
            PublishRefused::QueueFull => Self::new(
                "queue full",
                "The queue holds as many messages as it may. Send again when some have been consumed.",
            ),
            PublishRefused::Store(_) => Self::not_stored(),
        }
    }

    pub(super) fn banned(secs: u128) -> Self {
        Self::new("banned", format!("Too many logins from this address failed. Try again in {secs} s."))
    }

    pub(super) fn shutting_down() -> Self {
        let code = CloseCode::GoingAway;
        Self {
            code,
            ..Self::new("server shutting down", "The server is being stopped. Connect again later.")
        }
    }

    /// Bytes that are no frame, or one that its own rules forbid.
    pub(super) fn undecodable(error: &Error) -> Self {
        let code = match error.kind() {
            ErrorKind::BodyTooLarge | ErrorKind::HeaderTooLong | ErrorKind::TooManyHeaders => {
                CloseCode::TooLarge
            }
            ErrorKind::UnknownCommand => CloseCode::Normal,
            _ => CloseCode::Protocol,
        };
        let body = format!("{error} ({})", error.statement());
        Self { code, receipt: error.receipt(), ..Self::new(error.to_string(), body) }
    }

    /// Says which frame it was, by the receipt that was asked for.
    pub(super) fn about(mut self, frame: &Frame<'_>) -> Self {
        self.receipt = frame.headers.get("receipt").map(Cow::into_owned);
        self
    }
}

impl Stomp {
    /// Ends the connection: says why, and lets go of the session.
    pub(super) fn refuse(&mut self, turn: &mut Turn<'_>, refusal: &Refusal) -> Close {
        tracing::info!(link = %self.link, message = %refusal.message, body = %refusal.body, "disconnecting");
        self.broker.counters.refused.add(1);
        // Behind the receipts that are still held: the client learns what was done before what was not.
        self.travel().write(self.replies.promised(), |out| {
            let mut writer = FrameWriter::new(out, self.decoder.version(), Command::Error);
            writer.header("message", &refusal.message);
            if let Some(receipt) = &refusal.receipt {
                writer.header("receipt-id", receipt);
            }
            writer.header("content-type", "text/plain");
            writer.finish_with_body(format!("{}\n", refusal.body).as_bytes());
        });
        self.depart(turn, Departure::WithWill);
        self.state = super::State::Ended;
        Close::new(refusal.code, refusal.message.clone())
    }
}
