//! Receipts: for every frame, in order, and only for what is done.

use tidewire_tests::conversations;
use tidewire_tests::mqtt::{connect, publish, sub_ack, subscribe};
use tidewire_tests::peer::Wire;
use tidewire_tests::world::World;

use super::{DISK, connected, hears_to_acknowledge, sender_and_subscriber, sends, slow_world, time};

conversations! {
    every_frame_may_ask_for_one => every_frame;
    its_id_is_escaped_as_the_version_wants => escaped_id;
    connect_has_none => none_for_connect;
    after_disconnect_it_comes_and_then_the_end => disconnect;
    without_asking_disconnect_is_followed_by_the_end => disconnect_without;
    frames_after_disconnect_are_ignored => after_disconnect;
    error_says_whose_receipt_will_not_come => receipt_of_error;
    it_waits_for_the_disk => waits_for_disk;
    the_receipt_of_commit_waits_for_the_disk => commit_waits_for_disk;
    disconnect_waits_for_what_is_still_held => disconnect_waits_for_disk;
    receipts_keep_their_order_before_error => order_before_error;
    a_slow_disk_holds_no_delivery_up => deliveries_do_not_wait;
}

async fn every_frame(wire: Wire) {
    let world = World::new(wire);
    for version in ["1.0", "1.1", "1.2"] {
        let mut alice = connected(&world, version).await;
        alice
            .says("SUBSCRIBE\nid:s\ndestination:/topic/t\nack:client\nreceipt:1\n\n^")
            .await
            .hears_receipt("1")
            .await;
        alice.says("SEND\ndestination:/topic/t\nreceipt:2\n\nhello^").await.hears_receipt("2").await;
        let heard = alice.hears_message("hello").await;
        let id = heard.header("message-id").expect("its id");
        alice.says(&format!("ACK\nid:{id}\nmessage-id:{id}\nsubscription:s\nreceipt:3\n\n^")).await;
        alice.hears_receipt("3").await;
        if version != "1.0" {
            alice.says(&format!("NACK\nid:{id}\nmessage-id:{id}\nsubscription:s\nreceipt:4\n\n^")).await;
            alice.hears_receipt("4").await;
        }
        for command in ["BEGIN", "COMMIT", "BEGIN", "ABORT"] {
            let frame = format!("{command}\ntransaction:t\nreceipt:{command}\n\n^");
            alice.says(&frame).await.hears_receipt(command).await;
        }
        alice.says("UNSUBSCRIBE\nid:s\nreceipt:5\n\n^").await.hears_receipt("5").await;
        alice.says("DISCONNECT\nreceipt:6\n\n^").await.hears_receipt("6").await.is_closed().await;
    }
}

async fn escaped_id(wire: Wire) {
    let world = World::new(wire);
    for (version, id) in [("1.2", "a\\cb\\\\\\n\\r"), ("1.1", "a\\cb\\\\\\n"), ("1.0", "a:b\\n")] {
        let mut alice = connected(&world, version).await;
        alice.says(&format!("BEGIN\ntransaction:t\nreceipt:{id}\n\n^")).await.hears_receipt(id).await;
    }
}

async fn none_for_connect(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.stomp().await;
    alice.says("CONNECT\naccept-version:1.2\nhost:h\nreceipt:r\n\n^").await;
    assert_eq!(alice.next().await.command, "CONNECTED");
    alice.hears_nothing().await;
}

async fn disconnect(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = sender_and_subscriber(&world, "").await;
    alice
        .says("SEND\ndestination:/topic/t\n\n1^SEND\ndestination:/topic/t\n\n2^DISCONNECT\nreceipt:bye\n\n^")
        .await;
    alice.hears_receipt("bye").await.is_closed().await;
    bob.hears_message("1").await;
    bob.hears_message("2").await;
}

async fn disconnect_without(wire: Wire) {
    let world = World::new(wire);
    connected(&world, "1.2").await.says("DISCONNECT\n\n^").await.is_closed().await;
    assert_eq!(world.broker.session_count(), 0);
}

async fn after_disconnect(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = sender_and_subscriber(&world, "").await;
    alice.says("DISCONNECT\nreceipt:bye\n\n^SEND\ndestination:/topic/t\nreceipt:r\n\nnever^").await;
    alice.hears_receipt("bye").await.says("SEND\ndestination:/topic/t\n\nnever^").await.is_closed().await;
    bob.hears_nothing().await;
}

