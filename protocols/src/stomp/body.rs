//! A frame's body: counted by `content-length`, or up to the first NUL.

use memchr::memchr;
use nom::Needed;

use super::Version;
use super::error::{ErrorKind, Fault, Statement};
use super::head::{Head, LIMIT};
use super::limits::Limits;
use super::line::Outcome;

/// A body on its way in, behind its complete head.
#[derive(Clone, Copy, Debug)]
pub(super) struct Body {
    pub(super) head: Head,
    /// Where it begins, counted from the frame's first octet.
    start: usize,
    /// No NUL ends it before here: bytes that arrive one by one are looked at once.
    scanned: usize,
}

impl Body {
    /// Judges what the head announces, before any of it has come.
    pub(super) fn begin(limits: &Limits, head: Head, start: usize) -> Outcome<Self> {
        let body = Self { head, start, scanned: start };
        match head.content_length {
            Some(length) if length > 0 && body.is_forbidden() => Err(body.unexpected()),
            Some(length) if length > limits.body_size_max => Err(body.too_large(limits)),
            _ => Ok(body),
        }
    }

    /// The body and the whole frame's size, once all has come.
    pub(super) fn read<'a>(&mut self, limits: &Limits, input: &'a [u8]) -> Outcome<(&'a [u8], usize)> {
        let rest = input.get(self.start..).unwrap_or_default();
        let end = match self.head.content_length {
            Some(length) => self.counted_end(length, rest)?,
            None => self.first_nul(limits, rest)?,
        };
        // 1.0 allows a body where it has no meaning (STOMP10-SUBSCRIBE-2); it is read and let go.
        let body = if self.head.command.may_have_body() { &rest[..end] } else { &[] };
        Ok((body, self.start + end + 1))
    }

    /// STOMP12-LENGTH-2, -3: that many octets, NULs included, then a NUL.
    fn counted_end(&self, length: usize, rest: &[u8]) -> Outcome<usize> {
        match rest.get(length) {
            Some(0) => Ok(length),
            Some(_) => {
                let detail = format!("no NUL after the {length} octets of content-length");
                Err(COUNT.broken(self.head.version, ErrorKind::BadContentLength, detail))
            }
            None => Err(nom::Err::Incomplete(Needed::new((length - rest.len()).saturating_add(1)))),
        }
    }

    fn first_nul(&mut self, limits: &Limits, rest: &[u8]) -> Outcome<usize> {
        if self.is_forbidden() && rest.first().is_some_and(|&octet| octet != 0) {
            return Err(self.unexpected());
        }
        let scanned = self.scanned - self.start;
        // With one octet more than a body may have, its NUL must be in sight.
        let window = &rest[..rest.len().min(limits.body_size_max.saturating_add(1))];
        if let Some(index) = memchr(0, window.get(scanned..).unwrap_or_default()) {
            return Ok(scanned + index);
        }
        if window.len() > limits.body_size_max {
            return Err(self.too_large(limits));
        }
        self.scanned = self.start + window.len();
        Err(nom::Err::Incomplete(Needed::Unknown))
    }

    /// 1.1 and 1.2 allow a body in few frames (STOMP12-BODY-1); 1.0 does not say so.
    fn is_forbidden(&self) -> bool {
        self.head.version > Version::V10 && !self.head.command.may_have_body()
    }

    fn unexpected(&self) -> nom::Err<Fault> {
        let detail = format!("{} has no body: NUL follows the blank line", self.head.command);
        BODY.broken(self.head.version, ErrorKind::UnexpectedBody, detail)
    }

    fn too_large(&self, limits: &Limits) -> nom::Err<Fault> {
        let detail = format!("the body is larger than {} bytes", limits.body_size_max);
        LIMIT.broken(self.head.version, ErrorKind::BodyTooLarge, detail)
    }
}

const BODY: Statement = Statement(["STOMP10-FRAME-1", "STOMP11-BODY-1", "STOMP12-BODY-1"]);
const COUNT: Statement = Statement(["STOMP10-FRAME-1", "STOMP11-FRAME-2", "STOMP12-LENGTH-3"]);
