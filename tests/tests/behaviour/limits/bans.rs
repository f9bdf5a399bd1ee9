//! Failed logins: after ten of them, an address is refused for five minutes.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tidewire::auth::{Authority, Check, Credentials, Denial, Exchange, Identity, Rights, Step, Vouched};
use tidewire::config::ProtocolName;
use tidewire::counters::RefusalReason;
use tidewire_protocols::mqtt::{Packet, Property, ReasonCode};
use tidewire_tests::conversations;
use tidewire_tests::mqtt::{MqttPeer, PingReq, auth, connect, publish, subscribe};
use tidewire_tests::peer::{Peer, Wire};
use tidewire_tests::stomp::StompPeer;
use tidewire_tests::world::World;
use tokio::sync::Notify;

use super::{BOTH, comes, is_refused};

conversations! {
    who_fails_too_often_is_banned => banned;
    who_comes_slowly_is_not => slowly;
    a_login_clears_nothing => login;
    a_ban_holds_for_logins_under_way => under_way;
    who_guesses_while_it_is_connected_is_banned => while_connected;
    only_failed_logins_count => nothing_else_counts;
    an_exempt_address_is_never_banned => exempt;
    connections_from_before_the_ban_cannot_log_in => from_before;
}

const HERE: &str = "192.0.2.1";
const ELSEWHERE: &str = "192.0.2.2";

/// Lets alice in, and nobody else; about carol and dave it says so only after a while, when the bell rings. Once connected,
/// alice may prove herself anew by a name: bob's is as good a proof as hers, of somebody else, and mallory's is none.
#[derive(Default)]
struct Porter {
    bell: Arc<Notify>,
}

/// By one word, which is a name; where there is none it is asked for.
struct Word;

const WORD: &str = "WORD";

fn examine(word: &[u8]) -> Result<Vouched, Denial> {
    match word {
        b"alice" | b"bob" | b"carol" => {
            Ok(Vouched { user: Some(String::from_utf8_lossy(word).into()), ..Vouched::default() })
        }
        _ => Err(Denial::wrong_password()),
    }
}

impl Exchange for Word {
    fn step(&mut self, data: &[u8], _now_secs: u64) -> Step {
        if data.is_empty() {
            return Step::Continue(b"who".to_vec());
        }
        match examine(data) {
            Ok(vouched) => Step::Done { vouched, data: Vec::new() },
            Err(_) => Step::Refused("user name or password is wrong"),
        }
    }
}

impl Authority for Porter {
    fn authenticate(&self, credentials: Credentials) -> Check {
        match credentials.user_name.as_deref() {
            Some("alice") => Vouched { user: Some("alice".into()), ..Vouched::default() }.into(),
            Some(slow @ ("carol" | "dave")) => {
                let (bell, answer) = (Arc::clone(&self.bell), examine(slow.as_bytes()));
                Check::Asking(Box::pin(async move {
                    bell.notified().await;
                    answer
                }))
            }
            Some(_) => Denial::wrong_password().into(),
            None => Denial::Missing.into(),
        }
    }

    fn begin_exchange(&self, method: &str) -> Option<Box<dyn Exchange>> {
        (method == WORD).then(|| Box::new(Word) as Box<dyn Exchange>)
    }

    fn examine_token(&self, token: &str, _now_secs: u64) -> Check {
        examine(token.as_bytes()).into()
    }

    fn rights(&self, _identity: &Identity) -> Rights {
        Rights::default()
    }

    fn still_admits(&self, _identity: &Identity) -> bool {
        true
    }
}

fn world(wire: Wire) -> World {
    World::with_authority(wire, Arc::new(Porter::default()))
}

const FRAME: &str = "CONNECT\naccept-version:1.2\nhost:test\nlogin:";

/// Logs in as alice.
async fn logs_in(world: &World, from: &str, protocol: ProtocolName) {
    let peer = comes(world, from, protocol).await;
    match protocol {
        ProtocolName::Mqtt => {
            MqttPeer::new(peer).connects(connect("c").user_name("alice"), false).await;
        }
        ProtocolName::Stomp => {
            let mut peer = StompPeer::new(peer);
            assert_eq!(peer.says(&format!("{FRAME}alice\n\n^")).await.next().await.command, "CONNECTED");
        }
    }
}

