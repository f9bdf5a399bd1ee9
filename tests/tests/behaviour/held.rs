//! A client whose replies wait for a slow disk, beyond the bound at which it is no longer read from.

use std::sync::Arc;
use std::time::Duration;

use tidewire::config::Size;
use tidewire_protocols::mqtt::Version;
use tidewire_tests::conversations;
use tidewire_tests::mqtt::{PingReq, PingResp, Say, connect, pub_ack, publish, sub_ack, subscribe};
use tidewire_tests::peer::Wire;
use tidewire_tests::store::KeepingStore;
use tidewire_tests::world::World;

conversations! {
    a_client_that_is_not_read_from_is_not_silent => keep_alive_stands_still;
    what_was_left_over_is_not_forgotten => many_in_one_piece_are_all_acknowledged;
    a_connecteds_turn_comes_first => no_message_before_connected;
}

async fn keep_alive_stands_still(wire: Wire) {
    let store = Arc::new(KeepingStore::new(Duration::from_secs(5)));
    let world = World::with_store(wire, store, |config| config.limits.held_bytes_max = Size(1));
    let mut alice = world.mqtt().await;
    alice.connects(connect("alice").expiry(60).keep_alive(1), false).await;
    alice.says(subscribe("t", 1)).await.hears(sub_ack(&[1])).await;
    // The disk takes longer than one and a half times the keep alive, and all the while nothing is read.
    alice.says(publish("t", "kept").qos1(1)).await;
    alice.hears(publish("t", "kept").qos1(1)).await.says(PingReq).await;
    alice.hears(pub_ack(1)).await.hears(PingResp).await;
}

/// More than a turn handles arrives at once, and the replies to its first part are held.
async fn many_in_one_piece_are_all_acknowledged(wire: Wire) {
    const MANY: u16 = 3_000;
    let store = Arc::new(KeepingStore::new(Duration::from_secs(5)));
    let world = World::with_store(wire, store, |config| config.limits.held_bytes_max = Size(1024));
    let mut alice = world.mqtt().await;
    alice.connects(connect("alice").v311(), false).await;
    let bytes: Vec<_> =
        (1..=MANY).flat_map(|id| publish("t", "x").qos1(id).retained().bytes(Version::V311)).collect();
    alice.peer.send(&bytes).await;
    for id in 1..=MANY {
        alice.hears(pub_ack(id)).await;
    }
}

/// STOMP, everything in one piece: what is stored holds CONNECTED up, and no MESSAGE may come before it.
async fn no_message_before_connected(wire: Wire) {
    let world = World::with_store(wire, Arc::new(KeepingStore::new(Duration::from_secs(5))), |_| ());
    let mut alice = world.stomp().await;
    let frames = "CONNECT\naccept-version:1.2\nhost:x\n\n^SUBSCRIBE\nid:s\ndestination:/topic/t\n\n^\
                  SEND\ndestination:/topic/t\nretain:true\n\nhello^";
    alice.says(frames).await;
    assert_eq!(alice.next().await.command, "CONNECTED");
    alice.hears_message("hello").await;
}
