//! The browser examples (`clients/web/`) beside the WebSockets of a listener: what a plain request gets, be it by HTTP/1.1 or
//! HTTP/2. A request for an upgrade is none of these, whatever its path.
//!
//! ```text
//!   /demo/…            the examples, and what they consist of
//!   /demo/chat  /demo  lead to the same with a slash, which the names within a page count from
//!   /                  leads to the examples, for somebody who types no path
//! ```

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Version};

use super::asked::Asked;
use super::handshake::Refusal;
use crate::pages::{EXAMPLES, File, is_read};

/// Where the examples are served.
pub const PATH: &str = "/demo/";

/// What the examples may do: show and play what a message has brought, and connect to a broker elsewhere, which their address may
/// name.
const POLICY: &str = "img-src 'self' data: blob:; media-src 'self' blob:; connect-src 'self' ws: wss:";

/// What a plain request gets. A listener alone makes one; other sites have none.
pub struct Page {
    content: Content,
    method: Method,
    headers: HeaderMap,
    version: Version,
}

enum Content {
    File(&'static File),
    /// It is at this path.
    Elsewhere(String),
}

/// The answer to a request.
pub(super) enum Reply {
    Made(Response<Full<Bytes>>),
    Page(Page),
}

/// What a request gets of the examples. `None` where it is for something else.
pub(super) fn page<B>(request: &Request<B>) -> Option<Result<Page, Refusal>> {
    let headers = request.headers();
    // Over HTTP/2 it is a CONNECT.
    if request.method() == Method::CONNECT || Asked::from(request).has_token(header::UPGRADE, "websocket") {
        return None;
    }
    let (path, is_read) = (request.uri().path(), is_read(request.method()));
    let content = match path.strip_prefix(PATH) {
        Some(name) if is_read => content(name, request),
        Some(_) => Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "a page is there for GET and HEAD")),
        None if is_read && (path == "/" || path == PATH.trim_end_matches('/')) => {
            Ok(Content::elsewhere(PATH, request))
        }
        None => return None,
    };
    let (method, headers, version) = (request.method().clone(), headers.clone(), request.version());
    Some(content.map(|content| Page { content, method, headers, version }))
}

/// What has that name among the examples.
fn content<B>(name: &str, request: &Request<B>) -> Result<Content, Refusal> {
    let path = request.uri().path();
    match EXAMPLES.find(name) {
        Some(file) => Ok(Content::File(file)),
        None if EXAMPLES.is_folder(name) => Ok(Content::elsewhere(&format!("{path}/"), request)),
        None => Err(Refusal::new(StatusCode::NOT_FOUND, format!("nothing is served at {path}"))),
    }
}

impl Content {
    fn elsewhere<B>(path: &str, request: &Request<B>) -> Self {
        // It may name a broker.
        let query = request.uri().query();
        Self::Elsewhere(query.map_or_else(|| path.to_owned(), |query| format!("{path}?{query}")))
    }
}

impl Page {
    async fn answer(self) -> Response<Full<Bytes>> {
        let mut answer = match self.content {
            Content::File(file) => file.answer(&self.method, &self.headers, POLICY).await,
            Content::Elsewhere(path) => moved(&path),
        };
        if self.version < Version::HTTP_2 {
            // The listener gives a connection little time until it is a WebSocket. A browser that finds one closed which it
            // has kept asks again, but one that is told needs not.
            answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        answer
    }
}

impl Reply {
    /// As it leaves.
    pub(super) async fn answer(self) -> Response<Full<Bytes>> {
        match self {
            Self::Made(answer) => answer,
            Self::Page(page) => page.answer().await,
        }
    }
}

/// Not for good: another broker at this address may have no examples.
fn moved(path: &str) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = StatusCode::TEMPORARY_REDIRECT;
    // What stood in a request can stand in a header.
    if let Ok(path) = HeaderValue::from_str(path) {
        answer.headers_mut().insert(header::LOCATION, path);
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Status, and where it leads to; `None` where the request is for something else.
    async fn ask(method: &str, path: &str, upgrade: bool) -> Option<(u16, String)> {
        let mut request = Request::builder().method(method).uri(path);
        if upgrade {
            request = request.header(header::UPGRADE, "websocket");
        }
        let page = page(&request.body(()).unwrap())?;
        let answer = match page {
            Ok(page) => page.answer().await,
            Err(refusal) => return Some((refusal.status.as_u16(), String::new())),
        };
        let location = answer.headers().get(header::LOCATION);
        let location = location.map(|location| location.to_str().unwrap().to_owned());
        Some((answer.status().as_u16(), location.unwrap_or_default()))
    }

    #[tokio::test]
    async fn every_request_gets_its_status() {
        for (method, path, expected) in [
            ("GET", "/demo/", Some((200, ""))),
            ("HEAD", "/demo/", Some((200, ""))),
            ("GET", "/demo/?broker=ws://127.0.0.1:1/", Some((200, ""))),
            ("GET", "/demo/chat/", Some((200, ""))),
            ("GET", "/demo/kit/style.css", Some((200, ""))),
            ("GET", "/", Some((307, "/demo/"))),
            ("HEAD", "/", Some((307, "/demo/"))),
            ("GET", "/?broker=x", Some((307, "/demo/?broker=x"))),
            ("GET", "/demo", Some((307, "/demo/"))),
            ("GET", "/demo/chat?room=a", Some((307, "/demo/chat/?room=a"))),
            ("GET", "/demo/nowhere", Some((404, ""))),
            ("GET", "/demo//", Some((404, ""))),
            ("GET", "/demo/../demo/", Some((404, ""))),
            ("GET", "/demo/..%2fCargo.toml", Some((404, ""))),
            ("GET", "/demo/vendor/fetch", Some((404, ""))),
            ("POST", "/demo/", Some((405, ""))),
            ("DELETE", "/demo/nowhere", Some((405, ""))),
            ("POST", "/", None),
            ("GET", "/mqtt", None),
            ("GET", "/demonstration", None),
        ] {
            let got = ask(method, path, false).await;
            let expected = expected.map(|(status, location)| (status, location.to_owned()));
            assert_eq!(got, expected, "{method} {path}");
        }
    }

    #[tokio::test]
    async fn who_wants_to_upgrade_gets_no_page() {
        for (method, path) in [("GET", "/"), ("GET", "/demo/"), ("GET", "/demo/nowhere"), ("POST", "/demo/")]
        {
            assert_eq!(ask(method, path, true).await, None, "{method} {path}");
        }
        assert_eq!(ask("CONNECT", "/demo/", false).await, None);
    }
}
