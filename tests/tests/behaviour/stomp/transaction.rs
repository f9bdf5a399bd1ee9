//! Transactions: all or nothing.

use tidewire::config::Size;
use tidewire_tests::conversations;
use tidewire_tests::peer::Wire;
use tidewire_tests::world::World;

use super::{connected, hears_to_acknowledge, sender_and_subscriber, sends};

conversations! {
    what_was_sent_arrives_at_commit => sends_at_commit;
    acknowledgements_count_at_commit => acks_at_commit;
    a_nack_counts_at_commit => nack_at_commit;
    abort_undoes_all => abort;
    a_lost_connection_undoes_all => lost_connection;
    disconnect_undoes_all => disconnect;
    several_may_be_open => several;
    a_name_may_be_used_again_afterwards => name_again;
    frames_outside_go_at_once => outside;
    an_unknown_acknowledgement_at_commit_leaves_nothing_done => unknown_at_commit;
    a_name_that_is_open_is_refused => duplicate;
    a_name_that_is_not_open_is_refused => unknown;
    a_frame_without_name_is_refused => missing_name;
    so_many_may_be_open => too_many_open;
    one_has_so_many_frames => too_many_frames;
    one_has_so_many_bytes => too_many_bytes;
    small_frames_take_bytes_as_well => too_many_small_frames;
    versions_1_0_and_1_1_have_them_too => older_versions;
}

const BEGIN: &str = "BEGIN\ntransaction:t\n\n^";
const COMMIT: &str = "COMMIT\ntransaction:t\nreceipt:committed\n\n^";
const ABORT: &str = "ABORT\ntransaction:t\nreceipt:aborted\n\n^";

fn send(body: &str) -> String {
    format!("SEND\ndestination:/topic/t\ntransaction:t\n\n{body}^")
}

async fn sends_at_commit(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = sender_and_subscriber(&world, "").await;
    alice.says(BEGIN).await.says(&send("one")).await.says(&send("two")).await;
    bob.hears_nothing().await;
    alice.says(COMMIT).await.hears_receipt("committed").await;
    bob.hears_message("one").await;
    bob.hears_message("two").await;
    bob.hears_nothing().await;
}

async fn acks_at_commit(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) =
        sender_and_subscriber(&world, "ack:client-individual\nprefetch-count:2\n").await;
    sends(&mut alice, &["1", "2", "3", "4"]).await;
    let ids = hears_to_acknowledge(&mut bob, &["1", "2"]).await;
    bob.says(BEGIN).await;
    for id in &ids {
        bob.says(&format!("ACK\nid:{id}\ntransaction:t\nreceipt:r\n\n^")).await.hears_receipt("r").await;
    }
    bob.hears_nothing().await;
    bob.says(COMMIT).await.hears_receipt("committed").await;
    hears_to_acknowledge(&mut bob, &["3", "4"]).await;
}

async fn nack_at_commit(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = sender_and_subscriber(&world, "ack:client\nprefetch-count:1\n").await;
    sends(&mut alice, &["1", "2"]).await;
    let ids = hears_to_acknowledge(&mut bob, &["1"]).await;
    bob.says(BEGIN)
        .await
        .says(&format!("NACK\nid:{}\ntransaction:t\n\n^", ids[0]))
        .await
        .hears_nothing()
        .await;
    bob.says(COMMIT).await.hears_receipt("committed").await.hears_message("2").await;
}

async fn abort(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) =
        sender_and_subscriber(&world, "ack:client-individual\nprefetch-count:1\n").await;
    sends(&mut alice, &["1", "2"]).await;
    let ids = hears_to_acknowledge(&mut bob, &["1"]).await;
    bob.says(BEGIN)
        .await
        .says(&format!("ACK\nid:{}\ntransaction:t\n\n^", ids[0]))
        .await
        .says(&send("never"))
        .await;
    bob.says(ABORT).await.hears_receipt("aborted").await.hears_nothing().await;
    // The message is unacknowledged again, and nothing was sent.
    bob.says(&format!("ACK\nid:{}\n\n^", ids[0])).await.hears_message("2").await;
    bob.hears_nothing().await;
}

async fn lost_connection(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = sender_and_subscriber(&world, "").await;
    alice.says(BEGIN).await.says(&send("never")).await.peer.closes().await;
    drop(alice);
    bob.hears_nothing().await;
}

async fn disconnect(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = sender_and_subscriber(&world, "").await;
    alice.says(BEGIN).await.says(&send("never")).await;
    alice.says("DISCONNECT\nreceipt:bye\n\n^").await.hears_receipt("bye").await.is_closed().await;
    bob.hears_nothing().await;
}

async fn several(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = sender_and_subscriber(&world, "").await;
    for (name, body) in [("a", "one"), ("b", "two"), ("c", "never")] {
        alice.says(&format!("BEGIN\ntransaction:{name}\n\n^")).await;
        alice.says(&format!("SEND\ndestination:/topic/t\ntransaction:{name}\n\n{body}^")).await;
    }
    alice.says("COMMIT\ntransaction:b\n\n^ABORT\ntransaction:c\n\n^COMMIT\ntransaction:a\n\n^").await;
    bob.hears_message("two").await;
    bob.hears_message("one").await;
    bob.hears_nothing().await;
}

