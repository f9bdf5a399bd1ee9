//! Queues that are private to a connection.

use tidewire_tests::conversations;
use tidewire_tests::peer::Wire;
use tidewire_tests::world::World;

use super::{connected, sends_to, subscribes};

conversations! {
    others_can_send_to_it_and_not_read => private;
    replies_come_without_a_subscription => implicit;
    a_subscription_takes_the_place_of_the_implicit_one => replaces_implicit;
    it_goes_with_its_connection => goes;
    each_connection_has_its_own => own;
}

/// The address of `/temp-queue/r` as others see it.
async fn address(world: &World, owner: &mut tidewire_tests::stomp::StompPeer) -> String {
    let mut other = connected(world).await;
    subscribes(&mut other, "/topic/t", "").await;
    owner.says("SEND\ndestination:/topic/t\nreply-to:/temp-queue/r\n\nwhere^").await;
    other.hears_message("where").await.header("reply-to").expect("it has that header").to_owned()
}

async fn private(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = (connected(&world).await, connected(&world).await);
    subscribes(&mut alice, "/temp-queue/r", "").await;
    let address = address(&world, &mut alice).await;
    assert!(address.starts_with("/queue/temp.") && address.ends_with(".r"), "{address}");
    sends_to(&mut bob, &address, "", &["hello"]).await;
    let heard = alice.hears_message("hello").await;
    assert_eq!(
        (heard.header("subscription"), heard.header("destination")),
        (Some("s"), Some(address.as_str()))
    );
    bob.says(&format!("SUBSCRIBE\nid:s\ndestination:{address}\n\n^"))
        .await
        .is_refused("private queue", 1000)
        .await;
}

async fn implicit(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = (connected(&world).await, connected(&world).await);
    let address = address(&world, &mut alice).await;
    sends_to(&mut bob, &address, "", &["hello"]).await;
    assert_eq!(alice.hears_message("hello").await.header("subscription"), Some("/temp-queue/r"));
}

async fn replaces_implicit(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = (connected(&world).await, connected(&world).await);
    let address = address(&world, &mut alice).await;
    subscribes(&mut alice, "/temp-queue/r", "").await;
    sends_to(&mut bob, &address, "", &["hello", "again"]).await;
    for body in ["hello", "again"] {
        assert_eq!(alice.hears_message(body).await.header("subscription"), Some("s"));
    }
}

async fn goes(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = (connected(&world).await, connected(&world).await);
    subscribes(&mut alice, "/temp-queue/r", "ack:client\n").await;
    let address = address(&world, &mut alice).await;
    sends_to(&mut bob, &address, "", &["hello"]).await;
    alice.hears_message("hello").await;
    drop(alice);
    world.settles().await;
    assert_eq!(world.broker.queue_count(), 0);
    // A reply that comes too late makes no queue, and no error: its sender could not know.
    sends_to(&mut bob, &address, "", &["late"]).await;
    assert_eq!(world.broker.queue_count(), 0);
    assert_eq!(world.broker.counters.dropped.value(), 2);
}

async fn own(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = (connected(&world).await, connected(&world).await);
    subscribes(&mut alice, "/temp-queue/r", "").await;
    subscribes(&mut bob, "/temp-queue/r", "").await;
    sends_to(&mut bob, "/temp-queue/r", "", &["mine"]).await;
    bob.hears_message("mine").await;
    alice.hears_nothing().await;
}
