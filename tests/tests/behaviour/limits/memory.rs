//! What happens when memory runs out: who publishes waits, and then nobody more is let in. How much is resident, the test
//! says.

use std::num::NonZeroU16;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tidewire::config::{Config, ProtocolName, Span};
use tidewire::counters::RefusalReason;
use tidewire::memory::{Ceiling, Usage};
use tidewire_protocols::mqtt::{Property, ReasonCode, Version};
use tidewire_tests::conversations;
use tidewire_tests::mqtt::{
    MqttPeer, PingReq, PingResp, Say, connect, disconnect, pub_ack, publish, subscribe,
};
use tidewire_tests::peer::{Asked, Peer, Wire};
use tidewire_tests::stomp::StompPeer;
use tidewire_tests::world::World;
use tokio::time::Instant;

use super::BOTH;

conversations! {
    who_publishes_waits_and_loses_nothing => publisher;
    who_sends_waits_and_loses_nothing => sender;
    what_has_begun_waits_as_well => begun;
    who_only_receives_goes_on => subscriber;
    who_only_receives_by_stomp_goes_on => stomp_subscriber;
    who_publishes_goes_on_when_less_waits => gaps;
    all_who_wait_go_on => all_go_on;
    who_waits_can_be_taken_over => taken_over;
    who_waits_for_memory_is_not_silent => keep_alive;
    who_waits_for_memory_in_stomp_is_not_silent => heart_beats;
    where_memory_is_full_nobody_is_let_in => full;
    where_memory_is_full_nobody_logs_in => full_before_login;
}

/// Bytes that the broker may have.
const CEILING: u64 = 1000;
const AMPLE: u64 = 849;
const SHORT: u64 = 900;
const FULL: u64 = 1000;

/// A broker, and how many bytes it takes.
struct Bounded {
    world: World,
    resident: Arc<AtomicU64>,
}

struct Told(Arc<AtomicU64>);

impl Usage for Told {
    fn resident(&self) -> Option<u64> {
        Some(self.0.load(Ordering::Relaxed))
    }
}

impl Bounded {
    fn new(wire: Wire) -> Self {
        Self::with(wire, |_| ())
    }

    fn with(wire: Wire, change: impl FnOnce(&mut Config)) -> Self {
        let (world, resident) = (World::with(wire, change), Arc::new(AtomicU64::new(0)));
        let (broker, told) = (Arc::clone(&world.broker), Told(Arc::clone(&resident)));
        let ceiling = Ceiling::choose(Some(CEILING), None).expect("it is not 0");
        tokio::spawn(async move { broker.watch_memory(ceiling, told).await });
        Self { world, resident }
    }

    /// So many bytes are resident, and that has been noticed.
    async fn takes(&self, bytes: u64) {
        self.resident.store(bytes, Ordering::Relaxed);
        self.world.passes(Duration::from_millis(150)).await;
        assert_eq!(self.world.broker.counters.resident_bytes.value(), bytes);
    }
}

async fn publisher(wire: Wire) {
    let bounded = Bounded::new(wire);
    let mut alice = bounded.world.client("alice").await;
    let mut bob = bounded.world.client("bob").await;
    bob.subscribes(subscribe("t", 0)).await;
    for round in 0..2 {
        bounded.takes(SHORT).await;
        // Nothing of it is published, and what stands behind it waits as well.
        let packets = [1, 2, 3].map(|number| publish("t", number.to_string()).qos1(number));
        let bytes: Vec<_> = packets.iter().flat_map(|packet| packet.bytes(Version::V5)).collect();
        alice.peer.send(&bytes).await;
        alice.says(PingReq).await.hears_nothing().await;
        bob.hears_nothing().await;
        assert_eq!(bounded.world.broker.memory.held_count(), 1);
        assert_eq!(bounded.world.broker.counters.memory_shortages.value(), round + 1);
        bounded.takes(AMPLE).await;
        for number in 1..=3 {
            bob.hears(publish("t", number.to_string())).await;
            alice.hears(pub_ack(number)).await;
        }
        alice.hears(PingResp).await;
        alice.publishes(publish("t", "4").qos1(4)).await;
        bob.hears(publish("t", "4")).await;
        assert_eq!(bounded.world.broker.memory.held_count(), 0);
    }
}

async fn sender(wire: Wire) {
    let bounded = Bounded::new(wire);
    let mut alice = bounded.world.stomp().await;
    alice.connects("1.2").await;
    // Whether it came as text, he is not told.
    let mut bob = bounded.world.client_with(connect("bob").v311(), false).await;
    bob.subscribes(subscribe("t", 0)).await;
    // The second one has a head that is known.
    let frame = |body| format!("SEND\ndestination:/topic/t\n\n{body}^");
    alice.says(&frame("0")).await;
    bob.hears(publish("t", "0")).await;
    for (first, second) in [("1", "2"), ("3", "4")] {
        bounded.takes(SHORT).await;
        alice.says(&format!("{}\n\n{}", frame(first), frame(second))).await;
        alice.says("SUBSCRIBE\nid:0\ndestination:/topic/other\nreceipt:r\n\n^").await.hears_nothing().await;
        bob.hears_nothing().await;
        bounded.takes(AMPLE).await;
        bob.hears(publish("t", first)).await.hears(publish("t", second)).await;
        alice.hears_receipt("r").await;
        alice.says("UNSUBSCRIBE\nid:0\n\n^").await;
    }
}