async fn name_again(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = sender_and_subscriber(&world, "").await;
    for ending in [ABORT, COMMIT, COMMIT] {
        alice.says(BEGIN).await.says(&send("hello")).await.says(ending).await;
    }
    bob.hears_message("hello").await;
    bob.hears_message("hello").await;
    bob.hears_nothing().await;
}

async fn outside(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = sender_and_subscriber(&world, "").await;
    alice.says(BEGIN).await.says(&send("later")).await;
    sends(&mut alice, &["at once"]).await;
    bob.hears_message("at once").await;
    alice.says(COMMIT).await;
    bob.hears_message("later").await;
}

async fn unknown_at_commit(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = sender_and_subscriber(&world, "").await;
    alice.says("SUBSCRIBE\nid:own\ndestination:/topic/own\nack:client-individual\n\n^").await;
    alice.says("SEND\ndestination:/topic/own\n\nhello^").await;
    let ids = hears_to_acknowledge(&mut alice, &["hello"]).await;
    alice.says(BEGIN).await.says(&send("never")).await;
    alice.says(&format!("ACK\nid:{}\ntransaction:t\n\n^", ids[0])).await;
    alice.says("ACK\nid:1-99\ntransaction:t\n\n^").await.says(COMMIT).await;
    let heard = alice.is_refused("unknown message", 1000).await;
    assert_eq!(heard.header("receipt-id"), Some("committed"));
    bob.hears_nothing().await;
}

async fn duplicate(wire: Wire) {
    let world = World::new(wire);
    let mut alice = connected(&world, "1.2").await;
    alice.says(BEGIN).await.says(BEGIN).await.is_refused("duplicate transaction", 1000).await;
}

async fn unknown(wire: Wire) {
    let world = World::new(wire);
    for frame in [
        "COMMIT\ntransaction:t\n\n^",
        "ABORT\ntransaction:t\n\n^",
        "SEND\ndestination:/topic/t\ntransaction:t\n\nhello^",
    ] {
        let mut alice = connected(&world, "1.2").await;
        let heard = alice.says(frame).await.is_refused("unknown transaction", 1000).await;
        assert!(heard.text().contains("BEGIN"), "{heard:?}");
    }
    let (mut alice, mut bob) = sender_and_subscriber(&world, "ack:client\n").await;
    sends(&mut alice, &["hello"]).await;
    let ids = hears_to_acknowledge(&mut bob, &["hello"]).await;
    bob.says(&format!("ACK\nid:{}\ntransaction:t\n\n^", ids[0]))
        .await
        .is_refused("unknown transaction", 1000)
        .await;
}

async fn missing_name(wire: Wire) {
    let world = World::new(wire);
    for command in ["BEGIN", "COMMIT", "ABORT"] {
        let mut alice = connected(&world, "1.2").await;
        alice.says(&format!("{command}\n\n^")).await;
        alice.is_refused(&format!("{command} needs a transaction header"), 1000).await;
    }
}

async fn too_many_open(wire: Wire) {
    let world = World::with(wire, |config| config.stomp.transactions_max = 2);
    let mut alice = connected(&world, "1.2").await;
    alice
        .says("BEGIN\ntransaction:a\n\n^BEGIN\ntransaction:b\nreceipt:r\n\n^")
        .await
        .hears_receipt("r")
        .await;
    alice.says(BEGIN).await.is_refused("too many transactions", 1000).await;
}

async fn too_many_frames(wire: Wire) {
    let world = World::with(wire, |config| config.stomp.transaction_frames_max = 2);
    let (mut alice, mut bob) = sender_and_subscriber(&world, "").await;
    alice.says(BEGIN).await.says(&send("1")).await.says(&send("2")).await.hears_nothing().await;
    alice.says(&send("3")).await.is_refused("transaction too large", 1000).await;
    bob.hears_nothing().await;
}

async fn too_many_bytes(wire: Wire) {
    let world = World::with(wire, |config| config.stomp.transaction_bytes_max = Size(2 << 10));
    let mut alice = connected(&world, "1.2").await;
    let half = "x".repeat(700);
    alice.says(BEGIN).await.says(&send(&half)).await.says(&send(&half)).await.hears_nothing().await;
    let heard = alice.says(&send(&half)).await.is_refused("transaction too large", 1000).await;
    assert!(heard.text().contains("2KiB"), "{heard:?}");
}

async fn too_many_small_frames(wire: Wire) {
    let world = World::with(wire, |config| config.stomp.transaction_bytes_max = Size(1 << 10));
    let ack = |command: &str| format!("{command}\nid:1-1\ntransaction:t\n\n^");
    for frame in [send(""), ack("ACK"), ack("NACK")] {
        let mut alice = connected(&world, "1.2").await;
        alice.says(BEGIN).await.says(&frame).await.says(&frame).await.hears_nothing().await;
        alice.says(&frame.repeat(30)).await.is_refused("transaction too large", 1000).await;
    }
}

async fn older_versions(wire: Wire) {
    let world = World::new(wire);
    let (_, mut bob) = sender_and_subscriber(&world, "").await;
    for version in ["1.0", "1.1"] {
        let mut alice = connected(&world, version).await;
        alice.says(BEGIN).await.says(&send("hello")).await;
        bob.hears_nothing().await;
        alice.says(COMMIT).await.hears_receipt("committed").await;
        bob.hears_message("hello").await;
    }
}
