//! The browser examples beside WebSockets: by HTTP/1.1, over TLS, by HTTP/2, and not at all where they were not asked for.

use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use h2::ext::Protocol;
use http::{Request, Response, StatusCode};
use sha2::{Digest as _, Sha256};
use tidewire_tests::authority::{Authority, Folder};
use tidewire_tests::binary::{WITHOUT_ADMIN, binary};
use tidewire_tests::daemon::{Daemon, address};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::client::{Carrier, Client, PATIENCE, asks, connects_stomp, request};
use crate::http2::extended;
use crate::site::{Site, over_tls, ws};

/// Asks as a browser does, and returns the whole answer.
async fn gets(stream: &mut impl Carrier, what: &str, lines: &str) -> String {
    asks(stream, &format!("{what} HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n")).await
}

async fn gets_page(site: &Site, path: &str) -> String {
    gets(&mut site.connect().await, &format!("GET {path}"), "").await
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").expect("an answer has a head").1
}

fn header<'a>(answer: &'a str, name: &str) -> &'a str {
    let head = answer.split("\r\n\r\n").next().unwrap_or_default();
    let named = head.lines().filter_map(|line| line.split_once(": ")).find(|(found, _)| *found == name);
    named.map_or("", |(_, value)| value)
}

#[tokio::test]
async fn a_browser_gets_the_examples() {
    let site = Site::serve_demo(ws());
    let html = "text/html; charset=utf-8";
    for (what, lines, status, name, value) in [
        ("GET /demo/", "", 200, "content-type", html),
        ("GET /demo/", "Accept-Encoding: gzip\r\n", 200, "content-encoding", "gzip"),
        ("GET /demo/", "", 200, "cache-control", "no-cache"),
        ("GET /demo/chat/", "", 200, "content-type", html),
        ("GET /demo/vendor/mqtt/mqtt.esm.js", "", 200, "content-type", "text/javascript; charset=utf-8"),
        ("GET /demo/", "If-None-Match: *\r\n", 304, "content-type", html),
        ("HEAD /demo/", "", 200, "content-type", html),
        ("GET /", "", 307, "location", "/demo/"),
        ("GET /demo/chat", "", 307, "location", "/demo/chat/"),
        ("GET /demo/nowhere.js", "", 404, "content-type", "text/plain; charset=utf-8"),
        ("GET /demo/../../Cargo.toml", "", 404, "content-type", "text/plain; charset=utf-8"),
        ("GET /demo/vendor/fetch", "", 404, "content-type", "text/plain; charset=utf-8"),
        ("POST /demo/", "Content-Length: 0\r\n", 405, "allow", "GET"),
        ("GET /mqtt", "", 426, "upgrade", "websocket"),
    ] {
        let answer = gets(&mut site.connect().await, what, lines).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{what}: {answer:.200}");
        assert_eq!(header(&answer, name), value, "{what}: {answer:.500}");
        // No connection is kept that is none to a client.
        assert_eq!(header(&answer, "connection"), "close", "{what}");
        let is_empty = what.starts_with("HEAD") || matches!(status, 304 | 307);
        assert_eq!(body(&answer).is_empty(), is_empty, "{what}");
    }
    site.log.says_once("nothing is served at /demo/nowhere.js", &["HTTP 404"]);
}

/// Each page runs what it has of its own, and nothing that somebody could put into it.
#[tokio::test]
async fn every_page_has_what_it_names_and_may_run_its_import_maps() {
    let site = Site::serve_demo(ws());
    let index = gets_page(&site, "/demo/").await;
    let linked = body(&index).split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    let examples: Vec<_> = linked.filter(|name| name.ends_with("/") && !name.starts_with(".")).collect();
    for example in ["chat/", "notifications/", "editor/", "game/", "dashboard/", "streaming/", "queue/"] {
        assert!(examples.contains(&example), "{example} is not among {examples:?}");
    }
    for folder in [&[""][..], &examples].concat() {
        let page = gets_page(&site, &format!("/demo/{folder}")).await;
        let policy = header(&page, "content-security-policy");
        for script in body(&page).split("<script").skip(1) {
            let (tag, rest) = script.split_once('>').expect("a tag ends");
            if tag.contains("src=") {
                continue;
            }
            let text = rest.split("</script>").next().expect("a script ends");
            let hash = format!("'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(text)));
            assert!(policy.contains(&hash), "{folder} may not run {text}");
        }
        let named =
            ["src=\"", "href=\""].into_iter().flat_map(|attribute| body(&page).split(attribute).skip(1));
        for name in named.filter_map(|rest| rest.split('"').next()).filter(|name| !name.contains(':')) {
            let path = format!("/demo/{}", resolved(folder, name));
            let answer = gets_page(&site, &path).await;
            assert!(answer.starts_with("HTTP/1.1 200 "), "{folder} names {name}: {path}: {answer:.100}");
        }
        assert!(
            !body(&page).contains("style=\""),
            "{folder} has a style that its policy does not let it have"
        );
    }
}

/// A relative name within `/demo/`.
fn resolved(folder: &str, name: &str) -> String {
    let name = name.split(['#', '?']).next().unwrap_or_default();
    match name.strip_prefix("../") {
        Some(above) => above.to_owned(),
        None => format!("{folder}{}", name.strip_prefix("./").unwrap_or(name)),
    }
}

#[tokio::test]
async fn who_wants_a_web_socket_gets_one_wherever() {
    let site = Site::serve_demo(ws());
    for path in ["/", "/demo/", "/demo/chat/"] {
        let mut stream = site.connect().await;
        let upgrade = request(&[]).replace("GET / ", &format!("GET {path} "));
        assert!(asks(&mut stream, &upgrade).await.starts_with("HTTP/1.1 101 "), "{path}");
        assert!(connects_stomp(&mut stream).await.contains("CONNECTED\n"), "{path}");
    }
}

#[tokio::test]
async fn where_nobody_asked_for_them_there_are_none() {
    let site = Site::serve(ws());
    for what in ["GET /demo/", "GET /demo/chat/", "GET /"] {
        let answer = gets(&mut site.connect().await, what, "").await;
        assert!(answer.starts_with("HTTP/1.1 426 "), "{what}: {answer:.100}");
    }
}

/// Pages are for everybody; `paths` are those of WebSockets.
#[tokio::test]
async fn the_paths_of_a_listener_are_those_of_its_web_sockets() {
    let mut listener = ws();
    listener.paths = Some(vec!["/mqtt".to_owned()]);
    let site = Site::serve_demo(listener);
    assert!(gets_page(&site, "/demo/").await.starts_with("HTTP/1.1 200 "));
    assert!(asks(&mut site.connect().await, &request(&[])).await.starts_with("HTTP/1.1 404 "));
}

#[tokio::test]
async fn they_are_served_over_tls() {
    let (authority, folder) = (Authority::new("root"), Folder::new());
    let site = Site::serve_demo(over_tls(ws(), &folder.serves(&authority.server(&["localhost"]))));
    let mut stream = Client::new(&authority).speaks(site.connect().await).await;
    let answer = gets(&mut stream, "GET /demo/", "").await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("</html>\n"), "{answer:.500}");
}

