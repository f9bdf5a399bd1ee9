//! QoS 0, 1 and 2, in both directions.

use tidewire_protocols::mqtt::ReasonCode;
use tidewire_tests::conversations;
use tidewire_tests::mqtt::{connect, pub_ack, pub_comp, pub_rec, pub_rel, publish, subscribe};
use tidewire_tests::peer::Wire;
use tidewire_tests::world::World;

use super::nothing_else;

conversations! {
    the_lower_qos_counts => downgrades;
    a_repeat_is_not_published_twice => repeats_are_recognised;
    a_repeat_after_a_reconnect_is_not_published_twice => repeats_survive_the_connection;
    a_release_after_a_reconnect_completes => release_survives_the_connection;
    a_refused_publish_frees_its_identifier => refusals_free_the_identifier;
    a_released_identifier_is_free => identifiers_are_used_again;
    a_receiver_may_refuse => receivers_refuse;
    an_unknown_release_is_harmless => unknown_acks_are_harmless;
    the_wrong_acknowledgement_is_a_protocol_error => wrong_acks_are_refused;
    two_publishers_may_use_one_identifier => identifiers_belong_to_sessions;
}

async fn downgrades(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.client("alice").await;
    for (published, subscribed) in
        (0..3).flat_map(|published| (0..3).map(move |subscribed| (published, subscribed)))
    {
        let mut bob = world.client("bob").await;
        bob.subscribes(subscribe("t", subscribed)).await;
        let at = |qos: u8, packet_id: u16| match qos {
            0 => publish("t", "m"),
            1 => publish("t", "m").qos1(packet_id),
            _ => publish("t", "m").qos2(packet_id),
        };
        alice.publishes(at(published, 5)).await;
        bob.hears(at(published.min(subscribed), 1)).await;
        match published.min(subscribed) {
            0 => {}
            1 => drop(bob.says(pub_ack(1)).await),
            _ => drop(bob.says(pub_rec(1)).await.hears(pub_rel(1)).await.says(pub_comp(1)).await),
        }
        nothing_else(&mut [&mut alice, &mut bob]).await;
    }
}

async fn repeats_are_recognised(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = (world.client("alice").await, world.client("bob").await);
    bob.subscribes(subscribe("t", 0)).await;
    alice.says(publish("t", "once").qos2(1)).await.hears(pub_rec(1)).await;
    for _ in 0..3 {
        alice.says(publish("t", "once").qos2(1).dup()).await.hears(pub_rec(1)).await;
    }
    // Even one that does not admit to being a repeat.
    alice.says(publish("t", "once").qos2(1)).await.hears(pub_rec(1)).await;
    bob.hears(publish("t", "once")).await.hears_nothing().await;
    alice.says(pub_rel(1)).await.hears(pub_comp(1)).await;
    alice.says(pub_rel(1)).await.hears(pub_comp(1).because(ReasonCode::PacketIdentifierNotFound)).await;
    nothing_else(&mut [&mut alice, &mut bob]).await;
}

async fn repeats_survive_the_connection(wire: Wire) {
    let world = World::new(wire);
    let mut bob = world.client("bob").await;
    bob.subscribes(subscribe("t", 0)).await;
    for version in [tidewire_protocols::mqtt::Version::V5, tidewire_protocols::mqtt::Version::V311] {
        let lasting = || match version.is_v5() {
            true => connect("alice").resume().expiry(60),
            false => connect("carol").v311().resume(),
        };
        let mut alice = world.client_with(lasting(), false).await;
        alice.says(publish("t", "once").qos2(1)).await.hears(pub_rec(1)).await;
        drop(alice);
        let mut alice = world.client_with(lasting(), true).await;
        alice.says(publish("t", "once").qos2(1).dup()).await.hears(pub_rec(1)).await;
        alice.says(publish("t", "once").qos2(1).dup()).await.hears(pub_rec(1)).await;
        alice.says(pub_rel(1)).await.hears(pub_comp(1)).await;
        bob.hears(publish("t", "once")).await.hears_nothing().await;
    }
}

