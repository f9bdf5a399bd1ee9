//! The end of a connection: by the client, and by a broker that stops.

use tidewire_protocols::mqtt::{Property, ReasonCode};
use tidewire_tests::conversations;
use tidewire_tests::mqtt::{PingReq, Raw, connect, disconnect, publish, subscribe};
use tidewire_tests::peer::Wire;
use tidewire_tests::world::World;

conversations! {
    a_goodbye_closes => goodbye;
    the_short_form_is_a_goodbye => short_form;
    what_follows_a_goodbye_is_not_heard => nothing_follows;
    a_client_names_no_other_server => server_reference;
    a_broker_that_stops_says_so => stopping;
    a_broker_that_stops_takes_nobody_in => stopping_refuses;
    what_came_before_the_goodbye_counts => before_the_goodbye;
}

async fn goodbye(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.client("alice").await;
    alice.says(disconnect()).await.is_closed().await;
    let mut bob = world.client_with(connect("bob").v311(), false).await;
    bob.says(disconnect()).await.is_closed().await;
    assert_eq!(world.broker.session_count(), 0);
}

async fn short_form(wire: Wire) {
    let world = World::new(wire);
    let mut bob = world.client("bob").await;
    bob.subscribes(subscribe("will", 0)).await;
    for bytes in [&[0xE0, 0][..], &[0xE0, 1, 0], &[0xE0, 2, 0, 0]] {
        let mut alice = world.client_with(connect("alice").will(publish("will", "gone")), false).await;
        alice.says(Raw(bytes)).await.is_closed().await;
    }
    bob.hears_nothing().await;
}

async fn nothing_follows(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = (world.client("alice").await, world.client("bob").await);
    bob.subscribes(subscribe("t", 0)).await;
    alice.says(Raw(b"\xE0\0\x30\x05\0\x01t\0x\xC0\0")).await.is_closed().await;
    alice.says(PingReq).await;
    bob.hears_nothing().await;
}

async fn server_reference(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.client("alice").await;
    alice.says(disconnect().with(Property::ServerReference("elsewhere"))).await;
    alice.is_disconnected(ReasonCode::ProtocolError, 1000).await;
}

async fn stopping(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.client("alice").await;
    let mut bob = world.client_with(connect("bob").v311(), false).await;
    let mut carol = world.mqtt().await;
    world.broker.end_all_links();
    alice.is_disconnected(ReasonCode::ServerShuttingDown, 1001).await;
    bob.peer.is_closed_with(1001).await;
    carol.peer.is_closed_with(1001).await;
    drop((alice, bob, carol));
    world.settles().await;
    assert_eq!(world.broker.link_count(), 0);
}

async fn stopping_refuses(wire: Wire) {
    let world = World::new(wire);
    world.broker.end_all_links();
    let mut alice = world.mqtt().await;
    alice.says(connect("alice")).await.peer.is_closed_with(1001).await;
    assert_eq!(world.broker.session_count(), 0);
}

async fn before_the_goodbye(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = (world.client("alice").await, world.client("bob").await);
    bob.subscribes(subscribe("t", 0)).await;
    alice.says(Raw(b"\x30\x05\0\x01t\0x\xE0\0")).await.is_closed().await;
    bob.hears(publish("t", "x")).await;
}
