//! Whose overflow policy holds for a client that does not keep up: its user's, else its listener's, else all sessions'.

use std::num::NonZeroU16;
use std::time::Duration;

use tidewire::config::{Config, ListenerConfig, ProtocolName, Transport};
use tidewire::session::Overflow;
use tidewire_protocols::mqtt::{Property, ReasonCode};
use tidewire_tests::conversations;
use tidewire_tests::mqtt::{ConnectWords, MqttPeer, connect, disconnect, pub_ack, publish, subscribe};
use tidewire_tests::peer::{Peer, Wire};
use tidewire_tests::stomp::StompPeer;
use tidewire_tests::users::{Users, password_line};
use tidewire_tests::world::World;

conversations! {
    a_listener_has_its_own => of_listener;
    a_user_has_its_own => of_user;
    a_listener_of_stomp_has_its_own => of_stomp_listener;
    a_user_of_stomp_has_its_own => of_stomp_user;
    a_client_that_is_away_has_it_still => away;
    coming_by_another_listener_changes_it => moves;
    a_reload_changes_it => reload;
    a_durable_subscription_goes_by_its_user => durable;
}

/// Each policy, and another one.
const POLICIES: [(Overflow, Overflow); 3] = [
    (Overflow::DropOldest, Overflow::Disconnect),
    (Overflow::DropNewest, Overflow::DropOldest),
    (Overflow::Disconnect, Overflow::DropNewest),
];

/// Three places in every outbox; the policy of all sessions, of the listener that clients come by, and of ann.
fn configure(config: &mut Config, of_all: Overflow, of_listener: Option<Overflow>, of_ann: Option<Overflow>) {
    config.session.outbox_messages_max = 3;
    config.session.overflow = of_all;
    let listener = ListenerConfig::new("test", "127.0.0.1:0", Transport::Tcp, &[ProtocolName::Mqtt]);
    config.listeners = vec![ListenerConfig { overflow: of_listener, ..listener }];
    config.session.overflow_by_user = of_ann.map(|policy| ("ann".to_owned(), policy)).into_iter().collect();
}

/// A world that ann may come to, and anybody else.
fn world(wire: Wire, of_all: Overflow, of_listener: Option<Overflow>, of_ann: Option<Overflow>) -> World {
    let users = Users::new().and_anybody().with_passwords(&password_line("ann", "a"));
    World::with(wire, |config| {
        users.configure(config);
        configure(config, of_all, of_listener, of_ann);
    })
}

/// Somebody who takes one message at a time.
fn anybody(client_id: &str) -> ConnectWords {
    connect(client_id).resume().expiry(60).with(Property::ReceiveMaximum(NonZeroU16::MIN))
}

/// The same as ann.
fn ann(client_id: &str) -> ConnectWords {
    anybody(client_id).user_name("ann").password("a")
}

async fn subscribed(world: &World, words: ConnectWords) -> MqttPeer {
    let mut peer = world.client_with(words, false).await;
    peer.subscribes(subscribe("t", 1)).await;
    peer
}

async fn sends_six(world: &World) {
    let mut alice = world.client("alice").await;
    for number in 1..=6 {
        alice.publishes(publish("t", number.to_string()).qos1(number)).await;
    }
}

/// Which of six messages the policy leaves to wait, where `sent` have been sent.
fn kept(policy: Overflow, sent: u16) -> std::ops::RangeInclusive<u16> {
    match policy {
        Overflow::DropOldest => 4..=6,
        Overflow::DropNewest | Overflow::Disconnect => sent + 1..=sent + 3,
    }
}

/// Sends six messages to a client that has subscribed, and holds what the policy makes of it.
async fn goes_by(world: &World, peer: &mut MqttPeer, policy: Overflow) {
    sends_six(world).await;
    peer.hears(publish("t", "1").qos1(1)).await;
    if policy == Overflow::Disconnect {
        return peer.is_disconnected(ReasonCode::QuotaExceeded, 1000).await;
    }
    for (packet_id, number) in (2..).zip(kept(policy, 1)) {
        peer.says(pub_ack(packet_id - 1)).await;
        peer.hears(publish("t", number.to_string()).qos1(packet_id)).await;
    }
    peer.hears_nothing().await;
}

async fn of_listener(wire: Wire) {
    for (policy, other) in POLICIES {
        let world = world(wire, other, Some(policy), None);
        goes_by(&world, &mut subscribed(&world, anybody("c")).await, policy).await;
    }
}

async fn of_user(wire: Wire) {
    for (policy, other) in POLICIES {
        let of_ann = world(wire, other, Some(other), Some(policy));
        goes_by(&of_ann, &mut subscribed(&of_ann, ann("c")).await, policy).await;
        // It is nobody else's.
        let of_ann = world(wire, other, Some(other), Some(policy));
        goes_by(&of_ann, &mut subscribed(&of_ann, anybody("c")).await, other).await;
    }
}

/// A STOMP client that is let in by these headers, each with its line's end, and takes one message at a time.
async fn stomp(world: &World, headers: &str) -> StompPeer {
    let mut peer = world.stomp().await;
    peer.says(&format!("CONNECT\naccept-version:1.2\nhost:test\n{headers}\n^")).await;
    assert_eq!(peer.next().await.command, "CONNECTED");
    peer
}

