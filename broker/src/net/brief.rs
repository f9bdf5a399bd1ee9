//! A request for an upgrade that came whole with the first bytes and is as plain as nearly all are: it is parsed here,
//! which costs a fifth of what a connection of hyper's does. Nothing is refused here. Whatever is not plain, or not granted,
//! is left to hyper, which reads the same bytes again and answers.

use std::mem::MaybeUninit;

use hyper::header::{self, HeaderName};
use hyper::{Method, StatusCode, Version};

use super::asked::{Asked, Lines};
use super::handshake::Answer;

/// Header lines of a plain request.
const HEADERS_MAX: usize = 32;

/// The only method of a plain request.
static GET: Method = Method::GET;

/// Hands the request at the front of `bytes` to `take`, with its size, if it is a whole and plain one: GET, HTTP/1.1, no body.
pub(super) fn parse<R>(bytes: &[u8], take: impl FnOnce(&Asked<'_>, usize) -> Option<R>) -> Option<R> {
    let mut lines = [const { MaybeUninit::uninit() }; HEADERS_MAX];
    let mut parsed = httparse::Request::new(&mut []);
    let Ok(httparse::Status::Complete(size)) = parsed.parse_with_uninit_headers(bytes, &mut lines) else {
        return None;
    };
    let (Some("GET"), Some(1), Some(target)) = (parsed.method, parsed.version, parsed.path) else {
        return None;
    };
    if !is_plain_target(target.as_bytes()) {
        return None;
    }
    // A body follows, or the client waits before it sends one.
    let has_more = [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::EXPECT];
    let is_more = |line: &httparse::Header<'_>| {
        has_more.iter().any(|name| line.name.eq_ignore_ascii_case(name.as_str()))
    };
    if parsed.headers.iter().any(is_more) {
        return None;
    }
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let asked = Asked {
        method: &GET,
        version: Version::HTTP_11,
        path,
        query,
        authority: None,
        protocol: None,
        lines: Lines::Read(parsed.headers),
    };
    take(&asked, size)
}

/// Whether it is a path, with a query or without, of nothing but what may stand there. (RFC 3986, section 3.3)
fn is_plain_target(target: &[u8]) -> bool {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@%/?".contains(byte);
    target.first() == Some(&b'/') && target.iter().all(is_plain)
}

/// The bytes of an answer without a body.
pub(super) struct Head(Vec<u8>);

impl Head {
    /// All of them.
    pub(super) fn into_bytes(mut self) -> Vec<u8> {
        self.0.extend_from_slice(b"\r\n");
        self.0
    }
}

impl Answer for Head {
    fn new(status: StatusCode) -> Self {
        let mut bytes = Vec::with_capacity(256);
        let words = [status.as_str(), " ", status.canonical_reason().unwrap_or_default()];
        bytes.extend_from_slice(b"HTTP/1.1 ");
        words.iter().for_each(|word| bytes.extend_from_slice(word.as_bytes()));
        bytes.extend_from_slice(b"\r\n");
        Self(bytes)
    }

    fn insert(&mut self, name: HeaderName, value: &str) {
        if value.bytes().any(|byte| byte.is_ascii_control()) {
            return;
        }
        for part in [name.as_str(), ": ", value, "\r\n"] {
            self.0.extend_from_slice(part.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_brief(request: &str) -> bool {
        parse(request.as_bytes(), |_, _| Some(())).is_some()
    }

    #[test]
    fn a_whole_and_plain_request_is_taken_and_what_follows_is_left() {
        let bytes = b"GET /mqtt?a=/b? HTTP/1.1\r\nHost: a\r\nX: 1\r\nx: 2, 3 \r\nX: \xFF\r\n\r\n\x82\x00";
        let taken = parse(bytes, |asked, size| {
            assert_eq!(&bytes[size..], b"\x82\x00");
            assert_eq!(
                (asked.path, asked.query, asked.only(header::HOST)),
                ("/mqtt", Some("a=/b?"), Some("a"))
            );
            let name = || HeaderName::from_static("x");
            assert!(asked.values(name()).eq([Some("1"), Some("2, 3"), None]));
            assert!(asked.tokens(name()).eq(["1", "2", "3"]));
            Some(())
        });
        assert!(taken.is_some());
    }

    #[test]
    fn whatever_else_comes_is_left_to_hyper() {
        for request in [
            "",
            "GET / HTTP/1.1\r\nHost: a\r\n",
            "GET / HTTP/1.0\r\nHost: a\r\n\r\n",
            "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n1",
            "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
            "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
            "GET / HTTP/1.1\r\nA: \u{0}\r\n\r\n",
            "GET a b HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET a HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET * HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /\u{e9} HTTP/1.1\r\nHost: a\r\n\r\n",
            &format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(HEADERS_MAX + 1)),
        ] {
            assert!(!is_brief(request), "{request:?}");
        }
    }

    #[test]
    fn an_answer_has_its_lines() {
        let mut head = Head::new(StatusCode::SWITCHING_PROTOCOLS);
        head.insert(header::UPGRADE, "websocket");
        head.insert(header::CONNECTION, "Upgrade\r\nx: y");
        assert_eq!(head.into_bytes(), b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n");
    }
}
