//! Clients that are sent to another server. (MQTT 5, section 4.11)

use tidewire::config::{MqttConfig, Redirect};
use tidewire_protocols::mqtt::{Packet, Property, ReasonCode};
use tidewire_tests::conversations;
use tidewire_tests::mqtt::{MqttPeer, conn_ack, connect};
use tidewire_tests::peer::Wire;
use tidewire_tests::world::World;

conversations! {
    who_connects_is_sent_away_for_now => sent_away_for_now;
    who_connects_is_sent_away_for_good => sent_away_for_good;
    who_is_connected_is_told_when_the_server_stops => told_at_the_end;
}

const ELSEWHERE: &str = "other.example:1883";

fn world(wire: Wire, redirect: Redirect) -> World {
    World::with(wire, |config| {
        config.mqtt =
            MqttConfig { server_reference: Some(ELSEWHERE.to_owned()), redirect, ..MqttConfig::default() };
    })
}

/// Holds that the next packet has this reason and names the other server, and that the end follows.
async fn is_sent_away(peer: &mut MqttPeer, reason: ReasonCode, code: u16) {
    let heard = peer.looks_at(|packet| {
        let (reason, properties) = match packet {
            Packet::ConnAck(answer) => (answer.reason, answer.properties),
            Packet::Disconnect(disconnect) => (disconnect.reason, disconnect.properties),
            other => panic!("expected CONNACK or DISCONNECT, heard {other:?}"),
        };
        (reason, properties.iter().any(|property| property == Property::ServerReference(ELSEWHERE)))
    });
    assert_eq!(heard.await, (reason, true));
    peer.peer.is_closed_with(code).await;
}

async fn sent_away_for_now(wire: Wire) {
    let world = world(wire, Redirect::UseAnotherServer);
    let mut alice = world.mqtt().await;
    alice.says(connect("alice")).await;
    is_sent_away(&mut alice, ReasonCode::UseAnotherServer, 1000).await;
    // An older client cannot be told whereto.
    let mut bob = world.mqtt().await;
    bob.says(connect("bob").v311()).await.hears(conn_ack(false, ReasonCode::ServerUnavailable)).await;
    bob.is_closed().await;
    assert_eq!(world.broker.session_count(), 0);
}

async fn sent_away_for_good(wire: Wire) {
    let world = world(wire, Redirect::ServerMoved);
    let mut alice = world.mqtt().await;
    alice.says(connect("alice")).await;
    is_sent_away(&mut alice, ReasonCode::ServerMoved, 1000).await;
}

async fn told_at_the_end(wire: Wire) {
    let world = world(wire, Redirect::None);
    let mut alice = world.client("alice").await;
    world.broker.end_all_links();
    is_sent_away(&mut alice, ReasonCode::UseAnotherServer, 1001).await;
}
