//! How fast one client may publish: whoever is ahead waits, and nobody else does.

use std::time::Duration;

use tidewire::config::{Config, Size, Span};
use tidewire_protocols::mqtt::{Packet, ReasonCode, Version};
use tidewire_tests::conversations;
use tidewire_tests::mqtt::{MqttPeer, PingReq, PingResp, Say, connect, publish, subscribe};
use tidewire_tests::peer::Wire;
use tidewire_tests::world::World;
use tokio::time::Instant;

conversations! {
    a_burst_goes_through_and_then_the_rate_holds => mqtt_messages;
    a_burst_of_sends_goes_through_and_then_the_rate_holds => stomp_messages;
    bytes_count_as_well => mqtt_bytes;
    bytes_of_sends_count_as_well => stomp_bytes;
    what_comes_behind_waits_in_order => in_order;
    only_publishing_is_limited => only_publishing;
    a_client_that_waits_is_not_silent => keep_alive;
    a_stomp_client_that_waits_is_not_silent => heart_beats;
    silence_counts_from_when_it_is_read_again => silence;
}

fn per_second(messages: u32) -> impl FnOnce(&mut Config) {
    move |config| config.limits.publish_rate_max = messages
}

fn bytes_per_second(bytes: usize) -> impl FnOnce(&mut Config) {
    move |config| config.limits.publish_bytes_rate_max = Size(bytes)
}

/// Waits for so many messages. Returns when each came, in tenths of a second.
async fn times(subscriber: &mut MqttPeer, count: usize) -> Vec<u128> {
    let start = Instant::now();
    let mut times = Vec::new();
    for number in 0..count {
        let payload = subscriber.looks_at(|packet| match packet {
            Packet::Publish(publish) => String::from_utf8_lossy(publish.payload).into_owned(),
            other => panic!("expected PUBLISH, heard {other:?}"),
        });
        assert!(payload.await.starts_with(&format!("{number} ")), "in order, and none is lost");
        // The timer counts whole milliseconds.
        times.push((start.elapsed().as_millis() + 5) / 100);
    }
    times
}

fn payload(number: usize, size: usize) -> String {
    format!("{number} {}", "x".repeat(size - 2))
}

async fn subscriber(world: &World) -> MqttPeer {
    let mut bob = world.client("bob").await;
    bob.subscribes(subscribe("t", 0)).await;
    bob
}

/// Everything at once, as one piece.
async fn publishes_all(alice: &mut MqttPeer, count: usize, size: usize) {
    let bytes = (0..count).flat_map(|number| publish("t", payload(number, size)).bytes(Version::V5));
    alice.peer.send(&bytes.collect::<Vec<_>>()).await;
}

/// The same in STOMP; `head` tells frames with one head from those that each have their own.
async fn sends_all(world: &World, count: usize, size: usize, head: fn(usize) -> String) {
    let mut alice = world.stomp().await;
    alice.connects("1.2").await;
    let frame = |number| format!("SEND\ndestination:/topic/t\n{}\n{}^", head(number), payload(number, size));
    alice.says(&(0..count).map(frame).collect::<String>()).await;
    // It stays until all of it is read.
    tokio::spawn(async move { alice.peer.hears_nothing_for(Duration::from_secs(60)).await });
}

async fn mqtt_messages(wire: Wire) {
    let world = World::with(wire, per_second(5));
    let (mut alice, mut bob) = (world.client("alice").await, subscriber(&world).await);
    publishes_all(&mut alice, 8, 10).await;
    assert_eq!(times(&mut bob, 8).await, [0, 0, 0, 0, 0, 2, 4, 6]);
    // Whoever has been quiet has a second's worth again.
    world.passes(Duration::from_secs(10)).await;
    publishes_all(&mut alice, 7, 10).await;
    assert_eq!(times(&mut bob, 7).await, [0, 0, 0, 0, 0, 2, 4]);
}

async fn stomp_messages(wire: Wire) {
    for head in [|_| String::new(), |number| format!("n:{number}\n")] {
        let world = World::with(wire, per_second(5));
        let mut bob = subscriber(&world).await;
        sends_all(&world, 8, 10, head).await;
        assert_eq!(times(&mut bob, 8).await, [0, 0, 0, 0, 0, 2, 4, 6]);
    }
}

async fn mqtt_bytes(wire: Wire) {
    let world = World::with(wire, bytes_per_second(2000));
    let (mut alice, mut bob) = (world.client("alice").await, subscriber(&world).await);
    let head = publish("t", "").bytes(Version::V5).len() + 1;
    publishes_all(&mut alice, 4, 1000 - head).await;
    assert_eq!(times(&mut bob, 4).await, [0, 0, 0, 5]);
    // One that is larger than a second's worth comes whole, and the next has to wait for longer.
    world.passes(Duration::from_secs(10)).await;
    publishes_all(&mut alice, 2, 7000 - head).await;
    assert_eq!(times(&mut bob, 2).await, [0, 25]);
}

