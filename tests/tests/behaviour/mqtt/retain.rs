//! Retained messages: what a new subscriber is shown.

use std::collections::BTreeSet;
use std::num::{NonZeroU16, NonZeroU32};

use tidewire_protocols::mqtt::{Packet, Property, RetainHandling};
use tidewire_tests::conversations;
use tidewire_tests::mqtt::{MqttPeer, SubscribeWords, connect, disconnect, pub_ack, publish, subscribe};
use tidewire_tests::peer::Wire;
use tidewire_tests::world::World;

use super::{SECOND, nothing_else};

conversations! {
    the_last_value_is_shown => last_value_is_shown;
    asking_again_and_again_holds_no_more => repeated_subscribes_are_bounded;
    an_empty_payload_clears => empty_payloads_clear;
    retain_is_set_only_for_what_was_retained => live_messages_are_not_retained;
    retain_as_published_passes_it_on => retain_as_published;
    retain_handling_0_shows_always => handling_always;
    retain_handling_1_shows_the_new => handling_if_new;
    retain_handling_2_never_shows => handling_never;
    mqtt_311_is_shown_at_every_subscribe => mqtt_311_sees_it_again;
    wildcards_show_all_that_match => wildcards_match;
    wildcards_do_not_match_dollar_topics => dollar_topics_are_apart;
    the_lower_qos_counts => qos_is_lowered;
    subscription_identifiers_are_shown => identifiers_come_along;
    retained_messages_expire => expiry_counts;
    a_shared_subscription_is_shown_none => shared_subscriptions_see_none;
    they_outlive_their_publisher => sessions_do_not_matter;
    overlapping_filters_are_shown_each => overlapping_filters;
    many_are_shown_one_by_one_before_what_comes_next => many_keep_their_place;
}

async fn keeps(world: &World, topics: &[&str]) -> MqttPeer {
    let mut keeper = world.client("keeper").await;
    for name in topics {
        keeper.publishes(publish(name, *name).qos1(1).retained()).await;
    }
    keeper
}

fn handling(filter: &str, handling: RetainHandling) -> SubscribeWords {
    subscribe(filter, 0).options(|options| options.retain_handling = handling)
}

async fn last_value_is_shown(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.client("alice").await;
    alice.publishes(publish("t", "first").retained()).await;
    alice.publishes(publish("t", "last").qos1(1).retained()).await;
    alice.publishes(publish("t", "not kept")).await;
    let mut bob = world.client("bob").await;
    bob.subscribes(subscribe("t", 0)).await.hears(publish("t", "last").retained()).await;
    bob.hears_nothing().await;
    // QoS 0 replaces too.
    alice.publishes(publish("t", "zero").retained()).await;
    let mut carol = world.client("carol").await;
    carol.subscribes(subscribe("t", 0)).await.hears(publish("t", "zero").retained()).await;
}

async fn empty_payloads_clear(wire: Wire) {
    let world = World::new(wire);
    let mut alice = keeps(&world, &["t"]).await;
    let mut bob = world.client("bob").await;
    bob.subscribes(subscribe("t", 0)).await.hears(publish("t", "t").retained()).await;
    alice.publishes(publish("t", "").retained()).await;
    bob.hears(publish("t", "")).await;
    let mut carol = world.client("carol").await;
    carol.subscribes(subscribe("t", 0)).await.hears_nothing().await;
    // Nor is the empty message kept.
    alice.publishes(publish("u", "").qos2(1).retained()).await;
    carol.subscribes(subscribe("u", 0)).await.hears_nothing().await;
}

async fn live_messages_are_not_retained(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = (world.client("alice").await, world.client("bob").await);
    let mut carol = world.client_with(connect("carol").v311(), false).await;
    bob.subscribes(subscribe("t", 0)).await;
    carol.subscribes(subscribe("t", 0)).await;
    alice.publishes(publish("t", "live").retained()).await;
    bob.hears(publish("t", "live")).await;
    carol.hears(publish("t", "live")).await;
}

async fn retain_as_published(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = (world.client("alice").await, world.client("bob").await);
    bob.subscribes(subscribe("t", 0).options(|options| options.retain_as_published = true)).await;
    alice.publishes(publish("t", "kept").retained()).await.publishes(publish("t", "not kept")).await;
    bob.hears(publish("t", "kept").retained()).await.hears(publish("t", "not kept")).await;
}

async fn handling_always(wire: Wire) {
    let world = World::new(wire);
    keeps(&world, &["t"]).await;
    let mut bob = world.client("bob").await;
    for _ in 0..2 {
        bob.subscribes(handling("t", RetainHandling::SendAtSubscribe)).await;
        bob.hears(publish("t", "t").retained()).await.hears_nothing().await;
    }
}