/// The beginning came while there was room.
async fn begun(wire: Wire) {
    let bounded = Bounded::new(wire);
    let (mut alice, mut ann) = (bounded.world.client("alice").await, bounded.world.stomp().await);
    let mut bob = bounded.world.client("bob").await;
    ann.connects("1.2").await;
    bob.subscribes(subscribe("t", 0)).await;
    let (packet, frame) =
        (publish("t", "packet").bytes(Version::V5), b"SEND\ndestination:/topic/t\n\nframe\0");
    alice.peer.send(&packet[..5]).await;
    ann.says_bytes(&frame[..10]).await;
    bounded.world.settles().await;
    bounded.takes(SHORT).await;
    alice.peer.send(&packet[5..]).await;
    ann.says_bytes(&frame[10..]).await;
    bob.hears_nothing().await;
    bounded.takes(AMPLE).await;
    bob.hears(publish("t", "packet")).await.hears(publish("t", "frame")).await.hears_nothing().await;
}

async fn subscriber(wire: Wire) {
    let bounded = Bounded::new(wire);
    let mut alice = bounded.world.client("alice").await;
    let one_at_a_time = Property::ReceiveMaximum(NonZeroU16::MIN);
    let mut bob = bounded.world.client_with(connect("bob").with(one_at_a_time), false).await;
    bob.subscribes(subscribe("t", 1)).await;
    for number in 1..=3 {
        alice.publishes(publish("t", number.to_string()).qos1(number)).await;
    }
    bounded.takes(SHORT).await;
    for number in 1..=3 {
        bob.hears(publish("t", number.to_string()).qos1(number)).await.says(pub_ack(number)).await;
    }
    bob.says(PingReq).await.hears(PingResp).await;
    bob.subscribes(subscribe("other", 1)).await;
    // Whoever comes to fetch what waits is welcome.
    let mut carol = bounded.world.client("carol").await;
    carol.subscribes(subscribe("t", 1)).await;
    bounded.takes(FULL).await;
    bob.says(PingReq).await.hears(PingResp).await;
    assert_eq!(bounded.world.broker.memory.held_count(), 0);
}

async fn stomp_subscriber(wire: Wire) {
    let bounded = Bounded::new(wire);
    let (mut alice, mut bob) = (bounded.world.client("alice").await, bounded.world.stomp().await);
    bob.connects("1.2").await;
    let wishes = "id:0\ndestination:/topic/t\nack:client-individual\nprefetch-count:1\nreceipt:r";
    bob.says(&format!("SUBSCRIBE\n{wishes}\n\n^")).await.hears_receipt("r").await;
    for number in 1..=3 {
        alice.publishes(publish("t", number.to_string()).qos1(number)).await;
    }
    bounded.takes(SHORT).await;
    for body in ["1", "2", "3"] {
        let id = bob.hears_message(body).await.header("ack").map(str::to_owned);
        bob.says(&format!("ACK\nid:{}\nreceipt:r\n\n^", id.expect("it is to be acknowledged"))).await;
        bob.hears_receipt("r").await;
    }
}

/// What waited for Bob is gone, and resident all the same, as if something else lay beside each of his messages.
async fn gaps(wire: Wire) {
    let bounded = Bounded::new(wire);
    let (mut alice, bob) = (bounded.world.client("alice").await, connect("bob").resume().expiry(60));
    let mut away = bounded.world.client_with(bob, false).await;
    away.subscribes(subscribe("t", 1)).await.says(disconnect()).await.is_closed().await;
    for number in 1..=2 {
        alice.publishes(publish("t", [b'x'; 29]).qos1(number)).await;
    }
    bounded.takes(SHORT).await;
    alice.says(publish("t", "3").qos1(3)).await.hears_nothing().await;
    let mut bob = bounded.world.client_with(connect("bob").resume().expiry(60), true).await;
    bounded.world.passes(Duration::from_millis(150)).await;
    for number in 1..=2 {
        bob.hears(publish("t", [b'x'; 29]).qos1(number)).await.says(pub_ack(number)).await;
    }
    bob.hears(publish("t", "3").qos1(3)).await;
    alice.hears(pub_ack(3)).await;
    // Not if more becomes resident.
    bounded.takes(SHORT + 10).await;
    alice.says(publish("t", "4").qos1(4)).await.hears_nothing().await;
}