/// Says to be somebody who is not let in.
async fn fails(world: &World, from: &str, protocol: ProtocolName) {
    let peer = comes(world, from, protocol).await;
    match protocol {
        ProtocolName::Mqtt => {
            let mut peer = MqttPeer::new(peer);
            peer.says(connect("c").user_name("mallory")).await;
            peer.is_refused(ReasonCode::BadUserNameOrPassword, 1000).await;
        }
        ProtocolName::Stomp => {
            let mut peer = StompPeer::new(peer);
            peer.says(&format!("{FRAME}mallory\n\n^")).await.is_refused("access refused", 1000).await;
        }
    }
}

/// So often, in both protocols.
async fn fails_times(world: &World, from: &str, times: usize) {
    for time in 0..times {
        fails(world, from, BOTH[time % 2]).await;
    }
}

async fn banned(wire: Wire) {
    let world = world(wire);
    fails_times(&world, HERE, 10).await;
    assert_eq!(world.broker.counters.banned.value(), 1);
    for protocol in BOTH {
        is_refused(wire, &world, HERE, protocol, 300).await;
        logs_in(&world, ELSEWHERE, protocol).await;
    }
    world.passes(Duration::from_millis(298_500)).await;
    is_refused(wire, &world, HERE, ProtocolName::Mqtt, 2).await;
    world.passes(Duration::from_millis(1_500)).await;
    logs_in(&world, HERE, ProtocolName::Mqtt).await;
}

async fn slowly(wire: Wire) {
    let world = world(wire);
    for _ in 0..5 {
        fails_times(&world, HERE, 9).await;
        world.passes(Duration::from_secs(60)).await;
    }
    logs_in(&world, HERE, ProtocolName::Stomp).await;
}

async fn login(wire: Wire) {
    let world = world(wire);
    fails_times(&world, HERE, 9).await;
    for protocol in BOTH {
        logs_in(&world, HERE, protocol).await;
    }
    fails_times(&world, HERE, 1).await;
    is_refused(wire, &world, HERE, ProtocolName::Mqtt, 300).await;
}

async fn nothing_else_counts(wire: Wire) {
    let world = world(wire);
    for _ in 0..10 {
        let mut unnamed = MqttPeer::new(comes(&world, HERE, ProtocolName::Mqtt).await);
        unnamed.says(connect("c")).await.is_refused(ReasonCode::NotAuthorized, 1000).await;
        let mut unnamed = StompPeer::new(comes(&world, HERE, ProtocolName::Stomp).await);
        unnamed
            .says("CONNECT\naccept-version:1.2\nhost:h\n\n^")
            .await
            .is_refused("access refused", 1000)
            .await;
        let mut wrong = MqttPeer::new(comes(&world, HERE, ProtocolName::Mqtt).await);
        wrong.says(PingReq).await.is_closed().await;
        let mut wrong = StompPeer::new(comes(&world, HERE, ProtocolName::Stomp).await);
        wrong.says("SEND\ndestination:/topic/t\n\n^").await.is_refused("not connected", 1000).await;
    }
    logs_in(&world, HERE, ProtocolName::Mqtt).await;
    assert_eq!(world.broker.counters.banned.value(), 0);
}

async fn exempt(wire: Wire) {
    let world = world(wire);
    fails_times(&world, "127.0.0.1", 30).await;
    logs_in(&world, "127.0.0.1", ProtocolName::Mqtt).await;
}

async fn from_before(wire: Wire) {
    let world = world(wire);
    let open = async |protocol| -> Peer { comes(&world, HERE, protocol).await };
    let mut alice = MqttPeer::new(open(ProtocolName::Mqtt).await);
    let mut older = MqttPeer::new(open(ProtocolName::Mqtt).await);
    let mut ann = StompPeer::new(open(ProtocolName::Stomp).await);
    fails_times(&world, HERE, 10).await;
    alice.says(connect("c").user_name("alice")).await.is_refused(ReasonCode::Banned, 1000).await;
    older.says(connect("c").v311().user_name("alice")).await;
    assert_eq!(older.next().await, [0x20, 2, 0, 5], "not authorized");
    let heard = ann.says(&format!("{FRAME}alice\n\n^")).await.is_refused("banned", 1000).await;
    assert!(heard.text().contains("Try again in 300 s."), "{heard:?}");
    // As for connections that come during the ban.
    let refused = &world.broker.counters.refused;
    assert_eq!((refused.value(RefusalReason::TooMany), refused.value(RefusalReason::Protocol)), (3, 0));
}

