//! Topic aliases, in both directions.

use tidewire_protocols::mqtt::{Property, ReasonCode};
use tidewire_tests::conversations;
use tidewire_tests::mqtt::{connect, pub_ack, pub_rec, publish, subscribe};
use tidewire_tests::peer::Wire;
use tidewire_tests::world::World;

use super::nothing_else;

conversations! {
    an_alias_stands_for_its_topic => alias_stands;
    an_alias_may_be_given_anew => alias_is_replaced;
    an_alias_that_may_not_be_is_refused => alias_out_of_range;
    an_alias_that_stands_for_nothing_is_refused => alias_unknown;
    a_refused_alias_leaves_no_trace => refused_leaves_no_trace;
    aliases_end_with_the_connection => aliases_end;
    a_refused_publish_sets_its_alias => refused_publish_sets;
    the_broker_uses_as_many_as_the_client_takes => outbound;
    a_resent_message_has_its_name => resent_by_name;
    the_directions_are_apart => directions;
    an_alias_is_introduced_by_what_is_sent => dropped_introduces_nothing;
}

fn alias(number: u16) -> Property<'static> {
    Property::TopicAlias(number)
}

async fn alias_stands(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = (world.client("alice").await, world.client("bob").await);
    bob.subscribes(subscribe("#", 0)).await;
    alice
        .publishes(publish("a", "1").with(alias(1)))
        .await
        .publishes(publish("b", "2").with(alias(64)))
        .await;
    alice.publishes(publish("", "3").with(alias(1))).await.publishes(publish("", "4").with(alias(64))).await;
    alice
        .publishes(publish("", "5").qos1(1).with(alias(1)))
        .await
        .publishes(publish("", "6").qos2(2).with(alias(1)))
        .await;
    for (name, text) in [("a", "1"), ("b", "2"), ("a", "3"), ("b", "4"), ("a", "5"), ("a", "6")] {
        bob.hears(publish(name, text)).await;
    }
}

async fn alias_is_replaced(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = (world.client("alice").await, world.client("bob").await);
    bob.subscribes(subscribe("#", 0)).await;
    alice.publishes(publish("a", "1").with(alias(1))).await.publishes(publish("b", "2").with(alias(1))).await;
    alice.publishes(publish("", "3").with(alias(1))).await;
    bob.hears(publish("a", "1")).await.hears(publish("b", "2")).await.hears(publish("b", "3")).await;
}

async fn alias_out_of_range(wire: Wire) {
    let world = World::with(wire, |config| config.mqtt.topic_alias_maximum = 2);
    for wrong in [0, 3, u16::MAX] {
        let mut alice = world.client("alice").await;
        alice.says(publish("a", "1").with(alias(wrong))).await;
        alice.is_disconnected(ReasonCode::TopicAliasInvalid, 1000).await;
    }
}

async fn alias_unknown(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.client("alice").await;
    alice.says(publish("", "1").with(alias(1))).await.is_disconnected(ReasonCode::ProtocolError, 1000).await;
}

async fn refused_leaves_no_trace(wire: Wire) {
    let world = World::new(wire);
    let mut bob = world.client("bob").await;
    bob.subscribes(subscribe("a", 0)).await;
    let lasting = || connect("alice").resume().expiry(60);
    let mut alice = world.client_with(lasting(), false).await;
    // The client forgot that aliases end with the connection; it notices, and sends the message again by name.
    alice.says(publish("", "1").qos2(1).with(alias(1))).await;
    alice.is_disconnected(ReasonCode::ProtocolError, 1000).await;
    let mut alice = world.client_with(lasting(), true).await;
    alice.says(publish("a", "1").qos2(1).dup()).await.hears(pub_rec(1)).await;
    bob.hears(publish("a", "1")).await.hears_nothing().await;
    // A repeat is held to the same rules.
    alice.says(publish("", "1").qos2(1).dup().with(alias(9))).await;
    alice.is_disconnected(ReasonCode::ProtocolError, 1000).await;
}

