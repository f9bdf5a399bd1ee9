//! Which request gets which answer.

use std::sync::Arc;

use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Body, Bytes};
use hyper::{Method, Request, StatusCode, header};
use serde_json::{Map, Value, json};

use super::Admin;
use super::answer::{Answer, Refused, json, text};
use super::guard::{refuse_pages, require_json};

/// Largest body of a request, in bytes.
const BODY_BYTES_MAX: usize = 64 << 10;

/// What can be asked for.
#[derive(Clone, Copy)]
enum Route {
    Health,
    Readiness,
    Reload,
}

impl Route {
    fn at(path: &str) -> Option<Self> {
        match path {
            "/healthz" => Some(Self::Health),
            "/readyz" => Some(Self::Readiness),
            "/api/v1/reload" => Some(Self::Reload),
            _ => None,
        }
    }

    /// Whether it changes something: it is asked for by POST then, else by GET.
    fn is_change(self) -> bool {
        matches!(self, Self::Reload)
    }

    /// Whether everybody may ask: those who watch over processes have no token.
    fn is_open(self) -> bool {
        matches!(self, Self::Health | Self::Readiness)
    }
}

impl Admin {
    /// Answers a request.
    pub(super) async fn answer<B>(&self, request: Request<B>) -> Answer
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        match self.try_answer(request).await {
            Ok(answer) => answer,
            Err(refused) => refused.into(),
        }
    }

    async fn try_answer<B>(&self, request: Request<B>) -> Result<Answer, Refused>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        refuse_pages(request.headers(), self.address)?;
        let nothing = || Refused::new(StatusCode::NOT_FOUND, "nothing is served at this path");
        let route = Route::at(request.uri().path()).ok_or_else(nothing)?;
        check_method(route, request.method())?;
        if !route.is_open() && !self.access.admits(request.headers()) {
            let reason = "give the token of admin.token_file as Authorization: Bearer";
            let refused = Refused::new(StatusCode::UNAUTHORIZED, reason);
            return Err(refused.with(header::WWW_AUTHENTICATE, "Bearer realm=\"tidewire\""));
        }
        if route.is_change() {
            require_json(request.headers())?;
        }
        match route {
            Route::Health => Ok(text(StatusCode::OK, "ok")),
            Route::Readiness => Ok(self.readiness()),
            Route::Reload => {
                read_nothing(request.into_body()).await?;
                self.reload().await
            }
        }
    }

    fn readiness(&self) -> Answer {
        let unready = |reason| text(StatusCode::SERVICE_UNAVAILABLE, reason);
        if *self.stopping.borrow() {
            unready("stopping")
        } else if self.broker.store().is_failing() {
            unready("the store takes nothing at present: its disk is full or failing")
        } else {
            text(StatusCode::OK, "ready")
        }
    }

    async fn reload(&self) -> Result<Answer, Refused> {
        let reload = Arc::clone(&self.reload);
        // Files are read, so not on the threads that serve.
        let reloaded = tokio::task::spawn_blocking(move || reload.reload()).await;
        match reloaded {
            Ok(Ok(warnings)) => Ok(json(StatusCode::OK, &json!({ "reloaded": true, "warnings": warnings }))),
            Ok(Err(errors)) => {
                Ok(json(StatusCode::UNPROCESSABLE_ENTITY, &json!({ "reloaded": false, "errors": errors })))
            }
            Err(_) => Err(Refused::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the reload failed: see the broker's log",
            )),
        }
    }
}

fn check_method(route: Route, method: &Method) -> Result<(), Refused> {
    let (is_served, allow) = match route.is_change() {
        true => (method == Method::POST, "POST"),
        // hyper leaves the body of an answer to HEAD away.
        false => (method == Method::GET || method == Method::HEAD, "GET, HEAD"),
    };
    match is_served {
        true => Ok(()),
        false => {
            let refused = Refused::new(StatusCode::METHOD_NOT_ALLOWED, "this path is asked for otherwise");
            Err(refused.with(header::ALLOW, allow))
        }
    }
}

/// Reads the body of a request that takes no arguments: nothing, or `{}`. One that was passed over might be one that
/// somebody relies on.
async fn read_nothing<B>(body: B) -> Result<(), Refused>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let body = Limited::new(body, BODY_BYTES_MAX).collect().await.map_err(|error| match error
        .is::<LengthLimitError>()
    {
        true => Refused::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large"),
        false => Refused::new(StatusCode::BAD_REQUEST, "the body ends too soon"),
    })?;
    let body = body.to_bytes();
    let is_empty = |object: Map<String, Value>| object.is_empty();
    match body.trim_ascii().is_empty() || serde_json::from_slice(&body).is_ok_and(is_empty) {
        true => Ok(()),
        false => Err(Refused::new(StatusCode::BAD_REQUEST, "this takes no arguments: send {} or nothing")),
    }
}
