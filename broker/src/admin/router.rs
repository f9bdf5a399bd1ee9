//! What every request has to pass on its way to an endpoint, and back.

use std::error::Error;
use std::sync::Arc;

use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Body, Bytes};
use hyper::header::{self, HeaderValue};
use hyper::{Request, StatusCode};

use super::access::Grant;
use super::answer::{Answer, Refused, made};
use super::guard::{Place, require_json};
use super::visit::Visit;
use super::{Admin, dashboard};

/// Where the broker's own protocols are spoken.
const WEB_SOCKET: &str = "/ws";

/// Bytes of an answer that a socket takes whether its peer reads or not.
const SMALL_BYTES: u64 = 4 << 10;

impl Admin {
    /// Answers a request.
    pub(super) async fn answer<B>(self: &Arc<Self>, request: Request<B>) -> Answer
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        match self.try_answer(request).await {
            Ok(answer) => answer,
            Err(refused) => refused.into(),
        }
    }

    async fn try_answer<B>(self: &Arc<Self>, request: Request<B>) -> Result<Answer, Refused>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        self.place(&self.broker.config().admin.origins).refuse_pages(request.headers())?;
        let visit = request.extensions().get::<Arc<Visit>>().cloned().unwrap_or_default();
        let is_certified = visit.certificate().is_some();
        if request.uri().path() == WEB_SOCKET {
            let grant = self.access.admit_web_socket(request.headers(), is_certified);
            return self.open_web_socket(request, grant.ok_or_else(token_is_missing)?);
        }
        let grant = self.access.admit(request.headers(), is_certified);
        let is_stranger = grant.is_none();
        let answer = self.answer_to(request, &visit, grant).await?;
        if is_stranger && answer.body().size_hint().lower() > SMALL_BYTES {
            self.seat(&visit)?;
        }
        Ok(answer)
    }

    /// Answers whoever was let in by this, or by nothing.
    async fn answer_to<B>(
        self: &Arc<Self>,
        request: Request<B>,
        visit: &Visit,
        grant: Option<Grant>,
    ) -> Result<Answer, Refused>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let (head, body) = request.into_parts();
        if let Some(file) = dashboard::file_at(head.uri.path()) {
            return dashboard::answer(file, &head.method, &head.headers).await;
        }
        let (route, mut call) = self.routes.find(&head.method, head.uri.path(), head.uri.query())?;
        match grant {
            Some(grant) => call = call.with_grant(grant),
            None if route.is_open => {}
            None => return Err(token_is_missing()),
        }
        call = call.with_accept(&head.headers);
        if route.takes_body() {
            require_json(&head.headers)?;
            call = call.with_body(read(body, route.body_bytes_max).await?);
        }
        let _at_work = visit.begin_work();
        route.answer(self, call).await
    }
}

impl Admin {
    fn place<'p>(&self, origins: &'p [String]) -> Place<'p> {
        Place { address: self.address, is_tls: self.is_tls, origins }
    }

    /// Makes a client of whoever asks for a WebSocket, who may do everything for as long as the grant holds.
    fn open_web_socket<B>(&self, request: Request<B>, mut grant: Grant) -> Result<Answer, Refused> {
        let ended = async move { grant.ended().await };
        Ok(made(self.operators.answer(request, ended)))
    }

    /// Takes a place for a long answer to somebody who has not shown who he is: he may read it slowly, and others must not
    /// have to wait for that.
    fn seat(&self, visit: &Visit) -> Result<(), Refused> {
        let seat = Arc::clone(&self.seats).try_acquire_owned().map_err(|_| {
            let reason = "as many are answered as may be who have not shown the token";
            Refused::new(StatusCode::SERVICE_UNAVAILABLE, reason)
        })?;
        visit.keep_seat(seat);
        Ok(())
    }
}

fn token_is_missing() -> Refused {
    let reason = "give the token of admin.token_file as Authorization: Bearer, or show a certificate";
    let challenge = HeaderValue::from_static("Bearer realm=\"tidewire\"");
    Refused::new(StatusCode::UNAUTHORIZED, reason).with(header::WWW_AUTHENTICATE, challenge)
}

