//! `prefetch-count`: how many messages may be out and unacknowledged.

use tidewire_tests::conversations;
use tidewire_tests::peer::Wire;
use tidewire_tests::world::World;

use super::{hears_to_acknowledge, sender_and_subscriber, sends};

conversations! {
    the_window_opens_by_ack => window;
    a_closed_window_holds_no_other_subscription_up => other_subscriptions_go_on;
    the_broker_has_a_largest_window => largest_window;
    what_expires_behind_a_closed_window_is_gone => expires_behind_window;
}

async fn window(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) =
        sender_and_subscriber(&world, "ack:client-individual\nprefetch-count:1\n").await;
    let bodies = ["1", "2", "3", "4", "5"];
    sends(&mut alice, &bodies).await;
    for body in bodies {
        let ids = hears_to_acknowledge(&mut bob, &[body]).await;
        bob.hears_nothing().await;
        bob.says(&format!("ACK\nid:{}\nreceipt:r\n\n^", ids[0])).await.hears_receipt("r").await;
    }
    bob.hears_nothing().await;
}

async fn other_subscriptions_go_on(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = sender_and_subscriber(&world, "ack:client\nprefetch-count:1\n").await;
    bob.says("SUBSCRIBE\nid:free\ndestination:/topic/free\nreceipt:r\n\n^").await.hears_receipt("r").await;
    sends(&mut alice, &["one", "two"]).await;
    bob.hears_message("one").await;
    alice.says("SEND\ndestination:/topic/free\n\nhello^").await;
    assert_eq!(bob.hears_message("hello").await.header("subscription"), Some("free"));
}

async fn largest_window(wire: Wire) {
    let world = World::with(wire, |config| config.session.inflight_max = 2);
    for wish in ["", "prefetch-count:0\n", "prefetch-count:18446744073709551615\n"] {
        let (mut alice, mut bob) = sender_and_subscriber(&world, &format!("ack:client\n{wish}")).await;
        sends(&mut alice, &["1", "2", "3"]).await;
        let ids = hears_to_acknowledge(&mut bob, &["1", "2"]).await;
        bob.hears_nothing().await;
        bob.says(&format!("ACK\nid:{}\n\n^", ids[1])).await.hears_message("3").await;
        bob.says("DISCONNECT\n\n^").await.is_closed().await;
    }
}

async fn expires_behind_window(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = sender_and_subscriber(&world, "ack:client\nprefetch-count:1\n").await;
    sends(&mut alice, &["one"]).await;
    alice.says("SEND\ndestination:/topic/t\nttl:1000\n\nshort-lived^").await;
    sends(&mut alice, &["three"]).await;
    let ids = hears_to_acknowledge(&mut bob, &["one"]).await;
    bob.peer.hears_nothing_for(std::time::Duration::from_secs(2)).await;
    bob.says(&format!("ACK\nid:{}\n\n^", ids[0])).await.hears_message("three").await;
}
