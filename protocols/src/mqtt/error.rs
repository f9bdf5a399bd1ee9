//! What can be wrong with bytes that claim to be a packet.
//!
//! Each check names a [`Rule`]: the kind of wrong, the statement that forbids it in either standard, and what would
//! be right. While parsing, a broken rule travels as a reference ([`Violation`], one word wide); only
//! [`decode`](super::decode) makes an [`Error`] of it, because only there is the version known whose statement counts.

use nom::error::{ErrorKind as NomErrorKind, ParseError};

use super::{ReasonCode, Version};

/// A packet that is not to be answered but to be refused: the connection it came on is over [MQTT-4.13.1-1], 3.1.1:
/// [MQTT-4.8.0-1].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{detail} [{statement}]")]
pub struct Error {
    kind: ErrorKind,
    statement: &'static str,
    detail: &'static str,
}

impl Error {
    /// An error that another layer found: `statement` is the id of the broken statement without brackets, `detail`
    /// says what is wrong and what would be right.
    pub const fn new(kind: ErrorKind, statement: &'static str, detail: &'static str) -> Self {
        Self { kind, statement, detail }
    }

    /// What kind of wrong it is.
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The statement that the packet breaks, such as `MQTT-3.3.1-4`: an id of the standard of the packet's version,
    /// or `MQTT50-U-…` for a rule of MQTT 5 that has no number there.
    pub const fn statement(&self) -> &'static str {
        self.statement
    }

    /// What is wrong and what would be right, as a phrase without the statement.
    pub const fn detail(&self) -> &'static str {
        self.detail
    }

    /// What a DISCONNECT, or the CONNACK that refuses a CONNECT, says about it in MQTT 5 [MQTT50-U-4.13.1-2].
    pub const fn reason_code(&self) -> ReasonCode {
        match self.kind {
            ErrorKind::Malformed => ReasonCode::MalformedPacket,
            ErrorKind::Protocol => ReasonCode::ProtocolError,
            ErrorKind::TooLarge => ReasonCode::PacketTooLarge,
            ErrorKind::UnsupportedVersion => ReasonCode::UnsupportedProtocolVersion,
            ErrorKind::TopicNameInvalid => ReasonCode::TopicNameInvalid,
        }
    }
}

/// The kinds of wrong, one for each reason code that a packet alone can earn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The bytes cannot be read as a packet: 0x81.
    Malformed,
    /// They can, but say what the protocol does not allow: 0x82.
    Protocol,
    /// The packet is larger than this end accepts: 0x95.
    TooLarge,
    /// A CONNECT of a version that is not spoken here: 0x84, and return code 1 before MQTT 5.
    UnsupportedVersion,
    /// A PUBLISH to something that is no topic name: 0x90.
    TopicNameInvalid,
}

/// One check of the codec, as data.
#[derive(Debug)]
pub(crate) struct Rule {
    kind: ErrorKind,
    /// The statement's id in MQTT 3.1.1, which also serves 3.1.
    v311: &'static str,
    /// The statement's id in MQTT 5. The same id may mean different things in the two.
    v5: &'static str,
    detail: &'static str,
}

impl Rule {
    pub(crate) const fn new(
        kind: ErrorKind,
        v311: &'static str,
        v5: &'static str,
        detail: &'static str,
    ) -> Self {
        Self { kind, v311, v5, detail }
    }

    pub(crate) const fn malformed(v311: &'static str, v5: &'static str, detail: &'static str) -> Self {
        Self::new(ErrorKind::Malformed, v311, v5, detail)
    }

    pub(crate) const fn protocol(v311: &'static str, v5: &'static str, detail: &'static str) -> Self {
        Self::new(ErrorKind::Protocol, v311, v5, detail)
    }

    /// As nom's error, to be returned at once.
    #[inline]
    pub(crate) const fn broken(&'static self) -> nom::Err<Violation> {
        nom::Err::Failure(Violation(self))
    }
}

/// A broken rule on its way through nom's parsers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Violation(pub(crate) &'static Rule);

impl Violation {
    /// What went wrong inside a packet that has arrived in full, where waiting for more would not help.
    #[cold]
    pub(crate) fn from_nom(error: nom::Err<Self>) -> Self {
        match error {
            nom::Err::Error(violation) | nom::Err::Failure(violation) => violation,
            nom::Err::Incomplete(_) => Self(&TRUNCATED),
        }
    }

    /// The error, in the words of the packet's version.
    #[cold]
    pub(crate) fn into_error(self, version: Version) -> Error {
        let Rule { kind, v311, v5, detail } = *self.0;
        Error { kind, statement: if version.is_v5() { v5 } else { v311 }, detail }
    }
}

impl<I> ParseError<I> for Violation {
    /// The only thing that nom's own parsers find here is that bytes are missing.
    fn from_error_kind(_input: I, _kind: NomErrorKind) -> Self {
        Self(&TRUNCATED)
    }

    fn append(_input: I, _kind: NomErrorKind, other: Self) -> Self {
        other
    }
}

/// A field reaches beyond the end of its packet.
pub(crate) const TRUNCATED: Rule = Rule::malformed(
    "MQTT-4.8.0-1",
    "MQTT-4.13.1-1",
    "a field ends beyond the packet: the remaining length covers every field",
);