async fn handling_if_new(wire: Wire) {
    let world = World::new(wire);
    keeps(&world, &["t"]).await;
    let mut bob = world.client("bob").await;
    bob.subscribes(handling("t", RetainHandling::SendIfNew)).await.hears(publish("t", "t").retained()).await;
    bob.subscribes(handling("t", RetainHandling::SendIfNew)).await.hears_nothing().await;
    // Another filter is new, even if it matches the same.
    bob.subscribes(handling("+", RetainHandling::SendIfNew)).await.hears(publish("t", "t").retained()).await;
    // And so is a subscription of a new session.
    let mut bob = world.client("bob").await;
    bob.subscribes(handling("t", RetainHandling::SendIfNew)).await.hears(publish("t", "t").retained()).await;
}

async fn handling_never(wire: Wire) {
    let world = World::new(wire);
    let mut keeper = keeps(&world, &["t"]).await;
    let mut bob = world.client("bob").await;
    bob.subscribes(handling("t", RetainHandling::DoNotSend)).await.hears_nothing().await;
    keeper.publishes(publish("t", "live").retained()).await;
    bob.hears(publish("t", "live")).await;
}

async fn mqtt_311_sees_it_again(wire: Wire) {
    let world = World::new(wire);
    keeps(&world, &["t"]).await;
    let mut bob = world.client_with(connect("bob").v311(), false).await;
    for _ in 0..2 {
        bob.subscribes(subscribe("t", 0))
            .await
            .hears(publish("t", "t").retained())
            .await
            .hears_nothing()
            .await;
    }
}

async fn wildcards_match(wire: Wire) {
    let world = World::new(wire);
    keeps(&world, &["a", "a/b", "a/b/c", "a/", "/a", "b/b"]).await;
    let table: [(&str, &[&str]); 7] = [
        ("#", &["/a", "a", "a/", "a/b", "a/b/c", "b/b"]),
        ("a/#", &["a", "a/", "a/b", "a/b/c"]),
        ("+", &["a"]),
        ("+/b", &["a/b", "b/b"]),
        ("a/+", &["a/", "a/b"]),
        ("+/+", &["/a", "a/", "a/b", "b/b"]),
        ("a/b", &["a/b"]),
    ];
    for (filter, expected) in table {
        let mut bob = world.client("bob").await;
        bob.subscribes(subscribe(filter, 0)).await;
        let mut heard = Vec::new();
        for _ in expected {
            heard.push(bob.looks_at(|packet| format!("{packet:?}")).await);
        }
        for name in expected {
            let name = format!("topic: Some(TopicName({name:?}))");
            assert!(heard.iter().any(|packet| packet.contains(&name)), "{filter}: {name} in {heard:?}");
        }
        bob.hears_nothing().await;
    }
}

async fn dollar_topics_are_apart(wire: Wire) {
    let world = World::new(wire);
    keeps(&world, &["a"]).await;
    let mut bob = world.client("bob").await;
    bob.subscribes(subscribe("$SYS/#", 0)).await.hears_nothing().await;
    bob.subscribes(subscribe("#", 0)).await.hears(publish("a", "a").retained()).await.hears_nothing().await;
}

async fn qos_is_lowered(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.client("alice").await;
    alice.publishes(publish("0", "m").retained()).await;
    alice.publishes(publish("1", "m").qos1(1).retained()).await;
    alice.publishes(publish("2", "m").qos2(2).retained()).await;
    let mut bob = world.client("bob").await;
    bob.subscribes(subscribe("0", 2)).await.hears(publish("0", "m").retained()).await;
    bob.subscribes(subscribe("1", 0)).await.hears(publish("1", "m").retained()).await;
    bob.subscribes(subscribe("2", 1))
        .await
        .hears(publish("2", "m").qos1(1).retained())
        .await
        .says(pub_ack(1))
        .await;
    bob.subscribes(subscribe("2", 2)).await.hears(publish("2", "m").qos2(2).retained()).await;
}

async fn identifiers_come_along(wire: Wire) {
    let world = World::new(wire);
    keeps(&world, &["t"]).await;
    let mut bob = world.client("bob").await;
    let identifier = Property::SubscriptionIdentifier(NonZeroU32::new(7).expect("7 is not zero"));
    bob.subscribes(subscribe("t", 0).with(identifier)).await;
    bob.hears(publish("t", "t").retained().with(identifier)).await;
}

