//! Who gets which message, and in which order.

use tidewire_tests::conversations;
use tidewire_tests::peer::Wire;
use tidewire_tests::world::World;

use super::{acks, connected, consumer, hears, sends, sends_to, subscribes};

conversations! {
    messages_wait_for_their_consumer_in_order => waits;
    one_message_goes_to_one_consumer_in_turn => in_turn;
    a_consumer_gets_as_many_as_it_may_have => by_credit;
    a_busy_consumer_is_passed_over => busy;
    urgent_messages_come_first => by_priority;
    auto_consumes_by_sending => auto;
    a_queue_that_is_empty_is_forgotten => forgotten;
    an_exclusive_consumer_is_the_only_one => exclusive;
    an_auto_delete_queue_goes_with_its_last_consumer => auto_delete;
    no_message_follows_the_receipt_of_unsubscribe => unsubscribe;
    retained_messages_are_for_topics => not_retained;
    a_name_must_be_given => bad_names;
    wildcards_of_topics_do_not_see_queues => not_a_topic;
}

async fn waits(wire: Wire) {
    let world = World::new(wire);
    let mut alice = connected(&world).await;
    sends(&mut alice, &["1", "2", "3"]).await;
    let mut bob = connected(&world).await;
    bob.says("SUBSCRIBE\nid:s\ndestination:/queue/q\n\n^").await;
    let first = bob.hears_message("1").await;
    assert_eq!(first.header("destination"), Some("/queue/q"));
    assert_eq!((first.header("redelivered"), first.header("ack")), (None, None));
    hears(&mut bob, &["2", "3"]).await;
    bob.hears_nothing().await;
}

async fn in_turn(wire: Wire) {
    let world = World::new(wire);
    let mut alice = connected(&world).await;
    let (mut bob, mut carol) = (consumer(&world, "").await, consumer(&world, "").await);
    sends(&mut alice, &["1", "2", "3", "4", "5"]).await;
    hears(&mut bob, &["1", "3", "5"]).await;
    hears(&mut carol, &["2", "4"]).await;
    bob.hears_nothing().await;
    carol.hears_nothing().await;
}

async fn by_credit(wire: Wire) {
    let world = World::new(wire);
    let mut alice = connected(&world).await;
    let mut bob = consumer(&world, "ack:client\nprefetch-count:2\n").await;
    sends(&mut alice, &["1", "2", "3", "4", "5"]).await;
    let ids = hears(&mut bob, &["1", "2"]).await;
    bob.hears_nothing().await;
    bob.says(&format!("ACK\nid:{}\n\n^", ids[1])).await;
    hears(&mut bob, &["3", "4"]).await;
    bob.hears_nothing().await;
}

async fn busy(wire: Wire) {
    let world = World::new(wire);
    let mut alice = connected(&world).await;
    let mut bob = consumer(&world, "ack:client-individual\nactivemq.prefetchSize:1\n").await;
    let mut carol = consumer(&world, "ack:client-individual\n").await;
    sends(&mut alice, &["1", "2", "3", "4"]).await;
    let ids = hears(&mut bob, &["1"]).await;
    hears(&mut carol, &["2", "3", "4"]).await;
    acks(&mut bob, &ids[0]).await;
    sends(&mut alice, &["5"]).await;
    sends(&mut alice, &["6"]).await;
    // Carol has stood in the line for longer.
    hears(&mut carol, &["5"]).await;
    hears(&mut bob, &["6"]).await;
}

async fn by_priority(wire: Wire) {
    let world = World::new(wire);
    let mut alice = connected(&world).await;
    for (priority, body) in [("", "4a"), ("priority:9\n", "9"), ("priority:0\n", "0"), ("priority:4\n", "4b")]
    {
        sends_to(&mut alice, "/queue/q", priority, &[body]).await;
    }
    let mut mqtt = world.client("carol").await;
    let urgent = tidewire_protocols::mqtt::Property::UserProperty("priority", "6");
    mqtt.says(tidewire_tests::mqtt::publish("$queue/q", "6").qos1(1).with(urgent)).await;
    mqtt.hears(tidewire_tests::mqtt::pub_ack(1)).await;
    let mut bob = connected(&world).await;
    bob.says("SUBSCRIBE\nid:s\ndestination:/queue/q\n\n^").await;
    let first = bob.hears_message("9").await;
    assert_eq!(first.header("priority"), Some("9"), "it is a header like any other");
    hears(&mut bob, &["6", "4a", "4b", "0"]).await;
}