/// Each guess is answered in the same words, whether it is another user's password or nobody's.
async fn while_connected(wire: Wire) {
    for way in ["AUTH", "$auth/token", "/auth/token"] {
        let world = world(wire);
        for time in 0..10 {
            let word = ["bob", "mallory"][time % 2];
            let told = match way {
                "AUTH" => guesses_by_auth(&world, word).await,
                "$auth/token" => guesses_by_publish(&world, word).await,
                _ => guesses_by_send(&world, word).await,
            };
            assert_eq!(
                told.to_lowercase().trim_end_matches(".\n"),
                "user name or password is wrong",
                "{way}"
            );
        }
        assert_eq!(world.broker.counters.banned.value(), 1, "{way}");
        is_refused(wire, &world, HERE, ProtocolName::Mqtt, 300).await;
    }
}

async fn guesses_by_auth(world: &World, word: &str) -> String {
    let mut alice = MqttPeer::new(comes(world, HERE, ProtocolName::Mqtt).await);
    let method = Property::AuthenticationMethod(WORD);
    alice.learns(connect("c").with(method).with(Property::AuthenticationData(b"alice"))).await;
    alice.says(auth(ReasonCode::ReAuthenticate, WORD, word.as_bytes())).await;
    let told = alice.looks_at(|packet| match packet {
        Packet::Disconnect(disconnect) => {
            assert_eq!(disconnect.reason, ReasonCode::NotAuthorized);
            disconnect.properties.iter().find_map(|property| match property {
                Property::ReasonString(reason) => Some(reason.to_owned()),
                _ => None,
            })
        }
        other => panic!("expected DISCONNECT, heard {other:?}"),
    });
    told.await.expect("it says why")
}

async fn guesses_by_publish(world: &World, word: &str) -> String {
    let mut alice = MqttPeer::new(comes(world, HERE, ProtocolName::Mqtt).await);
    alice.connects(connect("c").user_name("alice"), false).await;
    alice.subscribes(subscribe("$auth/result", 0)).await;
    alice.publishes(publish("$auth/token", word)).await;
    let told = alice.looks_at(|packet| match packet {
        Packet::Publish(publish) => serde_json::from_slice::<Value>(publish.payload).expect("it is JSON"),
        other => panic!("expected a message, heard {other:?}"),
    });
    told.await["reason"].as_str().expect("it says why").to_owned()
}

async fn guesses_by_send(world: &World, word: &str) -> String {
    let mut alice = StompPeer::new(comes(world, HERE, ProtocolName::Stomp).await);
    assert_eq!(alice.says(&format!("{FRAME}alice\n\n^")).await.next().await.command, "CONNECTED");
    alice.says(&format!("SEND\ndestination:/auth/token\n\n{word}^")).await;
    alice.is_refused("access refused", 1000).await.text().to_owned()
}

/// Whatever the answer would have been.
async fn under_way(wire: Wire) {
    let porter = Porter::default();
    let bell = Arc::clone(&porter.bell);
    let world = World::with_authority(wire, Arc::new(porter));
    let (mut waiting, mut stompers) = (Vec::new(), Vec::new());
    for name in ["carol", "dave"] {
        let mut peer = MqttPeer::new(comes(&world, HERE, ProtocolName::Mqtt).await);
        peer.says(connect(name).user_name(name)).await;
        waiting.push(peer);
        let mut peer = StompPeer::new(comes(&world, HERE, ProtocolName::Stomp).await);
        peer.says(&format!("{FRAME}{name}\n\n^")).await;
        stompers.push(peer);
    }
    let mut asked = Vec::new();
    for word in [b"alice".as_slice(), b"mallory"] {
        let mut peer = MqttPeer::new(comes(&world, HERE, ProtocolName::Mqtt).await);
        peer.says(connect("w").with(Property::AuthenticationMethod(WORD))).await;
        peer.hears(auth(ReasonCode::ContinueAuthentication, WORD, b"who")).await;
        asked.push((peer, word));
    }
    fails_times(&world, HERE, 10).await;
    bell.notify_waiters();
    for mut peer in waiting {
        peer.is_refused(ReasonCode::Banned, 1000).await;
    }
    for mut peer in stompers {
        peer.is_refused("banned", 1000).await;
    }
    for (mut peer, word) in asked {
        peer.says(auth(ReasonCode::ContinueAuthentication, WORD, word)).await;
        peer.is_refused(ReasonCode::Banned, 1000).await;
    }
}
