//! What the broker publishes of itself, below `$SYS/broker`.

use std::sync::Arc;
use std::time::Duration;

use tidewire::config::Span;
use tidewire_protocols::mqtt::{Packet, ReasonCode};
use tidewire_tests::conversations;
use tidewire_tests::mqtt::{MqttPeer, connect, pub_ack, publish, subscribe};
use tidewire_tests::peer::Wire;
use tidewire_tests::store::KeepingStore;
use tidewire_tests::world::World;

conversations! {
    a_value_is_kept_and_told_when_it_changes => changes;
    a_stomp_client_hears_the_same => stomp;
    each_topic_is_as_mosquittos_users_know_it => names;
    what_flows_is_averaged => loads;
    nobody_else_publishes_there => others;
    nothing_of_it_is_stored => not_stored;
    it_can_be_turned_off => off;
}

const INTERVAL: Duration = Duration::from_secs(10);

/// Has the broker of that world tell of itself.
async fn telling(world: World) -> World {
    let broker = Arc::clone(&world.broker);
    tokio::spawn(async move { broker.run_sys().await });
    world.settles().await;
    world
}

async fn changes(wire: Wire) {
    let world = telling(World::new(wire)).await;
    let connected = "$SYS/broker/clients/connected";
    let mut alice = world.client("alice").await;
    alice.subscribes(subscribe(connected, 1)).await.hears(publish(connected, "0").retained()).await;
    world.passes(INTERVAL).await;
    alice.hears(publish(connected, "1")).await;
    world.passes(3 * INTERVAL).await;
    alice.hears_nothing().await;
    let bob = world.client("bob").await;
    world.passes(INTERVAL).await;
    alice.hears(publish(connected, "2")).await;
    drop(bob);
    world.passes(INTERVAL).await;
    alice.hears(publish(connected, "1")).await;
    let mut carol = world.client("carol").await;
    carol.subscribes(subscribe("$SYS/broker/clients/+", 0)).await;
    let mut heard = Vec::new();
    for _ in 0..5 {
        heard.push(hears_value(&mut carol).await);
    }
    heard.sort();
    let expected =
        [("connected", "1"), ("disconnected", "0"), ("expired", "0"), ("maximum", "2"), ("total", "1")];
    let expected = expected.map(|(name, value)| (format!("$SYS/broker/clients/{name}"), value.to_owned()));
    assert_eq!(heard, expected);
    carol.hears_nothing().await;
}

/// The topic and payload of the next PUBLISH.
async fn hears_value(client: &mut MqttPeer) -> (String, String) {
    let heard = client.looks_at(|packet| match packet {
        Packet::Publish(publish) => {
            let topic = publish.topic.expect("it is named").to_string();
            (topic, String::from_utf8(publish.payload.to_vec()).expect("it is text"))
        }
        other => panic!("expected PUBLISH, heard {other:?}"),
    });
    heard.await
}

async fn stomp(wire: Wire) {
    let world = telling(World::new(wire)).await;
    let mut alice = world.stomp().await;
    alice.connects("1.2").await;
    alice.says("SUBSCRIBE\nid:s\ndestination:/topic/$SYS/broker/publish/messages/received\n\n^").await;
    let first = alice.hears_message("0").await;
    assert_eq!((first.header("retain"), first.header("qos")), (Some("true"), Some("0")));
    alice.says("SEND\ndestination:/topic/t\nreceipt:r\n\nx^").await.hears_receipt("r").await;
    world.passes(INTERVAL).await;
    let next = alice.hears_message("1").await;
    assert_eq!(next.header("destination"), Some("/topic/$SYS/broker/publish/messages/received"));
    alice.says("SEND\ndestination:/topic/$SYS/broker/uptime\n\nx^").await;
    alice.is_refused("access refused", 1000).await;
}

