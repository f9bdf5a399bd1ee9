//! A TCP listener that serves both protocols tells them apart by the first byte.

use std::time::Duration;

use tidewire::config::ProtocolName;
use tidewire_tests::mqtt::{MqttPeer, connect};
use tidewire_tests::peer::{Peer, Wire};
use tidewire_tests::stomp::StompPeer;
use tidewire_tests::world::World;

async fn peer(world: &World) -> Peer {
    world.connect_to(&[ProtocolName::Mqtt, ProtocolName::Stomp], ProtocolName::Mqtt).await
}

#[tokio::test(start_paused = true)]
async fn mqtt_begins_with_the_type_of_connect() {
    let world = World::new(Wire::Tcp);
    MqttPeer::new(peer(&world).await).connects(connect("alice"), false).await;
}

#[tokio::test(start_paused = true)]
async fn stomp_begins_with_a_letter_or_the_end_of_a_line() {
    let world = World::new(Wire::Tcp);
    for before in ["", "\n", "\r\n"] {
        for command in ["CONNECT", "STOMP"] {
            let mut alice = StompPeer::new(peer(&world).await);
            alice.says(&format!("{before}{command}\naccept-version:1.2\nhost:h\n\n^")).await;
            assert_eq!(alice.next().await.command, "CONNECTED");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_byte_may_come_alone() {
    let world = World::new(Wire::Tcp);
    let mut alice = StompPeer::new(peer(&world).await);
    alice.says("C").await.hears_nothing().await;
    alice.says("ONNECT\naccept-version:1.2\nhost:h\n\n^").await;
    assert_eq!(alice.next().await.command, "CONNECTED");
}

#[tokio::test(start_paused = true)]
async fn whatever_else_comes_is_not_answered() {
    let world = World::new(Wire::Tcp);
    for hello in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        b"POST / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01",
        b"\0",
        b"\x20\x02\0\0",
    ] {
        let mut stranger = peer(&world).await;
        stranger.send(hello).await;
        stranger.is_closed_with(1002).await;
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_at_all_is_waited_for_no_longer_than_a_connect() {
    let world = World::new(Wire::Tcp);
    let mut silent = peer(&world).await;
    silent.hears_nothing_for(Duration::from_secs(9)).await;
    silent.is_closed_with(1000).await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stops_ends_it() {
    let world = World::new(Wire::Tcp);
    let mut silent = peer(&world).await;
    silent.hears_nothing().await;
    world.broker.end_all_links();
    silent.is_closed_with(1001).await;
}
