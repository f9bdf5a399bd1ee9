//! What operators see of messages and do to them, by HTTP, with real clients and across deaths of the daemon.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;
use tidewire_tests::binary::binary;
use tidewire_tests::daemon::{DEADLINE, Daemon};

const CONFIG: &str = r#"
data_dir = "data"
[[listeners]]
name = "all"
bind = "127.0.0.1:0"
transport = "tcp"
protocols = ["mqtt", "stomp"]
[queues]
deliveries_max = 1
[sys]
interval = "0s"
[admin]
bind = "127.0.0.1:0"
"#;

/// A daemon with a store on disk.
struct House {
    folder: TempDir,
    daemon: Daemon,
}

impl House {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory can be made");
        std::fs::write(folder.path().join("tidewire.toml"), CONFIG).expect("it can be written to");
        let daemon = start(&folder);
        Self { folder, daemon }
    }

    /// The process is killed, and another takes its place.
    fn dies(self) -> Self {
        let Self { folder, mut daemon } = self;
        daemon.signal("-KILL");
        daemon.ends();
        let daemon = start(&folder);
        Self { folder, daemon }
    }

    /// What a request is answered: the status and the JSON.
    fn ask(&self, method: &str, path: &str) -> (u16, Value) {
        self.ask_with(method, path, "{}")
    }

    fn ask_with(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let address = self.daemon.address("http");
        let mut stream = TcpStream::connect(address).expect("the admin listener accepts");
        stream.set_read_timeout(Some(DEADLINE)).expect("the timeout is not zero");
        let body = if method == "POST" { body } else { "" };
        let request = format!(
            "{method} /api/v1/{path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).expect("it takes the request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers in UTF-8, and closes");
        let (head, body) = answer.split_once("\r\n\r\n").expect("the head has an end");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        (status, serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}")))
    }

    /// What `tidewire ctl` prints with these arguments.
    fn ctl(&self, arguments: &[&str]) -> String {
        let url = format!("http://{}", self.daemon.address("http"));
        let output = Command::new(binary()).args(["ctl", "--url", &url]).args(arguments).output();
        let output = output.expect("the binary can be run");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("it prints UTF-8")
    }

    fn stomp(&self) -> Stomp {
        let mut stomp = Stomp(self.connect());
        assert!(stomp.asks("CONNECT\naccept-version:1.2\nhost:h\n\n\0").starts_with("CONNECTED\n"));
        stomp
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.daemon.address("tcp")).expect("the daemon accepts");
        stream.set_read_timeout(Some(DEADLINE)).expect("the timeout is not zero");
        stream
    }

    /// An MQTT 3.1.1 client of that name, with a clean session.
    fn mqtt(&self, name: u8) -> TcpStream {
        let mut stream = self.connect();
        exchange(
            &mut stream,
            &[&b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01"[..], &[name]].concat(),
            b"\x20\x02\x00\x00",
        );
        stream
    }
}

fn start(folder: &TempDir) -> Daemon {
    let mut command = Command::new(binary());
    command.args(["serve", "--config", "tidewire.toml"]).current_dir(folder.path());
    let mut daemon = Daemon::start(command);
    daemon.says("ready");
    daemon
}

/// Says this, and holds that this comes back.
fn exchange(stream: &mut TcpStream, said: &[u8], expected: &[u8]) {
    stream.write_all(said).expect("the daemon takes it");
    hears(stream, expected);
}

fn hears(stream: &mut TcpStream, expected: &[u8]) {
    let mut heard = vec![0; expected.len()];
    stream.read_exact(&mut heard).expect("the daemon says so much");
    assert_eq!(heard, expected);
}

struct Stomp(TcpStream);

impl Stomp {
    fn asks(&mut self, frame: &str) -> String {
        self.0.write_all(frame.as_bytes()).expect("the daemon takes it");
        self.hears()
    }

    /// The next frame.
    fn hears(&mut self) -> String {
        let (mut heard, mut byte) = (Vec::new(), [0]);
        while !heard.ends_with(b"\0") {
            self.0.read_exact(&mut byte).unwrap_or_else(|error| panic!("{error} after {heard:?}"));
            heard.push(byte[0]);
        }
        String::from_utf8_lossy(&heard).trim_start().to_owned()
    }

    fn sends(&mut self, queue: &str, bodies: &[&str]) {
        for body in bodies {
            let frame = format!("SEND\ndestination:/queue/{queue}\nreceipt:r\ncolour:red\n\n{body}\0");
            assert!(self.asks(&frame).starts_with("RECEIPT\n"));
        }
    }

