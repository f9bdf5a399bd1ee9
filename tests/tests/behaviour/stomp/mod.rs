//! STOMP, one file per concern.

mod acknowledge;
mod body;
mod connect;
mod ending;
mod error;
mod escaping;
mod heart_beat;
mod message_space;
mod prefetch;
mod receipt;
mod retain;
mod send;
mod separator;
mod shared;
mod spring;
mod subscribe;
mod transaction;
mod web_socket;

use std::sync::Arc;
use std::time::Duration;

use tidewire_tests::peer::Wire;
use tidewire_tests::stomp::StompPeer;
use tidewire_tests::store::KeepingStore;
use tidewire_tests::world::World;
use tokio::time::Instant;

/// A peer that has connected.
async fn connected(world: &World, version: &str) -> StompPeer {
    let mut peer = world.stomp().await;
    peer.connects(version).await;
    peer
}

/// Two peers of STOMP 1.2: one that will send to `/topic/t`, and one that has subscribed to it as `s`, with headers
/// such as `ack:client\n`.
async fn sender_and_subscriber(world: &World, headers: &str) -> (StompPeer, StompPeer) {
    let (alice, mut bob) = (connected(world, "1.2").await, connected(world, "1.2").await);
    bob.says(&format!("SUBSCRIBE\nid:s\ndestination:/topic/t\n{headers}receipt:subscribed\n\n^")).await;
    bob.hears_receipt("subscribed").await;
    (alice, bob)
}

/// Sends each body to `/topic/t` and waits until all are with the broker.
async fn sends(alice: &mut StompPeer, bodies: &[&str]) {
    for body in bodies {
        alice
            .says(&format!("SEND\ndestination:/topic/t\nreceipt:{body}\n\n{body}^"))
            .await
            .hears_receipt(body)
            .await;
    }
}

/// Hears MESSAGE with each body and returns what an ACK or NACK calls them in 1.2.
async fn hears_to_acknowledge(bob: &mut StompPeer, bodies: &[&str]) -> Vec<String> {
    let mut ids = Vec::new();
    for body in bodies {
        let heard = bob.hears_message(body).await;
        ids.push(heard.header("ack").expect("MESSAGE has an ack header").to_owned());
    }
    ids
}

/// How long the disk of [`slow_world`] takes.
const DISK: Duration = Duration::from_secs(2);

fn slow_world(wire: Wire) -> World {
    World::with_store(wire, Arc::new(KeepingStore::new(DISK)), |_| ())
}

/// How long something took, in virtual time.
async fn time<T>(conversation: impl Future<Output = T>) -> Duration {
    let start = Instant::now();
    conversation.await;
    start.elapsed()
}
