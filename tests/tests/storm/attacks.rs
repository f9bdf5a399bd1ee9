//! What a hostile client does on purpose over WebSocket, from many connections at a time: each is ended with the right
//! code, memory stays flat, and clients that behave are served meanwhile.

use std::io::{Error, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tidewire_client::{Protocol, Qos, Url};
use tidewire_protocols::websocket::deflate::{TRAILER, deflate};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{interval, timeout};

use crate::broker::Broker;
use crate::control::{DEADLINE, pair};
use crate::watch::Watch;

/// Half a second to connect, and little that one client may send at once.
const SETTINGS: &str = r#"
[log]
level = "warn"
[limits]
packet_size_max = "1MiB"
body_size_max = "1MiB"
connect_timeout = "1s"
"#;
/// What the broker's memory may grow by under any of these attacks: what thousands of sockets need once, and no more.
const GROWTH_KIB_MAX: u64 = 24 * 1024;

/// How a connection ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// By a Close frame with this code.
    Code(u16),
    /// By an HTTP status.
    Status(u16),
    /// Without a word.
    Silent,
}

/// Runs `attack` from so many connections, and holds what the module says; returns how each ended.
async fn withstand<F>(connections: usize, attack: impl Fn(TcpStream) -> F) -> Vec<End>
where
    F: Future<Output = Result<End, Error>> + Send + 'static,
{
    let mut broker = Broker::configured(SETTINGS, &[]);
    let mut watch = Watch::new(broker.process_id());
    let is_over = Arc::<AtomicBool>::default();
    let arrived = Arc::<AtomicU64>::default();
    let mut control = JoinSet::new();
    for (name, url, protocol) in
        [("tcp", broker.mqtt_url(), Protocol::Mqtt5), ("ws", broker.websocket_url(), Protocol::Mqtt311)]
    {
        let url: Url = url.parse().expect("the broker has an address");
        let (is_over, arrived) = (Arc::clone(&is_over), Arc::clone(&arrived));
        control.spawn(async move {
            pair(&is_over, name, &url, protocol, Qos::AtLeastOnce, &arrived).await;
        });
    }
    while arrived.load(Ordering::Relaxed) == 0 {
        tokio::task::yield_now().await;
    }
    let before = watch.look();

    let mut attackers = JoinSet::new();
    for _ in 0..connections {
        let stream = TcpStream::connect(broker.websocket()).await.expect("the broker listens");
        attackers.spawn(timeout(DEADLINE, attack(stream)));
    }
    let mut clock = interval(Duration::from_millis(20));
    let mut ends = Vec::new();
    loop {
        tokio::select! {
            _ = clock.tick() => drop(watch.look()),
            Some(ended) = attackers.join_next() => {
                let ended = ended.expect("no attacker panics").expect("each is ended in time");
                ends.push(ended.unwrap_or(End::Silent));
            }
            Some(ended) = control.join_next() => {
                ended.expect("nobody who behaves fails");
                panic!("somebody who behaves left before the attack was over");
            }
            else => break,
        }
        if attackers.is_empty() {
            break;
        }
    }
    let met = arrived.load(Ordering::Relaxed);
    while arrived.load(Ordering::Relaxed) == met {
        tokio::task::yield_now().await;
    }
    is_over.store(true, Ordering::Relaxed);
    while let Some(ended) = control.join_next().await {
        ended.expect("nobody who behaves fails");
    }
    let peak = watch.samples.iter().map(|sample| sample.resident_kib).max().unwrap_or_default();
    let growth = peak.saturating_sub(before.resident_kib);
    assert!(growth < GROWTH_KIB_MAX, "{connections} connections made the broker grow by {growth} KiB");
    assert!(broker.terminate().success(), "the broker stops in order");
    assert!(!broker.log().to_lowercase().contains("panic"), "{}", broker.log());
    ends
}

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                       Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                       Sec-WebSocket-Extensions: permessage-deflate\r\n";

/// Upgrades, with compression.
async fn upgrades(stream: &mut TcpStream, subprotocol: &str) -> Result<(), Error> {
    let request = format!("{REQUEST}Sec-WebSocket-Protocol: {subprotocol}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(stream.read_u8().await?);
    }
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(answer.starts_with("HTTP/1.1 101 ") && answer.contains("permessage-deflate"), "{answer}");
    Ok(())
}

/// The head of a frame, masked with zeroes.
fn head(first: u8, payload_len: u64) -> Vec<u8> {
    let mut head = vec![first];
    match payload_len {
        0..=125 => head.push(0x80 | payload_len as u8),
        126..=65_535 => {
            head.push(0x80 | 126);
            head.extend_from_slice(&(payload_len as u16).to_be_bytes());
        }
        _ => {
            head.push(0x80 | 127);
            head.extend_from_slice(&payload_len.to_be_bytes());
        }
    }
    head.extend_from_slice(&[0; 4]);
    head
}

