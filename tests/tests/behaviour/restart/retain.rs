//! Retained messages.

use tidewire::store::Record;
use tidewire_protocols::mqtt::Property;
use tidewire_tests::conversations;
use tidewire_tests::mqtt::{publish, subscribe};
use tidewire_tests::peer::Wire;

use super::{Life, SECOND};

conversations! {
    they_are_there => there;
    what_was_cleared_is_not => cleared;
    what_has_expired_is_not => expired;
}

async fn there(wire: Wire) {
    let life = Life::new(wire);
    let mut alice = life.world.client("alice").await;
    alice.publishes(publish("a", "0").retained()).await.publishes(publish("b", "1").qos1(1).retained()).await;
    alice.publishes(publish("b", "2").qos1(2).retained()).await;
    let mut carol = life.restarts().world.client("carol").await;
    carol.subscribes(subscribe("a", 1).and("b", 1)).await;
    carol.hears(publish("a", "0").retained()).await.hears(publish("b", "2").qos1(1).retained()).await;
    carol.hears_nothing().await;
}

async fn cleared(wire: Wire) {
    let life = Life::new(wire);
    let mut alice = life.world.client("alice").await;
    alice.publishes(publish("a", "1").qos1(1).retained()).await;
    alice.publishes(publish("a", "").qos1(1).retained()).await;
    let mut carol = life.restarts().world.client("carol").await;
    carol.subscribes(subscribe("#", 1)).await.hears_nothing().await;
}

async fn expired(wire: Wire) {
    let life = Life::new(wire);
    let mut alice = life.world.client("alice").await;
    let due = Property::MessageExpiryInterval(10);
    alice.publishes(publish("a", "1").qos1(1).retained().with(due)).await;
    let life = life.restarts();
    life.world.passes(4 * SECOND).await;
    let mut carol = life.world.client("carol").await;
    let left = Property::MessageExpiryInterval(6);
    carol.subscribes(subscribe("#", 0)).await.hears(publish("a", "1").retained().with(left)).await;
    life.world.passes(7 * SECOND).await;
    let life = life.restarts();
    let is_cleared = |record: &Record| matches!(record, Record::RetainedCleared { topic } if &**topic == "a");
    assert!(life.store.records().iter().any(is_cleared));
    let mut carol = life.world.client("carol").await;
    carol.subscribes(subscribe("#", 1)).await.hears_nothing().await;
}
