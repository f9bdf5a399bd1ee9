//! Messages of work queues that an MQTT client must have exactly once.

use tidewire::store::Store;
use tidewire_protocols::mqtt::ReasonCode;
use tidewire_tests::conversations;
use tidewire_tests::mqtt::{
    ConnectWords, MqttPeer, connect, pub_ack, pub_comp, pub_rec, pub_rel, publish, subscribe,
};
use tidewire_tests::peer::Wire;
use tidewire_tests::world::World;

use super::{Life, SECOND, bob};
use crate::queue::{connected, consumer, hears, redelivery, subscribes};

conversations! {
    one_that_was_sent_comes_again_to_the_same_client => sent;
    one_that_was_received_does_not => received;
    it_is_not_sent_before_that_is_stored => stored_first;
    what_a_session_leaves_goes_back => left;
    what_a_session_left_on_disk_goes_back => left_on_disk;
    what_is_refused_is_a_dead_letter => refused;
    order_is_kept_among_all => order;
    what_cannot_be_stored_stays_in_the_queue => not_stored;
}

async fn consuming(world: &World, words: ConnectWords) -> MqttPeer {
    let mut peer = world.client_with(words, false).await;
    peer.subscribes(subscribe("$queue/q", 2)).await;
    peer
}

async fn publishes(world: &World, payloads: &[&str]) {
    let mut alice = world.client("alice").await;
    for payload in payloads {
        alice.publishes(publish("$queue/q", payload).qos2(1)).await;
    }
}

async fn sent(wire: Wire) {
    let life = Life::new(wire);
    let mut b = consuming(&life.world, bob()).await;
    publishes(&life.world, &["1"]).await;
    b.hears(publish("$queue/q", "1").qos2(1)).await;
    let life = life.restarts();
    // Others do not get it.
    let mut c = consumer(&life.world, "").await;
    c.hears_nothing().await;
    let mut b = life.world.client_with(bob(), true).await;
    b.hears(publish("$queue/q", "1").qos2(1).dup()).await.says(pub_rec(1)).await.hears(pub_rel(1)).await;
    b.says(pub_comp(1)).await.hears_nothing().await;
    let life = life.restarts();
    life.world.client_with(bob(), true).await.hears_nothing().await;
}

async fn received(wire: Wire) {
    let life = Life::new(wire);
    let mut b = consuming(&life.world, bob()).await;
    publishes(&life.world, &["1"]).await;
    b.hears(publish("$queue/q", "1").qos2(1)).await.says(pub_rec(1)).await.hears(pub_rel(1)).await;
    let life = life.restarts();
    let mut b = life.world.client_with(bob(), true).await;
    b.hears(pub_rel(1)).await.says(pub_comp(1)).await.hears_nothing().await;
}

async fn stored_first(wire: Wire) {
    let life = Life::with(wire, 2 * SECOND, |_| ());
    let mut b = consuming(&life.world, bob()).await;
    let mut alice = life.world.client("alice").await;
    alice.says(publish("$queue/q", "1").qos2(1)).await;
    life.world.settles().await;
    b.hears_nothing().await;
    // Both the message and its being taken are lost, and nothing has been said of either.
    let life = life.restarts();
    let mut b = life.world.client_with(bob(), true).await;
    b.hears_nothing().await;
    alice = life.world.client("alice").await;
    alice.publishes(publish("$queue/q", "2").qos2(1)).await;
    b.hears(publish("$queue/q", "2").qos2(1)).await;
}

async fn left(wire: Wire) {
    let life = Life::new(wire);
    let mut b = consuming(&life.world, connect("bob").resume().expiry(60)).await;
    publishes(&life.world, &["1", "2"]).await;
    b.hears(publish("$queue/q", "1").qos2(1)).await.hears(publish("$queue/q", "2").qos2(2)).await;
    b.says(pub_rec(1)).await.hears(pub_rel(1)).await;
    drop(b);
    life.world.passes(61 * SECOND).await;
    let life = life.restarts();
    let mut c = consumer(&life.world, "").await;
    assert_eq!(redelivery(&c.hears_message("2").await), (Some("true"), Some("2")));
    c.hears_nothing().await;
    assert!(life.store.recover(life.store.applied()).queues.is_empty());
}

async fn left_on_disk(wire: Wire) {
    let life = Life::new(wire);
    let mut b = consuming(&life.world, connect("bob").resume().expiry(60)).await;
    publishes(&life.world, &["1", "2"]).await;
    b.hears(publish("$queue/q", "1").qos2(1)).await.hears(publish("$queue/q", "2").qos2(2)).await;
    let life = life.restarts();
    life.world.passes(61 * SECOND).await;
    let life = life.restarts();
    assert_eq!(life.world.broker.session_count(), 0);
    hears(&mut consumer(&life.world, "").await, &["1", "2"]).await;
}

async fn refused(wire: Wire) {
    let life = Life::new(wire);
    let mut b = consuming(&life.world, bob()).await;
    publishes(&life.world, &["1"]).await;
    b.hears(publish("$queue/q", "1").qos2(1)).await;
    b.says(pub_rec(1).because(ReasonCode::UnspecifiedError)).await.hears_nothing().await;
    let life = life.restarts();
    let mut d = connected(&life.world).await;
    subscribes(&mut d, "/queue/dead.q", "").await;
    assert_eq!(d.hears_message("1").await.header("dead-letter-reason"), Some("rejected"));
    life.world.client_with(bob(), true).await.hears_nothing().await;
}

async fn order(wire: Wire) {
    let life = Life::with(wire, SECOND / 10, |_| ());
    let mut alice = life.world.client("alice").await;
    for number in 1..=9_u16 {
        let message = publish("$queue/q", number.to_string());
        let message = if number % 3 == 0 { message.qos1(number) } else { message.qos2(number) };
        alice.publishes(message).await;
    }
    let mut b = consuming(&life.world, bob()).await;
    for number in 1..=9_u16 {
        let message = publish("$queue/q", number.to_string());
        let message = if number % 3 == 0 { message.qos1(number) } else { message.qos2(number) };
        b.hears(message).await;
        if number % 3 == 0 {
            b.says(pub_ack(number)).await;
        }
    }
    b.hears_nothing().await;
}

async fn not_stored(wire: Wire) {
    let life = Life::new(wire);
    let c = consumer(&life.world, "ack:client\n").await;
    publishes(&life.world, &["1"]).await;
    let b = consuming(&life.world, bob()).await;
    life.store.fail(true);
    // It goes back, and would go on to bob.
    drop(c);
    life.world.settles().await;
    drop(b);
    life.world.settles().await;
    life.store.fail(false);
    assert!(life.store.recover(life.store.applied()).sessions.iter().all(|one| one.deliveries.is_empty()));
    let mut b = life.world.client_with(bob(), true).await;
    b.hears(publish("$queue/q", "1").qos2(2)).await.says(pub_rec(2)).await.hears(pub_rel(2)).await;
    b.hears_nothing().await;
}