async fn receipt_of_error(wire: Wire) {
    let world = World::new(wire);
    let mut alice = connected(&world, "1.2").await;
    let heard = alice
        .says("SEND\nreceipt:r\\c1\n\nhello^")
        .await
        .is_refused("SEND needs a destination header", 1000)
        .await;
    assert_eq!(heard.header("receipt-id"), Some("r\\c1"));
    let mut bob = connected(&world, "1.2").await;
    let heard = bob.says("SEND\n\nhello^").await.is_refused("SEND needs a destination header", 1000).await;
    assert_eq!(heard.header("receipt-id"), None);
}

async fn waits_for_disk(wire: Wire) {
    let world = slow_world(wire);
    let mut alice = connected(&world, "1.2").await;
    alice.says("SEND\ndestination:/topic/t\nretain:true\nreceipt:r\n\nkept^").await;
    assert!(time(alice.hears_receipt("r")).await >= DISK, "RECEIPT left early");
    // What need not survive waits for nothing.
    alice.says("SEND\ndestination:/topic/t\nqos:0\nreceipt:r\n\ngone^").await;
    assert!(time(alice.hears_receipt("r")).await < DISK, "RECEIPT waited for nothing");
}

async fn commit_waits_for_disk(wire: Wire) {
    let world = slow_world(wire);
    let mut alice = connected(&world, "1.2").await;
    alice.says("BEGIN\ntransaction:t\n\n^SEND\ndestination:/topic/t\nretain:true\ntransaction:t\nreceipt:sent\n\nkept^").await;
    assert!(time(alice.hears_receipt("sent")).await < DISK, "nothing is stored before COMMIT");
    alice.says("COMMIT\ntransaction:t\nreceipt:r\n\n^").await;
    assert!(time(alice.hears_receipt("r")).await >= DISK, "RECEIPT left early");
}

async fn disconnect_waits_for_disk(wire: Wire) {
    let world = slow_world(wire);
    let mut alice = connected(&world, "1.2").await;
    alice
        .says("SEND\ndestination:/topic/t\nretain:true\nreceipt:sent\n\nkept^DISCONNECT\nreceipt:bye\n\n^")
        .await;
    assert!(time(alice.hears_receipt("sent")).await >= DISK, "RECEIPT left early");
    alice.hears_receipt("bye").await.is_closed().await;
}

async fn order_before_error(wire: Wire) {
    let world = slow_world(wire);
    let mut alice = connected(&world, "1.2").await;
    let kept = |receipt: &str| format!("SEND\ndestination:/topic/t\nretain:true\nreceipt:{receipt}\n\nkept^");
    alice.says(&kept("1")).await.hears_nothing().await;
    alice.says(&kept("2")).await.says("SEND\ndestination:/topic/t\nqos:0\nreceipt:3\n\ngone^").await;
    alice.says("SEND\nreceipt:4\n\nno destination^").await;
    assert!(time(alice.hears_receipt("1")).await > DISK / 2, "RECEIPT left early");
    alice.hears_receipt("2").await.hears_receipt("3").await;
    let heard = alice.is_refused("SEND needs a destination header", 1000).await;
    assert_eq!(heard.header("receipt-id"), Some("4"));
}

async fn deliveries_do_not_wait(wire: Wire) {
    let world = slow_world(wire);
    let (mut alice, mut bob) = (connected(&world, "1.2").await, world.mqtt().await);
    bob.connects(connect("bob"), false).await;
    bob.says(subscribe("other", 0)).await.hears(sub_ack(&[0])).await;
    alice.says("SUBSCRIBE\nid:s\ndestination:/topic/t\nack:client\n\n^").await;
    alice.says("SEND\ndestination:/topic/other\nretain:true\nreceipt:r\n\nkept^").await;
    let quick = time(async {
        bob.next().await;
        bob.says(publish("t", "hello")).await;
        hears_to_acknowledge(&mut alice, &["hello"]).await;
    });
    assert!(quick.await < DISK, "a delivery waited for the disk");
    alice.hears_receipt("r").await;
    sends(&mut alice, &["again"]).await;
}
