//! The first conversations: one message from any client to any other.

use tidewire_tests::conversations;
use tidewire_tests::mqtt::{connect, pub_ack, pub_comp, pub_rec, pub_rel, publish, sub_ack, subscribe};
use tidewire_tests::peer::Wire;
use tidewire_tests::world::World;

conversations! {
    mqtt_to_mqtt => mqtt_reaches_mqtt;
    stomp_to_mqtt_and_back => stomp_reaches_mqtt_and_back;
}

async fn mqtt_reaches_mqtt(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = (world.mqtt().await, world.mqtt().await);
    alice.connects(connect("alice").v311(), false).await;
    bob.connects(connect("bob"), false).await;
    bob.says(subscribe("rooms/+", 2)).await.hears(sub_ack(&[2])).await;
    alice.says(publish("rooms/1", "zero")).await;
    bob.hears(publish("rooms/1", "zero")).await;
    alice.says(publish("rooms/1", "one").qos1(7)).await.hears(pub_ack(7)).await;
    bob.hears(publish("rooms/1", "one").qos1(1)).await.says(pub_ack(1)).await;
    alice.says(publish("rooms/1", "two").qos2(8)).await.hears(pub_rec(8)).await;
    alice.says(pub_rel(8)).await.hears(pub_comp(8)).await;
    bob.hears(publish("rooms/1", "two").qos2(2)).await;
    bob.says(pub_rec(2)).await.hears(pub_rel(2)).await;
    bob.says(pub_comp(2)).await.hears_nothing().await;
    alice.hears_nothing().await;
}

async fn stomp_reaches_mqtt_and_back(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = (world.stomp().await, world.mqtt().await);
    alice.connects("1.2").await;
    bob.connects(connect("bob"), false).await;
    bob.says(subscribe("to/bob", 0)).await.hears(sub_ack(&[0])).await;
    alice.says("SUBSCRIBE\nid:s\ndestination:/topic/to/alice\nreceipt:r\n\n^").await.hears_receipt("r").await;
    alice.says("SEND\ndestination:/topic/to/bob\ncontent-length:2\n\nhi^").await;
    let topic = bob.looks_at(|packet| format!("{packet:?}")).await;
    assert!(topic.contains("to/bob"), "{topic}");
    bob.says(publish("to/alice", "hello")).await;
    let heard = alice.hears_message("hello").await;
    assert_eq!(heard.header("subscription"), Some("s"));
    assert_eq!(heard.header("destination"), Some("/topic/to/alice"));
}
