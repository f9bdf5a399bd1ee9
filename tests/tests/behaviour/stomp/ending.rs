//! How connections end that nobody did wrong on: the server stops, the client reads too slowly, the store is full.

use std::sync::Arc;
use std::time::Duration;

use tidewire::session::Overflow;
use tidewire_tests::conversations;
use tidewire_tests::peer::Wire;
use tidewire_tests::store::KeepingStore;
use tidewire_tests::world::World;

use super::{connected, sender_and_subscriber, sends};

conversations! {
    a_server_that_stops_says_so => shutdown;
    before_connect_as_well => shutdown_before_connect;
    a_slow_reader_is_let_go_where_overflow_says_so => overflow_disconnects;
    a_slow_reader_loses_the_newest_where_overflow_says_so => overflow_drops_newest;
    a_slow_reader_holds_nobody_up => slow_reader;
    a_client_that_closes_is_gone => client_closes;
    what_cannot_be_stored_is_refused => store_fails;
}

async fn shutdown(wire: Wire) {
    let world = World::new(wire);
    let mut alice = connected(&world, "1.2").await;
    world.broker.end_all_links();
    alice.is_refused("server shutting down", 1001).await;
    assert_eq!(world.broker.session_count(), 0);
    // Who comes meanwhile hears the same.
    world.stomp().await.is_refused("server shutting down", 1001).await;
}

async fn shutdown_before_connect(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.stomp().await;
    alice.hears_nothing().await;
    world.broker.end_all_links();
    alice.is_refused("server shutting down", 1001).await;
}

/// Larger than the pipe and the ready bytes of an outbox are together.
const MESSAGES: usize = 100;
const BODY_BYTES: usize = 4000;

fn body(number: usize) -> String {
    format!("{number:0BODY_BYTES$}")
}

fn send(number: usize) -> String {
    format!("SEND\ndestination:/topic/t\nreceipt:{number}\n\n{}^", body(number))
}

async fn overflow_disconnects(wire: Wire) {
    let world = World::with(wire, |config| {
        config.session.outbox_messages_max = 10;
        config.session.overflow = Overflow::Disconnect;
    });
    let (mut alice, mut bob) = sender_and_subscriber(&world, "").await;
    for number in 0..MESSAGES {
        alice.says(&send(number)).await.hears_receipt(&number.to_string()).await;
    }
    let mut expected = 0;
    let last = loop {
        let heard = bob.next().await;
        if heard.command != "MESSAGE" {
            break heard;
        }
        assert_eq!(heard.text(), body(expected));
        expected += 1;
    };
    assert_eq!(last.header("message"), Some("too slow"));
    bob.is_closed().await;
}

async fn overflow_drops_newest(wire: Wire) {
    let world = World::with(wire, |config| config.session.outbox_messages_max = 10);
    let (mut alice, mut bob) = sender_and_subscriber(&world, "").await;
    for number in 0..MESSAGES {
        alice.says(&send(number)).await.hears_receipt(&number.to_string()).await;
    }
    let dropped = usize::try_from(world.broker.counters.dropped.value()).expect("few");
    assert!(dropped > 0 && dropped < MESSAGES, "{dropped}");
    for number in 0..MESSAGES - dropped {
        bob.hears_message(&body(number)).await;
    }
    bob.hears_nothing().await;
}

async fn slow_reader(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = sender_and_subscriber(&world, "").await;
    let mut carol = connected(&world, "1.1").await;
    carol.says("SUBSCRIBE\nid:s\ndestination:/topic/t\nreceipt:r\n\n^").await.hears_receipt("r").await;
    for number in 0..MESSAGES {
        alice.says(&send(number)).await.hears_receipt(&number.to_string()).await;
        carol.hears_message(&body(number)).await;
    }
    // Nothing was lost for the one that took its time.
    for number in 0..MESSAGES {
        bob.hears_message(&body(number)).await;
    }
}

async fn client_closes(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = sender_and_subscriber(&world, "").await;
    bob.peer.closes().await;
    drop(bob);
    sends(&mut alice, &["hello"]).await;
    alice.hears_nothing().await;
    assert_eq!((world.broker.session_count(), world.broker.link_count()), (1, 1));
}

async fn store_fails(wire: Wire) {
    let store = Arc::new(KeepingStore::new(Duration::ZERO));
    let world = World::with_store(wire, Arc::clone(&store) as _, |_| ());
    let (mut alice, mut bob) = sender_and_subscriber(&world, "").await;
    store.fail(true);
    alice.says("SEND\ndestination:/topic/t\nretain:true\nreceipt:r\n\nkept^").await;
    let heard = alice.is_refused("not stored", 1000).await;
    assert_eq!(heard.header("receipt-id"), Some("r"));
    bob.hears_nothing().await;
    // What need not survive goes on, and all does once the disk is back.
    bob.says("SEND\ndestination:/topic/t\nqos:0\n\ngone^").await.hears_message("gone").await;
    store.fail(false);
    bob.says("SEND\ndestination:/topic/t\nretain:true\n\nkept^").await.hears_message("kept").await;
}
