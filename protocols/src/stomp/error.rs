//! What is wrong with a frame, and which statement says so.

use std::borrow::Cow;

use nom::error::ParseError;

use super::Version;

/// A frame that cannot be accepted. It is always the peer's fault and always fatal: the server answers with ERROR and
/// closes the connection (STOMP12-LIMIT-2, STOMP12-ENCODE-4, STOMP12-COMMAND-1).
///
/// `Display` says in a few words what is wrong and what would be right, fit for ERROR's `message` header.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .violation.detail)]
pub struct Error {
    /// Boxed, so that a result of every step in decoding stays small.
    violation: Box<Violation>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Violation {
    kind: ErrorKind,
    statement: &'static str,
    detail: Cow<'static, str>,
    receipt: Option<Box<str>>,
}

impl Error {
    pub(super) fn new(
        kind: ErrorKind,
        statement: &'static str,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { violation: Box::new(Violation { kind, statement, detail: detail.into(), receipt: None }) }
    }

    /// What kind of wrong it is.
    pub fn kind(&self) -> ErrorKind {
        self.violation.kind
    }

    /// The statement that the frame breaks, such as `STOMP12-ENCODE-4`, in the words of the connection's version
    /// where it has any.
    pub fn statement(&self) -> &'static str {
        self.violation.statement
    }

    /// The receipt that the frame asked for, as far as its headers had arrived: ERROR carries it as `receipt-id`
    /// (STOMP12-ERROR-5).
    pub fn receipt(&self) -> Option<String> {
        self.violation.receipt.as_deref().map(str::to_owned)
    }

    pub(super) fn with_receipt(mut self, receipt: Option<Box<str>>) -> Self {
        self.violation.receipt = receipt;
        self
    }
}

/// What kind of wrong a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// Not a frame by the grammar: a line without colon or name, a CR or NUL where none may stand.
    Malformed,
    /// The first line is no command of this version.
    UnknownCommand,
    /// A backslash with something behind it that this version does not know.
    BadEscape,
    /// The header block is not UTF-8.
    NotUtf8,
    /// More headers than [`Limits::header_count_max`](super::Limits::header_count_max).
    TooManyHeaders,
    /// A line longer than [`Limits::header_line_max`](super::Limits::header_line_max).
    HeaderTooLong,
    /// A body larger than [`Limits::body_size_max`](super::Limits::body_size_max).
    BodyTooLarge,
    /// `content-length` is no number, or no NUL follows that many octets.
    BadContentLength,
    /// A body on a frame that has none.
    UnexpectedBody,
    /// `heart-beat` is not two numbers.
    BadHeartBeat,
}

/// The same rule in the three specifications, by version.
pub(super) struct Statement(pub(super) [&'static str; 3]);

impl Statement {
    /// A violation of the rule that ends parsing.
    pub(super) fn broken(
        &self,
        version: Version,
        kind: ErrorKind,
        detail: impl Into<Cow<'static, str>>,
    ) -> nom::Err<Fault> {
        nom::Err::Failure(Fault::Broken(Error::new(kind, self.0[version as usize], detail)))
    }
}

/// What a parser fails with: nom's error type, carrying ours.
#[derive(Debug)]
pub(super) enum Fault {
    /// Something else stands here, which is for the caller to judge. Costs nothing: blank lines are looked for often.
    Mismatch,
    /// The frame is wrong.
    Broken(Error),
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Mismatch => Self::new(ErrorKind::Malformed, "STOMP12-FRAME-1", "not a STOMP frame"),
            Fault::Broken(error) => error,
        }
    }
}

impl ParseError<&[u8]> for Fault {
    fn from_error_kind(_: &[u8], _: nom::error::ErrorKind) -> Self {
        Self::Mismatch
    }

    fn append(_: &[u8], _: nom::error::ErrorKind, other: Self) -> Self {
        other
    }
}
