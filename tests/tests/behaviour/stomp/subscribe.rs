//! SUBSCRIBE and UNSUBSCRIBE.

use tidewire_tests::conversations;
use tidewire_tests::peer::Wire;
use tidewire_tests::world::World;

use super::{connected, sender_and_subscriber, sends};

conversations! {
    without_id_it_is_refused => missing_id;
    without_destination_it_is_refused => missing_destination;
    an_id_is_used_once_at_a_time => duplicate_id;
    each_subscription_on_a_destination_gets_its_own_message => two_on_one_destination;
    wildcards_match_as_in_mqtt => wildcards;
    wildcards_do_not_match_topics_of_the_broker => wildcards_and_dollar;
    a_shared_subscription_sends_each_message_to_one => shared;
    ones_own_messages_may_be_left_out => no_local;
    values_that_mean_nothing_are_refused => bad_values;
    in_1_0_the_destination_names_it => without_id_in_1_0;
    in_1_0_an_id_may_name_it => with_id_in_1_0;
    unsubscribing_stops_at_once => unsubscribe_stops;
    messages_that_wait_go_with_their_subscription => unsubscribe_drops_what_waits;
    no_message_follows_the_receipt_of_unsubscribe => unsubscribe_receipt_is_last;
    unsubscribing_from_what_is_not_there_is_refused => unknown_subscription;
    a_session_has_so_many_subscriptions => too_many;
    a_name_has_so_many_levels => too_many_levels;
}

async fn missing_id(wire: Wire) {
    let world = World::new(wire);
    for version in ["1.1", "1.2"] {
        let mut alice = connected(&world, version).await;
        alice.says("SUBSCRIBE\ndestination:/topic/t\n\n^").await;
        alice.is_refused("SUBSCRIBE needs a id header", 1000).await;
        let mut bob = connected(&world, version).await;
        bob.says("UNSUBSCRIBE\ndestination:/topic/t\n\n^").await;
        bob.is_refused("UNSUBSCRIBE needs a id header", 1000).await;
    }
}

async fn missing_destination(wire: Wire) {
    let world = World::new(wire);
    let mut alice = connected(&world, "1.2").await;
    alice.says("SUBSCRIBE\nid:s\n\n^").await.is_refused("SUBSCRIBE needs a destination header", 1000).await;
}

async fn duplicate_id(wire: Wire) {
    let world = World::new(wire);
    let mut alice = connected(&world, "1.2").await;
    alice.says("SUBSCRIBE\nid:s\ndestination:/topic/a\n\n^UNSUBSCRIBE\nid:s\n\n^").await;
    alice.says("SUBSCRIBE\nid:s\ndestination:/topic/b\nreceipt:r\n\n^").await.hears_receipt("r").await;
    alice.says("SUBSCRIBE\nid:s\ndestination:/topic/c\n\n^").await;
    alice.is_refused("duplicate subscription", 1000).await;
}

async fn two_on_one_destination(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = sender_and_subscriber(&world, "").await;
    bob.says(
        "SUBSCRIBE\nid:2\ndestination:/topic/t\n\n^SUBSCRIBE\nid:3\ndestination:/topic/+\nreceipt:r\n\n^",
    )
    .await;
    bob.hears_receipt("r").await;
    sends(&mut alice, &["hello"]).await;
    let mut subscriptions = Vec::new();
    for _ in 0..3 {
        subscriptions.push(bob.hears_message("hello").await.header("subscription").map(str::to_owned));
    }
    subscriptions.sort();
    assert_eq!(subscriptions, [Some("2".into()), Some("3".into()), Some("s".into())]);
    bob.hears_nothing().await;
}

