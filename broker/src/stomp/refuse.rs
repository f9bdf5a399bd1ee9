//! Saying no: the ERROR frame, after which the connection is closed. [STOMP12-ERROR-1 to -6]

use std::borrow::Cow;
use std::fmt;

use tidewire_protocols::stomp::{Command, Error, ErrorKind, Frame, FrameWriter};

use super::{State, Stomp};
use crate::auth::Denial;
use crate::broker::{Barred, Broker, Departure, Ending, PublishRefused, Refused, TimeIsOver, Who, counts_as};
use crate::connection::{Close, CloseCode};
use crate::counters::RefusalReason;
use crate::session::Link;
use crate::turn::Turn;

/// Why a connection ends, and what the ERROR frame says: a short message, and a body that tells a developer what to do.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    message: Cow<'static, str>,
    body: Cow<'static, str>,
    code: CloseCode,
    /// What it counts as.
    kind: RefusalReason,
    receipt: Option<String>,
    /// Who was refused a connection.
    claimed: Option<Box<Claimed>>,
}

/// Who somebody says to be that wants to be let in.
#[derive(Clone, Debug)]
struct Claimed {
    client_id: Option<String>,
    login: Option<String>,
}

impl Refusal {
    pub(super) fn new(message: impl Into<Cow<'static, str>>, body: impl Into<Cow<'static, str>>) -> Self {
        let (code, kind) = (CloseCode::Normal, RefusalReason::Protocol);
        Self { message: message.into(), body: body.into(), code, kind, receipt: None, claimed: None }
    }

    /// Counts as this; without a word, as something that is forbidden here.
    pub(super) fn because(self, kind: RefusalReason) -> Self {
        Self { kind, ..self }
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
            .because(RefusalReason::Unavailable)
    }

    /// A message was not taken.
    pub(super) fn not_published(refused: PublishRefused) -> Self {
        match refused {
            PublishRefused::QueueFull => Self::new(
                "queue full",
                "The queue holds as many messages as it may. Send again when some have been consumed.",
            )
            .because(RefusalReason::TooMany),
            PublishRefused::Store(_) => Self::not_stored(),
        }
    }

    pub(super) fn kicked() -> Self {
        let (code, kind) = (CloseCode::Policy, RefusalReason::Kicked);
        let body = "Whoever runs this server has ended the connection.";
        Self { code, kind, ..Self::new("disconnected by the operator", body) }
    }

    pub(super) fn shutting_down(restart: bool) -> Self {
        let (code, kind) = (CloseCode::of_stop(restart), RefusalReason::ShuttingDown);
        let body = match restart {
            true => "The server is being restarted. Connect again soon.",
            false => "The server is being stopped. Connect again later.",
        };
        Self { code, kind, ..Self::new("server shutting down", body) }
    }

    /// Bytes that are no frame, or one that its own rules forbid.
    pub(super) fn undecodable(error: &Error) -> Self {
        let (code, kind) = match error.kind() {
            ErrorKind::BodyTooLarge | ErrorKind::HeaderTooLong | ErrorKind::TooManyHeaders => {
                (CloseCode::TooLarge, RefusalReason::TooLarge)
            }
            ErrorKind::UnknownCommand => (CloseCode::Normal, RefusalReason::Protocol),
            _ => (CloseCode::Protocol, RefusalReason::Malformed),
        };
        let body = format!("{error} ({})", error.statement());
        Self { code, kind, receipt: error.receipt(), ..Self::new(error.to_string(), body) }
    }

    /// What was wrong below STOMP.
    pub(super) fn breach(close: Close, kind: RefusalReason) -> Self {
        let body = "The WebSocket that carries the frames is closed; its close code says what is wrong.";
        Self { code: close.code, kind, ..Self::new(close.reason, body) }
    }

    /// Says which frame it was, by the receipt that was asked for, and who it was that could not connect.
    pub(super) fn about(mut self, frame: &Frame<'_>) -> Self {
        if matches!(frame.command, Command::Connect | Command::Stomp) {
            let header = |name| frame.headers.get(name).map(Cow::into_owned);
            self.claimed = Some(Box::new(Claimed { client_id: header("client-id"), login: header("login") }));
        }
        self.with_receipt(frame.headers.get("receipt").as_deref())
    }

    /// Says which frame it was, where that is gone already.
    pub(super) fn with_receipt(self, receipt: Option<&str>) -> Self {
        Self { receipt: receipt.map(str::to_owned), ..self }
    }

    /// Counts it and has it logged.
    pub(super) fn note(&self, broker: &Broker, link: &Link, who: Who<'_>) {
        broker.note_refusal(link, &Refused { reason: self.kind, who, detail: self });
    }

    /// Who is refused that was not let in.
    fn claimant(&self) -> Who<'_> {
        let claimed = self.claimed.as_deref();
        let client_id = claimed.and_then(|claimed| claimed.client_id.as_deref());
        Who::claims(client_id, claimed.and_then(|claimed| claimed.login.as_deref()), "stomp")
    }
}

/// What it says, on one line.
impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.message, self.body)
    }
}

impl From<Barred> for Refusal {
    fn from(barred: Barred) -> Self {
        match barred {
            Barred::ByOperator => Denial::Banned.into(),
            Barred::Banned { secs } => {
                let body = format!("Too many logins from this address failed. Try again in {secs} s.");
                Self::new("banned", body).because(RefusalReason::TooMany)
            }
            Barred::MemoryFull => {
                let body = "The server's memory is full. Try again later.";
                Self::new("memory full", body).because(RefusalReason::Memory)
            }
        }
    }
}

impl From<TimeIsOver> for Refusal {
    fn from(_: TimeIsOver) -> Self {
        let body = "The token has expired: connect with a new one, or send one to /auth/token in time.";
        Self::new("token expired", body).because(RefusalReason::NotAuthorized)
    }
}

/// What a client is told that is not let in.
impl From<Denial> for Refusal {
    fn from(denial: Denial) -> Self {
        let mut body = denial.text().to_owned();
        if let Some(first) = body.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        Self::new("access refused", body + ".").because(counts_as(&denial))
    }
}

impl Stomp {
    /// Ends the connection: says why, and lets go of the session.
    pub(super) fn refuse(&mut self, turn: &mut Turn<'_>, refusal: &Refusal) -> Close {
        let close = Close::new(refusal.code, refusal.message.clone());
        match &self.state {
            State::Ended => return close,
            State::Connected(_) => {}
            State::Greeting { .. } | State::Waiting(_) => {
                refusal.note(&self.broker, &self.link, refusal.claimant());
            }
        }
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
        self.depart(turn, Departure::WithWill, Ending::Broker(refusal.kind, refusal));
        self.state = State::Ended;
        close
    }
}