const SUBSCRIBE: &str =
    "SUBSCRIBE\nid:s\ndestination:/topic/t\nack:client-individual\nprefetch-count:1\nreceipt:r\n\n^";

/// The same as [`goes_by`] for a client of STOMP, which subscribes first.
async fn stomp_goes_by(world: &World, peer: &mut StompPeer, policy: Overflow) {
    peer.says(SUBSCRIBE).await.hears_receipt("r").await;
    sends_six(world).await;
    let mut heard = peer.hears_message("1").await;
    if policy == Overflow::Disconnect {
        peer.is_refused("too slow", 1000).await;
        return;
    }
    for number in kept(policy, 1) {
        let id = heard.header("ack").expect("MESSAGE has an ack header").to_owned();
        peer.says(&format!("ACK\nid:{id}\n\n^")).await;
        heard = peer.hears_message(&number.to_string()).await;
    }
    peer.hears_nothing().await;
}

async fn of_stomp_listener(wire: Wire) {
    for (policy, other) in POLICIES {
        let world = world(wire, other, Some(policy), None);
        stomp_goes_by(&world, &mut stomp(&world, "").await, policy).await;
    }
}

async fn of_stomp_user(wire: Wire) {
    for (policy, other) in POLICIES {
        let world = world(wire, other, Some(other), Some(policy));
        stomp_goes_by(&world, &mut stomp(&world, "login:ann\npasscode:a\n").await, policy).await;
    }
}

async fn away(wire: Wire) {
    for (of_listener, of_ann) in [(Some(Overflow::DropOldest), None), (None, Some(Overflow::DropOldest))] {
        let world = world(wire, Overflow::DropNewest, of_listener, of_ann);
        subscribed(&world, ann("c")).await.says(disconnect()).await.is_closed().await;
        sends_six(&world).await;
        let mut peer = world.client_with(ann("c"), true).await;
        peer.hears(publish("t", "4").qos1(1)).await;
    }
}

async fn moves(wire: Wire) {
    let policies = [("other", Overflow::DropNewest), ("test", Overflow::DropOldest)];
    for [first, (second, policy)] in [policies, [policies[1], policies[0]]] {
        let world = world(wire, Overflow::DropNewest, Some(Overflow::DropOldest), None);
        let mut peer = comes_by(&world, first.0).await;
        peer.connects(anybody("c"), false).await.subscribes(subscribe("t", 1)).await;
        let mut peer = comes_by(&world, second).await;
        peer.connects(anybody("c"), true).await;
        goes_by(&world, &mut peer, policy).await;
    }
}

/// A network connection by the listener of that name.
async fn comes_by(world: &World, listener: &str) -> MqttPeer {
    let listener = ListenerConfig { name: listener.into(), ..world.listener(&[ProtocolName::Mqtt]) };
    MqttPeer::new(Peer::new(world.wire(), world.pipe(listener), ProtocolName::Mqtt).await)
}

async fn reload(wire: Wire) {
    let (oldest, newest) = (Overflow::DropOldest, Overflow::DropNewest);
    for (before, after, expected) in [
        ((newest, None, None), (newest, None, Some(oldest)), oldest),
        ((newest, None, Some(oldest)), (newest, None, None), newest),
        ((newest, None, None), (newest, Some(oldest), None), oldest),
        ((newest, Some(oldest), None), (newest, None, None), newest),
        // The others' policies do not touch whoever has its own.
        ((newest, None, Some(newest)), (oldest, Some(oldest), Some(newest)), newest),
        ((newest, Some(newest), None), (oldest, Some(newest), None), newest),
    ] {
        let world = world(wire, before.0, before.1, before.2);
        let mut connected = subscribed(&world, ann("c")).await;
        subscribed(&world, ann("away")).await.says(disconnect()).await.is_closed().await;
        let mut config = Config::clone(&world.broker.config());
        configure(&mut config, after.0, after.1, after.2);
        world.broker.install(config);
        goes_by(&world, &mut connected, expected).await;
        let mut away = world.client_with(ann("away"), true).await;
        away.hears(publish("t", kept(expected, 0).start().to_string()).qos1(1)).await;
    }
}

async fn durable(wire: Wire) {
    let world = world(wire, Overflow::DropNewest, None, Some(Overflow::DropOldest));
    let subscribe = "SUBSCRIBE\nid:news\ndestination:/topic/t\ndurable:true\nreceipt:r\n\n^";
    let headers = "client-id:c\nlogin:ann\npasscode:a\n";
    for (headers, expected) in [(headers, 4..=6), ("client-id:ann\n", 1..=3)] {
        stomp(&world, headers).await.says(subscribe).await.hears_receipt("r").await;
        world.passes(Duration::from_secs(1)).await;
        sends_six(&world).await;
        let mut peer = stomp(&world, headers).await;
        peer.says(&subscribe.replace("receipt:r\n", "")).await;
        for number in expected {
            peer.hears_message(&number.to_string()).await;
        }
        peer.hears_nothing().await;
    }
}
