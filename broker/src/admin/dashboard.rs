//! The page for those who run the broker: what it consists of is part of the binary, and it asks nobody else for anything.
//!
//! ```text
//!   dashboard/web/            the page itself, as the browser gets it: one HTML file, one style sheet, modules of JavaScript
//!   clients/web/vendor/       libraries of others, as they were published, which the browser examples use as well
//! ```
//!
//! Everybody gets the page who reaches the listener: it holds nothing. What it shows it asks `/api/v1` for, with the token
//! that it was given.

use std::sync::LazyLock;

use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, StatusCode};
use include_dir::{Dir, include_dir};

use super::answer::{Answer, Refused, made};
use crate::pages::{EXAMPLES, File, Files, is_read};

/// What the page may do: connect to its own origin, and to no other.
const POLICY: &str = "img-src 'self' data:; connect-src 'self'";

/// What libraries of others are named behind.
const VENDOR: &str = "vendor/";

static OWN: LazyLock<Files> = LazyLock::new(|| {
    static FOLDER: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/src/admin/dashboard/web");
    Files::of(&FOLDER)
});

/// The file at a path, if there is one.
pub(super) fn file_at(path: &str) -> Option<&'static File> {
    let name = path.strip_prefix('/')?;
    if name.starts_with(VENDOR) { EXAMPLES.find(name) } else { OWN.find(name) }
}

/// A file of the page, or that whoever asks has it already.
///
/// # Errors
///
/// 405: it can only be read.
pub(super) async fn answer(
    file: &'static File,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Answer, Refused> {
    if !is_read(method) {
        let refused = Refused::new(StatusCode::METHOD_NOT_ALLOWED, "this path is asked for otherwise");
        return Err(refused.with(header::ALLOW, HeaderValue::from_static("GET, HEAD")));
    }
    Ok(made(file.answer(method, headers, POLICY).await))
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    async fn ask(path: &str) -> (HeaderMap, String) {
        let file = file_at(path).unwrap_or_else(|| panic!("{path} is there"));
        let answer = answer(file, &Method::GET, &HeaderMap::new()).await.unwrap();
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (parts.headers, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn what_the_page_names_is_there_and_may_be_used() {
        for path in ["/", "/style.css", "/app.js", "/vendor/htm/standalone.module.js", "/icon.svg"] {
            let (headers, _) = ask(path).await;
            assert_eq!(
                headers[header::CONTENT_SECURITY_POLICY],
                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                 base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
                "{path}"
            );
        }
        for name in OWN.names() {
            let (_, text) = ask(&format!("/{name}")).await;
            let named = text.split("'./").skip(1).filter_map(|rest| rest.split('\'').next());
            for named in named.filter(|named| named.ends_with(".js")) {
                assert!(file_at(&format!("/{named}")).is_some(), "{name} names {named}");
            }
        }
    }

    #[test]
    fn nothing_else_is_there() {
        for path in [
            "",
            "/web/app.js",
            "/../Cargo.toml",
            "/vendor",
            "/vendor/",
            "/vendor/fetch",
            "/style.css/",
            "/chat/",
        ] {
            assert!(file_at(path).is_none(), "{path}");
        }
    }

    /// The page may ask nobody else, so nothing of it names anybody else; names that XML gives its vocabularies excepted.
    #[tokio::test]
    async fn the_page_names_no_other_host() {
        for name in OWN.names() {
            let text = ask(&format!("/{name}")).await.1.replace("http://www.w3.org/2000/svg", "");
            assert!(!text.contains("http://") && !text.contains("https://"), "{name}");
        }
    }
}
