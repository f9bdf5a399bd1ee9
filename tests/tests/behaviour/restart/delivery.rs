//! What was on its way to a client, or waited for it.

use tidewire_tests::conversations;
use tidewire_tests::mqtt::{pub_ack, pub_comp, pub_rec, pub_rel, publish};
use tidewire_tests::peer::Wire;

use super::{Life, absent_bob, bob, publishes, subscribed_bob};

conversations! {
    what_waited_is_delivered_in_order => waiting;
    what_was_sent_comes_again_under_its_identifier => sent_again;
    what_was_acknowledged_does_not => acknowledged;
    a_release_that_is_owed_is_sent => release_owed;
    what_was_sent_before_the_connection_ended_has_dup => sent_before_the_end;
    identifiers_go_on_where_they_were => identifiers_go_on;
    two_restarts_are_as_one => twice;
    what_was_sent_and_not_acknowledged_after_a_restart_has_dup_after_the_next => twice_sent;
}

async fn waiting(wire: Wire) {
    let life = Life::new(wire);
    absent_bob(&life.world).await;
    publishes(&life.world, &["1", "2", "3"]).await;
    let life = life.restarts();
    let mut b = life.world.client_with(bob(), true).await;
    b.hears(publish("t", "1").qos1(1)).await.hears(publish("t", "2").qos1(2)).await;
    b.hears(publish("t", "3").qos1(3)).await.hears_nothing().await;
}

async fn sent_again(wire: Wire) {
    let life = Life::new(wire);
    let mut b = subscribed_bob(&life.world).await;
    let mut alice = life.world.client("alice").await;
    alice.publishes(publish("t", "1").qos1(1)).await.publishes(publish("t", "2").qos2(2)).await;
    alice.publishes(publish("t", "3").qos1(3)).await;
    b.hears(publish("t", "1").qos1(1)).await.hears(publish("t", "2").qos2(2)).await;
    b.hears(publish("t", "3").qos1(3)).await.says(pub_ack(1)).await;
    life.world.settles().await;
    let life = life.restarts();
    let mut b = life.world.client_with(bob(), true).await;
    b.hears(publish("t", "2").qos2(2).dup()).await.hears(publish("t", "3").qos1(3).dup()).await;
    b.says(pub_rec(2)).await.hears(pub_rel(2)).await.says(pub_comp(2)).await.says(pub_ack(3)).await;
    b.hears_nothing().await;
    let life = life.restarts();
    life.world.client_with(bob(), true).await.hears_nothing().await;
}

async fn acknowledged(wire: Wire) {
    let life = Life::new(wire);
    let mut b = subscribed_bob(&life.world).await;
    publishes(&life.world, &["1", "2"]).await;
    b.hears(publish("t", "1").qos1(1)).await.hears(publish("t", "2").qos1(2)).await;
    b.says(pub_ack(2)).await.says(pub_ack(1)).await;
    life.world.settles().await;
    let life = life.restarts();
    life.world.client_with(bob(), true).await.hears_nothing().await;
}

async fn release_owed(wire: Wire) {
    let life = Life::new(wire);
    let mut b = subscribed_bob(&life.world).await;
    let mut alice = life.world.client("alice").await;
    alice.publishes(publish("t", "1").qos1(1)).await.publishes(publish("t", "2").qos2(2)).await;
    b.hears(publish("t", "1").qos1(1)).await.hears(publish("t", "2").qos2(2)).await;
    b.says(pub_rec(2)).await.hears(pub_rel(2)).await;
    let life = life.restarts();
    let mut b = life.world.client_with(bob(), true).await;
    // What is owed is said first; the message that was not acknowledged has to be fetched.
    b.hears(pub_rel(2)).await.hears(publish("t", "1").qos1(1).dup()).await;
    b.says(pub_comp(2)).await.says(pub_ack(1)).await.hears_nothing().await;
    let life = life.restarts();
    life.world.client_with(bob(), true).await.hears_nothing().await;
}

async fn sent_before_the_end(wire: Wire) {
    let life = Life::new(wire);
    let mut b = subscribed_bob(&life.world).await;
    publishes(&life.world, &["1", "2"]).await;
    b.hears(publish("t", "1").qos1(1)).await.hears(publish("t", "2").qos1(2)).await;
    drop(b);
    life.world.settles().await;
    publishes(&life.world, &["3"]).await;
    let life = life.restarts();
    let mut b = life.world.client_with(bob(), true).await;
    b.hears(publish("t", "1").qos1(1).dup()).await.hears(publish("t", "2").qos1(2).dup()).await;
    b.hears(publish("t", "3").qos1(3)).await.hears_nothing().await;
}

async fn identifiers_go_on(wire: Wire) {
    let life = Life::new(wire);
    absent_bob(&life.world).await;
    publishes(&life.world, &["1", "2"]).await;
    let life = life.restarts();
    publishes(&life.world, &["3"]).await;
    let mut b = life.world.client_with(bob(), true).await;
    for (id, payload) in [(1, "1"), (2, "2"), (3, "3")] {
        b.hears(publish("t", payload).qos1(id)).await.says(pub_ack(id)).await;
    }
    publishes(&life.world, &["4"]).await;
    b.hears(publish("t", "4").qos1(4)).await;
}

async fn twice(wire: Wire) {
    let life = Life::new(wire);
    absent_bob(&life.world).await;
    publishes(&life.world, &["1"]).await;
    let life = life.restarts();
    publishes(&life.world, &["2"]).await;
    let life = life.restarts().restarts();
    let mut b = life.world.client_with(bob(), true).await;
    b.hears(publish("t", "1").qos1(1)).await.hears(publish("t", "2").qos1(2)).await.hears_nothing().await;
}

async fn twice_sent(wire: Wire) {
    let life = Life::new(wire);
    absent_bob(&life.world).await;
    publishes(&life.world, &["1"]).await;
    let life = life.restarts();
    let mut b = life.world.client_with(bob(), true).await;
    b.hears(publish("t", "1").qos1(1)).await;
    // Away before it was heard of, and here again.
    drop(b);
    life.world.settles().await;
    let mut b = life.world.client_with(bob(), true).await;
    b.hears(publish("t", "1").qos1(1).dup()).await;
    let life = life.restarts();
    let mut b = life.world.client_with(bob(), true).await;
    b.hears(publish("t", "1").qos1(1).dup()).await.hears_nothing().await;
}
