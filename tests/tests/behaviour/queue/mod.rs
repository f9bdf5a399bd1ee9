//! Work queues, from both protocols.

mod browse;
mod consume;
mod dead_letter;
mod durable;
mod limits;
mod mixed;
mod private;
mod select;
mod settle;
mod stored;
mod transaction;

use tidewire_tests::stomp::{Heard, StompPeer};
use tidewire_tests::world::World;

/// A peer of STOMP 1.2 that has connected.
pub(crate) async fn connected(world: &World) -> StompPeer {
    let mut peer = world.stomp().await;
    peer.connects("1.2").await;
    peer
}

/// A peer that consumes from `/queue/q` as `s`, with headers such as `ack:client\n`.
pub(crate) async fn consumer(world: &World, headers: &str) -> StompPeer {
    let mut peer = connected(world).await;
    subscribes(&mut peer, "/queue/q", headers).await;
    peer
}

pub(crate) async fn subscribes(peer: &mut StompPeer, destination: &str, headers: &str) {
    peer.says(&format!("SUBSCRIBE\nid:s\ndestination:{destination}\n{headers}receipt:subscribed\n\n^")).await;
    peer.hears_receipt("subscribed").await;
}

/// Sends each body to the destination and waits until all are with the broker.
pub(crate) async fn sends_to(peer: &mut StompPeer, destination: &str, headers: &str, bodies: &[&str]) {
    for body in bodies {
        peer.says(&format!("SEND\ndestination:{destination}\n{headers}receipt:{body}\n\n{body}^")).await;
        peer.hears_receipt(body).await;
    }
}

/// The same to `/queue/q`.
pub(crate) async fn sends(peer: &mut StompPeer, bodies: &[&str]) {
    sends_to(peer, "/queue/q", "", bodies).await;
}

/// Hears MESSAGE with each body, and returns what an ACK or NACK calls them.
pub(crate) async fn hears(peer: &mut StompPeer, bodies: &[&str]) -> Vec<String> {
    let mut ids = Vec::new();
    for body in bodies {
        ids.push(peer.hears_message(body).await.header("ack").unwrap_or_default().to_owned());
    }
    ids
}

pub(crate) async fn acks(peer: &mut StompPeer, id: &str) {
    peer.says(&format!("ACK\nid:{id}\nreceipt:acked\n\n^")).await.hears_receipt("acked").await;
}

pub(crate) async fn nacks(peer: &mut StompPeer, id: &str) {
    peer.says(&format!("NACK\nid:{id}\n\n^")).await;
}

/// How a message says that it was delivered before: `redelivered` and `delivery-count`.
pub(crate) fn redelivery(heard: &Heard) -> (Option<&str>, Option<&str>) {
    (heard.header("redelivered"), heard.header("delivery-count"))
}
