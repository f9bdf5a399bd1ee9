//! The WebSocket upgrade, as raw HTTP on an in-memory pipe and on virtual time.

use std::sync::Arc;
use std::time::Duration;

use tidewire::broker::Broker;
use tidewire::config::{Config, ListenerConfig, ProtocolName, Transport};
use tidewire::net::{bind, serve, serve_socket};
use tidewire_tests::world::broker_of;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

/// A request that is as it should be.
const GOOD: [&str; 7] = [
    "GET / HTTP/1.1",
    "Host: broker.example",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Protocol: mqtt",
];

/// `GOOD` with the lines of `changed` in place of those of the same name, or added.
fn request(changed: &[&str]) -> String {
    let name = |line: &str| line.split([':', ' ']).next().map(str::to_ascii_lowercase);
    let is_method = |line: &str| line.ends_with("HTTP/1.1") || line.ends_with("HTTP/1.0");
    let mut lines: Vec<&str> = vec![changed.iter().copied().find(|line| is_method(line)).unwrap_or(GOOD[0])];
    let is_kept = |line: &&&str| !changed.iter().any(|new| name(new) == name(line));
    lines.extend(GOOD[1..].iter().filter(is_kept));
    // A name with nothing behind it leaves that header out.
    lines.extend(changed.iter().filter(|line| !is_method(line) && !line.ends_with(':')));
    format!("{}\r\n\r\n", lines.join("\r\n"))
}

fn listener(protocols: &[ProtocolName]) -> ListenerConfig {
    ListenerConfig::new("test", "127.0.0.1:0", Transport::Ws, protocols)
}

const BOTH: [ProtocolName; 2] = [ProtocolName::Mqtt, ProtocolName::Stomp];

fn broker() -> Arc<Broker> {
    Arc::new(broker_of(Config::default()))
}

fn connect(listener: ListenerConfig) -> DuplexStream {
    let (near, far) = tokio::io::duplex(64 * 1024);
    tokio::spawn(serve_socket(broker(), listener, None, far.into()));
    near
}

