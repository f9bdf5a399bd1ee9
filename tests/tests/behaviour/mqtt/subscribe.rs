//! SUBSCRIBE and UNSUBSCRIBE: who receives, and on what terms.

use std::num::{NonZeroU16, NonZeroU32};

use tidewire_protocols::mqtt::{Property, ReasonCode};
use tidewire_tests::conversations;
use tidewire_tests::mqtt::{connect, pub_ack, publish, sub_ack, subscribe, unsub_ack, unsubscribe};
use tidewire_tests::peer::Wire;
use tidewire_tests::world::World;

use super::nothing_else;

conversations! {
    overlapping_subscriptions_give_one_copy => one_copy;
    every_identifier_is_named => all_identifiers;
    an_identifier_goes_with_its_subscription => identifiers_are_replaced;
    no_local_spares_the_publisher => no_local;
    no_local_leaves_other_subscriptions_alone => no_local_and_another;
    no_local_holds_for_a_session_that_came_back => no_local_will;
    each_filter_gets_its_answer => answers_in_order;
    mqtt_311_knows_one_error => mqtt_311_answers;
    subscribing_again_replaces => subscribing_again;
    what_was_unsubscribed_ends => unsubscribing;
    what_waits_comes_after_unsubscribe => waiting_messages_come;
    a_session_holds_so_many_subscriptions => subscriptions_are_limited;
    wildcards_can_be_switched_off => no_wildcards;
    shared_subscriptions_can_be_switched_off => no_shared;
    filters_match => filters_match_names;
    deep_filters_are_refused => levels_are_limited;
}

fn identifier(number: u32) -> Property<'static> {
    Property::SubscriptionIdentifier(NonZeroU32::new(number).expect("an identifier is not zero"))
}

async fn one_copy(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = (world.client("alice").await, world.client("bob").await);
    bob.subscribes(subscribe("t/+", 0).and("t/#", 2).and("t/1", 1)).await;
    alice.publishes(publish("t/1", "m").qos2(1)).await;
    bob.hears(publish("t/1", "m").qos2(1)).await.hears_nothing().await;
}

async fn all_identifiers(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = (world.client("alice").await, world.client("bob").await);
    bob.subscribes(subscribe("t/1", 0).with(identifier(1))).await;
    bob.subscribes(subscribe("t/+", 1).with(identifier(268_435_455))).await;
    bob.subscribes(subscribe("t/#", 0)).await;
    alice.publishes(publish("t/1", "m").qos2(1)).await;
    let mut named = bob
        .looks_at(|packet| {
            let tidewire_protocols::mqtt::Packet::Publish(publish) = packet else { panic!("{packet:?}") };
            assert_eq!(publish.qos, tidewire_protocols::mqtt::Qos::AtLeastOnce);
            publish.properties.iter().map(|property| format!("{property:?}")).collect::<Vec<_>>()
        })
        .await;
    named.sort_unstable();
    assert_eq!(named, [format!("{:?}", identifier(1)), format!("{:?}", identifier(268_435_455))]);
    alice.publishes(publish("t/2", "m")).await;
    bob.hears(publish("t/2", "m").with(identifier(268_435_455))).await;
    alice.publishes(publish("t", "m")).await;
    bob.hears(publish("t", "m")).await;
}

async fn identifiers_are_replaced(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = (world.client("alice").await, world.client("bob").await);
    bob.subscribes(subscribe("t", 0).with(identifier(1))).await;
    alice.publishes(publish("t", "one")).await;
    bob.hears(publish("t", "one").with(identifier(1))).await;
    bob.subscribes(subscribe("t", 0).with(identifier(2))).await;
    alice.publishes(publish("t", "two")).await;
    bob.hears(publish("t", "two").with(identifier(2))).await;
    bob.subscribes(subscribe("t", 0)).await;
    alice.publishes(publish("t", "three")).await;
    bob.hears(publish("t", "three")).await;
}