/// Waits for the end, and tells how it came.
async fn ends(stream: &mut TcpStream) -> Result<End, Error> {
    let mut heard = Vec::new();
    match stream.read_to_end(&mut heard).await {
        // What was sent and not read resets the connection behind the last words.
        Err(error) if heard.is_empty() => return Err(error),
        _ => {}
    }
    if let Some(status) = heard.strip_prefix(b"HTTP/1.1 ") {
        let status = std::str::from_utf8(&status[..3]).ok().and_then(|status| status.parse().ok());
        return status.map(End::Status).ok_or(ErrorKind::InvalidData.into());
    }
    Ok(end_in(&heard))
}

/// The Close frame in what was heard. Frames before it are pongs and protocols' last words.
fn end_in(heard: &[u8]) -> End {
    let mut rest = heard;
    while let [first, length, payload @ ..] = rest {
        let (length, payload) = match (length, payload) {
            (126, [high, low, payload @ ..]) => (usize::from(u16::from_be_bytes([*high, *low])), payload),
            (length, payload) => (usize::from(*length), payload),
        };
        match (first, payload) {
            (0x88, [high, low, ..]) => return End::Code(u16::from_be_bytes([*high, *low])),
            _ => rest = payload.get(length..).unwrap_or_default(),
        }
    }
    End::Silent
}

fn all(ends: &[End], expected: &End) {
    let others: Vec<_> = ends.iter().filter(|end| *end != expected).collect();
    assert!(others.is_empty(), "{} of {} are not {expected:?}: {:?}", others.len(), ends.len(), others[0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deflate_bomb_goes_off_nowhere() {
    // 64 MiB of line ends, which STOMP takes before CONNECT, in 64 KiB.
    let mut blocks = deflate(9, 15, &vec![b'\n'; 64 << 20]);
    blocks.truncate(blocks.len() - TRAILER.len());
    let bomb = Arc::new([head(0xC1, blocks.len() as u64), blocks].concat());
    let ends = withstand(50, |mut stream| {
        let bomb = Arc::clone(&bomb);
        async move {
            upgrades(&mut stream, "v12.stomp").await?;
            stream.write_all(&bomb).await?;
            ends(&mut stream).await
        }
    });
    all(&ends.await, &End::Code(1009));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_length_of_2_to_the_60_is_refused_at_once() {
    let ends = withstand(200, |mut stream| async move {
        upgrades(&mut stream, "mqtt").await?;
        stream.write_all(&head(0x82, 1 << 60)).await?;
        ends(&mut stream).await
    });
    all(&ends.await, &End::Code(1009));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn endless_fragments_come_to_an_end() {
    let ends = withstand(50, |mut stream| async move {
        upgrades(&mut stream, "v12.stomp").await?;
        stream.write_all(&head(0x01, 0)).await?;
        let fragment = [head(0x00, 4_096), vec![b'\n'; 4_096]].concat();
        let (mut reading, mut writing) = stream.into_split();
        // Until the broker has had enough and closes: what cannot be sent any more is not missed.
        let sending = tokio::spawn(async move { while writing.write_all(&fragment).await.is_ok() {} });
        // ERROR, and then the Close frame.
        let mut heard = Vec::new();
        let mut end = End::Silent;
        while end == End::Silent && reading.read_buf(&mut heard).await? > 0 {
            end = end_in(&heard);
        }
        sending.abort();
        Ok(end)
    });
    all(&ends.await, &End::Code(1009));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handshake_of_a_byte_at_a_time_is_cut_short() {
    let started = Instant::now();
    let ends = withstand(100, |mut stream| async move {
        let mut pace = interval(Duration::from_millis(50));
        for byte in REQUEST.as_bytes() {
            pace.tick().await;
            stream.write_u8(*byte).await?;
        }
        Ok(End::Status(200))
    });
    // It would have taken ten seconds.
    all(&ends.await, &End::Silent);
    assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_that_never_say_connect_are_let_go_of() {
    let ends = withstand(1_000, |mut stream| async move {
        upgrades(&mut stream, "mqtt").await?;
        ends(&mut stream).await
    });
    all(&ends.await, &End::Code(1000));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_that_never_say_a_word_are_let_go_of() {
    let ends = withstand(1_000, |mut stream| async move { ends(&mut stream).await });
    all(&ends.await, &End::Silent);
}
