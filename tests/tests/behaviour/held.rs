//! A client whose replies wait for a slow disk, beyond the bound at which it is no longer read from.

use std::sync::Arc;
use std::time::Duration;

use tidewire::config::Size;
use tidewire_tests::conversations;
use tidewire_tests::mqtt::{PingReq, PingResp, connect, pub_ack, publish, sub_ack, subscribe};
use tidewire_tests::peer::Wire;
use tidewire_tests::store::SlowStore;
use tidewire_tests::world::World;

conversations! {
    a_client_that_is_not_read_from_is_not_silent => keep_alive_stands_still;
}

async fn keep_alive_stands_still(wire: Wire) {
    let store = Arc::new(SlowStore::new(Duration::from_secs(5)));
    let world = World::with_store(wire, store, |config| config.limits.held_bytes_max = Size(1));
    let mut alice = world.mqtt().await;
    alice.connects(connect("alice").expiry(60).keep_alive(1), false).await;
    alice.says(subscribe("t", 1)).await.hears(sub_ack(&[1])).await;
    // The disk takes longer than one and a half times the keep alive, and all the while nothing is read.
    alice.says(publish("t", "kept").qos1(1)).await;
    alice.hears(publish("t", "kept").qos1(1)).await.says(PingReq).await;
    alice.hears(pub_ack(1)).await.hears(PingResp).await;
}
