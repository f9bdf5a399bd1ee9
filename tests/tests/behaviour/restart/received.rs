//! What was on its way from a client.

use tidewire_tests::conversations;
use tidewire_tests::mqtt::{ConnectWords, connect, pub_comp, pub_rec, pub_rel, publish, subscribe};
use tidewire_tests::peer::Wire;

use super::{Life, SECOND, bob};

conversations! {
    a_repeat_is_not_published_again => repeat;
    a_repeat_of_what_was_lost_is => lost;
    a_release_ends_it => released;
}

fn alice() -> ConnectWords {
    connect("alice").resume().expiry(600)
}

async fn repeat(wire: Wire) {
    let life = Life::new(wire);
    super::absent_bob(&life.world).await;
    let mut a = life.world.client_with(alice(), false).await;
    a.says(publish("t", "1").qos2(7)).await.hears(pub_rec(7)).await;
    let life = life.restarts();
    let mut a = life.world.client_with(alice(), true).await;
    a.says(publish("t", "1").qos2(7).dup()).await.hears(pub_rec(7)).await;
    a.says(pub_rel(7)).await.hears(pub_comp(7)).await;
    let mut b = life.world.client_with(bob(), true).await;
    b.hears(publish("t", "1").qos2(1)).await.hears_nothing().await;
}

/// PUBREC had not left, and neither the message nor its identifier was kept.
async fn lost(wire: Wire) {
    let life = Life::with(wire, SECOND, |_| ());
    super::absent_bob(&life.world).await;
    let mut a = life.world.client_with(alice(), false).await;
    a.says(publish("t", "1").qos2(7)).await;
    life.world.settles().await;
    let life = life.restarts();
    let mut a = life.world.client_with(alice(), true).await;
    a.says(publish("t", "1").qos2(7).dup()).await.hears(pub_rec(7)).await;
    let mut b = life.world.client_with(bob(), true).await;
    b.hears(publish("t", "1").qos2(1)).await.hears_nothing().await;
}

async fn released(wire: Wire) {
    let life = Life::new(wire);
    let mut b = life.world.client_with(bob(), false).await;
    b.subscribes(subscribe("t", 0)).await;
    let mut a = life.world.client_with(alice(), false).await;
    a.publishes(publish("t", "1").qos2(7)).await;
    let life = life.restarts();
    let mut b = life.world.client_with(bob(), true).await;
    let mut a = life.world.client_with(alice(), true).await;
    a.publishes(publish("t", "2").qos2(7)).await;
    b.hears(publish("t", "2")).await.hears_nothing().await;
}
