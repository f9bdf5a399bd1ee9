//! PUBLISH: what goes in comes out.

use tidewire_protocols::mqtt::{Qos, ReasonCode};
use tidewire_tests::conversations;
use tidewire_tests::mqtt::{connect, pub_ack, pub_rec, publish, subscribe};
use tidewire_tests::peer::Wire;
use tidewire_tests::world::World;

use super::nothing_else;

conversations! {
    an_empty_payload_is_a_message => empty_payloads_arrive;
    a_large_payload_arrives => large_payloads_arrive;
    versions_understand_each_other => versions_mix;
    order_is_kept => order_holds;
    nobody_subscribes => unmatched_is_said;
    topics_that_begin_with_a_dollar_are_the_brokers => dollar_topics_are_refused;
    deep_topics_are_refused => levels_are_limited;
    a_qos_that_is_not_served_is_refused => maximum_qos_holds;
    qos_0_is_all_there_is => maximum_qos_zero;
    a_message_that_may_not_be_retained_is_refused => retain_is_off;
}

async fn empty_payloads_arrive(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = (world.client("alice").await, world.client("bob").await);
    bob.subscribes(subscribe("/", 0).and("a b", 0)).await;
    alice.publishes(publish("/", "")).await.publishes(publish("a b", "spaces are fine")).await;
    bob.hears(publish("/", "")).await.hears(publish("a b", "spaces are fine")).await;
}

async fn large_payloads_arrive(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = (world.client("alice").await, world.client("bob").await);
    bob.subscribes(subscribe("t", 1)).await;
    let payload = vec![7; 1 << 20];
    alice.publishes(publish("t", &payload).qos1(1)).await;
    bob.hears(publish("t", &payload).qos1(1)).await.says(pub_ack(1)).await;
    nothing_else(&mut [&mut alice, &mut bob]).await;
}

async fn versions_mix(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.client_with(connect("alice").v311(), false).await;
    let mut bob = world.client("bob").await;
    alice.subscribes(subscribe("t", 1)).await;
    bob.subscribes(subscribe("t", 1)).await;
    alice.publishes(publish("t", "from 3.1.1")).await;
    alice.hears(publish("t", "from 3.1.1")).await;
    bob.hears(publish("t", "from 3.1.1")).await;
    bob.publishes(publish("t", "from 5")).await;
    alice.hears(publish("t", "from 5")).await;
    bob.hears(publish("t", "from 5")).await;
}

async fn order_holds(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = (world.client("alice").await, world.client("bob").await);
    bob.subscribes(subscribe("t", 2)).await;
    for number in 1..=300_u16 {
        alice.publishes(publish("t", number.to_string()).qos1(number)).await;
    }
    for number in 1..=300_u16 {
        bob.hears(publish("t", number.to_string()).qos1(number)).await.says(pub_ack(number)).await;
    }
    bob.hears_nothing().await;
}

async fn unmatched_is_said(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.client("alice").await;
    alice.says(publish("t", "unheard").qos1(1)).await.hears(pub_ack(1).unmatched()).await;
    alice.says(publish("t", "unheard").qos2(2)).await.hears(pub_rec(2).unmatched()).await;
    let mut bob = world.client_with(connect("bob").v311(), false).await;
    bob.says(publish("t", "unheard").qos1(1)).await.hears(pub_ack(1)).await;
}

async fn dollar_topics_are_refused(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = (world.client("alice").await, world.client("bob").await);
    let mut carol = world.client_with(connect("carol").v311(), false).await;
    bob.subscribes(subscribe("$SYS/#", 2)).await;
    alice.says(publish("$SYS/uptime", "forged")).await;
    let refused = || pub_ack(1).because(ReasonCode::NotAuthorized).explained();
    alice.says(publish("$SYS/uptime", "forged").qos1(1)).await.hears(refused()).await;
    let refused = || pub_rec(1).because(ReasonCode::NotAuthorized).explained();
    alice.says(publish("$SYS/uptime", "forged").qos2(1)).await.hears(refused()).await;
    // 3.1.1 cannot be told: the message is dropped and acknowledged.
    carol.publishes(publish("$SYS/uptime", "forged").qos1(1)).await;
    carol.publishes(publish("$SYS/uptime", "forged").qos2(2)).await;
    nothing_else(&mut [&mut alice, &mut bob, &mut carol]).await;
}

async fn levels_are_limited(wire: Wire) {
    let world = World::with(wire, |config| config.limits.topic_levels_max = 3);
    let (mut alice, mut bob) = (world.client("alice").await, world.client("bob").await);
    bob.subscribes(subscribe("#", 1)).await;
    alice.publishes(publish("a/b/c", "three").qos1(1)).await;
    let refused = pub_ack(2).because(ReasonCode::TopicNameInvalid).explained();
    alice.says(publish("a/b/c/d", "four").qos1(2)).await.hears(refused).await;
    alice.publishes(publish("a/b/c/d", "four")).await;
    bob.hears(publish("a/b/c", "three").qos1(1)).await.hears_nothing().await;
}

async fn maximum_qos_holds(wire: Wire) {
    let world = World::with(wire, |config| config.mqtt.maximum_qos = 1);
    let mut bob = world.mqtt().await;
    let learnt = bob.learns(connect("bob")).await;
    assert!(learnt.contains(&format!("MaximumQos({:?})", Qos::AtLeastOnce)), "{learnt:?}");
    // A subscription is granted less than it asks for.
    bob.says(subscribe("t", 2)).await.hears(tidewire_tests::mqtt::sub_ack(&[1])).await;
    let mut alice = world.client("alice").await;
    alice.publishes(publish("t", "one").qos1(1)).await;
    bob.hears(publish("t", "one").qos1(1)).await;
    alice.says(publish("t", "two").qos2(2)).await.is_disconnected(ReasonCode::QosNotSupported, 1000).await;
    let mut carol = world.mqtt().await;
    carol.says(connect("carol").will(publish("t", "will").qos2(1))).await;
    carol.is_refused(ReasonCode::QosNotSupported, 1000).await;
}

async fn maximum_qos_zero(wire: Wire) {
    let world = World::with(wire, |config| config.mqtt.maximum_qos = 0);
    let mut alice = world.client_with(connect("alice").v311(), false).await;
    alice.says(subscribe("t", 2)).await.hears(tidewire_tests::mqtt::sub_ack(&[0])).await;
    alice.publishes(publish("t", "zero")).await.hears(publish("t", "zero")).await;
    alice.says(publish("t", "one").qos1(1)).await.is_closed().await;
}

async fn retain_is_off(wire: Wire) {
    let world = World::with(wire, |config| config.mqtt.retain_available = false);
    let mut alice = world.mqtt().await;
    let learnt = alice.learns(connect("alice")).await;
    assert!(learnt.contains(&"RetainAvailable(false)".to_owned()), "{learnt:?}");
    alice.says(publish("t", "kept").retained()).await;
    alice.is_disconnected(ReasonCode::RetainNotSupported, 1000).await;
    let mut carol = world.mqtt().await;
    carol.says(connect("carol").will(publish("t", "will").retained())).await;
    carol.is_refused(ReasonCode::RetainNotSupported, 1000).await;
}
