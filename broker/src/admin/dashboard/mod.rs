//! The page for those who run the broker: what it consists of is part of the binary, and it asks nobody else for anything.
//!
//! ```text
//!   web/      the page itself, as the browser gets it: one HTML file, one style sheet, modules of JavaScript
//!   vendor/   libraries of others, as they were published; `vendor/fetch` fetched them
//! ```
//!
//! Everybody gets the page who reaches the listener: it holds nothing. What it shows it asks `/api/v1` for, with the token
//! that it was given.

mod assets;
mod encoding;

use hyper::body::Bytes;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, StatusCode};

use self::assets::Asset;
use self::encoding::takes_gzip;
use super::answer::{Answer, Refused, whole};

/// Scripts, styles and connections of its own origin, and no others; in no frame, and as no part of another page. (W3C,
/// Content Security Policy Level 3)
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What goes with every file of it.
const HEADERS: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    // To be kept, and asked for again each time: an upgrade of the broker is seen at once.
    (header::CACHE_CONTROL, "no-cache"),
    (header::VARY, "accept-encoding"),
];

/// One of the page's files.
#[derive(Clone, Copy)]
pub(super) struct File(&'static str);

/// The file at a path, if there is one.
pub(super) fn file_at(path: &str) -> Option<File> {
    assets::name_at(path).map(File)
}

impl File {
    /// The file, or that whoever asks has it already.
    ///
    /// # Errors
    ///
    /// 405: it can only be read.
    pub(super) async fn answer(self, method: &Method, headers: &HeaderMap) -> Result<Answer, Refused> {
        if method != Method::GET && method != Method::HEAD {
            let refused = Refused::new(StatusCode::METHOD_NOT_ALLOWED, "this path is asked for otherwise");
            return Err(refused.with(header::ALLOW, HeaderValue::from_static("GET, HEAD")));
        }
        // The first who asks has all files compressed, which takes longer than the threads that serve can be spared.
        let found = tokio::task::spawn_blocking(move || assets::find(self.0)).await.ok().flatten();
        let failed = || Refused::new(StatusCode::INTERNAL_SERVER_ERROR, "the page could not be compressed");
        found.map(|asset| answer(asset, headers)).ok_or_else(failed)
    }
}

fn answer(asset: &Asset, headers: &HeaderMap) -> Answer {
    let compressed = asset.compressed.as_ref().filter(|_| takes_gzip(headers));
    let (bytes, tag) = compressed.unwrap_or(&asset.plain);
    let has_it = has_already(headers, tag);
    let status = if has_it { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
    let mut answer = whole(status, asset.content_type, if has_it { Bytes::new() } else { bytes.clone() });
    let own = answer.headers_mut();
    own.insert(header::ETAG, tag.clone());
    if compressed.is_some() && !has_it {
        own.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    for (name, value) in HEADERS {
        own.insert(name, HeaderValue::from_static(value));
    }
    answer
}

/// Whether a client has what this tag stands for. (RFC 9110, section 13.1.2)
fn has_already(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let lines = headers.get_all(header::IF_NONE_MATCH).into_iter().filter_map(|line| line.to_str().ok());
    let mut tags = lines.flat_map(|line| line.split(',')).map(str::trim);
    tags.any(|given| given == "*" || given.strip_prefix("W/").unwrap_or(given).as_bytes() == tag.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use http_body_util::BodyExt as _;

    use super::*;

    async fn ask(path: &str, lines: &[(HeaderName, &str)]) -> (StatusCode, HeaderMap, Bytes) {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        let answer = file_at(path).unwrap().answer(&Method::GET, &headers).await.unwrap();
        let (parts, body) = answer.into_parts();
        (parts.status, parts.headers, body.collect().await.unwrap().to_bytes())
    }

    #[tokio::test]
    async fn every_file_has_its_type_its_policy_and_a_tag_that_saves_the_way() {
        for (path, content_type) in [
            ("/", "text/html; charset=utf-8"),
            ("/style.css", "text/css; charset=utf-8"),
            ("/app.js", "text/javascript; charset=utf-8"),
            ("/vendor/mqtt/mqtt.esm.js", "text/javascript; charset=utf-8"),
            ("/vendor/mqtt/LICENSE.md", "text/plain; charset=utf-8"),
            ("/icon.svg", "image/svg+xml"),
        ] {
            let (status, headers, plain) = ask(path, &[]).await;
            assert_eq!(
                (status, headers[header::CONTENT_TYPE].to_str().unwrap()),
                (StatusCode::OK, content_type)
            );
            assert_eq!(headers[header::CONTENT_SECURITY_POLICY], CONTENT_SECURITY_POLICY);
            assert_eq!(headers.get(header::CONTENT_ENCODING), None);
            let (_, zipped, body) = ask(path, &[(header::ACCEPT_ENCODING, "br, gzip")]).await;
            assert_ne!(zipped[header::ETAG], headers[header::ETAG], "{path}: one tag for two encodings");
            if zipped.contains_key(header::CONTENT_ENCODING) {
                let mut text = Vec::new();
                flate2::read::GzDecoder::new(&body[..]).read_to_end(&mut text).unwrap();
                assert_eq!(text, plain, "{path}");
            }
            for (tag, expected) in [
                (headers[header::ETAG].to_str().unwrap(), StatusCode::NOT_MODIFIED),
                (&format!("\"x\", W/{}", headers[header::ETAG].to_str().unwrap()), StatusCode::NOT_MODIFIED),
                ("*", StatusCode::NOT_MODIFIED),
                (zipped[header::ETAG].to_str().unwrap(), StatusCode::OK),
                ("\"x\"", StatusCode::OK),
            ] {
                let (status, _, body) = ask(path, &[(header::IF_NONE_MATCH, tag)]).await;
                assert_eq!((status, body.is_empty()), (expected, expected != StatusCode::OK), "{path} {tag}");
            }
        }
    }

    #[test]
    fn nothing_else_is_there() {
        for path in
            ["", "/index.html", "/web/app.js", "/../Cargo.toml", "/vendor", "/vendor/fetch", "/style.css/"]
        {
            assert!(file_at(path).is_none(), "{path}");
        }
    }

    /// The page may ask nobody else, so nothing of it names anybody else; names that XML gives its vocabularies excepted.
    #[tokio::test]
    async fn the_page_names_no_other_host() {
        for path in assets::own_paths() {
            let (_, _, bytes) = ask(path, &[]).await;
            let text = String::from_utf8(bytes.to_vec()).unwrap().replace("http://www.w3.org/2000/svg", "");
            assert!(!text.contains("http://") && !text.contains("https://"), "{path}");
        }
    }
}