async fn stomp_bytes(wire: Wire) {
    for (head, size) in
        [(|_| String::new(), 30), (|_| "n:1\n".repeat(5), 50)] as [(fn(usize) -> String, _); 2]
    {
        let world = World::with(wire, bytes_per_second(2000));
        let mut bob = subscriber(&world).await;
        sends_all(&world, 4, 1000 - size, head).await;
        assert_eq!(times(&mut bob, 4).await, [0, 0, 0, 5]);
    }
}

async fn in_order(wire: Wire) {
    let world = World::with(wire, per_second(1));
    let mut alice = world.client("alice").await;
    let start = Instant::now();
    alice.says(publish("t", "1")).await.says(PingReq).await.says(publish("t", "2")).await.says(PingReq).await;
    alice.hears(PingResp).await.hears(PingResp).await;
    assert_eq!(start.elapsed().as_secs(), 2);
    // Nobody else waits.
    let mut bob = world.client("bob").await;
    bob.publishes(publish("t", "3").qos1(1)).await;
    assert_eq!(start.elapsed().as_secs(), 2);
}

async fn only_publishing(wire: Wire) {
    let world = World::with(wire, per_second(1));
    let (mut alice, mut bob) = (world.client("alice").await, subscriber(&world).await);
    let start = Instant::now();
    for _ in 0..10 {
        alice.says(PingReq).await.hears(PingResp).await;
    }
    for _ in 0..10 {
        alice.subscribes(subscribe("other", 0)).await;
    }
    assert_eq!(start.elapsed().as_secs(), 0);
    alice.publishes(publish("t", "0 ")).await;
    assert_eq!(times(&mut bob, 1).await, [0]);
}

/// The client waits for far longer than its keep alive, and than pings take over WebSocket.
async fn keep_alive(wire: Wire) {
    let world = World::with(wire, |config| {
        bytes_per_second(1024)(config);
        config.limits.ping_interval = Span(Duration::from_secs(5));
    });
    let mut alice = world.mqtt().await;
    alice.connects(connect("alice").keep_alive(1), false).await;
    alice.says(publish("t", [b'x'; 61 << 10])).await.says(PingReq).await;
    alice.peer.hears_nothing_for(Duration::from_secs(59)).await;
    alice.hears(PingResp).await;
    // From here on it is.
    alice.says(PingReq).await.hears(PingResp).await;
    let start = Instant::now();
    alice.is_disconnected(ReasonCode::KeepAliveTimeout, 1000).await;
    assert_eq!(start.elapsed().as_millis(), 1500);
}

async fn heart_beats(wire: Wire) {
    let world = World::with(wire, |config| {
        bytes_per_second(1024)(config);
        config.limits.ping_interval = Span(Duration::from_secs(5));
    });
    let mut alice = world.stomp().await;
    alice.says("CONNECT\naccept-version:1.2\nhost:h\nheart-beat:10000,10000\n\n^").await;
    assert_eq!(alice.next().await.command, "CONNECTED");
    let body = "x".repeat(61 << 10);
    alice.says(&format!("SEND\ndestination:/topic/t\n\n{body}^")).await;
    let start = Instant::now();
    alice.says("SEND\ndestination:/topic/t\nreceipt:r\n\n^").await;
    // The broker's own beats come all the while.
    for _ in 0..6 {
        assert_eq!(alice.peer.fill(Duration::from_secs(10)).await, Some(true));
    }
    alice.hears_receipt("r").await;
    assert_eq!(start.elapsed().as_secs(), 60);
}

/// Both say so much that they wait for a minute, and nothing more.
async fn silence(wire: Wire) {
    let world = World::with(wire, bytes_per_second(1024));
    let start = Instant::now();
    let mut alice = world.mqtt().await;
    alice.connects(connect("alice").keep_alive(7), false).await;
    alice.says(publish("t", [b'x'; 61 << 10])).await;
    let mut ann = world.stomp().await;
    ann.says("CONNECT\naccept-version:1.2\nhost:h\nheart-beat:11000,0\n\n^").await;
    assert_eq!(ann.next().await.command, "CONNECTED");
    ann.says(&format!("SEND\ndestination:/topic/t\n\n{}^", "x".repeat(61 << 10))).await;
    world.passes(Duration::from_secs(60)).await;
    alice.is_disconnected(ReasonCode::KeepAliveTimeout, 1000).await;
    assert_eq!(start.elapsed().as_secs(), 60 + 10);
    ann.is_refused("no heart-beat", 1000).await;
    assert_eq!(start.elapsed().as_secs(), 60 + 22);
}
