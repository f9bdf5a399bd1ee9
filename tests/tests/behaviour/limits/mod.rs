//! Limits of what a client may do in a time, and from where. Clients come from addresses that a proxy tells.

mod arrivals;
mod bans;
mod memory;
mod overflow;
mod pace;

use std::net::IpAddr;

use tidewire::config::ProtocolName;
use tidewire_tests::mqtt::{MqttPeer, connect};
use tidewire_tests::peer::{Peer, Wire};
use tidewire_tests::stomp::StompPeer;
use tidewire_tests::world::World;

const BOTH: [ProtocolName; 2] = [ProtocolName::Mqtt, ProtocolName::Stomp];

fn address(text: &str) -> IpAddr {
    text.parse().expect("a test's address is one")
}

/// A network connection from there, which is open.
async fn comes(world: &World, from: &str, protocol: ProtocolName) -> Peer {
    world.connect_from(address(from), protocol).await.expect("the upgrade succeeds")
}

/// Holds that a client from there can connect.
async fn is_served(world: &World, from: &str, protocol: ProtocolName) {
    let peer = comes(world, from, protocol).await;
    match protocol {
        ProtocolName::Mqtt => drop(MqttPeer::new(peer).connects(connect("alice"), false).await),
        ProtocolName::Stomp => drop(StompPeer::new(peer).connects("1.2").await),
    }
}

/// Holds that nobody from there is let in for so many seconds: told so over WebSocket, closed without a word over TCP.
async fn is_refused(wire: Wire, world: &World, from: &str, protocol: ProtocolName, secs: u64) {
    match (wire, world.connect_from(address(from), protocol).await) {
        (Wire::Tcp, Ok(mut peer)) => peer.is_lost().await,
        (Wire::Ws, Err(refused)) => {
            assert_eq!((refused.status, refused.retry_after), (429, Some(secs.to_string())));
        }
        (_, answer) => panic!("from {from}: {:?}", answer.err()),
    }
}
