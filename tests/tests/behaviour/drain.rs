//! The broker asks everybody to leave: what each client is told, when, and what becomes of what it was promised.

use std::sync::Arc;
use std::time::Duration;

use tidewire::broker::Drain;
use tidewire_protocols::mqtt::{Packet, Property, ReasonCode};
use tidewire_tests::mqtt::{MqttPeer, connect, pub_ack, publish, subscribe};
use tidewire_tests::peer::Wire;
use tidewire_tests::store::KeepingStore;
use tidewire_tests::world::World;
use tidewire_tests::{conversations, conversations_everywhere};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

conversations_everywhere! {
    a_stop_is_told_to_everybody => stop;
    a_restart_is_told_to_everybody => restart;
}

conversations! {
    another_server_is_named => another_server;
    goodbyes_are_spread_over_the_time_in_random_order => spread;
    a_second_drain_hastens_the_first => hastened;
    who_comes_meanwhile_is_told_as_well => newcomers;
    who_does_not_go_is_not_waited_for_beyond_the_timeout => timeout;
    what_is_promised_is_acknowledged_before_the_goodbye => promises;
}

const STOP: Drain = Drain { timeout: Duration::from_secs(30), spread: Duration::ZERO, restart: false };
const RESTART: Drain = Drain { restart: true, ..STOP };

fn drains(world: &World, drain: Drain) -> JoinHandle<usize> {
    let broker = Arc::clone(&world.broker);
    tokio::spawn(async move { broker.drain(drain).await })
}

async fn stop(wire: Wire) {
    tells_everybody(wire, STOP, 1001, "stopped").await;
}

async fn restart(wire: Wire) {
    tells_everybody(wire, RESTART, 1012, "restarted").await;
}

async fn tells_everybody(wire: Wire, drain: Drain, code: u16, what: &str) {
    let world = World::new(wire);
    let mut alice = world.client("alice").await;
    let mut bob = world.client_with(connect("bob").v311(), false).await;
    let mut silent = world.mqtt().await;
    let mut carol = world.stomp().await;
    carol.connects("1.2").await;
    assert!(!world.broker.is_draining());
    let drained = drains(&world, drain);
    alice.is_disconnected(ReasonCode::ServerShuttingDown, code).await;
    // 3.1.1 has no packet for it.
    bob.peer.is_closed_with(code).await;
    silent.peer.is_closed_with(code).await;
    let error = carol.is_refused("server shutting down", code).await;
    assert!(error.text().contains(what), "{error:?}");
    assert!(world.broker.is_draining());
    assert!(!drained.is_finished(), "the clients' own ends of the connections are open");
    drop((alice, bob, silent, carol));
    assert_eq!(drained.await.expect("it does not panic"), 0);
}

async fn another_server(wire: Wire) {
    let world =
        World::with(wire, |config| config.mqtt.server_reference = Some("other.example:1883".to_owned()));
    let mut alice = world.client("alice").await;
    let _drained = drains(&world, STOP);
    let told = alice.looks_at(|packet| match packet {
        Packet::Disconnect(disconnect) => {
            let reference = Property::ServerReference("other.example:1883");
            (disconnect.reason, disconnect.properties.iter().any(|property| property == reference))
        }
        other => panic!("expected DISCONNECT, heard {other:?}"),
    });
    assert_eq!(told.await, (ReasonCode::UseAnotherServer, true));
    alice.peer.is_closed_with(1001).await;
}

const CLIENTS: usize = 20;

/// Connects them all, and has each wait for its goodbye; what comes of it is its number and how long it took.
async fn waiting_clients(world: &World) -> JoinSet<(usize, Duration)> {
    let mut clients = JoinSet::new();
    let mut peers: Vec<MqttPeer> = Vec::new();
    for number in 0..CLIENTS {
        peers.push(world.client(&format!("client-{number}")).await);
    }
    let started = Instant::now();
    for (number, mut peer) in peers.into_iter().enumerate() {
        clients.spawn(async move {
            peer.is_disconnected(ReasonCode::ServerShuttingDown, 1001).await;
            (number, started.elapsed())
        });
    }
    clients
}

async fn spread(wire: Wire) {
    let world = World::new(wire);
    let clients = waiting_clients(&world).await;
    let drained = drains(&world, Drain { spread: Duration::from_secs(20), ..STOP });
    let told = clients.join_all().await;
    assert_eq!(drained.await.expect("it does not panic"), 0);
    let mut times: Vec<_> = told.iter().map(|(_, elapsed)| elapsed.as_millis() / 100).collect();
    times.sort_unstable();
    let evenly: Vec<_> = (0..CLIENTS as u128).map(|place| place * 10).collect();
    assert_eq!(times, evenly, "one each second, in tenths");
    let order: Vec<_> = told.iter().map(|(number, _)| *number).collect();
    assert!(!order.is_sorted(), "they are not told in the order in which they came: {order:?}");
}

async fn hastened(wire: Wire) {
    let world = World::new(wire);
    let clients = waiting_clients(&world).await;
    let first = drains(&world, Drain { spread: Duration::from_secs(20), ..STOP });
    world.passes(Duration::from_millis(5_500)).await;
    let second = drains(&world, STOP);
    let told = clients.join_all().await;
    let late = told.iter().filter(|(_, elapsed)| *elapsed > Duration::from_secs(6)).count();
    let early = told.iter().filter(|(_, elapsed)| *elapsed < Duration::from_millis(5_400)).count();
    assert_eq!((early, late), (6, 0), "{told:?}");
    assert_eq!(second.await.expect("it does not panic"), 0);
    drop(first);
}

async fn newcomers(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.client("alice").await;
    let _drained = drains(&world, Drain { spread: Duration::from_secs(20), ..RESTART });
    // The only one, she is told at once.
    alice.is_disconnected(ReasonCode::ServerShuttingDown, 1012).await;
    let mut bob = world.stomp().await;
    bob.is_refused("server shutting down", 1012).await;
    let mut carol = world.mqtt().await;
    carol.peer.is_closed_with(1012).await;
    assert_eq!(world.broker.session_count(), 0);
}

async fn timeout(wire: Wire) {
    let world = World::new(wire);
    let _alice = world.client("alice").await;
    let started = Instant::now();
    // Less than a connection that ends may take for it.
    let drained = drains(&world, Drain { timeout: Duration::from_secs(2), ..STOP });
    assert_eq!(drained.await.expect("it does not panic"), 1);
    assert_eq!(started.elapsed().as_secs(), 2);
}

async fn promises(wire: Wire) {
    let store = Arc::new(KeepingStore::new(Duration::from_secs(2)));
    let world = World::with_store(wire, store, |_| ());
    let mut alice = world.client_with(connect("alice").expiry(60), false).await;
    alice.subscribes(subscribe("other", 1)).await;
    let mut bob = world.client_with(connect("bob").expiry(60), false).await;
    bob.subscribes(subscribe("t", 1)).await;
    let started = Instant::now();
    alice.says(publish("t", "x").qos1(1)).await;
    world.settles().await;
    let drained = drains(&world, STOP);
    alice.hears(pub_ack(1)).await;
    assert_eq!(started.elapsed().as_secs(), 2, "it was held for the disk");
    alice.is_disconnected(ReasonCode::ServerShuttingDown, 1001).await;
    drop((alice, bob));
    assert_eq!(drained.await.expect("it does not panic"), 0);
    assert_eq!(world.broker.session_count(), 2, "sessions that outlive their connections are kept");
}
