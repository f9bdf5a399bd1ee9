//! What outlives a connection: sessions, wills, and the command itself.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::thread;

use crate::broker::Broker;
use crate::process::{DEADLINE, Running, tw_succeeds};

#[test]
fn a_session_that_persists_collects() {
    let broker = Broker::start();
    let url = broker.websocket_url();
    let arguments = ["sub", "-u", &url, "-i", "desk", "--persistent", "-t", "a", "-q", "1", "-c", "1"];
    tw_succeeds(&["pub", "-u", &url, "-t", "a", "-m", "ready", "-r"]);
    assert_eq!(tw_succeeds(&arguments), b"ready\n");
    tw_succeeds(&["pub", "-u", &url, "-t", "a", "-m", "while away", "-q", "1"]);
    // Without what is retained, which a new subscription would bring.
    assert_eq!(tw_succeeds(&[&arguments[..], &["-R"]].concat()), b"while away\n");
}

#[test]
fn a_durable_subscription_collects() {
    let broker = Broker::start();
    let url = broker.stomp_url();
    let arguments = ["sub", "-u", &url, "-i", "desk", "--durable", "news", "-t", "a", "-c", "1"];
    tw_succeeds(&["pub", "-u", &url, "-t", "a", "-m", "ready", "-r"]);
    assert_eq!(tw_succeeds(&arguments), b"ready\n");
    tw_succeeds(&["pub", "-u", &url, "-t", "a", "-m", "while away"]);
    let header = ["--header", "retain-handling=2"];
    assert_eq!(tw_succeeds(&[&arguments[..], &header].concat()), b"while away\n");
}

#[test]
fn a_will_is_published_for_who_is_gone_without_a_word() {
    let broker = Broker::start();
    let url = broker.websocket_url();
    let mut heir = Running::start(&["sub", "-d", "-u", &url, "-t", "wills", "-v", "-c", "1"]);
    heir.says("subscribed to");
    let will = ["--will-topic", "wills", "--will-payload", "gone", "--will-qos", "1"];
    let mut mortal = Running::start(&[&["sub", "-d", "-u", &url, "-t", "a"], &will[..]].concat());
    mortal.says("subscribed to");
    let killed = Command::new("kill").args(["-KILL", &mortal.process_id().to_string()]).status();
    assert!(killed.is_ok_and(|status| status.success()));
    assert_eq!(heir.line(), "wills gone\n");
}

#[test]
fn a_subscriber_comes_back_unless_it_is_told_not_to() {
    let broker = FakeBroker::start();
    let arguments = ["sub", "-u", &broker.url, "-V", "3.1.1", "-t", "a"];
    let mut subscriber = Running::start(&[&arguments[..], &["-c", "1"]].concat());
    broker.accept().subscribed();
    let mut second = broker.accept();
    second.subscribed();
    second.publish("hi");
    assert_eq!(subscriber.line(), "hi\n");
    subscriber.says("connecting again");
    assert_eq!(subscriber.end().status, Some(0));

    let subscriber = Running::start(&[&arguments[..], &["--no-reconnect"]].concat());
    broker.accept().subscribed();
    let ended = subscriber.end();
    assert_eq!(ended.status, Some(1), "{ended:?}");
    assert!(ended.errors.contains("lost"), "{ended:?}");
}

/// MQTT 3.1.1 by hand: a broker that can be told when to let go.
struct FakeBroker {
    listener: TcpListener,
    url: String,
}

impl FakeBroker {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("mqtt://{}", listener.local_addr().unwrap());
        Self { listener, url }
    }

    /// The next client, with its CONNECT answered.
    fn accept(&self) -> Peer {
        let mut peer = Peer(self.listener.accept().unwrap().0);
        peer.0.set_read_timeout(Some(DEADLINE)).unwrap();
        assert_eq!(peer.packet()[0] >> 4, 1, "it begins with CONNECT");
        peer.0.write_all(&[0x20, 2, 0, 0]).unwrap();
        peer
    }
}

/// Dropping it ends the connection.
struct Peer(TcpStream);

impl Peer {
    /// A packet of fewer than 128 bytes.
    fn packet(&mut self) -> Vec<u8> {
        let mut head = [0; 2];
        self.0.read_exact(&mut head).unwrap();
        let mut packet = head.to_vec();
        packet.resize(2 + usize::from(head[1]), 0);
        self.0.read_exact(&mut packet[2..]).unwrap();
        packet
    }

    fn subscribed(&mut self) {
        let packet = self.packet();
        assert_eq!(packet[0], 0x82, "SUBSCRIBE follows");
        self.0.write_all(&[0x90, 3, packet[2], packet[3], 0]).unwrap();
    }

    /// To topic `a`, and until it is said goodbye.
    fn publish(mut self, payload: &str) {
        let length = u8::try_from(3 + payload.len()).unwrap();
        self.0.write_all(&[&[0x30, length, 0, 1, b'a'], payload.as_bytes()].concat()).unwrap();
        // The goodbye, or that it has not waited for an answer to it.
        thread::spawn(move || self.0.read_to_end(&mut Vec::new()));
    }
}