/// Reads a body that may have so many bytes.
async fn read<B>(body: B, bytes_max: usize) -> Result<Bytes, Refused>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    match Limited::new(body, bytes_max).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(Refused::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large"))
        }
        Err(_) => Err(Refused::new(StatusCode::BAD_REQUEST, "the body ends too soon")),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use hyper::StatusCode;
    use hyper::header;
    use serde_json::json;

    use crate::admin::testing::*;

    #[tokio::test]
    async fn every_request_gets_its_status() {
        let admin = listener(Some("127.0.0.1:8081"), Some(token(TOKEN))).admin;
        let reload = "POST /api/v1/reload";
        let large = " ".repeat((64 << 10) + 1);
        for (what, headers, body, status) in [
            ("GET /healthz", &[HOST][..], "", 200),
            ("HEAD /healthz", &[HOST], "", 200),
            ("GET /readyz", &[HOST], "", 200),
            ("GET /readyz?verbose", &[HOST], "", 200),
            ("POST /healthz", &[HOST, JSON, BEARER], "", 405),
            ("GET /nowhere", &[HOST], "", 404),
            ("GET /api/v1/openapi.json", &[HOST], "", 200),
            ("GET /api/v1/overview", &[HOST], "", 401),
            ("GET /api/v1/overview", &[HOST, BEARER], "", 200),
            ("GET /api/v1/overview?verbose=1", &[HOST, BEARER], "", 400),
            ("DELETE /api/v1/overview", &[HOST, BEARER], "", 405),
            ("GET /api/v1/clients?limit=0", &[HOST, BEARER], "", 400),
            ("GET /api/v1/clients?limit=1000&slow=true&protocol=mqtt5", &[HOST, BEARER], "", 200),
            ("GET /api/v1/clients?limit=1001", &[HOST, BEARER], "", 400),
            ("GET /api/v1/clients?after=x", &[HOST, BEARER], "", 400),
            ("GET /api/v1/clients?address=10.0.0.0/8", &[HOST, BEARER], "", 200),
            ("GET /api/v1/clients?address=nowhere", &[HOST, BEARER], "", 400),
            ("GET /api/v1/clients?client_id=a&client_id=b", &[HOST, BEARER], "", 400),
            ("GET /api/v1/clients/nobody", &[HOST, BEARER], "", 404),
            ("GET /api/v1/clients/a%2Fb", &[HOST, BEARER], "", 404),
            ("GET /api/v1/clients/%FF", &[HOST, BEARER], "", 400),
            ("GET /api/v1/clients/a/b", &[HOST, BEARER], "", 404),
            ("DELETE /api/v1/clients/nobody", &[HOST, BEARER], "", 404),
            ("DELETE /api/v1/clients/nobody", &[HOST], "", 401),
            ("GET /api/v1/sessions?connected=maybe", &[HOST, BEARER], "", 400),
            ("DELETE /api/v1/sessions/nobody", &[HOST, BEARER], "", 404),
            ("GET /api/v1/subscriptions?topic=a/b&after=1.0.a.b", &[HOST, BEARER], "", 200),
            ("GET /api/v1/subscriptions?after=1", &[HOST, BEARER], "", 400),
            ("GET /api/v1/subscriptions?topic=a/%23", &[HOST, BEARER], "", 400),
            ("POST /api/v1/bans", &[HOST, JSON, BEARER], r#"{"user": "ann", "for": "10m"}"#, 201),
            ("POST /api/v1/bans", &[HOST, JSON, BEARER], r#"{"user": "ann", "client_id": "a"}"#, 400),
            ("POST /api/v1/bans", &[HOST, JSON, BEARER], r#"{"user": "ann", "for": null}"#, 400),
            ("POST /api/v1/bans", &[HOST, JSON, BEARER], r#"{"address": "nowhere"}"#, 400),
            ("POST /api/v1/bans", &[HOST, JSON, BEARER], r#"{"user": ""}"#, 400),
            ("DELETE /api/v1/bans/1", &[HOST, BEARER], "", 204),
            ("DELETE /api/v1/bans/1", &[HOST, BEARER], "", 404),
            (
                "POST /api/v1/publish",
                &[HOST, JSON, BEARER],
                r#"{"topic": "a", "payload": "b", "qos": 2}"#,
                200,
            ),
            ("POST /api/v1/publish", &[HOST, JSON, BEARER], r#"{"destination": "/queue/a"}"#, 200),
            ("POST /api/v1/publish", &[HOST, JSON, BEARER], r#"{"topic": "a/#"}"#, 400),
            ("POST /api/v1/publish", &[HOST, JSON, BEARER], r#"{"topic": "$SYS/a"}"#, 400),
            ("POST /api/v1/publish", &[HOST, JSON, BEARER], r#"{"topic": "a", "qos": 3}"#, 400),
            ("POST /api/v1/publish", &[HOST, JSON, BEARER], r#"{"topic": "a", "payload_base64": "?"}"#, 400),
            ("POST /api/v1/publish", &[HOST, JSON, BEARER], r#"{"payload": "a"}"#, 400),
            ("GET /api/v1/config", &[HOST, BEARER], "", 200),
            ("GET /api/v1/log", &[HOST, BEARER], "", 409),
            ("POST /api/v1/drain", &[HOST, JSON, BEARER], r#"{"timeout": "2h"}"#, 400),
            ("POST /api/v1/backup", &[HOST, JSON, BEARER], r#"{"file": "../a"}"#, 400),
            ("GET /api/v1/trace", &[HOST, BEARER], "", 400),
            ("GET /api/v1/trace?client_id=a&topic=b", &[HOST, BEARER], "", 400),
            ("GET /api/v1/trace?client_id=a&secs=0", &[HOST, BEARER], "", 400),
            ("GET /api/v1/trace?client_id=a", &[HOST, BEARER], "", 200),
            ("POST /api/v1/reload?dry_run=1", &[HOST, JSON, BEARER], "", 400),
            ("GET /healthz/", &[HOST], "", 404),
            (reload, &[HOST, JSON, BEARER], "", 200),
            (reload, &[HOST, JSON, BEARER], " {} \n", 200),
            (reload, &[HOST, "content-type: Application/JSON; charset=utf-8", BEARER], "{}", 200),
            (reload, &[HOST, JSON, "authorization: bearer  0123456789abcdef "], "", 200),
            // Who may not.
            (reload, &[HOST, JSON], "", 401),
            (reload, &[HOST, JSON, "authorization: Bearer 0123456789abcdeg"], "", 401),
            (reload, &[HOST, JSON, "authorization: Bearer 0123456789abcde"], "", 401),
            (reload, &[HOST, JSON, "authorization: Bearer 0123456789abcdef0"], "", 401),
            (reload, &[HOST, JSON, "authorization: Bearer "], "", 401),
            (reload, &[HOST, JSON, "authorization: Basic 0123456789abcdef"], "", 401),
            (reload, &[HOST, JSON, "authorization: 0123456789abcdef"], "", 401),
            // What a page can make of it.
            (reload, &[HOST, JSON, BEARER, "origin: http://127.0.0.1:8081"], "", 200),
            (reload, &[HOST, JSON, "origin: http://127.0.0.1:8081"], "", 401),
            (reload, &[HOST, JSON, BEARER, "origin: https://127.0.0.1:8081"], "", 403),
            (reload, &[HOST, JSON, BEARER, "origin: http://127.0.0.1:8080"], "", 403),
            (reload, &[HOST, JSON, BEARER, "origin: http://127.0.0.1"], "", 403),
            (reload, &[HOST, JSON, BEARER, "origin: http://localhost:8081"], "", 403),
            (
                reload,
                &[HOST, JSON, BEARER, "origin: http://127.0.0.1:8081", "origin: https://page.example"],
                "",
                403,
            ),
            (reload, &["host: page.example:8081", JSON, BEARER, "origin: http://page.example:8081"], "", 403),
            (reload, &[HOST, JSON, BEARER, "origin: null"], "", 403),
            ("GET /healthz", &[HOST, "origin: https://page.example"], "", 403),
            ("GET /nowhere", &[HOST, "origin: https://page.example"], "", 403),
            (reload, &["host: page.example:8081", JSON, BEARER], "", 403),
            (reload, &[HOST, BEARER], "", 415),
            (reload, &[HOST, BEARER, "content-type: text/plain"], "{}", 415),
            (reload, &[HOST, BEARER, "content-type: application/jsonp"], "{}", 415),
            // What is otherwise wrong.
            ("GET /api/v1/reload", &[HOST, BEARER], "", 405),
            ("OPTIONS /api/v1/reload", &[HOST], "", 405),
            (reload, &[HOST, JSON, BEARER], "{\"dry_run\": true}", 400),
            (reload, &[HOST, JSON, BEARER], "[]", 400),
            (reload, &[HOST, JSON, BEARER], "{", 400),
            (reload, &[HOST, JSON, BEARER], &large, 413),
        ] {
            let answer = ask(&admin, what, headers, body).await;
            assert_eq!(answer.status(), status, "{what} {headers:?} {body:.20}");
            if status >= 400 {
                let said = json_of(answer).await;
                assert!(said["error"].as_str().is_some_and(|error| !error.is_empty()), "{what}: {said}");
                assert!(!said.to_string().contains(TOKEN), "{said}");
            }
        }
    }

    #[tokio::test]
    async fn a_refusal_says_what_would_be_right() {
        let admin = listener(None, Some(token(TOKEN))).admin;
        let host = "host: localhost";
        for (what, name, value) in [
            ("PUT /healthz", header::ALLOW, "GET, HEAD"),
            ("DELETE /api/v1/reload", header::ALLOW, "POST"),
            ("POST /api/v1/reload", header::WWW_AUTHENTICATE, "Bearer realm=\"tidewire\""),
        ] {
            let answer = ask(&admin, what, &[host, JSON], "").await;
            assert_eq!(answer.headers().get(&name).unwrap(), value, "{what}");
        }
    }

    #[tokio::test]
    async fn a_host_is_this_machine_or_the_address_that_is_bound() {
        for (address, host, is_own) in [
            (Some("127.0.0.1:8081"), "localhost:8081", true),
            (Some("127.0.0.1:8081"), "LOCALHOST", true),
            (Some("127.0.0.1:8081"), "127.1.2.3", true),
            (Some("127.0.0.1:8081"), "[::1]:8081", true),
            (Some("127.0.0.1:8081"), "192.0.2.7:8081", false),
            (Some("127.0.0.1:8081"), "localhost.page.example", false),
            (Some("127.0.0.1:8081"), "127.0.0.1.page.example:8081", false),
            (Some("127.0.0.1:8081"), "page.example/localhost", false),
            (Some("127.0.0.1:8081"), "", false),
            (Some("192.0.2.7:8081"), "192.0.2.7:8081", true),
            (Some("192.0.2.7:8081"), "192.0.2.8:8081", false),
            (Some("192.0.2.7:8081"), "page.example:8081", false),
            (Some("[2001:db8::1]:8081"), "[2001:db8::1]:8081", true),
            (Some("0.0.0.0:8081"), "192.0.2.7:8081", true),
            (Some("[::]:8081"), "192.0.2.7:8081", true),
            (Some("0.0.0.0:8081"), "page.example:8081", false),
            (None, "localhost", true),
            (None, "page.example", false),
        ] {
            let admin = listener(address, None).admin;
            let status = ask(&admin, "GET /healthz", &[&format!("host: {host}")], "").await.status();
            let expected = if is_own { StatusCode::OK } else { StatusCode::FORBIDDEN };
            assert_eq!(status, expected, "{host} at {address:?}");
        }
        let admin = listener(None, None).admin;
        for headers in [&[][..], &["host: localhost", "host: page.example"]] {
            assert_eq!(ask(&admin, "GET /healthz", headers, "").await.status(), 403, "{headers:?}");
        }
    }

    #[tokio::test]
    async fn a_reload_says_what_came_of_it() {
        let Listener { admin, files, .. } = listener(None, None);
        let headers = ["host: localhost", JSON];
        let said =
            |text: &str| json!([{ "place": "acl.toml:2:1", "text": text, "excerpt": "    alow = []" }]);
        let done = ask(&admin, "POST /api/v1/reload", &headers, "").await;
        assert_eq!(done.status(), StatusCode::OK);
        assert_eq!(
            json_of(done).await,
            json!({ "reloaded": true, "warnings": said("not nice"), "changes": [changed()] })
        );
        files.are_wrong.store(true, Ordering::Relaxed);
        let refused = ask(&admin, "POST /api/v1/reload", &headers, "").await;
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(json_of(refused).await, json!({ "reloaded": false, "errors": said("wrong") }));
    }

    #[tokio::test]
    async fn readiness_says_why_not() {
        let Listener { admin, disk, stop, .. } = listener(None, None);
        let readiness = async || {
            let answer = ask(&admin, "GET /readyz", &["host: localhost"], "").await;
            (answer.status().as_u16(), text_of(answer).await)
        };
        assert_eq!(readiness().await, (200, "ready\n".to_owned()));
        disk.fails.store(true, Ordering::Relaxed);
        let (status, why) = readiness().await;
        assert!(status == 503 && why.contains("disk is full or failing"), "{status} {why}");
        stop.send_replace(true);
        assert_eq!(readiness().await, (503, "stopping\n".to_owned()));
        let health = ask(&admin, "GET /healthz", &["host: localhost"], "").await;
        assert_eq!((health.status().as_u16(), text_of(health).await.as_str()), (200, "ok\n"));
    }

    #[tokio::test]
    async fn another_token_is_asked_for_once_it_is_installed() {
        let Listener { admin, .. } = listener(Some("127.0.0.1:8081"), Some(token(TOKEN)));
        let reloads =
            async |bearer: &str| ask(&admin, "POST /api/v1/reload", &[HOST, JSON, bearer], "").await.status();
        admin
            .access
            .install(Some(token("another, with 16 bytes and more".replace(' ', "_").as_str())), false);
        assert_eq!(reloads(BEARER).await, 401);
        assert_eq!(reloads("authorization: Bearer another,_with_16_bytes_and_more").await, 200);
        admin.access.install(None, false);
        assert_eq!(reloads("x-nothing: at all").await, 200);
    }
}
