//! Durable subscriptions to topics.

use std::time::Duration;

use tidewire_tests::conversations;
use tidewire_tests::mqtt::{pub_ack, publish};
use tidewire_tests::peer::Wire;
use tidewire_tests::stomp::StompPeer;
use tidewire_tests::world::World;

use super::{acks, connected, hears, redelivery, sends_to};

conversations! {
    it_outlives_its_connection => outlives;
    what_was_not_acknowledged_comes_again => unacknowledged;
    unsubscribing_durably_ends_it => ends;
    unsubscribing_alone_does_not => pauses;
    other_brokers_names_are_known => aliases;
    it_needs_a_client_id => needs_client_id;
    it_has_one_connection_at_a_time => one_at_a_time;
    another_destination_begins_anew => begins_anew;
    it_may_choose => selects;
    it_ends_when_nobody_has_used_it_for_long => ages;
    its_bounds_are_an_outboxs => bounded;
    retained_messages_come_when_it_is_new => retained;
}

async fn client(world: &World) -> StompPeer {
    let mut peer = world.stomp().await;
    peer.says("CONNECT\naccept-version:1.2\nhost:test\nclient-id:bob\n\n^").await;
    assert_eq!(peer.next().await.command, "CONNECTED");
    peer
}

async fn durable(world: &World, headers: &str) -> StompPeer {
    let mut peer = client(world).await;
    peer.says(&format!("SUBSCRIBE\nid:news\ndestination:/topic/t/+\ndurable:true\n{headers}receipt:r\n\n^"))
        .await;
    peer.hears_receipt("r").await;
    peer
}

async fn outlives(wire: Wire) {
    let world = World::new(wire);
    let mut alice = connected(&world).await;
    let mut bob = durable(&world, "").await;
    sends_to(&mut alice, "/topic/t/1", "", &["1"]).await;
    let heard = bob.hears_message("1").await;
    assert_eq!(
        (heard.header("destination"), heard.header("subscription")),
        (Some("/topic/t/1"), Some("news"))
    );
    bob.says("DISCONNECT\n\n^").await.is_closed().await;
    sends_to(&mut alice, "/topic/t/1", "", &["2"]).await;
    let mut mqtt = world.client("carol").await;
    mqtt.says(publish("t/2", "3").qos1(1)).await.hears(pub_ack(1)).await;
    let mut bob = client(&world).await;
    bob.says("SUBSCRIBE\nid:news\ndestination:/topic/t/+\ndurable:true\n\n^").await;
    hears(&mut bob, &["2", "3"]).await;
    bob.hears_nothing().await;
}

async fn unacknowledged(wire: Wire) {
    let world = World::new(wire);
    let mut alice = connected(&world).await;
    let mut bob = durable(&world, "ack:client-individual\n").await;
    sends_to(&mut alice, "/topic/t/1", "", &["1", "2", "3"]).await;
    let ids = hears(&mut bob, &["1", "2", "3"]).await;
    acks(&mut bob, &ids[1]).await;
    drop(bob);
    world.settles().await;
    let mut bob = client(&world).await;
    bob.says("SUBSCRIBE\nid:news\ndestination:/topic/t/+\ndurable:true\n\n^").await;
    assert_eq!(redelivery(&bob.hears_message("1").await), (Some("true"), Some("2")));
    hears(&mut bob, &["3"]).await;
    bob.hears_nothing().await;
}

async fn ends(wire: Wire) {
    let world = World::new(wire);
    let mut alice = connected(&world).await;
    let mut bob = durable(&world, "").await;
    bob.says("UNSUBSCRIBE\nid:news\ndurable:true\nreceipt:u\n\n^").await.hears_receipt("u").await;
    sends_to(&mut alice, "/topic/t/1", "", &["1"]).await;
    bob.hears_nothing().await;
    assert_eq!((world.broker.queue_count(), world.broker.subscription_count()), (0, 0));
    // From another connection, where it is not in use.
    drop(bob);
    drop(durable(&world, "").await);
    sends_to(&mut alice, "/topic/t/1", "", &["2"]).await;
    let mut bob = client(&world).await;
    bob.says("UNSUBSCRIBE\nid:news\ndurable:true\nreceipt:u\n\n^").await.hears_receipt("u").await;
    assert_eq!((world.broker.queue_count(), world.broker.subscription_count()), (0, 0));
    bob.says("UNSUBSCRIBE\nid:news\ndurable:true\n\n^").await.is_refused("unknown subscription", 1000).await;
}

async fn pauses(wire: Wire) {
    let world = World::new(wire);
    let mut alice = connected(&world).await;
    let mut bob = durable(&world, "").await;
    bob.says("UNSUBSCRIBE\nid:news\nreceipt:u\n\n^").await.hears_receipt("u").await;
    sends_to(&mut alice, "/topic/t/1", "", &["1"]).await;
    bob.hears_nothing().await;
    bob.says("SUBSCRIBE\nid:news\ndestination:/topic/t/+\ndurable:true\n\n^").await.hears_message("1").await;
}

