//! What the store is told of queues, and what waits for it.

use std::sync::Arc;
use std::time::Duration;

use tidewire::store::Record;
use tidewire_tests::conversations;
use tidewire_tests::peer::Wire;
use tidewire_tests::store::KeepingStore;
use tidewire_tests::world::World;
use tokio::time::Instant;

use super::{connected, consumer, hears};

conversations! {
    a_receipt_waits_for_the_disk => receipts_wait;
    each_message_is_told_once_and_its_end_as_well => told;
    what_cannot_be_stored_is_not_delivered => not_stored;
}

const DISK: Duration = Duration::from_secs(2);

async fn receipts_wait(wire: Wire) {
    let world = World::with_store(wire, Arc::new(KeepingStore::new(DISK)), |_| ());
    let (mut alice, mut bob) = (connected(&world).await, consumer(&world, "ack:client\n").await);
    let start = Instant::now();
    alice.says("SEND\ndestination:/queue/q\nreceipt:r\n\n1^").await.hears_receipt("r").await;
    assert_eq!(start.elapsed(), DISK);
    let ids = hears(&mut bob, &["1"]).await;
    let start = Instant::now();
    bob.says(&format!("ACK\nid:{}\nreceipt:r\n\n^", ids[0])).await.hears_receipt("r").await;
    assert_eq!(start.elapsed(), DISK);
}

/// The records of queues, in short.
fn told_of(store: &KeepingStore) -> Vec<String> {
    let short = |record| match record {
        Record::Enqueued { queue, sequence, .. } => Some(format!("+{queue}{sequence}")),
        Record::Dequeued { queue, sequence } => Some(format!("-{queue}{sequence}")),
        _ => None,
    };
    store.records().into_iter().filter_map(short).collect()
}

async fn told(wire: Wire) {
    let store = Arc::new(KeepingStore::new(Duration::ZERO));
    let world = World::with_store(wire, Arc::clone(&store) as _, |_| ());
    let mut alice = connected(&world).await;
    super::sends(&mut alice, &["1", "2", "3", "4"]).await;
    let mut bob = connected(&world).await;
    bob.says("SUBSCRIBE\nid:s\ndestination:/queue/q\nack:client-individual\nprefetch-count:3\n\n^").await;
    let ids = hears(&mut bob, &["1", "2", "3"]).await;
    bob.says(&format!("ACK\nid:{}\n\n^", ids[0])).await.hears_message("4").await;
    bob.says(&format!("NACK\nid:{}\nrequeue:false\n\n^NACK\nid:{}\n\n^", ids[1], ids[2]))
        .await
        .hears_message("3")
        .await;
    drop(bob);
    let mut carol = consumer(&world, "").await;
    hears(&mut carol, &["3", "4"]).await;
    // Consumed by being sent: told when there is time.
    world.passes(Duration::from_secs(2)).await;
    let expected = ["+q1", "+q2", "+q3", "+q4", "-q1", "-q2", "+dead.q1", "-q3", "-q4"];
    assert_eq!(told_of(&store), expected);
}

async fn not_stored(wire: Wire) {
    let store = Arc::new(KeepingStore::new(Duration::ZERO));
    let world = World::with_store(wire, Arc::clone(&store) as _, |_| ());
    let (mut alice, mut bob) = (connected(&world).await, consumer(&world, "").await);
    store.fail(true);
    alice.says("SEND\ndestination:/queue/q\n\n1^").await.is_refused("not stored", 1000).await;
    bob.hears_nothing().await;
    store.fail(false);
    let mut alice = connected(&world).await;
    super::sends(&mut alice, &["2"]).await;
    bob.hears_message("2").await;
}