    /// Subscribes and receives so many; their bodies, and what they are acknowledged by.
    fn takes(&mut self, queue: &str, count: usize) -> Vec<(String, String)> {
        let frame = format!("SUBSCRIBE\nid:s\nack:client-individual\ndestination:/queue/{queue}\n\n\0");
        self.0.write_all(frame.as_bytes()).expect("the daemon takes it");
        let taken = (0..count).map(|_| {
            let message = self.hears();
            assert!(message.starts_with("MESSAGE\n"), "{message}");
            let ack = message.lines().find_map(|line| line.strip_prefix("ack:")).expect("it wants an ACK");
            let (_, body) = message.split_once("\n\n").expect("the head has an end");
            (body.trim_end_matches('\0').to_owned(), ack.to_owned())
        });
        taken.collect()
    }

    fn answers(&mut self, command: &str, acks: &[(String, String)]) {
        for (_, ack) in acks {
            let frame = format!("{command}\nid:{ack}\nreceipt:r\n\n\0");
            assert!(self.asks(&frame).starts_with("RECEIPT\n"));
        }
    }
}

fn bodies(taken: &[(String, String)]) -> Vec<&str> {
    taken.iter().map(|(body, _)| body.as_str()).collect()
}

const BODIES: [&str; 3] = ["one", "two", "three"];
/// The same in base64.
const PAYLOADS: [&str; 3] = ["b25l", "dHdv", "dGhyZWU="];

fn payloads(peeked: &Value) -> Vec<&str> {
    let items = peeked["items"].as_array().expect("a list");
    items.iter().map(|item| item["payload"].as_str().expect("a payload")).collect()
}

#[test]
fn a_peek_takes_nothing_and_a_purge_holds() {
    let house = House::new();
    house.stomp().sends("p", &BODIES);
    let house = house.dies();
    for _ in 0..2 {
        let (status, peeked) = house.ask("GET", "queues/p/messages");
        assert_eq!((status, payloads(&peeked)), (200, PAYLOADS.to_vec()), "{peeked}");
        assert_eq!((&peeked["total"], &peeked["next"]), (&json!(3), &Value::Null));
        assert_eq!(peeked["items"][0]["properties"], json!([{ "name": "colour", "value": "red" }]));
    }
    let (_, first) = house.ask("GET", "queues/p/messages?limit=2");
    let next = first["next"].as_str().expect("there is more");
    let (_, second) = house.ask("GET", &format!("queues/p/messages?limit=2&after={next}"));
    assert_eq!([payloads(&first), payloads(&second)].concat(), PAYLOADS);
    let mut consumer = house.stomp();
    let taken = consumer.takes("p", 3);
    assert_eq!(bodies(&taken), BODIES);
    let (_, queue) = house.ask("GET", "queues/p");
    assert_eq!((&queue["depth"], &queue["inflight"]), (&json!(0), &json!(3)), "{queue}");
    assert_eq!(queue["consumer_list"][0]["unacknowledged"], 3, "{queue}");
    assert_eq!((&queue["delivered"], &queue["dead_letter"]), (&json!(3), &json!("/queue/dead.p")));
    consumer.answers("ACK", &taken);
    consumer.answers("UNSUBSCRIBE", &[(String::new(), "s".to_owned())]);
    consumer.sends("p", &BODIES);
    assert_eq!(house.ask("DELETE", "queues/p/messages"), (200, json!({ "purged": 3 })));
    let house = house.dies();
    assert_eq!(house.ask("GET", "queues/p").0, 404);
    assert_eq!(house.ask("DELETE", "queues/p/messages").0, 404);
    assert_eq!(house.ask("GET", "queues").1["total"], 0);
}

