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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use http_body_util::Full;
    use tokio::sync::watch;

    use super::*;
    use crate::admin::{Access, Reload};
    use crate::auth::Gate;
    use crate::broker::Broker;
    use crate::clock::Clock;
    use crate::config::{AdminToken, Config, ConfigError};
    use crate::store::{Batch, CommitId, Fetch, MemoryStore, Store, StoreError};

    const TOKEN: &str = "0123456789abcdef";

    /// A reload that goes as it is told.
    #[derive(Default)]
    struct Files {
        are_wrong: AtomicBool,
    }

    impl Reload for Files {
        fn reload(&self) -> Result<Vec<ConfigError>, Vec<ConfigError>> {
            let said = |text: &str| {
                let (place, excerpt) = ("acl.toml:2:1".to_owned(), Some("    alow = []".to_owned()));
                vec![ConfigError { place, text: text.to_owned(), excerpt }]
            };
            match self.are_wrong.load(Ordering::Relaxed) {
                true => Err(said("wrong")),
                false => Ok(said("not nice")),
            }
        }
    }

    /// The memory store with a disk that may fail.
    #[derive(Default)]
    struct Disk {
        memory: MemoryStore,
        fails: AtomicBool,
    }

    impl Store for Disk {
        fn apply(&self, batch: &mut Batch) -> Result<CommitId, StoreError> {
            self.memory.apply(batch)
        }
        fn durable(&self) -> CommitId {
            self.memory.durable()
        }
        fn wake_when_durable(&self, commit: CommitId, waker: &std::task::Waker) {
            self.memory.wake_when_durable(commit, waker);
        }
        fn is_failing(&self) -> bool {
            self.fails.load(Ordering::Relaxed)
        }
        fn applied(&self) -> CommitId {
            self.memory.applied()
        }
        fn fetch(&self, fetch: Fetch) {
            self.memory.fetch(fetch);
        }
        fn promise(&self) -> String {
            self.memory.promise()
        }
    }

    struct Listener {
        admin: Arc<Admin>,
        files: Arc<Files>,
        disk: Arc<Disk>,
        stop: watch::Sender<bool>,
    }

    fn token(text: &str) -> AdminToken {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        std::fs::write(&file, format!("{text}\n")).unwrap();
        AdminToken::load(&file).unwrap()
    }

    fn listener(address: Option<&str>, token: Option<AdminToken>) -> Listener {
        let (files, disk) = (Arc::<Files>::default(), Arc::<Disk>::default());
        let store = Arc::clone(&disk);
        let broker =
            Arc::new(Broker::new(Config::default(), Arc::new(Gate::default()), store, Clock::system()));
        let (stop, stopping) = watch::channel(false);
        let address = address.map(|address| address.parse().unwrap());
        let access = Arc::new(Access::new(token));
        let reload = Arc::clone(&files);
        let admin = Arc::new(Admin::new(broker, access, reload, stopping, address));
        Listener { admin, files, disk, stop }
    }

    /// Asks for `"METHOD path"` with headers of `"name: value"` and a body.
    async fn ask(admin: &Admin, what: &str, headers: &[&str], body: &str) -> Answer {
        let (method, path) = what.split_once(' ').unwrap();
        let mut request = Request::builder().method(method).uri(path);
        for line in headers {
            let (name, value) = line.split_once(": ").unwrap();
            request = request.header(name, value);
        }
        admin.answer(request.body(Full::new(Bytes::from(body.to_owned()))).unwrap()).await
    }

    async fn text_of(answer: Answer) -> String {
        String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
    }

    async fn json_of(answer: Answer) -> Value {
        serde_json::from_str(&text_of(answer).await).unwrap()
    }

    const HOST: &str = "host: 127.0.0.1:8081";
    const JSON: &str = "content-type: application/json";
    const BEARER: &str = "authorization: Bearer 0123456789abcdef";

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
            ("GET /", &[HOST], "", 404),
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
            (reload, &[HOST, JSON, BEARER, "origin: http://127.0.0.1:8081"], "", 403),
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
        assert_eq!(json_of(done).await, json!({ "reloaded": true, "warnings": said("not nice") }));
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
        admin.access.install(Some(token("another, with 16 bytes and more".replace(' ', "_").as_str())));
        assert_eq!(reloads(BEARER).await, 401);
        assert_eq!(reloads("authorization: Bearer another,_with_16_bytes_and_more").await, 200);
        admin.access.install(None);
        assert_eq!(reloads("x-nothing: at all").await, 200);
    }
}
