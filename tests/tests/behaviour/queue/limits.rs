//! The bounds of a queue.

use tidewire::config::Size;
use tidewire::queue::QueueOverflow;
use tidewire_protocols::mqtt::ReasonCode;
use tidewire_tests::conversations;
use tidewire_tests::mqtt::{pub_ack, publish};
use tidewire_tests::peer::Wire;
use tidewire_tests::world::World;

use super::{acks, connected, consumer, hears, sends};

conversations! {
    a_full_queue_refuses => full;
    its_consumers_messages_count => unsettled_count;
    its_bytes_count => bytes;
    a_full_queue_may_drop_its_head => drop_head;
    mqtt_is_told_of_a_full_queue => mqtt_is_told;
}

async fn full(wire: Wire) {
    let world = World::with(wire, |config| config.queues.length_max = 2);
    let mut alice = connected(&world).await;
    sends(&mut alice, &["1", "2"]).await;
    alice.says("SEND\ndestination:/queue/q\nreceipt:r\n\n3^").await;
    assert_eq!(alice.is_refused("queue full", 1000).await.header("receipt-id"), Some("r"));
    hears(&mut consumer(&world, "").await, &["1", "2"]).await;
}

async fn unsettled_count(wire: Wire) {
    let world = World::with(wire, |config| config.queues.length_max = 2);
    let mut alice = connected(&world).await;
    let mut bob = consumer(&world, "ack:client\n").await;
    sends(&mut alice, &["1", "2"]).await;
    let ids = hears(&mut bob, &["1", "2"]).await;
    acks(&mut bob, &ids[0]).await;
    sends(&mut alice, &["3"]).await;
    alice.says("SEND\ndestination:/queue/q\n\n4^").await.is_refused("queue full", 1000).await;
}

async fn bytes(wire: Wire) {
    let world = World::with(wire, |config| config.queues.bytes_max = Size(100));
    let mut alice = connected(&world).await;
    let (one, two) = ("a".repeat(40), "b".repeat(60));
    sends(&mut alice, &[&one]).await;
    alice.says(&format!("SEND\ndestination:/queue/q\n\n{two}^")).await.is_refused("queue full", 1000).await;
    let mut alice = connected(&world).await;
    hears(&mut consumer(&world, "").await, &[&one]).await;
    sends(&mut alice, &[&two]).await;
}

async fn drop_head(wire: Wire) {
    let world = World::with(wire, |config| {
        config.queues.length_max = 2;
        config.queues.overflow = QueueOverflow::DropHead;
    });
    let mut alice = connected(&world).await;
    sends(&mut alice, &["1", "2", "3", "4", "5"]).await;
    hears(&mut consumer(&world, "").await, &["4", "5"]).await;
    // Dead letters are bounded as well: the oldest one has gone for good.
    let mut undertaker = connected(&world).await;
    undertaker.says("SUBSCRIBE\nid:s\ndestination:/queue/dead.q\n\n^").await;
    assert_eq!(undertaker.hears_message("2").await.header("dead-letter-reason"), Some("length"));
    undertaker.hears_message("3").await;
    assert_eq!(world.broker.counters.dropped.value(), 1);
}

async fn mqtt_is_told(wire: Wire) {
    let world = World::with(wire, |config| config.queues.length_max = 1);
    let mut alice = world.client("alice").await;
    alice.says(publish("$queue/q", "1").qos1(1)).await.hears(pub_ack(1)).await;
    alice.says(publish("$queue/q", "2").qos1(2)).await;
    alice.hears(pub_ack(2).because(ReasonCode::QuotaExceeded).explained()).await;
}