async fn aliases(wire: Wire) {
    let world = World::new(wire);
    let mut alice = connected(&world).await;
    for name in ["activemq.subscriptionName", "durable-subscription-name", "durable-subscriber-name"] {
        let subscribe = format!("SUBSCRIBE\nid:any\ndestination:/topic/t/1\n{name}:mine\nreceipt:r\n\n^");
        let mut bob = client(&world).await;
        bob.says(&subscribe).await.hears_receipt("r").await;
        drop(bob);
        sends_to(&mut alice, "/topic/t/1", "", &["1"]).await;
        let mut bob = client(&world).await;
        bob.says(&subscribe.replace("receipt:r\n", "")).await.hears_message("1").await;
        bob.says(&format!("UNSUBSCRIBE\nid:any\n{name}:mine\nreceipt:u\n\n^")).await.hears_receipt("u").await;
    }
    let mut bob = client(&world).await;
    bob.says("SUBSCRIBE\nid:any\ndestination:/topic/t/1\npersistent:true\nreceipt:r\n\n^").await;
    bob.hears_receipt("r").await;
    drop(bob);
    world.settles().await;
    assert_eq!(world.broker.subscription_count(), 1);
}

async fn needs_client_id(wire: Wire) {
    let world = World::new(wire);
    let mut alice = connected(&world).await;
    alice.says("SUBSCRIBE\nid:s\ndestination:/topic/t\ndurable:true\n\n^").await;
    alice.is_refused("a durable subscription needs a client-id", 1000).await;
}

async fn one_at_a_time(wire: Wire) {
    let world = World::new(wire);
    let _bob = durable(&world, "").await;
    let mut again = client(&world).await;
    again.says("SUBSCRIBE\nid:news\ndestination:/topic/t/+\ndurable:true\n\n^").await;
    again.is_refused("exclusive consumer", 1000).await;
}

async fn begins_anew(wire: Wire) {
    let world = World::new(wire);
    let mut alice = connected(&world).await;
    drop(durable(&world, "").await);
    sends_to(&mut alice, "/topic/t/1", "", &["old"]).await;
    let mut bob = client(&world).await;
    bob.says("SUBSCRIBE\nid:news\ndestination:/topic/other\ndurable:true\nreceipt:r\n\n^").await;
    bob.hears_receipt("r").await;
    sends_to(&mut alice, "/topic/t/1", "", &["no"]).await;
    sends_to(&mut alice, "/topic/other", "", &["yes"]).await;
    bob.hears_message("yes").await;
}

async fn selects(wire: Wire) {
    let world = World::new(wire);
    let mut alice = connected(&world).await;
    drop(durable(&world, "selector:colour = 'red'\n").await);
    sends_to(&mut alice, "/topic/t/1", "colour:blue\n", &["blue"]).await;
    sends_to(&mut alice, "/topic/t/1", "colour:red\n", &["red"]).await;
    let mut bob = client(&world).await;
    bob.says("SUBSCRIBE\nid:news\ndestination:/topic/t/+\ndurable:true\nselector:colour = 'red'\n\n^").await;
    bob.hears_message("red").await;
    bob.hears_nothing().await;
}

async fn ages(wire: Wire) {
    let hour = Duration::from_secs(3600);
    let world = World::with(wire, |config| config.session.expiry_max = tidewire::config::Span(hour));
    let mut alice = connected(&world).await;
    drop(durable(&world, "").await);
    world.passes(hour / 2).await;
    drop(durable(&world, "").await);
    sends_to(&mut alice, "/topic/t/1", "", &["1"]).await;
    world.passes(hour * 3 / 4).await;
    assert_eq!((world.broker.queue_count(), world.broker.subscription_count()), (1, 1), "it was used since");
    world.passes(hour / 2).await;
    assert_eq!((world.broker.queue_count(), world.broker.subscription_count()), (0, 0));
}

async fn bounded(wire: Wire) {
    let world = World::with(wire, |config| config.session.outbox_messages_max = 2);
    let mut alice = connected(&world).await;
    drop(durable(&world, "").await);
    sends_to(&mut alice, "/topic/t/1", "", &["1", "2", "3"]).await;
    assert_eq!(world.broker.counters.dropped.value(), 1);
    let mut bob = client(&world).await;
    bob.says("SUBSCRIBE\nid:news\ndestination:/topic/t/+\ndurable:true\n\n^").await;
    hears(&mut bob, &["1", "2"]).await;
    bob.hears_nothing().await;
}

async fn retained(wire: Wire) {
    let world = World::new(wire);
    let mut alice = connected(&world).await;
    sends_to(&mut alice, "/topic/t/1", "retain:true\n", &["kept"]).await;
    let subscribe = "SUBSCRIBE\nid:news\ndestination:/topic/t/+\ndurable:true\nretain-handling:1\n\n^";
    let mut bob = client(&world).await;
    assert_eq!(bob.says(subscribe).await.hears_message("kept").await.header("retain"), Some("true"));
    drop(bob);
    world.settles().await;
    let mut bob = client(&world).await;
    bob.says(subscribe).await.hears_nothing().await;
}