async fn names(wire: Wire) {
    let world = telling(World::new(wire)).await;
    let mut alice = world.client("alice").await;
    alice.publishes(publish("kept", "12345").retained().qos1(1)).await;
    alice.publishes(publish("$queue/q", "12345").qos1(2)).await;
    alice.subscribes(subscribe("$SYS/#", 0)).await;
    let document = include_str!("../../../docs/metrics.md");
    let mut told = 0;
    while let Some((topic, _)) = hears_any(&mut alice).await {
        let name = topic.strip_prefix("$SYS/broker/").expect("all are there").to_owned();
        let documented = match name.strip_prefix("load/").and_then(|load| load.rsplit_once('/')) {
            Some((what, "1min" | "5min" | "15min")) => format!("| `load/{what}/…` |"),
            _ => format!("| `{name}` |"),
        };
        assert!(document.contains(&documented), "docs/metrics.md has no {documented}");
        told += 1;
    }
    assert_eq!(told, 2 + 19 + 9 * 3);
    let mut others = Vec::new();
    world.passes(INTERVAL).await;
    while let Some(value) = hears_any(&mut alice).await {
        others.push(value);
    }
    for (name, value) in [
        ("uptime", "10 seconds"),
        ("messages/received", "2"),
        ("publish/bytes/received", "10"),
        ("subscriptions/count", "1"),
        ("retained messages/count", "49"),
        ("store/messages/count", "50"),
        ("messages/stored", "50"),
    ] {
        let expected = (format!("$SYS/broker/{name}"), value.to_owned());
        assert!(others.contains(&expected), "{expected:?} is not among {others:?}");
    }
    assert!(!others.iter().any(|(topic, _)| topic.ends_with("/version")), "that has not changed");
}

/// The next PUBLISH that has come, if any has.
async fn hears_any(client: &mut MqttPeer) -> Option<(String, String)> {
    tokio::time::timeout(Duration::from_millis(100), hears_value(client)).await.ok()
}

async fn loads(wire: Wire) {
    let world = telling(World::new(wire)).await;
    let mut alice = world.client("alice").await;
    for packet_id in 1..=10 {
        alice.publishes(publish("t", "x").qos1(packet_id)).await;
    }
    world.passes(INTERVAL).await;
    // 60 a minute for ten seconds: 60 · (1 - e^(-1/6)), and so on.
    for (span, value) in [("1min", "9.21"), ("5min", "1.97"), ("15min", "0.66")] {
        let topic = format!("$SYS/broker/load/publish/received/{span}");
        alice.subscribes(subscribe(&topic, 0)).await.hears(publish(&topic, value).retained()).await;
    }
    world.passes(INTERVAL).await;
    // It falls by e^(-1/6).
    alice.hears(publish("$SYS/broker/load/publish/received/1min", "7.80")).await;
}

async fn others(wire: Wire) {
    let world = telling(World::new(wire)).await;
    let (mut alice, mut bob) = (world.client("alice").await, world.client("bob").await);
    bob.subscribes(subscribe("#", 0).and("+/broker/uptime", 0)).await;
    for (packet_id, topic) in [(1, "$SYS/broker/uptime"), (2, "$SYS/mine")] {
        alice.says(publish(topic, "forged").qos1(packet_id).retained()).await;
        alice.hears(pub_ack(packet_id).because(ReasonCode::NotAuthorized).explained()).await;
    }
    alice.subscribes(subscribe("$SYS/mine", 0)).await.hears_nothing().await;
    world.passes(2 * INTERVAL).await;
    bob.hears_nothing().await;
}

async fn not_stored(wire: Wire) {
    let store = Arc::new(KeepingStore::new(Duration::ZERO));
    let world = World::with_store(wire, Arc::clone(&store) as _, |_| ());
    let world = telling(world).await;
    let mut alice = world.client_with(connect("alice").expiry(3600), false).await;
    alice.subscribes(subscribe("$SYS/broker/uptime", 1)).await;
    alice.hears(publish("$SYS/broker/uptime", "0 seconds").retained()).await;
    let before = store.records().len();
    world.passes(3 * INTERVAL).await;
    for uptime in ["10 seconds", "20 seconds", "30 seconds"] {
        alice.hears(publish("$SYS/broker/uptime", uptime)).await;
    }
    assert_eq!(store.records().len(), before);
}

async fn off(wire: Wire) {
    let world = World::with(wire, |config| config.sys.interval = Span(Duration::ZERO));
    world.broker.run_sys().await;
    let mut alice = world.client("alice").await;
    alice.subscribes(subscribe("$SYS/#", 0)).await.hears_nothing().await;
}