async fn wildcards(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = (connected(&world, "1.2").await, connected(&world, "1.2").await);
    bob.says("SUBSCRIBE\nid:one\ndestination:/topic/a/+\n\n^SUBSCRIBE\nid:all\ndestination:/topic/b/#\nreceipt:r\n\n^")
        .await
        .hears_receipt("r")
        .await;
    for (topic, subscription) in [("a/x", "one"), ("b", "all"), ("b/x/y", "all")] {
        alice.says(&format!("SEND\ndestination:/topic/{topic}\n\nhello^")).await;
        let heard = bob.hears_message("hello").await;
        assert_eq!(heard.header("subscription"), Some(subscription));
        assert_eq!(heard.header("destination"), Some(format!("/topic/{topic}").as_str()));
    }
    alice.says("SEND\ndestination:/topic/a/x/y\n\nhello^SEND\ndestination:/topic/a\n\nhello^").await;
    bob.hears_nothing().await;
    bob.says("SUBSCRIBE\nid:bad\ndestination:/topic/a#\n\n^").await.is_refused("bad destination", 1000).await;
}

async fn wildcards_and_dollar(wire: Wire) {
    let world = World::with(wire, |config| config.stomp.denied = tidewire::config::Denied::Ignore);
    let (mut alice, mut bob) = (connected(&world, "1.2").await, connected(&world, "1.2").await);
    bob.says("SUBSCRIBE\nid:s\ndestination:/topic/#\nreceipt:r\n\n^").await.hears_receipt("r").await;
    alice.says("SEND\ndestination:/topic/$SYS/x\n\nhello^").await;
    bob.hears_nothing().await;
}

async fn shared(wire: Wire) {
    let world = World::new(wire);
    let mut alice = connected(&world, "1.2").await;
    let (mut bob, mut carol) = (connected(&world, "1.2").await, connected(&world, "1.1").await);
    for peer in [&mut bob, &mut carol] {
        peer.says("SUBSCRIBE\nid:s\ndestination:/topic/$share/workers/jobs/+\nreceipt:r\n\n^").await;
        peer.hears_receipt("r").await;
    }
    for body in ["1", "2", "3", "4"] {
        alice.says(&format!("SEND\ndestination:/topic/jobs/x\n\n{body}^")).await;
    }
    let mut bodies = Vec::new();
    for peer in [&mut bob, &mut carol] {
        for _ in 0..2 {
            let heard = peer.next().await;
            assert_eq!(heard.header("destination"), Some("/topic/jobs/x"));
            bodies.push(heard.text().to_owned());
        }
        peer.hears_nothing().await;
    }
    bodies.sort();
    assert_eq!(bodies, ["1", "2", "3", "4"]);
}

async fn no_local(wire: Wire) {
    let world = World::new(wire);
    for name in ["no-local", "activemq.noLocal"] {
        let (mut alice, mut bob) = (connected(&world, "1.2").await, connected(&world, "1.2").await);
        alice.says(&format!("SUBSCRIBE\nid:s\ndestination:/topic/t\n{name}:true\nreceipt:r\n\n^")).await;
        alice
            .hears_receipt("r")
            .await
            .says("SEND\ndestination:/topic/t\n\nmine^")
            .await
            .hears_nothing()
            .await;
        bob.says("SEND\ndestination:/topic/t\n\nyours^").await;
        alice.hears_message("yours").await;
    }
}

async fn bad_values(wire: Wire) {
    let world = World::new(wire);
    for (name, value, expected) in [
        ("ack", "Auto", "client-individual"),
        ("prefetch-count", "many", "a number"),
        ("retain-handling", "3", "0, 1 or 2"),
    ] {
        let mut alice = connected(&world, "1.2").await;
        alice.says(&format!("SUBSCRIBE\nid:s\ndestination:/topic/t\n{name}:{value}\n\n^")).await;
        let heard = alice.is_refused(&format!("bad {name} header"), 1000).await;
        assert!(heard.text().contains(value) && heard.text().contains(expected), "{heard:?}");
    }
}