async fn expiry_counts(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.client("alice").await;
    let expires = |secs| Property::MessageExpiryInterval(secs);
    alice.publishes(publish("t", "fresh").retained().with(expires(10))).await;
    world.passes(4 * SECOND).await;
    let mut bob = world.client("bob").await;
    bob.subscribes(subscribe("t", 0)).await.hears(publish("t", "fresh").retained().with(expires(6))).await;
    world.passes(6 * SECOND).await;
    let mut carol = world.client("carol").await;
    carol.subscribes(subscribe("t", 0)).await.hears_nothing().await;
}

async fn shared_subscriptions_see_none(wire: Wire) {
    let world = World::new(wire);
    keeps(&world, &["t"]).await;
    let mut bob = world.client("bob").await;
    bob.subscribes(subscribe("$share/group/t", 0)).await.hears_nothing().await;
    bob.subscribes(subscribe("$share/group/t", 0)).await.hears_nothing().await;
}

async fn sessions_do_not_matter(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.client("alice").await;
    alice.publishes(publish("t", "kept").retained()).await.says(disconnect()).await.is_closed().await;
    world.passes(3600 * SECOND).await;
    let mut bob = world.client("bob").await;
    bob.subscribes(subscribe("t", 0)).await.hears(publish("t", "kept").retained()).await;
}

async fn overlapping_filters(wire: Wire) {
    let world = World::new(wire);
    let mut alice = keeps(&world, &["t"]).await;
    let mut bob = world.client("bob").await;
    // Each filter is a subscription, and each is shown what it matches.
    bob.subscribes(subscribe("t", 0).and("#", 0)).await;
    bob.hears(publish("t", "t").retained()).await.hears(publish("t", "t").retained()).await;
    alice.publishes(publish("t", "live").retained()).await;
    bob.hears(publish("t", "live")).await;
    nothing_else(&mut [&mut alice, &mut bob]).await;
}

/// What a PUBLISH says: its topic, its packet identifier, its RETAIN flag.
async fn shown(peer: &mut MqttPeer) -> (String, u16, bool) {
    let look = |packet: &Packet<'_>| match packet {
        Packet::Publish(publish) => {
            let topic = publish.topic.expect("no alias was agreed on").to_string();
            (topic, publish.packet_id.map_or(0, |id| id.get()), publish.retain)
        }
        other => panic!("{other:?}"),
    };
    peer.looks_at(look).await
}

/// More than come into memory at once, with a window of one, over a connection that is lost in between.
async fn many_keep_their_place(wire: Wire) {
    const COUNT: usize = 150;
    let world = World::new(wire);
    let mut alice = world.client("alice").await;
    let topics: BTreeSet<_> = (0..COUNT).map(|number| format!("t/{number}")).collect();
    for topic in &topics {
        alice.publishes(publish(topic, "kept").qos1(1).retained()).await;
    }
    let window = Property::ReceiveMaximum(NonZeroU16::MIN);
    let bob = || connect("bob").resume().expiry(600).with(window);
    let mut b = world.client_with(bob(), false).await;
    b.subscribes(subscribe("t/#", 1)).await;
    alice.publishes(publish("t/live", "live").qos1(1)).await;
    let mut seen = BTreeSet::new();
    for number in 0..COUNT {
        let (mut topic, mut packet_id, is_retained) = shown(&mut b).await;
        assert!(is_retained, "{topic} came before what was retained");
        if number == COUNT / 2 {
            drop(b);
            b = world.client_with(bob(), true).await;
            let again = shown(&mut b).await;
            assert_eq!(again.0, topic, "what was not acknowledged comes first");
            (topic, packet_id, _) = again;
        }
        assert!(seen.insert(topic.clone()), "{topic} came twice");
        b.says(pub_ack(packet_id)).await;
    }
    assert_eq!(seen, topics);
    assert_eq!(shown(&mut b).await.0, "t/live");
}

/// A client that subscribes again and again without reading: what waits for it passes the outbox's bound once at most.
async fn repeated_subscribes_are_bounded(wire: Wire) {
    let world = World::with(wire, |config| config.session.outbox_messages_max = 10);
    let mut alice = world.client("alice").await;
    for number in 0..20 {
        alice.says(publish(&format!("t/{number}"), "kept").retained()).await;
    }
    let mut bob = world.mqtt().await;
    // A window of one, so that everything but the first delivery waits.
    bob.connects(connect("bob").with(Property::ReceiveMaximum(NonZeroU16::MIN)), false).await;
    alice.says(publish("t/0", "kept").qos1(1).retained()).await.next().await;
    for _ in 0..5 {
        bob.says(subscribe("t/0", 1)).await.next().await;
    }
    for _ in 0..5 {
        bob.says(subscribe("t/#", 1)).await.next().await;
    }
    assert!(world.broker.counters.dropped.value() > 0, "what came beyond the bound was dropped and counted");
}
