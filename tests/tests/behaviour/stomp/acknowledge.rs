//! ACK and NACK in the three modes and the three versions.
//!
//! What is acknowledged shows by the window: with a prefetch of three and three messages out, as many more come as the
//! acknowledgement settled.

use tidewire_tests::conversations;
use tidewire_tests::peer::Wire;
use tidewire_tests::stomp::StompPeer;
use tidewire_tests::world::World;

use super::{connected, hears_to_acknowledge, sender_and_subscriber, sends};

conversations! {
    client_mode_covers_all_before => cumulative;
    client_mode_covers_all_before_in_nack => cumulative_nack;
    individual_mode_covers_one => individual;
    individual_mode_covers_one_in_nack => individual_nack;
    an_ack_in_auto_mode_is_harmless => auto;
    an_ack_that_comes_late_in_client_mode_is_harmless => late_cumulative;
    a_second_ack_in_individual_mode_is_refused => second_individual;
    version_1_2_names_the_ack_header => names_in_1_2;
    version_1_1_names_message_and_subscription => names_in_1_1;
    version_1_0_names_the_message => names_in_1_0;
    version_1_0_has_no_individual_mode => no_individual_in_1_0;
    an_id_that_names_nothing_is_refused => unknown_id;
    the_mode_of_those_who_name_none_is_a_setting => default_mode;
    a_nack_is_counted => nack_is_counted;
}

const SIX: [&str; 6] = ["1", "2", "3", "4", "5", "6"];

/// A subscriber in that mode with three messages to acknowledge and three more that wait.
async fn three_out(world: &World, mode: &str) -> (StompPeer, Vec<String>) {
    let (mut alice, mut bob) = sender_and_subscriber(world, &format!("ack:{mode}\nprefetch-count:3\n")).await;
    sends(&mut alice, &SIX).await;
    let ids = hears_to_acknowledge(&mut bob, &SIX[..3]).await;
    bob.hears_nothing().await;
    (bob, ids)
}

async fn cumulative(wire: Wire) {
    let world = World::new(wire);
    let (mut bob, ids) = three_out(&world, "client").await;
    bob.says(&format!("ACK\nid:{}\nreceipt:r\n\n^", ids[1])).await.hears_receipt("r").await;
    hears_to_acknowledge(&mut bob, &["4", "5"]).await;
    bob.hears_nothing().await;
    bob.says(&format!("ACK\nid:{}\n\n^", ids[2])).await.hears_message("6").await;
}

async fn cumulative_nack(wire: Wire) {
    let world = World::new(wire);
    let (mut bob, ids) = three_out(&world, "client").await;
    bob.says(&format!("NACK\nid:{}\nreceipt:r\n\n^", ids[1])).await.hears_receipt("r").await;
    hears_to_acknowledge(&mut bob, &["4", "5"]).await;
    bob.hears_nothing().await;
}

async fn individual(wire: Wire) {
    let world = World::new(wire);
    let (mut bob, ids) = three_out(&world, "client-individual").await;
    bob.says(&format!("ACK\nid:{}\nreceipt:r\n\n^", ids[2])).await.hears_receipt("r").await;
    bob.hears_message("4").await;
    bob.hears_nothing().await;
    bob.says(&format!("ACK\nid:{}\n\n^ACK\nid:{}\n\n^", ids[0], ids[1])).await;
    hears_to_acknowledge(&mut bob, &["5", "6"]).await;
}

async fn individual_nack(wire: Wire) {
    let world = World::new(wire);
    let (mut bob, ids) = three_out(&world, "client-individual").await;
    bob.says(&format!("NACK\nid:{}\nreceipt:r\n\n^", ids[2])).await.hears_receipt("r").await;
    bob.hears_message("4").await;
    bob.hears_nothing().await;
}

async fn auto(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = sender_and_subscriber(&world, "ack:auto\nprefetch-count:1\n").await;
    sends(&mut alice, &["one", "two"]).await;
    let heard = bob.hears_message("one").await;
    bob.hears_message("two").await;
    let id = heard.header("message-id").expect("a message id");
    for command in ["ACK", "ACK", "NACK"] {
        bob.says(&format!("{command}\nid:{id}\nreceipt:r\n\n^")).await.hears_receipt("r").await;
    }
}

async fn late_cumulative(wire: Wire) {
    let world = World::new(wire);
    let (mut bob, ids) = three_out(&world, "client").await;
    bob.says(&format!("ACK\nid:{}\n\n^", ids[2])).await;
    hears_to_acknowledge(&mut bob, &["4", "5", "6"]).await;
    bob.says(&format!("ACK\nid:{}\nreceipt:r\n\n^", ids[0])).await.hears_receipt("r").await;
}

async fn second_individual(wire: Wire) {
    let world = World::new(wire);
    let (mut bob, ids) = three_out(&world, "client-individual").await;
    bob.says(&format!("ACK\nid:{}\n\n^", ids[0])).await.hears_message("4").await;
    bob.says(&format!("ACK\nid:{}\n\n^", ids[0])).await.is_refused("unknown message", 1000).await;
}

