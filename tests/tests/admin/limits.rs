//! What one who asks may take of the listener. Time is virtual: it moves when everybody waits.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tidewire::admin::{Access, Admin, Reload, Reloaded, serve};
use tidewire::config::{Config, ConfigError, ListenerConfig, Transport};
use tidewire::net::bind;
use tidewire_tests::world::broker_of;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
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

/// Serves on a port that the system chooses.
fn listen() -> (SocketAddr, JoinHandle<()>) {
    let bound =
        bind(ListenerConfig::new("admin", "127.0.0.1:0", Transport::Tcp, &[])).expect("a port is free");
    let address = bound.address().expect("it is bound");
    let broker = Arc::new(broker_of(Config::default()));
    let stopping = watch::channel(false).1;
    let admin = Admin::new(broker, Arc::new(Access::default()), Arc::new(NoFiles), stopping, Some(address));
    (address, tokio::spawn(serve(Arc::new(admin), bound)))
}

async fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.expect("the listener accepts")
}

/// Says this, and returns all that comes back, and after how many seconds the connection is over.
async fn says(stream: &mut TcpStream, bytes: &[u8]) -> (String, u64) {
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

#[tokio::test(start_paused = true)]
async fn so_many_are_served_at_once_and_the_next_waits() {
    let (address, _) = listen();
    let mut silent = Vec::new();
    for _ in 0..63 {
        silent.push(connect(address).await);
    }
    let (heard, after) = says(&mut connect(address).await, HEALTH).await;
    assert!(heard.starts_with("HTTP/1.1 200") && after == 0, "the 64th after {after} s: {heard}");
    silent.push(connect(address).await);
    let (heard, after) = says(&mut connect(address).await, HEALTH).await;
    assert!(heard.starts_with("HTTP/1.1 200") && after == 5, "the 65th after {after} s: {heard}");
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