async fn release_survives_the_connection(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.client_with(connect("alice").expiry(60), false).await;
    alice.says(publish("t", "once").qos2(1)).await.hears(pub_rec(1).unmatched()).await;
    drop(alice);
    let mut alice = world.client_with(connect("alice").resume().expiry(60), true).await;
    alice.says(pub_rel(1)).await.hears(pub_comp(1)).await;
    // A new session knows nothing of it.
    let mut alice = world.client_with(connect("alice"), false).await;
    alice.says(pub_rel(1)).await.hears(pub_comp(1).because(ReasonCode::PacketIdentifierNotFound)).await;
}

async fn refusals_free_the_identifier(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = (world.client("alice").await, world.client("bob").await);
    bob.subscribes(subscribe("t", 0)).await;
    let refused = pub_rec(1).because(ReasonCode::NotAuthorized).explained();
    alice.says(publish("$SYS/t", "forged").qos2(1)).await.hears(refused).await;
    alice.publishes(publish("t", "allowed").qos2(1)).await;
    bob.hears(publish("t", "allowed")).await;
}

async fn identifiers_are_used_again(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = (world.client("alice").await, world.client("bob").await);
    bob.subscribes(subscribe("t", 0)).await;
    for text in ["one", "two"] {
        alice.publishes(publish("t", text).qos2(1)).await;
        bob.hears(publish("t", text)).await;
    }
}

async fn receivers_refuse(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.client("alice").await;
    let lasting = || connect("bob").resume().expiry(60);
    let mut bob = world.client_with(lasting(), false).await;
    bob.subscribes(subscribe("t", 2)).await;
    alice.publishes(publish("t", "one").qos1(1)).await.publishes(publish("t", "two").qos2(2)).await;
    bob.hears(publish("t", "one").qos1(1)).await.hears(publish("t", "two").qos2(2)).await;
    bob.says(pub_ack(1).because(ReasonCode::QuotaExceeded)).await;
    bob.says(pub_rec(2).because(ReasonCode::QuotaExceeded)).await.hears_nothing().await;
    // Refused is settled: it is not sent again.
    drop(bob);
    world.client_with(lasting(), true).await.hears_nothing().await;
}

async fn unknown_acks_are_harmless(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.client("alice").await;
    alice.says(pub_ack(7)).await.says(pub_comp(7)).await.hears_nothing().await;
    alice.says(pub_rec(7)).await.hears(pub_rel(7).because(ReasonCode::PacketIdentifierNotFound)).await;
    alice.says(pub_rel(7)).await.hears(pub_comp(7).because(ReasonCode::PacketIdentifierNotFound)).await;
}

async fn wrong_acks_are_refused(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.client("alice").await;
    for wrong in [pub_ack(2), pub_comp(2), pub_rec(1), pub_comp(1)] {
        let mut bob = world.client("bob").await;
        bob.subscribes(subscribe("t", 2)).await;
        alice.publishes(publish("t", "one").qos1(1)).await.publishes(publish("t", "two").qos2(2)).await;
        bob.hears(publish("t", "one").qos1(1)).await.hears(publish("t", "two").qos2(2)).await;
        bob.says(wrong).await.is_disconnected(ReasonCode::ProtocolError, 1000).await;
    }
}

async fn identifiers_belong_to_sessions(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob, mut carol) =
        (world.client("alice").await, world.client("bob").await, world.client("carol").await);
    carol.subscribes(subscribe("t", 0)).await;
    alice.says(publish("t", "alice").qos2(1)).await.hears(pub_rec(1)).await;
    bob.says(publish("t", "bob").qos2(1)).await.hears(pub_rec(1)).await;
    carol.hears(publish("t", "alice")).await.hears(publish("t", "bob")).await;
}
