//! Shared subscriptions and slow clients of STOMP.

use tidewire_tests::conversations;
use tidewire_tests::mqtt::{publish, subscribe};
use tidewire_tests::peer::Wire;
use tidewire_tests::stomp::StompPeer;
use tidewire_tests::world::World;

use super::connected;

conversations! {
    members_of_both_protocols_share => both_protocols;
    what_a_lost_member_had_not_acknowledged_goes_to_another => passed_on;
    what_a_leaving_member_had_not_acknowledged_goes_to_another => left;
    a_slow_browser_costs_no_one_else => slow;
}

async fn member(world: &World, headers: &str) -> StompPeer {
    let mut peer = connected(world, "1.2").await;
    peer.says(&format!("SUBSCRIBE\nid:s\ndestination:/topic/$share/g/t\n{headers}receipt:r\n\n^")).await;
    peer.hears_receipt("r").await;
    peer
}

async fn both_protocols(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.client("alice").await;
    let mut bob = world.client("bob").await;
    bob.subscribes(subscribe("$share/g/t", 0)).await;
    let mut carol = member(&world, "").await;
    for body in ["1", "2", "3", "4"] {
        alice.publishes(publish("t", body)).await;
    }
    world.settles().await;
    let first = bob.looks_at(|packet| format!("{packet:?}")).await;
    // Who begins is not promised.
    let (mine, others) = if first.contains("[49]") { (["3"], ["2", "4"]) } else { (["4"], ["1", "3"]) };
    for body in mine {
        bob.hears(publish("t", body)).await;
    }
    for body in others {
        carol.hears_message(body).await;
    }
}

async fn passed_on(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.client("alice").await;
    let mut bob = member(&world, "ack:client\n").await;
    for body in ["1", "2", "3"] {
        alice.publishes(publish("t", body)).await;
    }
    let id = bob.hears_message("1").await.header("ack").expect("it is to be acknowledged").to_owned();
    bob.says(&format!("ACK\nid:{id}\nreceipt:a\n\n^")).await;
    for body in ["2", "3"] {
        bob.hears_message(body).await;
    }
    bob.hears_receipt("a").await;
    let mut carol = member(&world, "").await;
    drop(bob);
    for body in ["2", "3"] {
        carol.hears_message(body).await;
    }
    carol.hears_nothing().await;
}

async fn left(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.client("alice").await;
    let mut bob = member(&world, "ack:client\n").await;
    alice.publishes(publish("t", "1")).await;
    bob.hears_message("1").await;
    let mut carol = member(&world, "").await;
    bob.says("UNSUBSCRIBE\nid:s\nreceipt:u\n\n^").await.hears_receipt("u").await;
    carol.hears_message("1").await;
}

async fn slow(wire: Wire) {
    let world = World::with(wire, |config| config.session.outbox_messages_max = 20);
    let mut alice = connected(&world, "1.2").await;
    let mut peers = Vec::new();
    for _ in 0..2 {
        let mut peer = connected(&world, "1.2").await;
        peer.says("SUBSCRIBE\nid:s\ndestination:/topic/t\nreceipt:r\n\n^").await.hears_receipt("r").await;
        peers.push(peer);
    }
    let (mut reader, _sleeper) = (peers.remove(0), peers.remove(0));
    let body = "x".repeat(20_000);
    for number in 0..200 {
        alice.says(&format!("SEND\ndestination:/topic/t\nreceipt:{number}\n\n{body}^")).await;
        alice.hears_receipt(&number.to_string()).await;
        reader.hears_message(&body).await;
    }
    assert!(world.broker.counters.dropped.value() > 100, "what the sleeper has no room for");
}
