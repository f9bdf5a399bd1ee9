//! Operators' own clients, over `/ws`, and how long what they were granted holds.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Instant;

use serde_json::Value;
use tidewire_protocols::mqtt::Version;
use tidewire_tests::daemon::DEADLINE;
use tidewire_tests::mqtt::{ConnectWords, Say as _, connect};

use crate::site::{Site, TOKEN, hears};

/// A request over a connection of its own, with the token; what comes back is read up to `end`.
fn ask(site: &Site, first: &str, headers: &str, end: &[u8]) -> (TcpStream, String) {
    let address = site.daemon.address("http");
    let mut stream = TcpStream::connect(address).expect("the daemon accepts");
    stream.set_read_timeout(Some(DEADLINE)).expect("the timeout is not zero");
    let request =
        format!("{first} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {TOKEN}\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).expect("the daemon takes it");
    let heard = hears(&mut stream, end);
    (stream, String::from_utf8_lossy(&heard).into_owned())
}

/// A WebSocket of the dashboard's that speaks MQTT.
struct Console(TcpStream);

impl Console {
    fn open(site: &Site) -> Self {
        let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: mqtt\r\n";
        let (stream, heard) = ask(site, "GET /ws", upgrade, b"\r\n\r\n");
        assert!(heard.starts_with("HTTP/1.1 101 "), "{heard}");
        Self(stream)
    }

    /// Logs in, and holds that no session was there.
    fn connects(&mut self, words: ConnectWords) {
        let packet = words.bytes(Version::V5);
        let size = u8::try_from(packet.len()).expect("it is short");
        assert!(size < 126, "{size}");
        // Masked by zeros, it is as it was. (RFC 6455, section 5.3)
        self.0.write_all(&[&[0x82, 0x80 | size, 0, 0, 0, 0], &packet[..]].concat()).expect("it is taken");
        let frame = self.hears();
        assert_eq!((frame[0], frame[2], frame[3]), (0x20, 0, 0), "CONNACK: {frame:?}");
    }

    /// Holds that it is served.
    fn pings(&mut self) {
        self.0.write_all(&[0x82, 0x82, 0, 0, 0, 0, 0xC0, 0]).expect("it is taken");
        assert_eq!(self.hears(), [0xD0, 0], "PINGRESP");
    }

    /// The payload of the next frame.
    fn hears(&mut self) -> Vec<u8> {
        let mut head = [0; 2];
        self.0.read_exact(&mut head).expect("the daemon says something");
        let mut payload = vec![0; usize::from(head[1])];
        self.0.read_exact(&mut payload).expect("and the rest of it");
        payload
    }
}

/// The lifetimes of the sessions of that name.
fn expiries(site: &Site, client_id: &str) -> Vec<u64> {
    let said = site.done(&["sessions", "--client-id", client_id, "--json"]);
    let said: Value = serde_json::from_str(&said).expect("it is JSON");
    let sessions = said["items"].as_array().expect("it is a list");
    sessions.iter().map(|session| session["expiry_secs"].as_u64().expect("it ends")).collect()
}

#[test]
fn an_operator_s_session_is_its_own_and_ends_with_its_connection() {
    let site = Site::new();
    let words = || connect("twin").resume().expiry(3600);
    let mut console = Console::open(&site);
    console.connects(words());
    let anonymous = site.mqtt("twin");
    assert_eq!(expiries(&site, "twin"), [0, 3600], "neither takes the other's over");
    // Another operator of the same name does.
    let mut other = Console::open(&site);
    other.connects(words());
    let said = console.hears();
    assert_eq!((said[0], said[2]), (0xE0, 0x8E), "DISCONNECT with Session taken over: {said:?}");
    assert_eq!(expiries(&site, "twin"), [3600, 0]);
    drop((anonymous, other));
    let begun = Instant::now();
    while expiries(&site, "twin") != [3600] {
        assert!(begun.elapsed() < DEADLINE, "{:?}", expiries(&site, "twin"));
    }
}

#[test]
fn another_token_ends_what_was_granted_for_the_one_before() {
    let mut site = Site::new();
    let mut console = Console::open(&site);
    console.connects(connect("console"));
    let (mut trace, _) = ask(&site, "GET /api/v1/trace?client_id=a", "", b": begun\n\n");
    let mut device = site.mqtt("device");
    site.daemon.signal("-HUP");
    site.daemon.says("reloaded: ");
    console.pings();
    std::fs::write(site.path("token"), "another-token-of-this-test").expect("it can be written to");
    site.daemon.signal("-HUP");
    site.daemon.says("another token is asked for");
    let said = console.hears();
    assert_eq!((said[0], said[2]), (0xE0, 0x98), "DISCONNECT with Administrative action: {said:?}");
    let mut rest = Vec::new();
    trace.read_to_end(&mut rest).expect("the daemon closes");
    assert!(!rest.ends_with(b"0\r\n\r\n"), "it does not seem to be the whole: {rest:?}");
    // Clients have nothing to do with it.
    device.write_all(&[0xC0, 0]).expect("the daemon takes it");
    assert_eq!(hears(&mut device, &[0xD0, 0]), [0xD0, 0], "PINGRESP");
}
