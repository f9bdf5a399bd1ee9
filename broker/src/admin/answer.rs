//! Answers as they leave: text for probes, JSON for programs.

use std::borrow::Cow;
use std::convert::Infallible;
use std::io;

use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use serde::Serialize;

/// What an answer carries, all at once or bit by bit.
pub(super) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// An answer.
pub(super) type Answer = Response<Body>;

/// Why a request is not done.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) status: StatusCode,
    reason: Cow<'static, str>,
    /// What HTTP wants to be said with this status.
    header: Option<(HeaderName, HeaderValue)>,
}

impl Refused {
    pub(super) fn new(status: StatusCode, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { status, reason: reason.into(), header: None }
    }

    pub(super) fn with(self, name: HeaderName, value: HeaderValue) -> Self {
        Self { header: Some((name, value)), ..self }
    }
}

/// What a refusal says.
#[derive(Serialize)]
struct Said<'r> {
    error: &'r str,
}

impl From<Refused> for Answer {
    fn from(Refused { status, reason, header }: Refused) -> Self {
        let mut answer = json(status, &Said { error: &reason });
        if let Some((name, value)) = header {
            answer.headers_mut().insert(name, value);
        }
        answer
    }
}

/// A line of text.
pub(super) fn text(status: StatusCode, line: &str) -> Answer {
    whole(status, "text/plain; charset=utf-8", format!("{line}\n"))
}

/// 204: it is done, and there is nothing to say.
pub(super) fn nothing() -> Answer {
    let mut answer = whole(StatusCode::NO_CONTENT, JSON, "");
    answer.headers_mut().remove(header::CONTENT_TYPE);
    answer
}

/// 200 with JSON.
pub(super) fn done(value: &impl Serialize) -> Answer {
    json(StatusCode::OK, value)
}

/// JSON.
pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Answer {
    match serde_json::to_string(value) {
        Ok(text) => whole(status, JSON, format!("{text}\n")),
        // A map whose keys are no texts; none of ours has such.
        Err(error) => {
            tracing::error!(%error, "an answer of the admin listener cannot be written as JSON");
            let said = "{\"error\":\"the answer cannot be written as JSON\"}\n";
            whole(StatusCode::INTERNAL_SERVER_ERROR, JSON, said)
        }
    }
}

/// A body that is there as a whole.
pub(super) fn whole(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    with_body(status, content_type, boxed(Full::new(body.into())))
}

/// An answer that somebody else has made.
pub(super) fn made(answer: Response<Full<Bytes>>) -> Answer {
    answer.map(boxed)
}

fn boxed(body: Full<Bytes>) -> Body {
    body.map_err(|never: Infallible| match never {}).boxed_unsync()
}

/// A body of this type.
pub(super) fn with_body(status: StatusCode, content_type: &'static str, body: Body) -> Answer {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    // What is true now need not be so a moment later.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

const JSON: &str = "application/json";
