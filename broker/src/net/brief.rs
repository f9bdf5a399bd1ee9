//! A request for an upgrade that came whole with the first bytes and is as plain as nearly all are: it is parsed here,
//! which costs a fifth of what a connection of hyper's does. Nothing is refused here. Whatever is not plain, or not granted,
//! is left to hyper, which reads the same bytes again and answers.

use std::io::Write as _;

use hyper::Method;
use hyper::body::Bytes;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Request, Response, Uri};

/// Header lines of a plain request.
const HEADERS_MAX: usize = 32;

/// The request at the front of `bytes` and its size, if it is a whole and plain one: GET, HTTP/1.1, no body.
pub(super) fn parse(bytes: &Bytes) -> Option<(Request<()>, usize)> {
    let mut lines = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut parsed = httparse::Request::new(&mut lines);
    let Ok(httparse::Status::Complete(size)) = parsed.parse(bytes) else { return None };
    let (Some("GET"), Some(1), Some(path)) = (parsed.method, parsed.version, parsed.path) else {
        return None;
    };
    let mut request = Request::new(());
    *request.method_mut() = Method::GET;
    *request.uri_mut() = path.parse::<Uri>().ok()?;
    let headers = request.headers_mut();
    headers.reserve(parsed.headers.len());
    for line in parsed.headers {
        let name = HeaderName::from_bytes(line.name.as_bytes()).ok()?;
        // A body follows, or the client waits before it sends one.
        if [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::EXPECT].contains(&name) {
            return None;
        }
        headers.append(name, HeaderValue::from_maybe_shared(bytes.slice_ref(line.value)).ok()?);
    }
    Some((request, size))
}

/// The bytes of an answer without a body.
pub(super) fn encode<B>(answer: &Response<B>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(256);
    // Writing to memory does not fail.
    let _ = write!(bytes, "HTTP/1.1 {}\r\n", answer.status());
    for (name, value) in answer.headers() {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            bytes.extend_from_slice(part);
        }
    }
    bytes.extend_from_slice(b"\r\n");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_brief(request: &str) -> bool {
        parse(&Bytes::copy_from_slice(request.as_bytes())).is_some()
    }

    #[test]
    fn a_whole_and_plain_request_is_taken_and_what_follows_is_left() {
        let bytes = Bytes::from_static(b"GET /mqtt?a HTTP/1.1\r\nHost: a\r\nX: 1\r\nX: 2\r\n\r\n\x82\x00");
        let (request, size) = parse(&bytes).unwrap();
        assert_eq!(&bytes[size..], b"\x82\x00");
        assert_eq!((request.uri().path(), request.headers()["host"].as_bytes()), ("/mqtt", &b"a"[..]));
        assert_eq!(request.headers().get_all("x").iter().count(), 2);
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
            &format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(HEADERS_MAX + 1)),
        ] {
            assert!(!is_brief(request), "{request:?}");
        }
    }

    #[test]
    fn an_answer_has_its_lines() {
        let answer = Response::builder().status(101).header("upgrade", "websocket").body(()).unwrap();
        assert_eq!(encode(&answer), b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n");
    }
}