async fn auto(wire: Wire) {
    let world = World::new(wire);
    let mut alice = connected(&world).await;
    let mut bob = consumer(&world, "").await;
    sends(&mut alice, &["1"]).await;
    hears(&mut bob, &["1"]).await;
    bob.peer.closes().await;
    let mut carol = consumer(&world, "").await;
    carol.hears_nothing().await;
}

async fn forgotten(wire: Wire) {
    let world = World::new(wire);
    let mut bob = consumer(&world, "ack:client\n").await;
    assert_eq!(world.broker.queue_count(), 1);
    let mut alice = connected(&world).await;
    sends(&mut alice, &["1"]).await;
    let ids = hears(&mut bob, &["1"]).await;
    acks(&mut bob, &ids[0]).await;
    bob.says("UNSUBSCRIBE\nid:s\nreceipt:r\n\n^").await.hears_receipt("r").await;
    assert_eq!(world.broker.queue_count(), 0);
    sends(&mut alice, &["2"]).await;
    assert_eq!(world.broker.queue_count(), 1);
    consumer(&world, "").await.hears_message("2").await;
}

async fn exclusive(wire: Wire) {
    let world = World::new(wire);
    let mut bob = consumer(&world, "exclusive:true\n").await;
    let mut carol = connected(&world).await;
    carol
        .says("SUBSCRIBE\nid:s\ndestination:/queue/q\n\n^")
        .await
        .is_refused("exclusive consumer", 1000)
        .await;
    bob.says("DISCONNECT\n\n^").await.is_closed().await;
    let _carol = consumer(&world, "").await;
    let mut dave = connected(&world).await;
    dave.says("SUBSCRIBE\nid:s\ndestination:/queue/q\nexclusive:true\n\n^").await;
    dave.is_refused("exclusive consumer", 1000).await;
    let mut erin = connected(&world).await;
    erin.says("SUBSCRIBE\nid:s\ndestination:/topic/t\nexclusive:true\n\n^").await;
    erin.is_refused("exclusive on a topic", 1000).await;
}

async fn auto_delete(wire: Wire) {
    let world = World::new(wire);
    let mut alice = connected(&world).await;
    let mut bob = consumer(&world, "auto-delete:true\nack:client\nprefetch-count:1\n").await;
    sends(&mut alice, &["1", "2"]).await;
    hears(&mut bob, &["1"]).await;
    bob.peer.closes().await;
    world.settles().await;
    assert_eq!(world.broker.queue_count(), 0);
    assert_eq!(world.broker.counters.dropped.value(), 2);
    let mut carol = consumer(&world, "auto-delete:true\nack:client\n").await;
    sends(&mut alice, &["3"]).await;
    hears(&mut carol, &["3"]).await;
    carol.says("UNSUBSCRIBE\nid:s\nreceipt:r\n\n^").await.hears_receipt("r").await;
    assert_eq!(world.broker.queue_count(), 0);
}

async fn unsubscribe(wire: Wire) {
    let world = World::new(wire);
    let mut alice = connected(&world).await;
    let mut bob = consumer(&world, "ack:client\n").await;
    sends(&mut alice, &["1", "2"]).await;
    hears(&mut bob, &["1", "2"]).await;
    bob.says("UNSUBSCRIBE\nid:s\nreceipt:r\n\n^").await.hears_receipt("r").await;
    sends(&mut alice, &["3"]).await;
    bob.hears_nothing().await;
    subscribes(&mut bob, "/queue/other", "").await;
    let mut carol = consumer(&world, "").await;
    hears(&mut carol, &["1", "2", "3"]).await;
}

async fn not_retained(wire: Wire) {
    let world = World::new(wire);
    let mut alice = connected(&world).await;
    alice.says("SEND\ndestination:/queue/q\nretain:true\n\nx^").await.is_refused("not retained", 1000).await;
}

async fn bad_names(wire: Wire) {
    let world = World::new(wire);
    for command in ["SEND", "SUBSCRIBE\nid:s"] {
        for destination in ["/queue/", "/queue/$x", "/queue/a/+", "/temp-queue/", "/topic/$share/g/$queue/q"]
        {
            if command == "SEND" && destination.starts_with("/topic") {
                continue;
            }
            let mut alice = connected(&world).await;
            alice.says(&format!("{command}\ndestination:{destination}\n\n^")).await;
            alice.is_refused("bad destination", 1000).await;
        }
    }
}

async fn not_a_topic(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = (connected(&world).await, connected(&world).await);
    subscribes(&mut bob, "/topic/#", "").await;
    sends(&mut alice, &["1"]).await;
    bob.hears_nothing().await;
}
