//! Durable subscriptions of STOMP.

use tidewire_tests::conversations;
use tidewire_tests::peer::Wire;
use tidewire_tests::stomp::StompPeer;
use tidewire_tests::world::World;

use super::Life;
use crate::queue::{connected, hears, sends_to};

conversations! {
    it_is_there_with_what_waited => there;
    it_chooses_as_before => selects;
    it_ages_across_restarts => ages;
    it_ends_for_good => ends;
}

async fn durable(world: &World, headers: &str) -> StompPeer {
    let mut peer = world.stomp().await;
    peer.says("CONNECT\naccept-version:1.2\nhost:test\nclient-id:bob\n\n^").await;
    assert_eq!(peer.next().await.command, "CONNECTED");
    peer.says(&format!("SUBSCRIBE\nid:news\ndestination:/topic/t/+\ndurable:true\n{headers}receipt:r\n\n^"))
        .await;
    peer.hears_receipt("r").await;
    peer
}

async fn there(wire: Wire) {
    let life = Life::new(wire);
    let b = durable(&life.world, "").await;
    drop(b);
    life.world.settles().await;
    sends_to(&mut connected(&life.world).await, "/topic/t/1", "", &["1"]).await;
    let life = life.restarts();
    sends_to(&mut connected(&life.world).await, "/topic/t/2", "", &["2"]).await;
    let mut b = durable(&life.world, "").await;
    hears(&mut b, &["1", "2"]).await;
    b.hears_nothing().await;
}

async fn selects(wire: Wire) {
    let life = Life::new(wire);
    let choice = "selector:colour = 'blue'\n";
    durable(&life.world, choice).await;
    let life = life.restarts();
    let mut alice = connected(&life.world).await;
    sends_to(&mut alice, "/topic/t/1", "colour:red\n", &["1"]).await;
    sends_to(&mut alice, "/topic/t/1", "colour:blue\n", &["2"]).await;
    let mut b = durable(&life.world, choice).await;
    hears(&mut b, &["2"]).await;
    b.hears_nothing().await;
}

async fn ages(wire: Wire) {
    let life = Life::new(wire);
    drop(durable(&life.world, "").await);
    life.world.settles().await;
    sends_to(&mut connected(&life.world).await, "/topic/t/1", "", &["1"]).await;
    let age = life.world.broker.config().session.expiry_max.0;
    life.world.passes(age / 2).await;
    let life = life.restarts();
    assert_eq!((life.world.broker.subscription_count(), life.world.broker.queue_count()), (1, 1));
    life.world.passes(age / 2).await;
    assert_eq!((life.world.broker.subscription_count(), life.world.broker.queue_count()), (0, 0));
    let life = life.restarts();
    assert_eq!((life.world.broker.subscription_count(), life.world.broker.queue_count()), (0, 0));
}

async fn ends(wire: Wire) {
    let life = Life::new(wire);
    let mut b = durable(&life.world, "").await;
    b.says("UNSUBSCRIBE\nid:news\ndurable:true\nreceipt:u\n\n^").await.hears_receipt("u").await;
    let life = life.restarts();
    assert_eq!((life.world.broker.subscription_count(), life.world.broker.queue_count()), (0, 0));
}
