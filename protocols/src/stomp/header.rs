//! A frame's headers, borrowed from the bytes that arrived.

use std::borrow::Cow;
use std::fmt;

use memchr::memchr;

use super::escape::{Escaping, unescape};

/// The headers of a decoded frame.
///
/// They were checked when the frame was decoded: UTF-8, a name and a colon in each line, no escape that the version
/// does not know. Reading them therefore cannot fail, and copies only a text that holds an escape.
#[derive(Clone, Copy)]
pub struct Headers<'a> {
    /// The lines with their ends, without the blank one.
    block: &'a str,
    count: usize,
    /// Escapes to undo; [`Escaping::Exempt`] also for a block without any backslash, so that nobody looks again.
    escaping: Escaping,
    /// Whether some line ends with CR LF.
    has_crlf: bool,
}

impl<'a> Headers<'a> {
    /// Takes over a block whose lines have been checked.
    pub(super) fn new(block: &'a str, count: usize, escaping: Escaping, has_crlf: bool) -> Self {
        Self { block, count, escaping, has_crlf }
    }

    /// The value of a header; of repeated ones the first counts (STOMP12-REPEAT-1).
    pub fn get(&self, name: &str) -> Option<Cow<'a, str>> {
        if !self.escaping.has_escapes() {
            return self.lines().find_plain(name).map(Cow::Borrowed);
        }
        let (_, value) = self.lines().find(|(raw_name, _)| self.unescaped(raw_name) == name)?;
        Some(self.unescaped(value))
    }

    /// All headers as (name, value) in the order they came, repeats included.
    pub fn iter(&self) -> HeaderIter<'a> {
        HeaderIter { headers: *self, lines: self.lines() }
    }

    /// How many there are, repeats included.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn lines(&self) -> Lines<'a> {
        Lines { rest: self.block, has_crlf: self.has_crlf }
    }

    fn unescaped(&self, raw: &'a str) -> Cow<'a, str> {
        unescape(raw, self.escaping).unwrap_or(Cow::Borrowed(raw))
    }
}

impl Default for Headers<'_> {
    /// No headers.
    fn default() -> Self {
        Self::new("", 0, Escaping::Exempt, false)
    }
}

impl fmt::Debug for Headers<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.iter()).finish()
    }
}

/// Equal names and values in the same order, however they were written.
impl PartialEq for Headers<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.count == other.count && self.iter().eq(other.iter())
    }
}

impl Eq for Headers<'_> {}

impl<'a> IntoIterator for Headers<'a> {
    type Item = (Cow<'a, str>, Cow<'a, str>);
    type IntoIter = HeaderIter<'a>;

    fn into_iter(self) -> HeaderIter<'a> {
        self.iter()
    }
}

/// The headers of a frame, one after the other.
#[derive(Clone, Debug)]
pub struct HeaderIter<'a> {
    headers: Headers<'a>,
    lines: Lines<'a>,
}

impl<'a> Iterator for HeaderIter<'a> {
    type Item = (Cow<'a, str>, Cow<'a, str>);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, value) = self.lines.next()?;
        Some((self.headers.unescaped(name), self.headers.unescaped(value)))
    }
}

/// The lines of a checked block, split at their first colon, as they were written.
#[derive(Clone, Debug)]
struct Lines<'a> {
    rest: &'a str,
    has_crlf: bool,
}

impl<'a> Lines<'a> {
    /// The value of a header in a block without escapes; lines of other names are not split.
    fn find_plain(mut self, name: &str) -> Option<&'a str> {
        loop {
            let line = self.next_line()?;
            // No raw name has a colon; a name asked for may have one.
            let value = line.strip_prefix(name).and_then(|rest| rest.strip_prefix(':'));
            if value.is_some() && !name.contains(':') {
                return value;
            }
        }
    }

    fn next_line(&mut self) -> Option<&'a str> {
        let end = memchr(b'\n', self.rest.as_bytes())?;
        let line = &self.rest[..end];
        self.rest = &self.rest[end + 1..];
        Some(if self.has_crlf { line.strip_suffix('\r').unwrap_or(line) } else { line })
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let line = self.next_line()?;
        let colon = memchr(b':', line.as_bytes())?;
        Some((&line[..colon], &line[colon + 1..]))
    }
}
