//! What is in the log of clients: an event for each that comes, that goes and that is refused, and what is in it.

use std::net::IpAddr;
use std::time::Duration;

use tidewire::config::ProtocolName;
use tidewire_protocols::mqtt::Version;
use tidewire_tests::log::Log;
use tidewire_tests::mqtt::{MqttPeer, connect, disconnect, publish};
use tidewire_tests::peer::{Peer, Wire};
use tidewire_tests::stomp::StompPeer;
use tidewire_tests::users::{Users, password_line};
use tidewire_tests::world::World;
use tidewire_tests::{conversations, conversations_everywhere};

conversations! {
    a_client_identifier_with_a_line_end_makes_one_line => line_end;
    a_long_value_is_cut => long_value;
}

conversations_everywhere! {
    who_comes_and_goes_is_one_line_each => comes_and_goes;
    who_is_refused_is_one_line => refused;
}

/// How a client's connection ends, and how that is said: over WebSocket a client can close it before it goes.
const ENDINGS: [(End, &str, &str); 3] = [
    (End::Goodbye, r#"by="client" reason="disconnect""#, r#"by="client" reason="disconnect""#),
    (End::Close, r#"by="network" reason="lost""#, r#"by="client" reason="closed""#),
    (End::Stop, r#"by="broker" reason="shutting_down""#, r#"by="broker" reason="shutting_down""#),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Goodbye,
    Close,
    Stop,
}

/// What a client speaks, under its name in the log.
const SPOKEN: [(&str, Speech); 6] = [
    ("mqtt31", Speech::Mqtt(Version::V31)),
    ("mqtt311", Speech::Mqtt(Version::V311)),
    ("mqtt5", Speech::Mqtt(Version::V5)),
    ("stomp10", Speech::Stomp("1.0")),
    ("stomp11", Speech::Stomp("1.1")),
    ("stomp12", Speech::Stomp("1.2")),
];

#[derive(Clone, Copy, Debug)]
enum Speech {
    Mqtt(Version),
    Stomp(&'static str),
}

enum Client {
    Mqtt(MqttPeer),
    Stomp(StompPeer),
}

impl Client {
    /// Logs in as ann, under the identifier `alice`, from 192.0.2.7.
    async fn log_in(world: &World, speech: Speech, password: &str) -> Self {
        let address: IpAddr = [192, 0, 2, 7].into();
        match speech {
            Speech::Mqtt(version) => {
                let peer = world.connect_from(address, ProtocolName::Mqtt).await.expect("it may connect");
                let mut peer = MqttPeer { version, ..MqttPeer::new(peer) };
                peer.says(connect("alice").in_version(version).user_name("ann").password(password)).await;
                Self::Mqtt(peer)
            }
            Speech::Stomp(version) => {
                let peer = world.connect_from(address, ProtocolName::Stomp).await.expect("it may connect");
                let mut peer = StompPeer::new(peer);
                let head = format!("CONNECT\naccept-version:{version}\nhost:test\nclient-id:alice");
                peer.says(&format!("{head}\nlogin:ann\npasscode:{password}\n\n^")).await;
                Self::Stomp(peer)
            }
        }
    }

    fn peer(&mut self) -> &mut Peer {
        match self {
            Self::Mqtt(peer) => &mut peer.peer,
            Self::Stomp(peer) => &mut peer.peer,
        }
    }

    /// Waits for the answer, whatever it is.
    async fn hears(&mut self) {
        assert_eq!(self.peer().fill(Duration::from_secs(20)).await, Some(true), "there is an answer");
    }

    async fn ends(&mut self, end: End, world: &World) {
        match (end, self) {
            (End::Goodbye, Self::Mqtt(peer)) => drop(peer.says(disconnect()).await),
            (End::Goodbye, Self::Stomp(peer)) => drop(peer.says("DISCONNECT\n\n^").await),
            (End::Close, client) => client.peer().closes().await,
            (End::Stop, _) => world.broker.end_all_links(),
        }
        // More than the broker waits for its peer to close in return.
        world.passes(Duration::from_secs(10)).await;
    }
}

fn world(wire: Wire) -> World {
    let users = Users::new().with_passwords(&password_line("ann", "pencil"));
    World::with(wire, |config| users.configure(config))
}

/// What every event has of a client that comes by this wire.
fn facts(wire: Wire, protocol: &str) -> [String; 7] {
    let (transport, tls) = match wire {
        Wire::Tcp => ("tcp", false),
        Wire::Tls => ("tcp", true),
        Wire::Ws => ("ws", false),
        Wire::Wss | Wire::Http2 => ("ws", true),
    };
    [
        r#" client_id="alice" user="ann" "#.to_owned(),
        r#" address="192.0.2.7" listener="test" "#.to_owned(),
        format!(" protocol={protocol:?} "),
        format!(" transport={transport:?} "),
        format!(" tls={tls} "),
        " link=".to_owned(),
        " from 192.0.2.7:4711 ".to_owned(),
    ]
}

/// Holds that there is one line of this event, with these facts.
fn is_said(log: &Log, event: &str, facts: &[String], more: &[&str]) {
    let facts: Vec<_> = facts.iter().map(String::as_str).chain(more.iter().copied()).collect();
    log.says_once(event, &facts);
}

async fn comes_and_goes(wire: Wire) {
    for (name, speech) in SPOKEN {
        for (end, over_tcp, over_web_socket) in ENDINGS {
            let (log, world) = (Log::begin(), world(wire));
            let mut client = Client::log_in(&world, speech, "pencil").await;
            client.hears().await;
            client.ends(end, &world).await;
            let facts = facts(wire, name);
            let about_session = match speech {
                Speech::Mqtt(_) => "session_present=false keep_alive=",
                Speech::Stomp(_) => "session=\"session-",
            };
            is_said(&log, ": connected ", &facts, &[about_session]);
            let ending = if wire.is_web_socket() { over_web_socket } else { over_tcp };
            // What has come by then: all but the last words that the broker says.
            let carried = [" messages_in=0 messages_out=0", " bytes_in=", " bytes_out="];
            is_said(&log, ": disconnected ", &facts, &[&[ending, " lasted_ms="], &carried[..]].concat());
            assert_eq!(log.lines(": refused "), Vec::<String>::new(), "{name} {end:?}");
            assert_eq!(log.lines("pencil"), Vec::<String>::new(), "{name} {end:?}");
        }
    }
}

async fn refused(wire: Wire) {
    for (name, speech) in SPOKEN {
        let (log, world) = (Log::begin(), world(wire));
        let mut client = Client::log_in(&world, speech, "secret").await;
        // 3.1 and later are told why; whatever comes, the connection ends.
        client.hears().await;
        world.passes(Duration::from_secs(10)).await;
        let protocol = match speech {
            Speech::Mqtt(_) => name,
            // Nothing is agreed on yet.
            Speech::Stomp(_) => "stomp",
        };
        is_said(&log, ": refused ", &facts(wire, protocol), &[r#" reason="credentials" detail=""#]);
        for event in [": connected ", ": disconnected ", "secret"] {
            assert_eq!(log.lines(event), Vec::<String>::new(), "{name}");
        }
    }
}

async fn line_end(wire: Wire) {
    let log = Log::begin();
    let world = World::new(wire);
    let mut alice = world.mqtt().await;
    alice.connects(connect("alice\nERROR forged"), false).await.says(disconnect()).await.is_closed().await;
    for words in [": connected ", ": disconnected "] {
        log.says_once(words, &[r#" client_id="alice\nERROR forged" "#]);
    }
}

async fn long_value(wire: Wire) {
    let log = Log::begin();
    let world = World::new(wire);
    let mut alice = world.client(&"é".repeat(20_000)).await;
    alice.says(disconnect()).await.is_closed().await;
    for words in [": connected ", ": disconnected "] {
        log.says_once(words, &[&format!(r#" client_id="{}" "#, "é".repeat(512))]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_may_be_a_token_in_the_wrong_place_is_not_shown() {
    let (log, world) = (Log::begin(), world(Wire::Tcp));
    for (user, is_shown) in [("x".repeat(64), true), ("y".repeat(65), false)] {
        let mut client = world.mqtt().await;
        client.says(connect("alice").user_name(&user).password("wrong")).await;
        assert_eq!(client.peer.fill(Duration::from_secs(20)).await, Some(true));
        assert_eq!(log.lines(&user).len(), usize::from(is_shown), "{} bytes", user.len());
    }
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_one_kind_neither_floods_nor_hides_the_others() {
    let (log, world) = (Log::begin(), World::with(Wire::Tcp, |config| config.mqtt.maximum_qos = 0));
    for number in 0..150 {
        drop(world.client(&number.to_string()).await);
    }
    let mut alice = world.mqtt().await;
    alice.says(connect("").v311().resume()).await;
    world.settles().await;
    for (words, lines) in [
        (": connected ", 100),
        (": disconnected ", 100),
        (": refused ", 1),
        ("more than 100 connects in this second", 1),
        ("more than 100 disconnects in this second", 1),
        ("were not logged", 0),
    ] {
        assert_eq!(log.lines(words).len(), lines, "{words}");
    }
    world.passes(Duration::from_secs(2)).await;
    log.says_once("50 more connects were not logged", &[]);
    log.says_once("50 more disconnects were not logged", &[]);
    let mut last = world.client("last").await;
    last.says(publish("t", "x").qos1(1)).await;
    world.passes(Duration::from_secs(10)).await;
    assert_eq!(log.lines(": connected ").len(), 101);
    assert_eq!(log.lines("were not logged").len(), 2);
    for event in [": connected ", ": disconnected "] {
        let about_last =
            log.lines(event).into_iter().filter(|line| line.contains(r#"client_id="last""#)).count();
        assert_eq!(about_last, 1, "{event}");
    }
}
