//! Committed before said: with a disk that needs five seconds, nothing that promises something leaves earlier.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use tidewire::store::{Record, SettledState, Store};
use tidewire_protocols::mqtt::Property;
use tidewire_tests::conversations;
use tidewire_tests::mqtt::{
    PingReq, PingResp, connect, disconnect, pub_ack, pub_comp, pub_rec, pub_rel, publish, sub_ack, subscribe,
};
use tidewire_tests::peer::Wire;
use tidewire_tests::store::KeepingStore;
use tidewire_tests::world::World;
use tokio::time::Instant;

conversations! {
    an_acknowledgement_waits => acknowledgements_wait_for_the_disk;
    what_promises_nothing_does_not => nothing_else_waits;
    the_store_hears_of_every_end => every_end_is_recorded;
    nobody_is_read_while_too_much_waits => congestion;
}

const DISK: Duration = Duration::from_secs(5);

/// Says how long something took, in virtual time.
async fn time<T>(conversation: impl Future<Output = T>) -> Duration {
    let start = Instant::now();
    conversation.await;
    start.elapsed()
}

fn slow_world(wire: Wire) -> World {
    World::with_store(wire, Arc::new(KeepingStore::new(DISK)), |_| ())
}

async fn acknowledgements_wait_for_the_disk(wire: Wire) {
    let world = slow_world(wire);
    let (mut alice, mut bob) = (world.mqtt().await, world.mqtt().await);
    alice.connects(connect("alice"), false).await;
    // CONNACK of a session that outlives its connection.
    assert!(time(bob.connects(connect("bob").expiry(3600), false)).await >= DISK, "CONNACK left early");
    bob.says(subscribe("t", 2)).await;
    assert!(time(bob.hears(sub_ack(&[2]))).await >= DISK, "SUBACK left early");
    alice.says(publish("t", "one").qos1(1)).await;
    assert!(time(alice.hears(pub_ack(1))).await >= DISK, "PUBACK left early");
    alice.says(publish("t", "two").qos2(2)).await;
    assert!(time(alice.hears(pub_rec(2))).await >= DISK, "PUBREC left early");
    alice.says(pub_rel(2)).await;
    assert!(time(alice.hears(pub_comp(2))).await >= DISK, "PUBCOMP left early");
    bob.hears(publish("t", "one").qos1(1)).await.says(pub_ack(1)).await;
    bob.hears(publish("t", "two").qos2(2)).await.says(pub_rec(2)).await;
    assert!(time(bob.hears(pub_rel(2))).await >= DISK, "PUBREL left early");
}

async fn nothing_else_waits(wire: Wire) {
    let world = slow_world(wire);
    let (mut alice, mut bob) = (world.mqtt().await, world.mqtt().await);
    // Sessions that end with their connection promise nothing beyond it.
    let elapsed = time(async {
        alice.connects(connect("alice"), false).await;
        bob.connects(connect("bob"), false).await;
        bob.says(subscribe("t", 0)).await.hears(sub_ack(&[0])).await;
        alice.says(publish("t", "zero")).await;
        bob.hears(publish("t", "zero")).await;
    });
    assert!(elapsed.await < DISK);
    // A ping behind an acknowledgement that waits.
    alice.says(publish("t", "kept").qos1(1).retained()).await.says(PingReq).await;
    assert!(time(alice.hears(PingResp)).await < DISK, "PINGRESP waited for the disk");
    assert!(time(alice.hears(pub_ack(1))).await > Duration::ZERO);
}

/// Whoever sends what must be stored is read again once the disk has caught up, and not thrown out for having been silent.
async fn congestion(wire: Wire) {
    let store = Arc::new(KeepingStore::new(DISK));
    let world = World::with_store(wire, store.clone(), |_| ());
    let (mut alice, mut bob) = (world.mqtt().await, world.mqtt().await);
    alice.connects(connect("alice"), false).await;
    // Shorter than the disk needs.
    bob.connects(connect("bob").keep_alive(2), false).await;
    store.congest(true);
    alice.says(publish("t", "kept").qos1(1).retained()).await;
    world.settles().await;
    bob.says(PingReq).await;
    let waited = time(bob.hears(PingResp)).await;
    assert!(waited > DISK / 2, "it was read after {waited:?}");
    alice.hears(pub_ack(1).unmatched()).await.says(PingReq).await.hears(PingResp).await;
}

/// What the records say is still owed to sessions: queued, and neither acknowledged nor given up.
fn owed(store: &KeepingStore) -> Vec<u64> {
    let mut owed = Vec::new();
    for record in store.records() {
        match record {
            Record::Queued { sequence, .. } => owed.push(sequence),
            Record::Settled { sequence, state: SettledState::Done, .. } => {
                owed.retain(|other| *other != sequence);
            }
            _ => {}
        }
    }
    owed
}

/// Dropped, expired, too large, acknowledged: the store hears of each end, or it would bring the message back.
async fn every_end_is_recorded(wire: Wire) {
    let store = Arc::new(KeepingStore::new(Duration::ZERO));
    let world = World::with_store(wire, Arc::clone(&store) as Arc<dyn Store>, |config| {
        config.session.outbox_messages_max = 3;
    });
    let (mut alice, mut bob) = (world.mqtt().await, world.mqtt().await);
    bob.connects(connect("bob").expiry(3600), false).await;
    bob.says(subscribe("t", 1)).await.hears(sub_ack(&[1])).await.says(disconnect()).await.is_closed().await;
    alice.connects(connect("alice"), false).await;
    alice.says(publish("t", "kept").qos1(1)).await.hears(pub_ack(1)).await;
    alice
        .says(publish("t", "due").qos1(2).with(Property::MessageExpiryInterval(1)))
        .await
        .hears(pub_ack(2))
        .await;
    alice.says(publish("t", "x".repeat(1000)).qos1(3)).await.hears(pub_ack(3)).await;
    alice.says(publish("t", "too many").qos1(4)).await.hears(pub_ack(4)).await;
    assert_eq!(owed(&store), [1, 2, 3], "the fourth was dropped");
    world.passes(Duration::from_secs(2)).await;
    let mut bob = world.mqtt().await;
    let limit = Property::MaximumPacketSize(NonZeroU32::new(100).expect("100 is not 0"));
    bob.connects(connect("bob").resume().expiry(3600).with(limit), true).await;
    bob.hears(publish("t", "kept").qos1(1)).await.says(pub_ack(1)).await.hears_nothing().await;
    bob.says(disconnect()).await.is_closed().await;
    assert!(
        owed(&store).is_empty(),
        "the second expired, the third was too large, the first is acknowledged"
    );
}