async fn aliases_end(wire: Wire) {
    let world = World::new(wire);
    let lasting = || connect("alice").resume().expiry(60);
    let mut alice = world.client_with(lasting(), false).await;
    alice.publishes(publish("a", "1").with(alias(1))).await.hears_nothing().await;
    drop(alice);
    let mut alice = world.client_with(lasting(), true).await;
    alice.says(publish("", "2").with(alias(1))).await.is_disconnected(ReasonCode::ProtocolError, 1000).await;
}

async fn refused_publish_sets(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.client("alice").await;
    let refused = || pub_ack(1).because(ReasonCode::NotAuthorized).explained();
    alice.says(publish("$SYS/a", "1").qos1(1).with(alias(1))).await.hears(refused()).await;
    alice.says(publish("", "2").qos1(1).with(alias(1))).await.hears(refused()).await;
}

async fn outbound(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.client("alice").await;
    let mut bob = world.client_with(connect("bob").with(Property::TopicAliasMaximum(2)), false).await;
    let mut carol = world.client("carol").await;
    bob.subscribes(subscribe("#", 0)).await;
    carol.subscribes(subscribe("#", 0)).await;
    for _ in 0..2 {
        for name in ["a", "b", "c"] {
            alice.publishes(publish(name, name)).await;
            carol.hears(publish(name, name)).await;
        }
    }
    bob.hears(publish("a", "a").with(alias(1))).await.hears(publish("b", "b").with(alias(2))).await;
    bob.hears(publish("c", "c")).await;
    bob.hears(publish("", "a").with(alias(1))).await.hears(publish("", "b").with(alias(2))).await;
    bob.hears(publish("c", "c")).await;
    nothing_else(&mut [&mut alice, &mut bob, &mut carol]).await;
}

async fn resent_by_name(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.client("alice").await;
    let lasting = || connect("bob").resume().expiry(60).with(Property::TopicAliasMaximum(1));
    let mut bob = world.client_with(lasting(), false).await;
    bob.subscribes(subscribe("a", 1)).await;
    alice.publishes(publish("a", "1").qos1(1)).await.publishes(publish("a", "2").qos1(2)).await;
    bob.hears(publish("a", "1").qos1(1).with(alias(1)))
        .await
        .hears(publish("", "2").qos1(2).with(alias(1)))
        .await;
    drop(bob);
    let mut bob = world.client_with(lasting(), true).await;
    bob.hears(publish("a", "1").qos1(1).dup()).await.hears(publish("a", "2").qos1(2).dup()).await;
    alice.publishes(publish("a", "3").qos1(3)).await;
    bob.hears(publish("a", "3").qos1(3).with(alias(1))).await;
}

async fn directions(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.client_with(connect("alice").with(Property::TopicAliasMaximum(1)), false).await;
    let mut bob = world.client("bob").await;
    alice.subscribes(subscribe("b", 0)).await;
    bob.subscribes(subscribe("a", 0)).await;
    alice.publishes(publish("a", "1").with(alias(1))).await;
    bob.hears(publish("a", "1")).await.publishes(publish("b", "2")).await;
    alice.hears(publish("b", "2").with(alias(1))).await.publishes(publish("", "3").with(alias(1))).await;
    bob.hears(publish("a", "3")).await;
}

async fn dropped_introduces_nothing(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.client("alice").await;
    let size_max = Property::MaximumPacketSize(std::num::NonZeroU32::new(200).expect("not zero"));
    let terms = connect("bob").with(Property::TopicAliasMaximum(1)).with(size_max);
    let mut bob = world.client_with(terms, false).await;
    bob.subscribes(subscribe("a", 0)).await;
    alice.publishes(publish("a", [b'x'; 300])).await.publishes(publish("a", "small")).await;
    bob.hears(publish("a", "small").with(alias(1))).await.hears_nothing().await;
}
