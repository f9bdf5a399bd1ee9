//! The daemon stays within the memory that it may have, however much is sent to it, and loses nothing.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use bytes::{Buf, BytesMut};
use tidewire_protocols::mqtt::{Decoded, Packet, Version, decode};
use tidewire_tests::authority::Folder;
use tidewire_tests::binary::binary;
use tidewire_tests::daemon::{Daemon, address};
use tidewire_tests::mqtt::{PublishWords, Say, connect, pub_ack, publish, subscribe};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::client::{PATIENCE, connects, packet};
use crate::process::start;

/// What waits for a client is kept in memory, and may be more than fits.
const CONFIGURATION: &str = r#"
[[listeners]]
name = "devices"
bind = "127.0.0.1:0"
transport = "tcp"
protocols = ["mqtt"]
[limits]
memory_max = "200MiB"
[session]
outbox_bytes_max = "10GiB"
[storage]
sync = "memory"
"#;

/// Far more than may be in memory.
const MESSAGES: u16 = 4000;
const MESSAGE_BYTES: usize = 100_000;

const CEILING_KIB: u64 = 200 << 10;
/// What may come between two looks at the memory.
const MARGIN_KIB: u64 = 40 << 10;

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_is_held_at_the_ceiling_and_nothing_is_lost() {
    let folder = Folder::new();
    let file = folder.write("tidewire.toml", CONFIGURATION);
    let mut command = Command::new(binary());
    command.arg("serve").arg("--config").arg(file).current_dir(folder.path(""));
    let mut daemon = start(command);
    let address = address(&daemon.says("listening on mqtt://"));
    daemon.says("ready");

    let bob = comes_for_long(address).await;
    drop(subscribes(bob).await);
    let flood = tokio::spawn(floods(address));
    daemon.says("memory is short: publishers wait");
    takes_all(comes_for_long(address).await).await;
    daemon.says("memory suffices again: publishers go on");
    flood.await.expect("each message was acknowledged");

    let peak = peak_kib(&daemon);
    assert!(peak < CEILING_KIB + MARGIN_KIB, "{peak} KiB were resident");
    daemon.signal("-TERM");
    daemon.says("stopped");
}

/// Bob, whose session stays when he goes.
async fn comes_for_long(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.expect("the daemon accepts");
    let words = connect("bob").resume().expiry(3600);
    assert_eq!(connects(&mut stream, words).await, Some(0));
    stream
}

async fn subscribes(mut stream: TcpStream) -> TcpStream {
    stream.write_all(&subscribe("t", 1).bytes(Version::V5)).await.expect("it is taken");
    assert_eq!(packet(&mut stream).await.map(|answer| answer[0]), Some(0x90));
    stream
}

/// Publishes all as fast as it can.
async fn floods(address: SocketAddr) {
    let mut stream = TcpStream::connect(address).await.expect("the daemon accepts");
    assert_eq!(connects(&mut stream, connect("alice")).await, Some(0));
    let (mut answers, mut words) = stream.into_split();
    let acknowledged = tokio::spawn(async move {
        let mut bytes = [0; 4];
        for number in 1..=MESSAGES {
            answers.read_exact(&mut bytes).await.expect("an acknowledgement comes");
            assert_eq!(bytes, pub_ack(number).bytes(Version::V5)[..]);
        }
    });
    for number in 1..=MESSAGES {
        words.write_all(&message(number).bytes(Version::V5)).await.expect("it is taken, sooner or later");
    }
    acknowledged.await.expect("each is acknowledged");
}

fn message(number: u16) -> PublishWords {
    let mut payload = number.to_be_bytes().to_vec();
    payload.resize(MESSAGE_BYTES, b'x');
    publish("t", payload).qos1(number)
}

/// Takes all of them, in order, and acknowledges each.
async fn takes_all(mut stream: TcpStream) {
    let mut buffer = BytesMut::new();
    for number in 1..=MESSAGES {
        let (size, packet_id) = loop {
            match decode(Version::V5, usize::MAX, &buffer).expect("the daemon sends packets") {
                Decoded::Packet { packet: Packet::Publish(publish), size } => {
                    assert_eq!(publish.payload[..2], number.to_be_bytes(), "in order, and none is lost");
                    break (size, publish.packet_id.expect("it has QoS 1").get());
                }
                Decoded::Packet { packet, .. } => panic!("{packet:?}"),
                Decoded::Incomplete { .. } => {
                    let read = timeout(PATIENCE, stream.read_buf(&mut buffer)).await;
                    assert!(matches!(read, Ok(Ok(1..))), "message {number} comes: {read:?}");
                }
            }
        };
        buffer.advance(size);
        stream.write_all(&pub_ack(packet_id).bytes(Version::V5)).await.expect("it is taken");
    }
}

/// The most memory that the process ever had resident.
fn peak_kib(daemon: &Daemon) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.id())).expect("it runs still");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("it says so in this line");
    line.trim().trim_end_matches(" kB").parse().expect("it is a number")
}