/// Everything up to the end of the stream, or, after a 101, of the head.
async fn answer(stream: &mut (impl AsyncReadExt + Unpin)) -> String {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    while !(bytes.starts_with(b"HTTP/1.1 101") && bytes.windows(4).any(|window| window == b"\r\n\r\n")) {
        match timeout(Duration::from_secs(60), stream.read(&mut buffer)).await.expect("an answer comes") {
            Ok(0) | Err(_) => break,
            Ok(read) => bytes.extend_from_slice(&buffer[..read]),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

async fn ask(listener: ListenerConfig, request: &str) -> String {
    let mut stream = connect(listener);
    stream.write_all(request.as_bytes()).await.expect("the request is taken");
    answer(&mut stream).await
}

/// The value of a header, and whether there is just one.
fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let found: Vec<_> = answer
        .lines()
        .filter_map(|line| line.split_once(": "))
        .filter(|(found, _)| found.eq_ignore_ascii_case(name))
        .collect();
    assert!(found.len() < 2, "{name} comes twice: {answer}");
    found.first().map(|(_, value)| *value)
}

/// Holds that a request gets this status, and a body of one line with these words; returns the answer.
async fn is_refused(listener: ListenerConfig, changed: &[&str], status: u16, words: &str) -> String {
    let answer = ask(listener, &request(changed)).await;
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{changed:?}: {answer}");
    let (_, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    assert!(body.contains(words), "{words}: {answer}");
    assert_eq!(body.matches('\n').count(), 1, "one line: {answer}");
    assert_eq!(header(&answer, "connection"), Some("close"));
    answer
}

/// Holds that a request is granted; returns the subprotocol.
async fn is_granted(listener: ListenerConfig, changed: &[&str]) -> String {
    let answer = ask(listener, &request(changed)).await;
    assert!(answer.starts_with("HTTP/1.1 101 "), "{changed:?}: {answer}");
    header(&answer, "sec-websocket-protocol").expect("a subprotocol").to_owned()
}

#[tokio::test(start_paused = true)]
async fn what_is_right_is_granted() {
    let answer = ask(listener(&BOTH), &request(&[])).await;
    assert!(answer.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{answer}");
    assert_eq!(header(&answer, "connection"), Some("Upgrade"));
    assert_eq!(header(&answer, "upgrade"), Some("websocket"));
    // The example of RFC 6455, section 1.3.
    assert_eq!(header(&answer, "sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    assert_eq!(header(&answer, "sec-websocket-protocol"), Some("mqtt"));
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_is_refused_with_a_reason() {
    let both = || listener(&BOTH);
    for method in ["POST / HTTP/1.1", "PUT / HTTP/1.1", "HEAD / HTTP/1.1", "DELETE / HTTP/1.1"] {
        let answer = ask(both(), &request(&[method])).await;
        assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
        assert_eq!(header(&answer, "allow"), Some("GET"));
    }
    for line in ["Upgrade:", "Upgrade: h2c", "Connection:", "Connection: keep-alive"] {
        let answer = is_refused(both(), &[line], 426, "subprotocol mqtt or v12.stomp").await;
        assert_eq!(header(&answer, "upgrade"), Some("websocket"));
    }
    for line in ["Sec-WebSocket-Version: 8", "Sec-WebSocket-Version: 14", "Sec-WebSocket-Version:"] {
        let answer = is_refused(both(), &[line], 426, "version 13").await;
        assert_eq!(header(&answer, "sec-websocket-version"), Some("13"));
    }
    for key in ["Sec-WebSocket-Key:", "Sec-WebSocket-Key: short", "Sec-WebSocket-Key: dGhlIHNhbXBsZQ=="] {
        is_refused(both(), &[key], 400, "Sec-WebSocket-Key").await;
    }
}

#[tokio::test(start_paused = true)]
async fn http_1_0_is_too_old() {
    let answer = ask(listener(&BOTH), &request(&["GET / HTTP/1.0"])).await;
    assert!(answer.contains(" 400 ") && answer.contains("HTTP/1.1"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn only_listed_paths_are_served() {
    let with_paths = || ListenerConfig { paths: Some(vec!["/mqtt".into(), "/".into()]), ..listener(&BOTH) };
    for path in ["/mqtt", "/", "/mqtt?token=x"] {
        is_granted(with_paths(), &[&format!("GET {path} HTTP/1.1")]).await;
    }
    for path in ["/MQTT", "/mqtt/", "/elsewhere"] {
        is_refused(with_paths(), &[&format!("GET {path} HTTP/1.1")], 404, path).await;
    }
    is_granted(listener(&BOTH), &["GET /any/path HTTP/1.1"]).await;
}

#[tokio::test(start_paused = true)]
async fn the_first_subprotocol_that_is_served_is_spoken() {
    use ProtocolName::{Mqtt, Stomp};
    for (served, asked, spoken) in [
        (&[Mqtt, Stomp][..], "mqtt", "mqtt"),
        (&[Mqtt, Stomp], "mqttv3.1", "mqttv3.1"),
        (&[Mqtt, Stomp], "v12.stomp, mqtt", "v12.stomp"),
        (&[Mqtt, Stomp], "v10.stomp,v11.stomp,v12.stomp", "v10.stomp"),
        (&[Mqtt, Stomp], "graphql-ws, v11.stomp , mqtt", "v11.stomp"),
        (&[Mqtt], "v12.stomp, mqtt", "mqtt"),
        (&[Stomp], "mqtt,v12.stomp", "v12.stomp"),
    ] {
        assert_eq!(
            is_granted(listener(served), &[&format!("Sec-WebSocket-Protocol: {asked}")]).await,
            spoken
        );
    }
    let lines = [
        "Sec-WebSocket-Protocol: graphql-ws",
        "Sec-WebSocket-Protocol: v12.stomp",
        "Sec-WebSocket-Protocol: mqtt",
    ];
    assert_eq!(is_granted(listener(&BOTH), &lines).await, "v12.stomp");
}

#[tokio::test(start_paused = true)]
async fn without_a_subprotocol_that_is_served_it_is_refused() {
    let stomp = || listener(&[ProtocolName::Stomp]);
    is_refused(stomp(), &["Sec-WebSocket-Protocol:"], 400, "v10.stomp, v11.stomp, v12.stomp").await;
    is_refused(stomp(), &["Sec-WebSocket-Protocol: mqtt, graphql-ws"], 400, "none of mqtt, graphql-ws").await;
    is_refused(listener(&BOTH), &["Sec-WebSocket-Protocol: MQTT"], 400, "mqtt").await;
}

#[tokio::test(start_paused = true)]
async fn tokens_are_lists_in_any_case() {
    for changed in [
        &["Connection: keep-alive, Upgrade"][..],
        &["Connection: keep-alive", "Connection: UPGRADE"],
        &["Upgrade: WebSocket"],
        &["Upgrade: h2c, websocket"],
        &["Sec-WebSocket-Version:  13 "],
    ] {
        is_granted(listener(&BOTH), changed).await;
    }
}

#[tokio::test(start_paused = true)]
async fn pages_of_the_same_host_may_connect_and_others_not() {
    for (host, origin) in [
        ("localhost:8080", "http://127.0.0.1:3000"),
        ("127.0.0.1:8080", "http://localhost"),
        ("[::1]:8080", "http://LOCALHOST:3000"),
        ("127.0.0.1:8080", "http://[::1]:3000"),
    ] {
        is_granted(listener(&BOTH), &[&format!("Host: {host}"), &format!("Origin: {origin}")]).await;
    }
    for (host, origin) in [
        ("broker.example", "https://evil.example"),
        ("broker.example", "https://broker.example.evil.example"),
        ("broker.example", "null"),
        ("broker.example", "http://localhost"),
        ("localhost:8080", "https://evil.example"),
        ("localhost:8080", "https://localhost.evil.example"),
    ] {
        is_refused(listener(&BOTH), &[&format!("Host: {host}"), &format!("Origin: {origin}")], 403, origin)
            .await;
    }
    for (host, origin) in [
        ("broker.example", "https://broker.example"),
        ("broker.example:8080", "http://broker.example:3000"),
        ("Broker.Example", "http://broker.example"),
    ] {
        let public = ListenerConfig { bind: "0.0.0.0:0".to_owned(), ..listener(&BOTH) };
        is_granted(public, &[&format!("Host: {host}"), &format!("Origin: {origin}")]).await;
    }
}

/// By DNS rebinding: the name is the page's own, and leads to this machine.
#[tokio::test(start_paused = true)]
async fn where_only_this_machine_connects_a_page_names_it() {
    let lines = ["Host: evil.example:8080", "Origin: http://evil.example:8080"];
    let at = |bind: &str| ListenerConfig { bind: bind.to_owned(), ..listener(&BOTH) };
    for bind in ["127.0.0.1:0", "[::1]:0", "[::ffff:127.0.0.1]:0"] {
        is_refused(at(bind), &lines, 403, "origins").await;
    }
    for bind in ["0.0.0.0:0", "unix:/run/tidewire.sock"] {
        is_granted(at(bind), &lines).await;
    }
    let origins = Some(vec!["http://evil.example:8080".to_owned()]);
    is_granted(ListenerConfig { origins, ..listener(&BOTH) }, &lines).await;
}

#[tokio::test(start_paused = true)]
async fn listed_origins_may_connect_and_others_not() {
    let with = |origin: &str| ListenerConfig { origins: Some(vec![origin.to_owned()]), ..listener(&BOTH) };
    is_granted(with("https://app.example"), &["Origin: https://app.example"]).await;
    is_granted(with("https://app.example"), &[]).await;
    is_granted(with("*"), &["Origin: https://anything.example"]).await;
    for origin in ["http://app.example", "https://app.example:8443", "https://broker.example"] {
        is_refused(with("https://app.example"), &[&format!("Origin: {origin}")], 403, origin).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_may_have_so_many_bytes() {
    let long = |length: usize| request(&[&format!("X-Long: {}", "x".repeat(length))]);
    assert!(ask(listener(&BOTH), &long(12 << 10)).await.starts_with("HTTP/1.1 101 "));
    assert!(ask(listener(&BOTH), &long(20 << 10)).await.starts_with("HTTP/1.1 431 "));
}

#[tokio::test(start_paused = true)]
async fn a_request_may_take_so_long() {
    let mut stream = connect(listener(&BOTH));
    let start = Instant::now();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: ").await.expect("the request is taken");
    let answer = answer(&mut stream).await;
    assert!(!answer.starts_with("HTTP/1.1 101 "), "{answer}");
    assert_eq!(start.elapsed().as_secs(), 10, "the connect timeout");
}

#[tokio::test(start_paused = true)]
async fn what_follows_the_request_at_once_is_not_lost() {
    let mut stream = connect(listener(&BOTH));
    let mut bytes = request(&["Sec-WebSocket-Protocol: v12.stomp"]).into_bytes();
    // A masked text message (with a mask of zeroes) that holds CONNECT.
    let frame = b"CONNECT\naccept-version:1.2\nhost:h\n\n\0";
    bytes.extend_from_slice(&[0x81, 0x80 | u8::try_from(frame.len()).expect("short"), 0, 0, 0, 0]);
    bytes.extend_from_slice(frame);
    stream.write_all(&bytes).await.expect("the request is taken");
    let mut heard = answer(&mut stream).await.into_bytes();
    while !heard.windows(9).any(|window| window == b"CONNECTED") {
        let read = timeout(Duration::from_secs(60), stream.read_buf(&mut heard)).await;
        assert!(matches!(read, Ok(Ok(1..))), "CONNECT was lost: {}", String::from_utf8_lossy(&heard));
    }
}

/// On loopback sockets, where connections are counted.
#[tokio::test]
async fn where_all_places_are_taken_it_is_refused_for_now() {
    let full = ListenerConfig { max_connections: 1, ..listener(&BOTH) };
    let bound = bind(full).expect("a port of the loopback address is free");
    let address = bound.address().expect("a port has an address");
    let (_stop, stopped) = watch::channel(false);
    tokio::spawn(serve(broker(), bound, stopped));
    let mut first = TcpStream::connect(address).await.expect("the listener accepts");
    first.write_all(request(&[]).as_bytes()).await.expect("the request is taken");
    assert!(answer(&mut first).await.starts_with("HTTP/1.1 101 "));
    let mut second = TcpStream::connect(address).await.expect("the listener accepts");
    second.write_all(request(&[]).as_bytes()).await.expect("the request is taken");
    let answer = answer(&mut second).await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert_eq!(header(&answer, "retry-after"), Some("5"));
    assert!(answer.contains("try again later"), "{answer}");
}