async fn names_in_1_2(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = sender_and_subscriber(&world, "ack:client\n").await;
    sends(&mut alice, &["hello"]).await;
    let heard = bob.hears_message("hello").await;
    let (message_id, ack) =
        (heard.header("message-id").expect("its id"), heard.header("ack").expect("its ack"));
    bob.says(&format!("ACK\nid:{ack}\nreceipt:r\n\n^")).await.hears_receipt("r").await;
    bob.says(&format!("ACK\nmessage-id:{message_id}\nsubscription:s\n\n^")).await;
    bob.is_refused("ACK needs a id header", 1000).await;
}

async fn names_in_1_1(wire: Wire) {
    let world = World::new(wire);
    for (headers, refused) in [
        ("message-id:{}\nsubscription:s\n", None),
        ("message-id:{}\n", Some("ACK needs a subscription header")),
        ("subscription:s\n", Some("ACK needs a message-id header")),
        ("id:{}\n", Some("ACK needs a message-id header")),
        ("message-id:{}\nsubscription:other\n", Some("unknown message")),
    ] {
        let (mut alice, mut bob) = (connected(&world, "1.2").await, connected(&world, "1.1").await);
        bob.says("SUBSCRIBE\nid:s\ndestination:/topic/t\nack:client\nreceipt:r\n\n^")
            .await
            .hears_receipt("r")
            .await;
        sends(&mut alice, &["hello"]).await;
        let heard = bob.hears_message("hello").await;
        assert_eq!(heard.header("ack"), None, "1.1 knows no ack header");
        let headers = headers.replace("{}", heard.header("message-id").expect("its id"));
        bob.says(&format!("ACK\n{headers}receipt:r\n\n^")).await;
        match refused {
            None => drop(bob.hears_receipt("r").await),
            Some(message) => drop(bob.is_refused(message, 1000).await),
        }
    }
}

async fn names_in_1_0(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = (connected(&world, "1.2").await, connected(&world, "1.0").await);
    bob.says("SUBSCRIBE\ndestination:/topic/t\nack:client\nprefetch-count:1\nreceipt:r\n\n^").await;
    bob.hears_receipt("r").await;
    sends(&mut alice, &["one", "two"]).await;
    let id = bob.hears_message("one").await.header("message-id").expect("its id").to_owned();
    bob.hears_nothing().await;
    bob.says(&format!("ACK\nmessage-id:{id}\n\n^")).await.hears_message("two").await;
    bob.says("ACK\nid:1\n\n^").await.is_refused("ACK needs a message-id header", 1000).await;
}

async fn no_individual_in_1_0(wire: Wire) {
    let world = World::new(wire);
    let mut bob = connected(&world, "1.0").await;
    bob.says("SUBSCRIBE\ndestination:/topic/t\nack:client-individual\n\n^")
        .await
        .is_refused("bad ack header", 1000)
        .await;
}

async fn unknown_id(wire: Wire) {
    let world = World::new(wire);
    for mode in ["auto", "client", "client-individual"] {
        // The first is what a message to come will be called.
        for id in ["1-1", "2-1", "1-0", "nonsense", "", "-", "1-99999999999999999999"] {
            let (_, mut bob) = sender_and_subscriber(&world, &format!("ack:{mode}\n")).await;
            bob.says(&format!("ACK\nid:{id}\nreceipt:r\n\n^")).await;
            let heard = bob.is_refused("unknown message", 1000).await;
            assert_eq!(heard.header("receipt-id"), Some("r"));
        }
    }
}

async fn default_mode(wire: Wire) {
    let world =
        World::with(wire, |config| config.stomp.default_ack = tidewire::config::DefaultAck::ClientIndividual);
    let (mut alice, mut bob) = sender_and_subscriber(&world, "prefetch-count:1\n").await;
    sends(&mut alice, &["one", "two"]).await;
    let ids = hears_to_acknowledge(&mut bob, &["one"]).await;
    bob.hears_nothing().await;
    bob.says(&format!("ACK\nid:{}\n\n^", ids[0])).await.hears_message("two").await;
}

async fn nack_is_counted(wire: Wire) {
    let world = World::new(wire);
    let (mut bob, ids) = three_out(&world, "client").await;
    let frames = format!(
        "BEGIN\ntransaction:t\n\n^NACK\nid:{}\ntransaction:t\n\n^ACK\nid:{}\ntransaction:t\n\n^",
        ids[1], ids[2]
    );
    bob.says(&frames).await.says("COMMIT\ntransaction:t\nreceipt:r\n\n^").await.hears_receipt("r").await;
    assert_eq!(
        world.broker.counters.dropped.value(),
        2,
        "the NACK covered two messages, and the ACK the third"
    );
}
