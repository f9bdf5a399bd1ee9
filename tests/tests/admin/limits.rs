//! What one who asks may take of the listener. Time is virtual: it moves when everybody waits.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tidewire::admin::{Access, Admin, Reload, Reloaded, serve};
use tidewire::config::{AdminToken, Config, ConfigError, ListenerConfig, Transport};
use tidewire::net::bind;
use tidewire_tests::world::broker_of;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Nothing is there to be read again.
struct NoFiles;

impl Reload for NoFiles {
    fn reload(&self) -> Result<Reloaded, Vec<ConfigError>> {
        Ok(Reloaded::default())
    }
}

/// Serves there, for those whom `access` admits.
fn listen_at(bind_to: &str, access: Access) -> (Option<SocketAddr>, JoinHandle<()>) {
    let bound = bind(ListenerConfig::new("admin", bind_to, Transport::Tcp, &[])).expect("it is free");
    let address = bound.address();
    let broker = Arc::new(broker_of(Config::default()));
    let stopping = watch::channel(false).1;
    let admin = Admin::new(broker, Arc::new(access), Arc::new(NoFiles), stopping, address);
    (address, tokio::spawn(serve(Arc::new(admin), bound)))
}

/// Serves everybody on a port that the system chooses.
fn listen() -> (SocketAddr, JoinHandle<()>) {
    let (address, serving) = listen_at("127.0.0.1:0", Access::default());
    (address.expect("it is bound"), serving)
}

async fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.expect("the listener accepts")
}

/// Says this, and returns all that comes back, and after how many seconds the connection is over.
async fn says(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), bytes: &[u8]) -> (String, u64) {
    let begin = Instant::now();
    let mut heard = Vec::new();
    // Who is not listened to may see the connection break.
    let _ = stream.write_all(bytes).await;
    let _ = stream.read_to_end(&mut heard).await;
    (String::from_utf8_lossy(&heard).into_owned(), begin.elapsed().as_secs())
}

const HEALTH: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";

#[tokio::test(start_paused = true)]
async fn a_connection_carries_one_request() {
    let (address, _) = listen();
    let twice = [HEALTH, HEALTH].concat();
    let (heard, _) = says(&mut connect(address).await, &twice).await;
    assert_eq!(heard.matches("HTTP/1.1 200 OK\r\n").count(), 1, "{heard}");
    assert!(heard.contains("connection: close\r\n") && heard.ends_with("\r\n\r\nok\n"), "{heard}");
}

#[tokio::test(start_paused = true)]
async fn a_request_may_take_so_long() {
    let (address, _) = listen();
    let post = b"POST /api/v1/reload HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                 Content-Length: 2\r\n\r\n{";
    for (bytes, secs) in [(&b""[..], 5), (&HEALTH[..10], 5), (post, 60)] {
        let (heard, after) = says(&mut connect(address).await, bytes).await;
        assert_eq!(after, secs, "{} gets {heard}", String::from_utf8_lossy(bytes));
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_may_have_so_many_bytes() {
    let (address, _) = listen();
    let head = |bytes: usize| {
        format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(bytes)).into_bytes()
    };
    for (bytes, status) in [(10 << 10, "200 OK"), (32 << 10, "431 Request Header Fields Too Large")] {
        let (heard, _) = says(&mut connect(address).await, &head(bytes)).await;
        assert!(heard.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{bytes}: {heard}");
    }
}

/// Waits until so many connections are over.
async fn are_over(streams: &mut [TcpStream]) -> u64 {
    let begin = Instant::now();
    for stream in streams {
        says(stream, b"").await;
    }
    begin.elapsed().as_secs()
}

#[tokio::test(start_paused = true)]
async fn whoever_asks_takes_the_place_of_the_one_that_is_silent_for_longest() {
    let (address, _) = listen();
    let mut silent = Vec::new();
    for _ in 0..64 {
        silent.push(connect(address).await);
        // So that the listener comes to have it.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let (heard, after) = says(&mut connect(address).await, HEALTH).await;
    assert!(heard.starts_with("HTTP/1.1 200") && after == 0, "the 65th after {after} s: {heard}");
    assert_eq!(are_over(&mut silent[..1]).await, 0, "the first has made room");
    let (heard, _) = says(&mut silent[1], HEALTH).await;
    assert!(heard.starts_with("HTTP/1.1 200"), "the others have not: {heard}");
    assert_eq!(are_over(&mut silent[2..]).await, 4);
}

/// More than a Unix socket holds, for everybody.
const PAGE: &[u8] = b"GET /vendor/mqtt/mqtt.esm.js HTTP/1.1\r\nHost: localhost\r\n\r\n";

#[tokio::test(start_paused = true)]
async fn slow_readers_without_the_token_leave_places_for_those_who_have_it() {
    let folder = tempfile::tempdir().expect("a temporary directory can be made");
    let (file, socket) = (folder.path().join("token"), folder.path().join("admin.sock"));
    std::fs::write(&file, "0123456789abcdef").expect("it can be written to");
    let token = AdminToken::load(&file).expect("it is one");
    listen_at(&format!("unix:{}", socket.display()), Access::new(Some(token), false));
    let connect = || async { UnixStream::connect(&socket).await.expect("the listener accepts") };
    let mut slow = Vec::new();
    for _ in 0..48 {
        let mut stream = connect().await;
        stream.write_all(PAGE).await.expect("it is taken");
        stream.readable().await.expect("an answer begins, which is not read");
        slow.push(stream);
    }
    let (heard, after) = says(&mut connect().await, PAGE).await;
    assert!(heard.starts_with("HTTP/1.1 503") && after == 0, "the 49th after {after} s: {heard:.200}");
    // What is short is no burden.
    assert!(says(&mut connect().await, HEALTH).await.0.starts_with("HTTP/1.1 200"));
    let overview = b"GET /api/v1/overview HTTP/1.1\r\nHost: localhost\r\n\
                     Authorization: Bearer 0123456789abcdef\r\n\r\n";
    let (heard, after) = says(&mut connect().await, overview).await;
    assert!(
        heard.starts_with("HTTP/1.1 200") && after == 0,
        "who has the token, after {after} s: {heard:.200}"
    );
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert!(says(&mut connect().await, PAGE).await.0.starts_with("HTTP/1.1 200"), "they are over");
}

#[tokio::test(start_paused = true)]
async fn its_end_is_that_of_its_connections() {
    let (address, listener) = listen();
    let mut stream = connect(address).await;
    let (half, _) = HEALTH.split_at(10);
    stream.write_all(half).await.expect("it is taken");
    // So that the listener comes to have it.
    tokio::time::sleep(Duration::from_secs(1)).await;
    listener.abort();
    let (heard, after) = says(&mut stream, b"").await;
    assert_eq!((heard.as_str(), after), ("", 0));
    assert!(TcpStream::connect(address).await.is_err());
}