async fn without_id_in_1_0(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = (connected(&world, "1.0").await, connected(&world, "1.0").await);
    bob.says("SUBSCRIBE\ndestination:/topic/t\nreceipt:r\n\n^").await.hears_receipt("r").await;
    alice.says("SEND\ndestination:/topic/t\n\nhello^").await;
    let heard = bob.hears_message("hello").await;
    assert_eq!((heard.header("destination"), heard.header("subscription")), (Some("/topic/t"), None));
    bob.says("UNSUBSCRIBE\ndestination:/topic/t\nreceipt:r\n\n^").await.hears_receipt("r").await;
    alice.says("SEND\ndestination:/topic/t\n\nhello^").await;
    bob.hears_nothing().await;
}

async fn with_id_in_1_0(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = (connected(&world, "1.0").await, connected(&world, "1.0").await);
    bob.says("SUBSCRIBE\nid:s\ndestination:/topic/t\nreceipt:r\n\n^").await.hears_receipt("r").await;
    alice.says("SEND\ndestination:/topic/t\n\nhello^").await;
    assert_eq!(bob.hears_message("hello").await.header("subscription"), Some("s"));
    bob.says("UNSUBSCRIBE\nid:s\nreceipt:r\n\n^").await.hears_receipt("r").await;
}

async fn unsubscribe_stops(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = sender_and_subscriber(&world, "").await;
    bob.says("SUBSCRIBE\nid:stays\ndestination:/topic/t\n\n^UNSUBSCRIBE\nid:s\nreceipt:r\n\n^").await;
    bob.hears_receipt("r").await;
    sends(&mut alice, &["hello"]).await;
    assert_eq!(bob.hears_message("hello").await.header("subscription"), Some("stays"));
    bob.hears_nothing().await;
}

async fn unsubscribe_drops_what_waits(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = sender_and_subscriber(&world, "ack:client\nprefetch-count:1\n").await;
    sends(&mut alice, &["one", "two", "three"]).await;
    bob.hears_message("one").await;
    bob.says("UNSUBSCRIBE\nid:s\nreceipt:r\n\n^").await.hears_receipt("r").await.hears_nothing().await;
}

async fn unsubscribe_receipt_is_last(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = sender_and_subscriber(&world, "").await;
    // Both frames are there before the broker looks: the message is on its way when bob no longer wants it.
    alice.says("SEND\ndestination:/topic/t\n\nhello^").await;
    bob.says("UNSUBSCRIBE\nid:s\nreceipt:r\n\n^").await;
    let mut heard = bob.next().await;
    if heard.command == "MESSAGE" {
        heard = bob.next().await;
    }
    assert_eq!(heard.header("receipt-id"), Some("r"));
    bob.hears_nothing().await;
}

async fn unknown_subscription(wire: Wire) {
    let world = World::new(wire);
    let mut alice = connected(&world, "1.2").await;
    alice.says("UNSUBSCRIBE\nid:s\n\n^").await.is_refused("unknown subscription", 1000).await;
}

async fn too_many(wire: Wire) {
    let world = World::with(wire, |config| config.limits.subscriptions_per_session_max = 2);
    let mut alice = connected(&world, "1.2").await;
    for id in ["1", "2"] {
        alice
            .says(&format!("SUBSCRIBE\nid:{id}\ndestination:/topic/t\nreceipt:r\n\n^"))
            .await
            .hears_receipt("r")
            .await;
    }
    alice.says("UNSUBSCRIBE\nid:1\n\n^SUBSCRIBE\nid:3\ndestination:/topic/t\nreceipt:r\n\n^").await;
    alice.hears_receipt("r").await;
    alice
        .says("SUBSCRIBE\nid:4\ndestination:/topic/t\n\n^")
        .await
        .is_refused("too many subscriptions", 1000)
        .await;
}

async fn too_many_levels(wire: Wire) {
    let world = World::with(wire, |config| config.limits.topic_levels_max = 3);
    for frame in ["SEND\ndestination:/topic/a/b/c/d\n\n^", "SUBSCRIBE\nid:s\ndestination:/topic/a/b/c/#\n\n^"]
    {
        let mut alice = connected(&world, "1.2").await;
        alice.says(frame).await.is_refused("bad destination", 1000).await;
    }
}
