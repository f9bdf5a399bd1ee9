//! Bytes as they arrive become frames.
//!
//! ```text
//!            EOLs: HeartBeat
//!              +--+
//!              v  |   command line             blank line
//!  --------> Between ------------> InHead ------------------> InBody
//!              ^                   |    ^                     |    ^
//!              |             Incomplete |               Incomplete |
//!              |                   +----+                     +----+
//!              |                                              |
//!              +----------------------------------------------+
//!                                 NUL: Frame
//! ```
//!
//! Any error leads back to Between as well, but the bytes that follow have no known meaning then: the connection ends.

use std::mem;

use nom::Needed;

use super::body::Body;
use super::head::Head;
use super::line::{Outcome, end_of_lines_size, receipt};
use super::{Error, Frame, Headers, Limits, Version};

/// Decodes one connection's input.
///
/// Call [`decode`](Self::decode) with everything that has arrived since the last frame ended, then drop the `size`
/// bytes that the result tells, and so on until it is [`Decoded::Incomplete`]; then call again when more has been
/// appended. The decoder remembers how far it has looked, so that a frame costs the same however it was split.
#[derive(Clone, Debug)]
pub struct Decoder {
    limits: Limits,
    version: Version,
    state: State,
}

/// What the input begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decoded<'a> {
    /// A whole frame.
    Frame {
        /// The frame.
        frame: Frame<'a>,
        /// Bytes that it took, its NUL included.
        size: usize,
    },
    /// EOLs between frames: a sign of life (STOMP12-HEARTBEAT-6, STOMP12-FRAME-3).
    HeartBeat {
        /// Bytes of all the EOLs that are there.
        size: usize,
    },
    /// Nothing that is whole.
    Incomplete {
        /// Bytes that the input must have at least before it is worth another call.
        needed: usize,
    },
}

impl Decoder {
    /// A decoder that goes by 1.2's rules until it is told the version.
    pub fn new(limits: Limits) -> Self {
        Self { limits, version: Version::V12, state: State::Between }
    }

    /// Goes by the rules of `version` from the next frame on: to be called right after the frame that settled it.
    pub fn set_version(&mut self, version: Version) {
        self.version = version;
        self.state = State::Between;
    }

    /// Replaces the limits, such as after login; to be called between frames.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
        self.state = State::Between;
    }

    /// Whether the input begins with a frame or an EOL, and no frame has been begun.
    pub fn is_between_frames(&self) -> bool {
        matches!(self.state, State::Between)
    }

    /// The version whose rules hold.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Looks at what has arrived; see the type for the order of calls.
    ///
    /// An error is final for the connection. Limits hold as soon as they are visibly passed.
    pub fn decode<'a>(&mut self, input: &'a [u8]) -> Result<Decoded<'a>, Error> {
        match self.advance(input) {
            Ok(decoded) => Ok(decoded),
            Err(nom::Err::Incomplete(needed)) => {
                let more = if let Needed::Size(size) = needed { size.get() } else { 1 };
                Ok(Decoded::Incomplete { needed: input.len().saturating_add(more) })
            }
            Err(nom::Err::Error(fault) | nom::Err::Failure(fault)) => {
                Err(Error::from(fault).with_receipt(receipt(self.version, input)))
            }
        }
    }

    fn advance<'a>(&mut self, input: &'a [u8]) -> Outcome<Decoded<'a>> {
        let (mut body, checked) = match mem::take(&mut self.state) {
            State::InBody(body) => (body, None),
            State::InHead(head) => self.advance_head(head, input)?,
            State::Between => match end_of_lines_size(input) {
                0 => self.advance_head(Head::begin(self.version, input)?, input)?,
                size => return Ok(Decoded::HeartBeat { size }),
            },
        };
        let content = body.read(&self.limits, input);
        if is_incomplete(&content) {
            self.state = State::InBody(body);
        }
        let (content, size) = content?;
        let headers = match checked {
            Some(headers) => headers,
            // The head came with an earlier call, and what that call lent has been given back.
            None => body.head.headers(input)?,
        };
        Ok(Decoded::Frame { frame: Frame { command: body.head.command, headers, body: content }, size })
    }

    /// Reads on in a head; its headers are judged at its end, before the body is awaited.
    fn advance_head<'a>(&mut self, mut head: Head, input: &'a [u8]) -> Outcome<(Body, Option<Headers<'a>>)> {
        let end = head.read(&self.limits, input);
        if is_incomplete(&end) {
            self.state = State::InHead(head);
        }
        let end = end?;
        let headers = head.headers(input)?;
        Ok((Body::begin(&self.limits, head, end)?, Some(headers)))
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

/// Where in the picture above the decoder is.
#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Between,
    InHead(Head),
    InBody(Body),
}

fn is_incomplete<T>(outcome: &Outcome<T>) -> bool {
    matches!(outcome, Err(nom::Err::Incomplete(_)))
}