async fn no_local(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = (world.client("alice").await, world.client("bob").await);
    alice.subscribes(subscribe("t", 0).options(|options| options.no_local = true)).await;
    alice.publishes(publish("t", "alice")).await;
    bob.publishes(publish("t", "bob")).await;
    alice.hears(publish("t", "bob")).await.hears_nothing().await;
}

async fn no_local_and_another(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.client("alice").await;
    alice.subscribes(subscribe("t", 2).options(|options| options.no_local = true).with(identifier(1))).await;
    alice.subscribes(subscribe("#", 0).with(identifier(2))).await;
    alice.publishes(publish("t", "mine").qos1(1)).await.hears(publish("t", "mine").with(identifier(2))).await;
    alice.hears_nothing().await;
}

async fn no_local_will(wire: Wire) {
    let world = World::new(wire);
    let lasting = || connect("alice").resume().expiry(60).will(publish("t", "will").qos1(1));
    let mut alice = world.client_with(lasting(), false).await;
    alice.subscribes(subscribe("t", 1).options(|options| options.no_local = true)).await;
    for _ in 0..2 {
        drop(alice);
        alice = world.client_with(lasting(), true).await;
        alice.hears_nothing().await;
    }
}

async fn answers_in_order(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = (world.client("alice").await, world.client("bob").await);
    let filters = subscribe("a", 0).and("a/#/b", 1).and("b", 1).and("b+", 1).and("", 0).and("c", 2);
    bob.says(filters.id(77)).await.hears(sub_ack(&[0, 0x8F, 1, 0x8F, 0x8F, 2]).explained().id(77)).await;
    alice.publishes(publish("c", "the good ones hold")).await;
    bob.hears(publish("c", "the good ones hold")).await;
}

async fn mqtt_311_answers(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.client_with(connect("alice").v311(), false).await;
    alice.says(subscribe("a", 2).and("a/#/b", 1)).await.hears(sub_ack(&[2, 0x80]).explained()).await;
    alice.says(unsubscribe(&["a", "b"])).await.hears(unsub_ack(&[])).await;
}

async fn subscribing_again(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = (world.client("alice").await, world.client("bob").await);
    bob.subscribes(subscribe("t", 0)).await.subscribes(subscribe("t", 1)).await;
    alice.publishes(publish("t", "m").qos1(1)).await;
    bob.hears(publish("t", "m").qos1(1)).await.says(pub_ack(1)).await.hears_nothing().await;
    bob.says(unsubscribe(&["t"])).await.hears(unsub_ack(&[0])).await;
    alice.says(publish("t", "m").qos1(1)).await.hears(pub_ack(1).unmatched()).await;
    bob.hears_nothing().await;
}

async fn unsubscribing(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = (world.client("alice").await, world.client("bob").await);
    bob.subscribes(subscribe("a/+", 0).and("a/b", 0).and("c", 0)).await;
    // The filter is compared as it stands, not as it matches; each gets its answer.
    bob.says(unsubscribe(&["a/b", "a/c", "#", "a/+/#/", "c"])).await;
    bob.hears(unsub_ack(&[0, 0x11, 0x11, 0x8F, 0]).explained()).await;
    alice.publishes(publish("a/b", "one")).await.publishes(publish("c", "none")).await;
    bob.hears(publish("a/b", "one")).await.hears_nothing().await;
}

async fn waiting_messages_come(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.client("alice").await;
    let one = Property::ReceiveMaximum(NonZeroU16::MIN);
    let mut bob = world.client_with(connect("bob").with(one), false).await;
    bob.subscribes(subscribe("t", 1)).await;
    alice.publishes(publish("t", "one").qos1(1)).await.publishes(publish("t", "two").qos1(2)).await;
    bob.hears(publish("t", "one").qos1(1)).await;
    bob.says(unsubscribe(&["t"])).await.hears(unsub_ack(&[0])).await;
    alice.publishes(publish("t", "three").qos1(3)).await;
    bob.says(pub_ack(1)).await.hears(publish("t", "two").qos1(2)).await.says(pub_ack(2)).await;
    bob.hears_nothing().await;
}

