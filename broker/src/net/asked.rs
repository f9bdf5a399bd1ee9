//! What an HTTP request asks for, whoever has read it: hyper, or `brief`, which leaves its lines where they have come.

use hyper::ext::Protocol;
use hyper::header::{HeaderMap, HeaderName, HeaderValue, ValueIter};
use hyper::{Method, Request, Version};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'r> {
    pub(super) method: &'r Method,
    pub(super) version: Version,
    pub(super) path: &'r str,
    pub(super) query: Option<&'r str>,
    /// HTTP/2 has the host in the request line, so to speak.
    pub(super) authority: Option<&'r str>,
    /// What an extended CONNECT is for. (RFC 8441, section 4)
    pub(super) protocol: Option<&'r str>,
    pub(super) lines: Lines<'r>,
}

/// The header of a request.
#[derive(Clone, Copy, Debug)]
pub(super) enum Lines<'r> {
    /// In hyper's map.
    Map(&'r HeaderMap),
    /// As they have come.
    Read(&'r [httparse::Header<'r>]),
}

impl<'r, B> From<&'r Request<B>> for Asked<'r> {
    fn from(request: &'r Request<B>) -> Self {
        let uri = request.uri();
        Self {
            method: request.method(),
            version: request.version(),
            path: uri.path(),
            query: uri.query(),
            authority: uri.authority().map(|authority| authority.as_str()),
            protocol: request.extensions().get::<Protocol>().map(Protocol::as_str),
            lines: Lines::Map(request.headers()),
        }
    }
}

impl<'r> Asked<'r> {
    /// The values of a header, in order, as far as they are text: `None` in place of one that is not.
    pub fn values(&self, name: HeaderName) -> Values<'r> {
        match self.lines {
            Lines::Map(map) => Values::Map(map.get_all(name).into_iter()),
            Lines::Read(lines) => Values::Read(lines.iter(), name),
        }
    }

    /// The header's value where it is there once.
    pub(super) fn only(&self, name: HeaderName) -> Option<&'r str> {
        let mut values = self.values(name);
        let value = values.next()??.trim_ascii();
        values.next().is_none().then_some(value)
    }

    /// What stands between a header's commas.
    pub(super) fn tokens(&self, name: HeaderName) -> impl Iterator<Item = &'r str> + use<'r> {
        let parts = self.values(name).flatten().flat_map(|value| {
            let mut rest = Some(value);
            std::iter::from_fn(move || {
                let text = rest?;
                // Of bytes: to look for a character takes longer to begin than such a value is long.
                let comma = text.bytes().position(|byte| byte == b',');
                rest = comma.map(|at| &text[at + 1..]);
                Some(&text[..comma.unwrap_or(text.len())])
            })
        });
        parts.map(str::trim_ascii).filter(|token| !token.is_empty())
    }

    pub(super) fn has_token(&self, name: HeaderName, token: &str) -> bool {
        self.tokens(name).any(|found| found.eq_ignore_ascii_case(token))
    }
}

/// The values of one header: see [`Asked::values`].
#[derive(Debug)]
pub enum Values<'r> {
    /// In hyper's map.
    Map(ValueIter<'r, HeaderValue>),
    /// Among the lines as they have come.
    Read(std::slice::Iter<'r, httparse::Header<'r>>, HeaderName),
}

impl<'r> Iterator for Values<'r> {
    type Item = Option<&'r str>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Map(values) => Some(text(values.next()?.as_bytes())),
            Self::Read(lines, name) => {
                let name = name.as_str();
                Some(text(lines.find(|line| line.name.eq_ignore_ascii_case(name))?.value))
            }
        }
    }
}

/// What stands in a header may be any bytes but those that control something.
fn text(value: &[u8]) -> Option<&str> {
    if value.is_ascii() { std::str::from_utf8(value).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same of lines as they have come, and of hyper's map.
    #[test]
    fn it_is_the_same_whoever_has_read_it() {
        let name = || HeaderName::from_static("x");
        let lines = [
            ("X", &b"a, b ,,\tc"[..]),
            ("y", b"d"),
            ("x", b"\xFFe"),
            ("x", b" "),
            ("xx", b"f"),
            ("x", b"g,"),
        ];
        let mut request = Request::builder().uri("/path?query");
        for (name, value) in lines {
            request = request.header(name, value);
        }
        let request = request.body(()).unwrap();
        let read = lines.map(|(name, value)| httparse::Header { name, value });
        let of_map = Asked::from(&request);
        for asked in [of_map, Asked { lines: Lines::Read(&read), ..of_map }] {
            assert!(asked.values(name()).eq([Some("a, b ,,\tc"), None, Some(" "), Some("g,")]));
            assert!(asked.tokens(name()).eq(["a", "b", "c", "g"]));
            assert!(asked.has_token(name(), "C") && !asked.has_token(name(), "d"));
            assert_eq!((asked.only(name()), asked.only(HeaderName::from_static("y"))), (None, Some("d")));
            assert_eq!(asked.values(HeaderName::from_static("z")).next(), None);
            assert_eq!((asked.path, asked.query, asked.authority), ("/path", Some("query"), None));
        }
    }
}
