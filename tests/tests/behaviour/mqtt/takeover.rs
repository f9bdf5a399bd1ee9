//! A second connection with a client identifier that is in use.

use tidewire_protocols::mqtt::{Property, ReasonCode};
use tidewire_tests::conversations;
use tidewire_tests::mqtt::{ConnectWords, connect, pub_ack, publish, subscribe};
use tidewire_tests::peer::Wire;
use tidewire_tests::world::World;

use super::SECOND;

conversations! {
    the_older_connection_ends => older_ends;
    mqtt_311_is_just_closed => mqtt_311_closes;
    the_session_goes_on => session_goes_on;
    a_session_that_ends_with_its_connection_is_not_taken_over => session_ends;
    a_clean_start_takes_nothing_over => clean_start;
    a_will_is_published => will;
    a_will_does_not_overtake_what_is_sent_again => will_behind_resends;
    a_delayed_will_is_withdrawn => delayed_will;
    a_delayed_will_is_published_when_the_session_ends => delayed_will_at_the_end;
    the_older_connections_end_changes_nothing => stale_end;
    a_chain_of_takeovers_leaves_the_last => chain;
}

fn alice() -> ConnectWords {
    connect("alice").resume().expiry(60)
}

async fn older_ends(wire: Wire) {
    let world = World::new(wire);
    let mut old = world.client_with(alice(), false).await;
    let mut new = world.client_with(alice(), true).await;
    old.is_disconnected(ReasonCode::SessionTakenOver, 1000).await;
    new.hears_nothing().await;
}

async fn mqtt_311_closes(wire: Wire) {
    let world = World::new(wire);
    let mut old = world.client_with(connect("alice").v311(), false).await;
    let mut new = world.client_with(connect("alice").v311(), false).await;
    old.is_closed().await;
    new.hears_nothing().await;
}

async fn session_goes_on(wire: Wire) {
    let world = World::new(wire);
    let mut bob = world.client("bob").await;
    let mut old = world.client_with(alice(), false).await;
    old.subscribes(subscribe("t", 1)).await;
    bob.publishes(publish("t", "one").qos1(1)).await;
    old.hears(publish("t", "one").qos1(1)).await;
    let mut new = world.client_with(alice(), true).await;
    new.hears(publish("t", "one").qos1(1).dup()).await.says(pub_ack(1)).await;
    bob.publishes(publish("t", "two").qos1(1)).await;
    new.hears(publish("t", "two").qos1(2)).await.says(pub_ack(2)).await.hears_nothing().await;
    old.is_disconnected(ReasonCode::SessionTakenOver, 1000).await;
}

async fn session_ends(wire: Wire) {
    let world = World::new(wire);
    let mut bob = world.client("bob").await;
    bob.subscribes(subscribe("will", 0)).await;
    // Expiry 0, and with it the delayed will: both end with the connection, whatever ends it.
    let will = [Property::WillDelayInterval(30)];
    let mut old = world.client_with(connect("alice").will_with(publish("will", "gone"), &will), false).await;
    old.subscribes(subscribe("t", 1)).await;
    let mut new = world.client_with(alice(), false).await;
    old.is_disconnected(ReasonCode::SessionTakenOver, 1000).await;
    bob.hears(publish("will", "gone")).await;
    bob.publishes(publish("t", "for nobody").qos1(1)).await;
    new.hears_nothing().await;
    // A clean session of 3.1.1 is the same.
    let mut old = world.client_with(connect("carol").v311(), false).await;
    world.client_with(connect("carol").v311().resume(), false).await;
    old.is_closed().await;
}

async fn clean_start(wire: Wire) {
    let world = World::new(wire);
    let mut bob = world.client("bob").await;
    let mut old = world.client_with(alice(), false).await;
    old.subscribes(subscribe("t", 1)).await;
    let mut new = world.client_with(connect("alice").expiry(60), false).await;
    old.is_disconnected(ReasonCode::SessionTakenOver, 1000).await;
    bob.publishes(publish("t", "one").qos1(1)).await;
    new.subscribes(subscribe("t", 1)).await.hears_nothing().await;
    bob.publishes(publish("t", "two").qos1(1)).await;
    new.hears(publish("t", "two").qos1(1)).await;
}

async fn will(wire: Wire) {
    let world = World::new(wire);
    let mut bob = world.client("bob").await;
    bob.subscribes(subscribe("will", 0)).await;
    let first = world.client_with(alice().will(publish("will", "first")), false).await;
    let second = world.client_with(alice().will(publish("will", "second")), true).await;
    bob.hears(publish("will", "first")).await.hears_nothing().await;
    drop(first);
    bob.hears_nothing().await;
    drop(second);
    bob.hears(publish("will", "second")).await.hears_nothing().await;
}

async fn will_behind_resends(wire: Wire) {
    let world = World::new(wire);
    let mut old = world.client_with(alice().will(publish("t", "gone").qos1(9)), false).await;
    old.subscribes(subscribe("t", 1)).await;
    old.says(publish("t", "one").qos1(1))
        .await
        .hears(pub_ack(1))
        .await
        .hears(publish("t", "one").qos1(1))
        .await;
    let mut new = world.client_with(alice(), true).await;
    new.hears(publish("t", "one").qos1(1).dup()).await.hears(publish("t", "gone").qos1(2)).await;
}

async fn delayed_will(wire: Wire) {
    let world = World::new(wire);
    let mut bob = world.client("bob").await;
    bob.subscribes(subscribe("will", 0)).await;
    let will = [Property::WillDelayInterval(5)];
    let _first = world.client_with(alice().will_with(publish("will", "first"), &will), false).await;
    let _second = world.client_with(alice(), true).await;
    world.passes(10 * SECOND).await;
    bob.hears_nothing().await;
}

async fn delayed_will_at_the_end(wire: Wire) {
    let world = World::new(wire);
    let mut bob = world.client("bob").await;
    bob.subscribes(subscribe("will", 0)).await;
    let will = [Property::WillDelayInterval(5)];
    let _first = world.client_with(alice().will_with(publish("will", "first"), &will), false).await;
    let _second = world.client_with(connect("alice"), false).await;
    bob.hears(publish("will", "first")).await;
    world.passes(10 * SECOND).await;
    bob.hears_nothing().await;
}

async fn stale_end(wire: Wire) {
    let world = World::new(wire);
    let mut bob = world.client("bob").await;
    let mut old = world.client_with(alice(), false).await;
    old.subscribes(subscribe("t", 1)).await;
    let mut new = world.client_with(alice(), true).await;
    old.is_disconnected(ReasonCode::SessionTakenOver, 1000).await;
    drop(old);
    // Longer than the session would have lasted without a connection.
    world.passes(100 * SECOND).await;
    bob.publishes(publish("t", "here").qos1(1)).await;
    new.hears(publish("t", "here").qos1(1)).await;
}

async fn chain(wire: Wire) {
    let world = World::new(wire);
    let mut bob = world.client("bob").await;
    let mut first = world.client_with(alice(), false).await;
    first.subscribes(subscribe("t", 1)).await;
    let mut older = vec![first];
    for _ in 0..5 {
        older.push(world.client_with(alice(), true).await);
    }
    let mut last = older.pop().expect("there are six");
    for mut old in older {
        old.is_disconnected(ReasonCode::SessionTakenOver, 1000).await;
    }
    bob.publishes(publish("t", "m").qos1(1)).await;
    last.hears(publish("t", "m").qos1(1)).await.hears_nothing().await;
}
