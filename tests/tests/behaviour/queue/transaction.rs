//! Transactions on queues: sends and acknowledgements together, or not at all.

use std::sync::Arc;
use std::time::Duration;

use tidewire_tests::conversations;
use tidewire_tests::peer::Wire;
use tidewire_tests::store::KeepingStore;
use tidewire_tests::world::World;

use super::{connected, consumer, hears, redelivery, sends};

conversations! {
    all_takes_effect_at_commit => commit;
    a_lost_connection_undoes_all => lost_connection;
    a_full_queue_undoes_all => full;
    a_failing_store_undoes_all => failing_store;
}

async fn commit(wire: Wire) {
    let world = World::new(wire);
    let mut alice = connected(&world).await;
    sends(&mut alice, &["1", "2"]).await;
    let mut bob = connected(&world).await;
    bob.says("SUBSCRIBE\nid:s\ndestination:/queue/q\nack:client-individual\n\n^").await;
    let ids = hears(&mut bob, &["1", "2"]).await;
    let mut carol = connected(&world).await;
    super::subscribes(&mut carol, "/queue/out", "").await;
    bob.says("BEGIN\ntransaction:t\n\n^").await;
    bob.says(&format!("ACK\nid:{}\ntransaction:t\n\n^NACK\nid:{}\ntransaction:t\n\n^", ids[0], ids[1])).await;
    bob.says("SEND\ndestination:/queue/out\ntransaction:t\n\nresult^").await;
    bob.hears_nothing().await;
    carol.hears_nothing().await;
    bob.says("COMMIT\ntransaction:t\nreceipt:r\n\n^").await.hears_receipt("r").await;
    carol.hears_message("result").await;
    assert_eq!(redelivery(&bob.hears_message("2").await), (Some("true"), Some("2")));
}

async fn lost_connection(wire: Wire) {
    let world = World::new(wire);
    let mut alice = connected(&world).await;
    let mut bob = consumer(&world, "ack:client-individual\n").await;
    sends(&mut alice, &["1"]).await;
    let ids = hears(&mut bob, &["1"]).await;
    bob.says("BEGIN\ntransaction:t\n\n^").await;
    bob.says(&format!("ACK\nid:{}\ntransaction:t\n\n^", ids[0])).await;
    bob.says("SEND\ndestination:/queue/out\ntransaction:t\nreceipt:r\n\nresult^")
        .await
        .hears_receipt("r")
        .await;
    drop(bob);
    world.settles().await;
    let mut carol = connected(&world).await;
    carol.says("SUBSCRIBE\nid:s\ndestination:/queue/q\n\n^").await;
    assert_eq!(redelivery(&carol.hears_message("1").await), (Some("true"), Some("2")));
    carol.says("SUBSCRIBE\nid:out\ndestination:/queue/out\n\n^").await.hears_nothing().await;
}

async fn full(wire: Wire) {
    let world = World::with(wire, |config| config.queues.length_max = 1);
    let mut alice = connected(&world).await;
    let mut bob = consumer(&world, "ack:client\n").await;
    sends(&mut alice, &["1"]).await;
    let ids = hears(&mut bob, &["1"]).await;
    bob.says(&format!("BEGIN\ntransaction:t\n\n^ACK\nid:{}\ntransaction:t\n\n^", ids[0])).await;
    for body in ["a", "b"] {
        bob.says(&format!("SEND\ndestination:/queue/out\ntransaction:t\n\n{body}^")).await;
    }
    bob.says("COMMIT\ntransaction:t\n\n^").await.is_refused("queue full", 1000).await;
    let mut carol = connected(&world).await;
    carol.says("SUBSCRIBE\nid:out\ndestination:/queue/out\n\n^").await.hears_nothing().await;
    carol.says("SUBSCRIBE\nid:s\ndestination:/queue/q\n\n^").await.hears_message("1").await;
    sends(&mut alice, &["2"]).await;
}

async fn failing_store(wire: Wire) {
    let store = Arc::new(KeepingStore::new(Duration::ZERO));
    let world = World::with_store(wire, Arc::clone(&store) as _, |_| ());
    let mut alice = connected(&world).await;
    let mut bob = consumer(&world, "ack:client\n").await;
    sends(&mut alice, &["1"]).await;
    let ids = hears(&mut bob, &["1"]).await;
    bob.says(&format!("BEGIN\ntransaction:t\n\n^ACK\nid:{}\ntransaction:t\nreceipt:r\n\n^", ids[0])).await;
    bob.hears_receipt("r").await;
    bob.says("SEND\ndestination:/queue/out\ntransaction:t\nreceipt:r\n\na^").await.hears_receipt("r").await;
    store.fail(true);
    bob.says("COMMIT\ntransaction:t\n\n^").await.is_refused("not stored", 1000).await;
    store.fail(false);
    let mut carol = connected(&world).await;
    carol.says("SUBSCRIBE\nid:s\ndestination:/queue/q\n\n^").await.hears_message("1").await;
    carol.says("SUBSCRIBE\nid:out\ndestination:/queue/out\n\n^").await.hears_nothing().await;
}
