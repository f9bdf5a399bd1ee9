//! A file as it leaves.

use std::io::{self, Write as _};
use std::sync::OnceLock;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Response, StatusCode};
use sha2::{Digest as _, Sha256};

use super::encoding::takes_gzip;
use super::inline;

/// What goes with every file.
const HEADERS: [(HeaderName, &str); 4] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    // To be kept, and asked for again each time: an upgrade of the broker is seen at once.
    (header::CACHE_CONTROL, "no-cache"),
    (header::VARY, "accept-encoding"),
];

const HTML: &str = "text/html; charset=utf-8";

/// A file of a page.
pub(crate) struct File {
    content_type: &'static str,
    bytes: &'static [u8],
    /// There once somebody has asked for it: compressing takes milliseconds.
    prepared: OnceLock<Prepared>,
}

/// What has to be worked out.
struct Prepared {
    plain: Tagged,
    /// The same with gzip, where that is shorter.
    compressed: Option<Tagged>,
    /// The sources of its own scripts within a policy.
    inline: String,
}

/// Bytes, and what stands for them. (RFC 9110, section 8.8.3)
struct Tagged {
    bytes: Bytes,
    tag: String,
}

impl File {
    /// `None` if browsers have no use for a file of that name.
    pub(super) fn new(name: &str, bytes: &'static [u8]) -> Option<Self> {
        Some(Self { content_type: content_type(name)?, bytes, prepared: OnceLock::new() })
    }