async fn subscriptions_are_limited(wire: Wire) {
    let world = World::with(wire, |config| config.limits.subscriptions_per_session_max = 2);
    let mut alice = world.client("alice").await;
    let quota = ReasonCode::QuotaExceeded.as_u8();
    alice
        .says(subscribe("a", 0).and("b", 0).and("c", 0))
        .await
        .hears(sub_ack(&[0, 0, quota]).explained())
        .await;
    // To replace one is no more than there was; to give one up makes room.
    alice.subscribes(subscribe("a", 1)).await;
    alice.says(unsubscribe(&["b"])).await.hears(unsub_ack(&[0])).await.subscribes(subscribe("c", 0)).await;
    // Another session has its own.
    world.client("bob").await.subscribes(subscribe("a", 0)).await;
}

async fn no_wildcards(wire: Wire) {
    let world = World::with(wire, |config| config.mqtt.wildcard_subscriptions = false);
    let mut alice = world.mqtt().await;
    let learnt = alice.learns(connect("alice")).await;
    assert!(learnt.contains(&"WildcardSubscriptionAvailable(false)".to_owned()), "{learnt:?}");
    alice.subscribes(subscribe("a/b", 0)).await;
    // It was told, so asking all the same is a protocol error; 3.1.1 could not be told.
    alice.says(subscribe("a/+", 0)).await;
    alice.is_disconnected(ReasonCode::WildcardSubscriptionsNotSupported, 1000).await;
    let mut bob = world.client_with(connect("bob").v311(), false).await;
    bob.says(subscribe("a/b", 0).and("#", 0)).await.hears(sub_ack(&[0, 0x80]).explained()).await;
}

async fn no_shared(wire: Wire) {
    let world = World::with(wire, |config| config.mqtt.shared_subscriptions = false);
    let mut alice = world.mqtt().await;
    let learnt = alice.learns(connect("alice")).await;
    assert!(learnt.contains(&"SharedSubscriptionAvailable(false)".to_owned()), "{learnt:?}");
    alice.says(subscribe("$share/g/a", 0)).await;
    alice.is_disconnected(ReasonCode::SharedSubscriptionsNotSupported, 1000).await;
    let mut bob = world.client_with(connect("bob").v311(), false).await;
    bob.says(subscribe("$share/g/a", 0)).await.hears(sub_ack(&[0x80]).explained()).await;
}

async fn filters_match_names(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.client("alice").await;
    let table = [
        ("sport/#", "sport", true),
        ("sport/#", "sport/tennis/player", true),
        ("sport/+", "sport", false),
        ("sport/+", "sport/", true),
        ("sport/+", "sport/tennis", true),
        ("sport/+", "sport/tennis/player", false),
        ("+/+", "/finance", true),
        ("/+", "/finance", true),
        ("+", "/finance", false),
        ("+/tennis/#", "sport/tennis", true),
        ("Sport", "sport", false),
        ("sport", "sport/", false),
        ("#", "/", true),
    ];
    for (filter, name, matches) in table {
        let mut bob = world.client("bob").await;
        bob.subscribes(subscribe(filter, 0)).await;
        alice.publishes(publish(name, filter)).await;
        if matches {
            bob.hears(publish(name, filter)).await;
        }
        nothing_else(&mut [&mut bob]).await;
    }
}

async fn levels_are_limited(wire: Wire) {
    let world = World::with(wire, |config| config.limits.topic_levels_max = 3);
    let mut alice = world.client("alice").await;
    alice.says(subscribe("a/b/c", 0).and("a/b/c/#", 0)).await.hears(sub_ack(&[0, 0x8F]).explained()).await;
}
