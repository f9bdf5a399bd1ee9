//! Heart-beats, on virtual time.

use std::time::Duration;

use tidewire_tests::conversations;
use tidewire_tests::peer::Wire;
use tidewire_tests::stomp::StompPeer;
use tidewire_tests::world::World;

use super::{connected, time};

conversations! {
    the_server_beats_in_time => server_beats;
    whatever_the_server_sends_is_a_beat => message_is_a_beat;
    a_silent_client_is_let_go_with_a_margin => silent_client;
    a_beat_within_the_margin_is_in_time => late_beats;
    any_bytes_are_a_sign_of_life => partial_frame;
    the_slower_of_offer_and_wish_holds => slower_of_two;
    none_agreed_is_none_sent_and_none_awaited => none_agreed;
    version_1_0_has_none => none_in_1_0;
    a_malformed_wish_is_refused => malformed;
    a_client_that_reads_no_more_and_falls_silent_is_let_go => stuck_client;
}

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// A peer that has asked for these beats, of a server that offers `10000,10000`.
async fn beating(world: &World, heart_beat: &str) -> StompPeer {
    let mut peer = world.stomp().await;
    peer.says(&format!("CONNECT\naccept-version:1.2\nhost:h\nheart-beat:{heart_beat}\n\n^")).await;
    assert_eq!(peer.next().await.command, "CONNECTED");
    peer
}

/// Waits for an EOL and says how long that took.
async fn hears_beat(peer: &mut StompPeer) -> Duration {
    let waited = time(peer.peer.fill(secs(600))).await;
    assert_eq!(peer.peer.buffer.as_ref(), b"\n", "a beat is one EOL");
    peer.peer.buffer.clear();
    waited
}

async fn server_beats(wire: Wire) {
    let world = World::new(wire);
    let mut alice = beating(&world, "0,10000").await;
    for _ in 0..5 {
        let waited = hears_beat(&mut alice).await;
        assert!(waited <= secs(10) && waited >= secs(5), "{waited:?}");
    }
}

async fn message_is_a_beat(wire: Wire) {
    let world = World::new(wire);
    let mut alice = beating(&world, "0,10000").await;
    alice.peer.hears_nothing_for(secs(6)).await;
    alice.says("BEGIN\ntransaction:t\nreceipt:r\n\n^").await.hears_receipt("r").await;
    let waited = hears_beat(&mut alice).await;
    assert!(waited > secs(5) && waited <= secs(10), "{waited:?}");
}

async fn silent_client(wire: Wire) {
    let world = World::new(wire);
    let mut alice = beating(&world, "10000,0").await;
    let waited = time(alice.is_refused("no heart-beat", 1000)).await;
    assert!(waited > secs(12) && waited <= secs(30), "{waited:?}");
    assert_eq!(world.broker.session_count(), 0);
}

async fn late_beats(wire: Wire) {
    let world = World::new(wire);
    let mut alice = beating(&world, "10000,0").await;
    for _ in 0..5 {
        alice.peer.hears_nothing_for(secs(14)).await;
        alice.says("\n").await;
    }
    alice.says("BEGIN\ntransaction:t\nreceipt:r\n\n^").await.hears_receipt("r").await;
}

async fn partial_frame(wire: Wire) {
    let world = World::new(wire);
    let mut alice = beating(&world, "10000,0").await;
    for byte in ["B", "E", "G", "I", "N", "\n"] {
        alice.says(byte).await.peer.hears_nothing_for(secs(14)).await;
    }
    alice.says("transaction:t\nreceipt:r\n\n^").await.hears_receipt("r").await;
}

async fn slower_of_two(wire: Wire) {
    let world = World::new(wire);
    let mut alice = beating(&world, "30000,20000").await;
    let waited = hears_beat(&mut alice).await;
    assert!(waited > secs(10) && waited <= secs(20), "{waited:?}");
    alice.peer.hears_nothing_for(secs(15)).await;
    // 35 seconds of silence are still within the margin of 30.
    alice.says("BEGIN\ntransaction:t\nreceipt:r\n\n^").await.hears_receipt("r").await;
}

async fn none_agreed(wire: Wire) {
    let world = World::new(wire);
    let day = secs(86_400);
    connected(&world, "1.2").await.peer.hears_nothing_for(day).await;
    beating(&world, "0,0").await.peer.hears_nothing_for(day).await;
    let offers_none = World::with(wire, |config| {
        config.stomp.heart_beat = [tidewire::config::Span(Duration::ZERO); 2];
    });
    beating(&offers_none, "1000,1000").await.peer.hears_nothing_for(day).await;
}

async fn none_in_1_0(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.stomp().await;
    alice.says("CONNECT\nheart-beat:1000,1000\n\n^").await;
    assert_eq!(alice.next().await.command, "CONNECTED");
    alice.peer.hears_nothing_for(secs(3600)).await;
}

async fn malformed(wire: Wire) {
    let world = World::new(wire);
    for value in ["10000", "1,2,3", "a,b", "-1,0", "1, 2", ""] {
        let mut alice = world.stomp().await;
        alice.says(&format!("CONNECT\naccept-version:1.2\nhost:h\nheart-beat:{value}\n\n^")).await;
        alice.is_refused("bad heart-beat header", 1000).await;
    }
}

async fn stuck_client(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = (connected(&world, "1.2").await, beating(&world, "10000,10000").await);
    bob.says("SUBSCRIBE\nid:s\ndestination:/topic/t\nreceipt:r\n\n^").await.hears_receipt("r").await;
    // More than the pipe and the outbox's ready bytes hold: bob, who reads nothing, is stuck.
    let body = "x".repeat(100_000);
    for _ in 0..5 {
        alice
            .says(&format!("SEND\ndestination:/topic/t\nreceipt:r\n\n{body}^"))
            .await
            .hears_receipt("r")
            .await;
    }
    alice.peer.hears_nothing_for(secs(60)).await;
    assert_eq!(world.broker.session_count(), 1, "bob's session is still there");
    assert_eq!(world.broker.link_count(), 1, "bob's connection is still there");
}