/// They are more than go on at once.
async fn all_go_on(wire: Wire) {
    let bounded = Bounded::new(wire);
    let mut bob = bounded.world.client("bob").await;
    bob.subscribes(subscribe("t/+", 0)).await;
    let mut publishers = Vec::new();
    for number in 0..150 {
        publishers.push(bounded.world.client(&format!("publisher-{number}")).await);
    }
    bounded.takes(SHORT).await;
    for (number, publisher) in publishers.iter_mut().enumerate() {
        publisher.says(publish(&format!("t/{number}"), "x")).await;
    }
    bounded.world.settles().await;
    assert_eq!(bounded.world.broker.memory.held_count(), 150);
    bounded.takes(AMPLE).await;
    for _ in 0..150 {
        bob.next().await;
    }
    assert_eq!(bounded.world.broker.memory.held_count(), 0);
}

async fn taken_over(wire: Wire) {
    let bounded = Bounded::new(wire);
    let mut old = bounded.world.client("alice").await;
    bounded.takes(SHORT).await;
    old.says(publish("t", "1")).await.hears_nothing().await;
    let mut new = bounded.world.client("alice").await;
    old.is_disconnected(ReasonCode::SessionTakenOver, 1000).await;
    drop(old);
    bounded.world.settles().await;
    assert_eq!(bounded.world.broker.memory.held_count(), 0);
    new.says(PingReq).await.hears(PingResp).await;
}

/// The client waits for far longer than its keep alive, and than pings take over WebSocket.
async fn keep_alive(wire: Wire) {
    let bounded = Bounded::with(wire, |config| config.limits.ping_interval = Span(Duration::from_secs(5)));
    let mut alice = bounded.world.mqtt().await;
    alice.connects(connect("alice").keep_alive(1), false).await;
    bounded.takes(SHORT).await;
    alice.says(publish("t", "1").qos1(1)).await;
    alice.peer.hears_nothing_for(Duration::from_secs(60)).await;
    bounded.takes(AMPLE).await;
    alice.hears(pub_ack(1).unmatched()).await;
    // From here on it is.
    alice.says(PingReq).await.hears(PingResp).await;
    let start = Instant::now();
    alice.is_disconnected(ReasonCode::KeepAliveTimeout, 1000).await;
    assert_eq!(start.elapsed().as_millis(), 1500);
}

async fn heart_beats(wire: Wire) {
    let bounded = Bounded::with(wire, |config| config.limits.ping_interval = Span(Duration::from_secs(5)));
    let mut alice = bounded.world.stomp().await;
    alice.says("CONNECT\naccept-version:1.2\nhost:h\nheart-beat:11000,0\n\n^").await;
    assert_eq!(alice.next().await.command, "CONNECTED");
    bounded.takes(SHORT).await;
    alice.says("SEND\ndestination:/topic/t\nreceipt:r\n\n^").await;
    alice.peer.hears_nothing_for(Duration::from_secs(60)).await;
    let start = Instant::now();
    bounded.takes(AMPLE).await;
    alice.hears_receipt("r").await;
    // From here on it is.
    alice.is_refused("no heart-beat", 1000).await;
    assert_eq!(start.elapsed().as_secs(), 22);
}

async fn full(wire: Wire) {
    let bounded = Bounded::new(wire);
    let counters = &bounded.world.broker.counters;
    for protocol in BOTH {
        for (bytes, is_let_in) in [(SHORT, true), (FULL, false), (950, false), (949, true), (FULL, false)] {
            bounded.takes(bytes).await;
            let before = counters.refused.value(RefusalReason::Memory);
            let pipe = bounded.world.pipe(bounded.world.listener(&[protocol]));
            match Peer::upgraded(wire, pipe, &Asked::by(protocol)).await {
                Ok(peer) if is_let_in => match protocol {
                    ProtocolName::Mqtt => drop(MqttPeer::new(peer).connects(connect("a"), false).await),
                    ProtocolName::Stomp => drop(StompPeer::new(peer).connects("1.2").await),
                },
                Ok(mut peer) if wire == Wire::Tcp => peer.is_lost().await,
                Err(refused) if !is_let_in => {
                    assert_eq!((refused.status, refused.retry_after.as_deref()), (503, Some("5")));
                    assert_eq!(refused.body, "the server's memory is full; try again later\n");
                }
                answer => panic!("with {bytes} bytes: {:?}", answer.err()),
            }
            let refused = counters.refused.value(RefusalReason::Memory) - before;
            assert_eq!(refused, u64::from(!is_let_in), "with {bytes} bytes");
        }
    }
}

/// They were connected before, but for the protocol's own words.
async fn full_before_login(wire: Wire) {
    let bounded = Bounded::new(wire);
    let (mut alice, mut old) = (bounded.world.mqtt().await, bounded.world.mqtt().await);
    let mut ann = bounded.world.stomp().await;
    bounded.world.settles().await;
    bounded.takes(FULL).await;
    alice.says(connect("alice")).await.is_refused(ReasonCode::QuotaExceeded, 1000).await;
    // CONNACK with return code 3: server unavailable.
    old.says(connect("old").v311()).await;
    assert_eq!(old.next().await, [0x20, 2, 0, 3]);
    old.is_closed().await;
    ann.says("CONNECT\naccept-version:1.2\nhost:h\n\n^").await.is_refused("memory full", 1000).await;
    assert_eq!(bounded.world.broker.counters.refused.value(RefusalReason::Memory), 3);
}
