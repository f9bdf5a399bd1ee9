//! Retained values, both ways.

use tidewire_tests::conversations;
use tidewire_tests::mqtt::{connect, pub_ack, publish, sub_ack, subscribe};
use tidewire_tests::peer::Wire;
use tidewire_tests::stomp::StompPeer;
use tidewire_tests::world::World;

use super::{connected, sender_and_subscriber};

conversations! {
    a_value_reaches_a_later_subscriber => later_subscriber;
    wildcards_reach_every_value => wildcards;
    an_empty_body_clears_it => cleared;
    whoever_is_subscribed_already_hears_it_unmarked => live;
    retain_handling_2_wants_none => retain_handling;
    a_shared_subscription_gets_none => shared;
    a_value_of_mqtt_reaches_stomp => mqtt_to_stomp;
    a_value_of_stomp_reaches_mqtt => stomp_to_mqtt;
    it_expires => expires;
    where_nothing_is_retained_it_is_refused => not_available;
    a_value_is_as_unacknowledged_as_any_message => acknowledged;
}

async fn retains(alice: &mut StompPeer, topic: &str, body: &str) {
    alice.says(&format!("SEND\ndestination:/topic/{topic}\nretain:true\nreceipt:kept\n\n{body}^")).await;
    alice.hears_receipt("kept").await;
}

async fn later_subscriber(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = (connected(&world, "1.2").await, connected(&world, "1.2").await);
    retains(&mut alice, "t", "old").await;
    retains(&mut alice, "t", "kept").await;
    alice.says("SEND\ndestination:/topic/t\nreceipt:r\n\nnot kept^").await.hears_receipt("r").await;
    bob.says("SUBSCRIBE\nid:s\ndestination:/topic/t\n\n^").await;
    let heard = bob.hears_message("kept").await;
    assert_eq!((heard.header("retain"), heard.header("subscription")), (Some("true"), Some("s")));
    bob.hears_nothing().await;
}

async fn wildcards(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = (connected(&world, "1.2").await, connected(&world, "1.2").await);
    for topic in ["a/1", "a/2", "b/1"] {
        retains(&mut alice, topic, topic).await;
    }
    bob.says("SUBSCRIBE\nid:s\ndestination:/topic/a/+\n\n^").await;
    let mut bodies = [bob.next().await.text().to_owned(), bob.next().await.text().to_owned()];
    bodies.sort();
    assert_eq!(bodies, ["a/1", "a/2"]);
    bob.hears_nothing().await;
}

async fn cleared(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = sender_and_subscriber(&world, "").await;
    retains(&mut alice, "t", "kept").await;
    retains(&mut alice, "t", "").await;
    bob.hears_message("kept").await;
    bob.hears_message("").await;
    bob.says("SUBSCRIBE\nid:2\ndestination:/topic/t\nreceipt:r\n\n^")
        .await
        .hears_receipt("r")
        .await
        .hears_nothing()
        .await;
}

async fn live(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = sender_and_subscriber(&world, "").await;
    retains(&mut alice, "t", "kept").await;
    assert_eq!(bob.hears_message("kept").await.header("retain"), None, "as it is new, not as it is kept");
}

async fn retain_handling(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = (connected(&world, "1.2").await, connected(&world, "1.2").await);
    retains(&mut alice, "t", "kept").await;
    bob.says("SUBSCRIBE\nid:2\ndestination:/topic/t\nretain-handling:2\n\n^").await.hears_nothing().await;
    for handling in ["0", "1"] {
        bob.says(&format!("SUBSCRIBE\nid:{handling}\ndestination:/topic/t\nretain-handling:{handling}\n\n^"))
            .await;
        assert_eq!(bob.hears_message("kept").await.header("subscription"), Some(handling));
        bob.hears_nothing().await;
    }
}

async fn shared(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = (connected(&world, "1.2").await, connected(&world, "1.2").await);
    retains(&mut alice, "t", "kept").await;
    bob.says("SUBSCRIBE\nid:s\ndestination:/topic/$share/g/t\nreceipt:r\n\n^").await.hears_receipt("r").await;
    bob.hears_nothing().await;
}

async fn mqtt_to_stomp(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = (world.mqtt().await, connected(&world, "1.2").await);
    alice.connects(connect("alice").v311(), false).await;
    alice.says(publish("t", "kept").qos1(1).retained()).await.hears(pub_ack(1)).await;
    bob.says("SUBSCRIBE\nid:s\ndestination:/topic/t\n\n^").await;
    let heard = bob.hears_message("kept").await;
    assert_eq!((heard.header("retain"), heard.header("qos")), (Some("true"), Some("1")));
}

async fn stomp_to_mqtt(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = (connected(&world, "1.2").await, world.mqtt().await);
    retains(&mut alice, "t", "kept").await;
    bob.connects(connect("bob").v311(), false).await;
    bob.says(subscribe("t", 0)).await.hears(sub_ack(&[0])).await.hears(publish("t", "kept").retained()).await;
}

async fn expires(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = (connected(&world, "1.2").await, connected(&world, "1.2").await);
    alice
        .says("SEND\ndestination:/topic/t\nretain:true\nttl:1000\nreceipt:r\n\nkept^")
        .await
        .hears_receipt("r")
        .await;
    bob.says("SUBSCRIBE\nid:1\ndestination:/topic/t\n\n^").await.hears_message("kept").await;
    bob.peer.hears_nothing_for(std::time::Duration::from_secs(1)).await;
    bob.says("SUBSCRIBE\nid:2\ndestination:/topic/t\n\n^").await.hears_nothing().await;
}

async fn not_available(wire: Wire) {
    let world = World::with(wire, |config| config.mqtt.retain_available = false);
    let mut alice = connected(&world, "1.2").await;
    alice
        .says("SEND\ndestination:/topic/t\nretain:true\n\nkept^")
        .await
        .is_refused("not retained", 1000)
        .await;
}

async fn acknowledged(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = (connected(&world, "1.2").await, connected(&world, "1.2").await);
    retains(&mut alice, "t", "kept").await;
    bob.says("SUBSCRIBE\nid:s\ndestination:/topic/t\nack:client\nprefetch-count:1\n\n^").await;
    let id = bob.hears_message("kept").await.header("ack").expect("an ack header").to_owned();
    super::sends(&mut alice, &["new"]).await;
    bob.hears_nothing().await;
    bob.says(&format!("ACK\nid:{id}\n\n^")).await.hears_message("new").await;
}
