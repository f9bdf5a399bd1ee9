//! Failed logins: after ten of them, an address is refused for five minutes.

use std::sync::Arc;
use std::time::Duration;

use tidewire::auth::{Authority, Check, Credentials, Denial, Exchange, Identity, Rights, Vouched};
use tidewire::config::ProtocolName;
use tidewire_protocols::mqtt::ReasonCode;
use tidewire_tests::conversations;
use tidewire_tests::mqtt::{MqttPeer, PingReq, connect};
use tidewire_tests::peer::{Peer, Wire};
use tidewire_tests::stomp::StompPeer;
use tidewire_tests::world::World;

use super::{BOTH, comes, is_refused};

conversations! {
    who_fails_too_often_is_banned => banned;
    who_comes_slowly_is_not => slowly;
    a_login_clears_the_count => login;
    only_failed_logins_count => nothing_else_counts;
    an_exempt_address_is_never_banned => exempt;
    connections_from_before_the_ban_cannot_log_in => from_before;
}

const HERE: &str = "192.0.2.1";
const ELSEWHERE: &str = "192.0.2.2";

/// Lets alice in, and nobody else.
struct Porter;

impl Authority for Porter {
    fn authenticate(&self, credentials: Credentials) -> Check {
        match credentials.user_name.as_deref() {
            Some("alice") => Vouched { user: Some("alice".into()), ..Vouched::default() }.into(),
            Some(_) => Denial::wrong_password().into(),
            None => Denial::Missing.into(),
        }
    }

    fn begin_exchange(&self, _method: &str) -> Option<Box<dyn Exchange>> {
        None
    }

    fn examine_token(&self, _token: &str, _now_secs: u64) -> Check {
        Denial::Missing.into()
    }

    fn rights(&self, _identity: &Identity) -> Rights {
        Rights::default()
    }

    fn still_admits(&self, _identity: &Identity) -> bool {
        true
    }
}

fn world(wire: Wire) -> World {
    World::with_authority(wire, Arc::new(Porter))
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
    for protocol in BOTH {
        fails_times(&world, HERE, 9).await;
        logs_in(&world, HERE, protocol).await;
    }
    fails_times(&world, HERE, 10).await;
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
}