#[test]
fn dead_letters_that_are_requeued_arrive_once() {
    let house = House::new();
    let mut client = house.stomp();
    client.sends("orders", &BODIES);
    let taken = client.takes("orders", 3);
    client.answers("NACK", &taken);
    let (_, queues) = house.ask("GET", "queues");
    let dead = queues["items"]
        .as_array()
        .and_then(|items| items.iter().find(|queue| queue["name"] == "dead.orders"));
    assert_eq!(dead.map(|queue| &queue["depth"]), Some(&json!(3)), "{queues}");
    drop(client);
    let house = house.dies();
    for (body, expected) in [
        (r#"{"to":"/topic/a"}"#, 400),
        (r#"{"to":"/queue/dead.orders"}"#, 409),
        (r#"{"limit":0}"#, 400),
        (r#"{"many":1}"#, 400),
    ] {
        assert_eq!(house.ask_with("POST", "queues/dead.orders/requeue", body).0, expected, "{body}");
    }
    assert_eq!(house.ask("POST", "queues/none/requeue").0, 404);
    let done = |count| json!({ "requeued": count, "left": 0, "stopped": null });
    let one = house.ask_with("POST", "queues/dead.orders/requeue", r#"{"limit":1}"#);
    assert_eq!(one, (200, done(1)));
    assert_eq!(house.ask("POST", "queues/dead.orders/requeue"), (200, done(2)));
    let house = house.dies();
    assert_eq!(house.ask("GET", "queues/dead.orders").0, 404);
    let mut client = house.stomp();
    let taken = client.takes("orders", 3);
    assert_eq!(bodies(&taken), BODIES);
    client.answers("ACK", &taken);
    let house = house.dies();
    assert_eq!(house.ask("GET", "queues").1["total"], 0);
}

#[test]
fn what_is_cleared_is_told_to_subscribers_and_gone_after_a_restart() {
    let house = House::new();
    let mut publisher = house.mqtt(b'p');
    // PUBLISH, QoS 1, retained.
    for topic in [b"a/1", b"a/2", b"b/1"] {
        let packet = [&b"\x33\x08\x00\x03"[..], topic, b"\x00\x01x"].concat();
        exchange(&mut publisher, &packet, b"\x40\x02\x00\x01");
    }
    let house = house.dies();
    let mut subscriber = house.mqtt(b's');
    let suback_and_retained = b"\x90\x03\x00\x01\x00\x31\x06\x00\x03b/1x";
    exchange(&mut subscriber, b"\x82\x08\x00\x01\x00\x03b/1\x00", suback_and_retained);
    let (_, topics) = house.ask("GET", "topics");
    let topic = |name, children, subscriptions| json!({ "name": name, "topic": name, "children": children, "retained": false, "subscriptions": subscriptions });
    assert_eq!(topics["items"], json!([topic("a", 2, 0), topic("b", 1, 1)]));
    assert_eq!(house.ask("GET", "topics?prefix=b").1["items"][0]["topic"], "b/1");
    let (_, listed) = house.ask("GET", "retained?filter=a/%2B&limit=1");
    assert_eq!((&listed["total"], &listed["next"]), (&json!(2), &json!("a/1")), "{listed}");
    let shown = house.ask("GET", "retained/b%2F1");
    assert_eq!((shown.0, &shown.1["payload"], &shown.1["qos"]), (200, &json!("eA=="), &json!(1)));
    let cleared = |count| (200, json!({ "cleared": count }));
    assert_eq!(house.ask("DELETE", "retained/b%2F1"), cleared(1));
    // As if its publisher had cleared it: a PUBLISH without payload.
    hears(&mut subscriber, b"\x30\x05\x00\x03b/1");
    assert_eq!(house.ask("DELETE", "retained/b%2F1").0, 404);
    assert_eq!(house.ask("DELETE", "retained?filter=a/%23"), cleared(2));
    assert_eq!(house.ask("DELETE", "retained").0, 400);
    let house = house.dies();
    assert_eq!(house.ask("GET", "retained").1["total"], 0);
}

#[test]
fn ctl_shows_topics_retained_messages_and_queues_and_changes_them() {
    let house = House::new();
    let mut client = house.stomp();
    client.sends("orders", &BODIES);
    let taken = client.takes("orders", 3);
    client.answers("NACK", &taken[..2]);
    exchange(&mut house.mqtt(b'p'), b"\x33\x08\x00\x03a/1\x00\x01x", b"\x40\x02\x00\x01");
    for (arguments, expected) in [
        (&["topics"][..], "TOPIC\tBELOW\tRETAINED\tSUBSCRIPTIONS\na\t1\tno\t0\n"),
        (&["topics", "a"], "TOPIC\tBELOW\tRETAINED\tSUBSCRIPTIONS\na/1\t0\tyes\t0\n"),
        (&["retained", "a/+"], "TOPIC\tQOS\tBYTES\tEXPIRES\na/1\t1\t1\t-\n"),
        (&["retained", "a/+", "--clear"], "cleared 1\n"),
        (&["retained"], "TOPIC\tQOS\tBYTES\tEXPIRES\n"),
        (&["queue", "dead.orders", "--requeue", "--limit", "1", "--to", "/queue/x"], "requeued 1, left 0\n"),
        (&["queue", "dead.orders", "--requeue"], "requeued 1, left 0\n"),
        (&["queue", "x", "--purge"], "purged 1\n"),
    ] {
        assert_eq!(house.ctl(arguments), expected, "{arguments:?}");
    }
    assert!(house.ctl(&["queues"]).contains("\norders\t"));
    let orders = house.ctl(&["queue", "orders"]);
    assert!(orders.contains("stomp") && orders.contains("/queue/dead.orders"), "{orders}");
    house.stomp().sends("later", &["hello"]);
    let house = house.dies();
    let peeked = house.ctl(&["queue", "later", "--peek", "2"]);
    assert!(peeked.ends_with("\t5\tcolour=red\thello\n"), "{peeked}");
}
