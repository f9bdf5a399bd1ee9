//! Answers as they leave: text for probes, JSON for programs.

use std::borrow::Cow;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};

/// An answer.
pub(super) type Answer = Response<Full<Bytes>>;

/// Why a request is not done.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) status: StatusCode,
    reason: Cow<'static, str>,
    /// What HTTP wants to be said with this status.
    header: Option<(HeaderName, &'static str)>,
}

impl Refused {
    pub(super) fn new(status: StatusCode, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { status, reason: reason.into(), header: None }
    }

    pub(super) fn with(self, name: HeaderName, value: &'static str) -> Self {
        Self { header: Some((name, value)), ..self }
    }
}

impl From<Refused> for Answer {
    fn from(Refused { status, reason, header }: Refused) -> Self {
        let mut answer = json(status, &json!({ "error": reason }));
        if let Some((name, value)) = header {
            answer.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        answer
    }
}

/// A line of text.
pub(super) fn text(status: StatusCode, line: &str) -> Answer {
    answer(status, "text/plain; charset=utf-8", format!("{line}\n"))
}

/// JSON.
pub(super) fn json(status: StatusCode, value: &Value) -> Answer {
    answer(status, "application/json", format!("{value}\n"))
}

fn answer(status: StatusCode, content_type: &'static str, body: String) -> Answer {
    let mut answer = Response::new(Full::from(body));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    // What is true now need not be so a moment later.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