    /// Answers a GET, or a HEAD, with the file, or with the word that whoever asks has it already (304). The page may run
    /// scripts and use styles of its own origin, stands in no frame, and may do besides what `policy` says, in directives
    /// of Content Security Policy.
    pub(crate) async fn answer(
        &'static self,
        method: &Method,
        headers: &HeaderMap,
        policy: &str,
    ) -> Response<Full<Bytes>> {
        let prepared = self.prepared().await;
        let compressed = prepared.compressed.as_ref().filter(|_| takes_gzip(headers));
        let Tagged { bytes, tag } = compressed.unwrap_or(&prepared.plain);
        let has_it = has_already(headers, tag);
        let is_sent = !has_it && method != Method::HEAD;
        let mut answer = Response::new(Full::new(if is_sent { bytes.clone() } else { Bytes::new() }));
        let own = answer.headers_mut();
        for (name, value) in HEADERS {
            own.insert(name, HeaderValue::from_static(value));
        }
        insert(own, header::ETAG, tag);
        insert(own, header::CONTENT_SECURITY_POLICY, &whole_policy(&prepared.inline, policy));
        own.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        if has_it {
            *answer.status_mut() = StatusCode::NOT_MODIFIED;
            return answer;
        }
        own.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
        if compressed.is_some() {
            own.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        answer
    }

    /// Has it prepared beside the threads that serve, which cannot be spared for so long.
    async fn prepared(&'static self) -> &'static Prepared {
        if self.prepared.get().is_none() {
            // Where the runtime stops meanwhile, it is done below.
            let _ = tokio::task::spawn_blocking(|| self.prepare()).await;
        }
        self.prepare()
    }

    fn prepare(&self) -> &Prepared {
        self.prepared.get_or_init(|| Prepared::new(self.content_type, self.bytes))
    }
}

impl Prepared {
    fn new(content_type: &str, bytes: &'static [u8]) -> Self {
        let digest = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(bytes));
        let tagged = |bytes, suffix: &str| Tagged { bytes, tag: format!("\"{digest}{suffix}\"") };
        let compressed = is_compressible(content_type).then(|| compress(bytes)).and_then(Result::ok);
        let compressed = compressed.filter(|compressed| compressed.len() < bytes.len());
        let page = if content_type == HTML { str::from_utf8(bytes).unwrap_or_default() } else { "" };
        Self {
            plain: tagged(Bytes::from_static(bytes), ""),
            compressed: compressed.map(|compressed| tagged(compressed.into(), "-gzip")),
            inline: inline::sources(page),
        }
    }
}

/// Whether a method asks for what is there: a file is not for anything else.
pub(crate) fn is_read(method: &Method) -> bool {
    method == Method::GET || method == Method::HEAD
}

/// The policy of a page. (W3C, Content Security Policy Level 3)
fn whole_policy(inline: &str, own: &str) -> String {
    format!(
        "default-src 'none'; script-src 'self'{inline}; style-src 'self'; {own}; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    )
}

fn content_type(name: &str) -> Option<&'static str> {
    let name = name.rsplit_once('/').map_or(name, |(_, name)| name);
    match name.rsplit_once('.') {
        // Whoever passes a library on passes its licence on.
        _ if name.starts_with("LICENSE") => Some("text/plain; charset=utf-8"),
        Some((_, "html")) => Some(HTML),
        Some((_, "css")) => Some("text/css; charset=utf-8"),
        Some((_, "js")) => Some("text/javascript; charset=utf-8"),
        Some((_, "json")) => Some("application/json"),
        Some((_, "svg")) => Some("image/svg+xml"),
        Some((_, "png")) => Some("image/png"),
        Some((_, "webp")) => Some("image/webp"),
        _ => None,
    }
}

/// Pictures are compressed as they are.
fn is_compressible(content_type: &str) -> bool {
    !content_type.starts_with("image/") || content_type == "image/svg+xml"
}

fn compress(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// Whether a client has what this tag stands for. (RFC 9110, section 13.1.2)
fn has_already(headers: &HeaderMap, tag: &str) -> bool {
    let lines = headers.get_all(header::IF_NONE_MATCH).into_iter().filter_map(|line| line.to_str().ok());
    let mut tags = lines.flat_map(|line| line.split(',')).map(str::trim);
    tags.any(|given| given == "*" || given.strip_prefix("W/").unwrap_or(given) == tag)
}

/// What cannot stand in a header is left out; nothing of ours is like that.
fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use http_body_util::BodyExt as _;

    use super::*;
    use crate::pages::EXAMPLES;

    async fn ask(method: Method, name: &str, lines: &[(HeaderName, &str)]) -> (StatusCode, HeaderMap, Bytes) {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        let answer = EXAMPLES.find(name).unwrap().answer(&method, &headers, "img-src data:").await;
        let (parts, body) = answer.into_parts();
        (parts.status, parts.headers, body.collect().await.unwrap().to_bytes())
    }

    #[tokio::test]
    async fn every_file_has_its_type_its_policy_and_a_tag_that_saves_the_way() {
        for (name, content_type) in [
            ("", "text/html; charset=utf-8"),
            ("kit/style.css", "text/css; charset=utf-8"),
            ("vendor/mqtt/mqtt.esm.js", "text/javascript; charset=utf-8"),
            ("vendor/mqtt/LICENSE.md", "text/plain; charset=utf-8"),
            ("vendor/htm/LICENSE", "text/plain; charset=utf-8"),
            ("kit/icon.svg", "image/svg+xml"),
        ] {
            let (status, headers, plain) = ask(Method::GET, name, &[]).await;
            assert_eq!(
                (status, headers[header::CONTENT_TYPE].to_str().unwrap()),
                (StatusCode::OK, content_type)
            );
            let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
            assert!(policy.starts_with("default-src 'none'; script-src 'self'"), "{policy}");
            assert!(policy.contains("; img-src data:; ") && !policy.contains("unsafe"), "{policy}");
            assert_eq!(headers.get(header::CONTENT_ENCODING), None);
            let (_, zipped, body) = ask(Method::GET, name, &[(header::ACCEPT_ENCODING, "br, gzip")]).await;
            assert_ne!(zipped[header::ETAG], headers[header::ETAG], "{name}: one tag for two encodings");
            let mut text = Vec::new();
            flate2::read::GzDecoder::new(&body[..]).read_to_end(&mut text).unwrap();
            assert_eq!(text, plain, "{name}");
            for (tag, expected) in [
                (headers[header::ETAG].to_str().unwrap(), StatusCode::NOT_MODIFIED),
                (&format!("\"x\", W/{}", headers[header::ETAG].to_str().unwrap()), StatusCode::NOT_MODIFIED),
                ("*", StatusCode::NOT_MODIFIED),
                (zipped[header::ETAG].to_str().unwrap(), StatusCode::OK),
                ("\"x\"", StatusCode::OK),
            ] {
                let (status, _, body) = ask(Method::GET, name, &[(header::IF_NONE_MATCH, tag)]).await;
                assert_eq!((status, body.is_empty()), (expected, expected != StatusCode::OK), "{name} {tag}");
            }
        }
    }

    #[tokio::test]
    async fn to_head_goes_all_but_the_body() {
        let (_, whole, body) = ask(Method::GET, "", &[]).await;
        let (status, head, nothing) = ask(Method::HEAD, "", &[]).await;
        assert_eq!((status, head, nothing.len()), (StatusCode::OK, whole.clone(), 0));
        assert_eq!(whole[header::CONTENT_LENGTH], body.len().to_string());
    }

    #[test]
    fn a_page_may_run_its_import_map() {
        let page = b"<script type=\"importmap\">{}</script>";
        assert_eq!(
            Prepared::new(HTML, page).inline,
            inline::sources("<script type=\"importmap\">{}</script>")
        );
        assert_ne!(Prepared::new(HTML, page).inline, "");
        assert_eq!(Prepared::new("text/plain", page).inline, "");
    }

    #[test]
    fn what_browsers_do_not_know_has_no_type() {
        for name in ["feed", "README.md", "vendor/fetch", "a.b/SHA256SUMS", "x.sh", ""] {
            assert!(File::new(name, b"").is_none(), "{name}");
        }
    }
}
