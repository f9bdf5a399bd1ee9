//! Looking at a queue without taking anything.

use tidewire_tests::conversations;
use tidewire_tests::peer::Wire;
use tidewire_tests::world::World;

use super::{connected, consumer, hears, sends, subscribes};

conversations! {
    a_browser_sees_all_and_takes_nothing => sees_all;
    a_browser_of_an_empty_queue_is_told_so => empty;
    a_browser_may_choose_and_see_much => long;
}

async fn sees_all(wire: Wire) {
    let world = World::new(wire);
    let mut alice = connected(&world).await;
    sends(&mut alice, &["1", "2", "3"]).await;
    let mut bob = connected(&world).await;
    bob.says("SUBSCRIBE\nid:s\ndestination:/queue/q\nbrowser:true\n\n^").await;
    hears(&mut bob, &["1", "2", "3"]).await;
    let end = bob.hears_message("").await;
    assert_eq!((end.header("browser"), end.header("subscription")), (Some("end"), Some("s")));
    // What comes later is not its concern, and not for it.
    sends(&mut alice, &["4"]).await;
    bob.hears_nothing().await;
    hears(&mut consumer(&world, "exclusive:true\n").await, &["1", "2", "3", "4"]).await;
}

async fn empty(wire: Wire) {
    let world = World::new(wire);
    let mut bob = connected(&world).await;
    bob.says("SUBSCRIBE\nid:s\ndestination:/queue/q\nbrowser:true\n\n^").await;
    assert_eq!(bob.hears_message("").await.header("browser"), Some("end"));
    bob.says("UNSUBSCRIBE\nid:s\nreceipt:r\n\n^").await.hears_receipt("r").await;
    assert_eq!(world.broker.queue_count(), 0);
    let mut carol = connected(&world).await;
    carol.says("SUBSCRIBE\nid:s\ndestination:/topic/t\nbrowser:true\n\n^").await;
    carol.is_refused("browser on a topic", 1000).await;
}

async fn long(wire: Wire) {
    let world = World::new(wire);
    let mut alice = connected(&world).await;
    let body = "x".repeat(10_000);
    for number in 0..40 {
        let parity = number % 2;
        alice.says(&format!("SEND\ndestination:/queue/q\nparity:{parity}\n\n{number} {body}^")).await;
    }
    subscribes(&mut alice, "/queue/other", "").await;
    let mut bob = connected(&world).await;
    bob.says("SUBSCRIBE\nid:s\ndestination:/queue/q\nbrowser:true\nselector:parity = 1\nack:client\n\n^")
        .await;
    for number in (1..40).step_by(2) {
        bob.hears_message(&format!("{number} {body}")).await;
    }
    assert_eq!(bob.hears_message("").await.header("browser"), Some("end"));
}
