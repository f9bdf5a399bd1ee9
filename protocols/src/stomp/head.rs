//! A frame's head: the command line, the header lines and the blank line.
//!
//! Each line is judged as soon as it is complete, its length even before, so that what is wrong shows at the same
//! octet however the bytes were split on their way.

use memchr::{memchr, memchr_iter, memchr2, memchr3};
use nom::Needed;

use super::error::{ErrorKind, Fault, Statement};
use super::escape::Escaping;
use super::line::{FRAME, Outcome, command_line, content_length, end_of_line, strip_carriage_return};
use super::{Command, Headers, Limits, Version};

/// A head on its way in. All positions count from the frame's first octet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub(super) command: Command,
    /// The first `content-length`, if any has come.
    pub(super) content_length: Option<usize>,
    pub(super) version: Version,
    escaping: Escaping,
    /// Where the first header line begins.
    start: usize,
    /// Where the line begins that is being read; in the end, the blank line.
    line: usize,
    /// No line ends in `line..scanned`, and every escape there is legal: bytes that arrive one by one are looked at
    /// once.
    scanned: usize,
    count: usize,
    has_backslash: bool,
}

impl Head {
    /// Reads the command line.
    pub(super) fn begin(version: Version, input: &[u8]) -> Outcome<Self> {
        let (rest, command) = command_line(version, input)?;
        let start = input.len() - rest.len();
        Ok(Self {
            command,
            content_length: None,
            version,
            escaping: Escaping::of(version, command),
            start,
            line: start,
            scanned: start,
            count: 0,
            has_backslash: false,
        })
    }

    /// Reads on up to the end of the blank line, and returns where that is.
    pub(super) fn read(&mut self, limits: &Limits, input: &[u8]) -> Outcome<usize> {
        loop {
            let rest = input.get(self.line..).unwrap_or_default();
            match end_of_line(self.version, rest) {
                Ok((_, end)) => return Ok(self.line + end.len()),
                Err(nom::Err::Error(_)) => self.read_header(limits, rest)?,
                Err(other) => return Err(other),
            }
        }
    }

    /// Reads one header line; `rest` begins with it and holds at least one octet.
    fn read_header(&mut self, limits: &Limits, rest: &[u8]) -> Outcome<()> {
        if self.count >= limits.header_count_max {
            let detail = format!("more than {} headers", limits.header_count_max);
            return Err(LIMIT.broken(self.version, ErrorKind::TooManyHeaders, detail));
        }
        let end = self.find_end(limits, rest)?;
        let line = strip_carriage_return(self.version, &rest[..end]);
        match memchr(b':', line) {
            Some(0) => return Err(self.malformed("a header has no name before its colon")),
            None => return Err(self.malformed("a header line has no colon")),
            Some(colon) => self.note_header(&line[..colon], &line[colon + 1..])?,
        }
        self.count += 1;
        self.line += end + 1;
        self.scanned = self.line;
        Ok(())
    }

    /// Where in `rest` the LF is that ends its first line.
    fn find_end(&mut self, limits: &Limits, rest: &[u8]) -> Outcome<usize> {
        // With one octet more than a line may have, an end must be in sight.
        let window = &rest[..rest.len().min(limits.header_line_max.saturating_add(1))];
        let mut at = self.scanned - self.line;
        loop {
            let Some(index) = self.find_special(window.get(at..).unwrap_or_default()) else {
                at = window.len();
                break;
            };
            at += index;
            match (window[at], window.get(at + 1)) {
                (b'\n', _) => return Ok(at),
                (0, _) => return Err(self.malformed("a NUL in a header")),
                // A backslash that comes last is looked at again, with what follows it.
                (_, None) => break,
                (_, Some(&code)) => self.check_escape(code)?,
            }
            at += 2;
        }
        self.scanned = self.line + at;
        if window.len() <= limits.header_line_max {
            return Err(nom::Err::Incomplete(Needed::Unknown));
        }
        // A line as long as it may be can still end with CR LF.
        if self.version.has_crlf() && window.ends_with(b"\r") {
            match rest.get(window.len()) {
                Some(b'\n') => return Ok(window.len()),
                Some(_) => {}
                None => return Err(nom::Err::Incomplete(Needed::Unknown)),
            }
        }
        let detail = format!("a header line is longer than {} bytes", limits.header_line_max);
        Err(LIMIT.broken(self.version, ErrorKind::HeaderTooLong, detail))
    }

    fn find_special(&self, text: &[u8]) -> Option<usize> {
        if self.escaping.has_escapes() { memchr3(b'\n', b'\\', 0, text) } else { memchr2(b'\n', 0, text) }
    }

    fn check_escape(&mut self, code: u8) -> Outcome<()> {
        self.has_backslash = true;
        if self.escaping.decoded(code).is_some() {
            return Ok(());
        }
        let known = if self.escaping.decoded(b'r').is_some() { r"\r \n \c \\" } else { r"\n \c \\" };
        let detail = format!(r"no such escape: \{}; known are {known}", code.escape_ascii());
        Err(ESCAPE.broken(self.version, ErrorKind::BadEscape, detail))
    }

    fn note_header(&mut self, name: &[u8], value: &[u8]) -> Outcome<()> {
        // The first of repeated headers counts (STOMP12-REPEAT-1).
        if name == b"content-length" && self.content_length.is_none() {
            let length = content_length(self.version, value).ok_or_else(|| {
                let detail = "content-length is a number of octets";
                LENGTH.broken(self.version, ErrorKind::BadContentLength, detail)
            })?;
            self.content_length = Some(length);
        }
        Ok(())
    }

    /// The headers of a head that [`read`](Self::read) has seen to its end.
    pub(super) fn headers<'a>(&self, input: &'a [u8]) -> Outcome<Headers<'a>> {
        let block = input.get(self.start..self.line).unwrap_or_default();
        let has_crlf = self.version.has_crlf() && self.check_carriage_returns(block)?;
        let block = simdutf8::basic::from_utf8(block)
            .map_err(|_| ENCODING.broken(self.version, ErrorKind::NotUtf8, "the headers are not UTF-8"))?;
        let escaping = if self.has_backslash { self.escaping } else { Escaping::Exempt };
        Ok(Headers::new(block, self.count, escaping, has_crlf))
    }

    /// Whether there are any CRs; each must be part of a line's end.
    fn check_carriage_returns(&self, block: &[u8]) -> Outcome<bool> {
        let mut found = false;
        for index in memchr_iter(b'\r', block) {
            found = true;
            if block.get(index + 1) != Some(&b'\n') {
                return Err(self.malformed("a CR in a header is neither escaped nor part of CR LF"));
            }
        }
        Ok(found)
    }

    fn malformed(&self, detail: &'static str) -> nom::Err<Fault> {
        FRAME.broken(self.version, ErrorKind::Malformed, detail)
    }
}

const ENCODING: Statement = Statement(["STOMP10-FRAME-4", "STOMP11-ENCODE-6", "STOMP12-ENCODE-1"]);
/// 1.0 has no escapes, and so none that are wrong.
const ESCAPE: Statement = Statement(["STOMP10-FRAME-2", "STOMP11-ENCODE-2", "STOMP12-ENCODE-4"]);
const LENGTH: Statement = Statement(["STOMP10-LENGTH-1", "STOMP11-LENGTH-2", "STOMP12-LENGTH-2"]);
/// 1.0 does not speak of limits; what 1.2 says of them is done there too.
pub(super) const LIMIT: Statement = Statement(["STOMP12-LIMIT-2", "STOMP11-LIMIT-2", "STOMP12-LIMIT-2"]);