#[tokio::test]
async fn one_http2_connection_carries_pages_and_web_sockets() {
    let (authority, folder) = (Authority::new("root"), Folder::new());
    let mut listener = over_tls(ws(), &folder.serves(&authority.server(&["localhost"])));
    listener.http2 = true;
    let site = Site::serve_demo(listener);
    let stream = Client::with(&authority, None, &["h2"]).speaks(site.connect().await).await;
    let (requests, connection) = h2::client::handshake(stream).await.expect("the broker speaks HTTP/2");
    tokio::spawn(connection);
    let mut requests = timeout(PATIENCE, extended(requests)).await.expect("extended CONNECT is offered");
    for (method, path, status, has_body) in [
        ("GET", "/demo/", StatusCode::OK, true),
        ("HEAD", "/demo/", StatusCode::OK, false),
        ("GET", "/", StatusCode::TEMPORARY_REDIRECT, false),
        ("GET", "/demo/nowhere", StatusCode::NOT_FOUND, true),
        ("POST", "/demo/", StatusCode::METHOD_NOT_ALLOWED, true),
        ("GET", "/mqtt", StatusCode::UPGRADE_REQUIRED, true),
    ] {
        let uri = format!("https://localhost{path}");
        let asked = Request::builder().method(method).uri(uri).body(()).expect("it is well-formed");
        let (answer, _) = requests.send_request(asked, true).expect("a stream is free");
        let (answer, body) = whole(answer).await;
        assert_eq!((answer.status(), !body.is_empty()), (status, has_body), "{method} {path}");
        // It is a header of HTTP/1.1 alone. (RFC 9113, section 8.2.2)
        assert!(!answer.headers().contains_key("connection"), "{method} {path}");
    }
    let web_socket = Request::builder()
        .method("CONNECT")
        .uri("https://localhost/demo/")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-protocol", "mqtt")
        .extension(Protocol::from_static("websocket"))
        .body(())
        .expect("it is well-formed");
    let (answer, _sending) = requests.send_request(web_socket, false).expect("a stream is free");
    let answer = timeout(PATIENCE, answer).await.expect("an answer comes").expect("the stream is there");
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["sec-websocket-protocol"], "mqtt");
}

/// An answer and its body.
async fn whole(answer: h2::client::ResponseFuture) -> (Response<()>, Bytes) {
    let answer = timeout(PATIENCE, answer).await.expect("an answer comes").expect("the stream is there");
    let (head, mut stream) = answer.into_parts();
    let mut body = Vec::new();
    while let Some(piece) = timeout(PATIENCE, stream.data()).await.expect("something comes, or the end") {
        let piece = piece.expect("the stream is there");
        stream.flow_control().release_capacity(piece.len()).expect("it was taken");
        body.extend_from_slice(&piece);
    }
    (Response::from_parts(head, ()), body.into())
}

#[tokio::test]
async fn the_daemon_says_where_to_look() {
    let folder = Folder::new();
    let listener =
        "listeners=[{ name = \"ws\", bind = \"127.0.0.1:0\", transport = \"ws\", protocols = [\"mqtt\"] }]";
    for (flags, status) in [(&["--demo"][..], 200), (&[], 426)] {
        let mut command = Command::new(binary());
        command
            .args(["serve", "--set", listener])
            .args(flags)
            .current_dir(folder.path(""))
            .envs(WITHOUT_ADMIN);
        let mut daemon = Daemon::start_with({
            let written = std::fs::File::create(folder.path("said")).expect("the folder can be written to");
            command.stdin(Stdio::null()).stdout(written);
            command
        });
        let address = address(&daemon.says("listening on ws://"));
        daemon.says("ready");
        let mut stream = TcpStream::connect(address).await.expect("the daemon accepts");
        let answer = gets(&mut stream, "GET /demo/", "").await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{flags:?}: {answer:.100}");
        daemon.signal("-TERM");
        assert!(daemon.ends().success());
        let said = std::fs::read_to_string(folder.path("said")).expect("it is text");
        let url = format!("http://{address}/demo/");
        assert_eq!(said.contains(&url), status == 200, "{flags:?}: {said:?}");
    }
}
