//! Wills: what is published for a client that is lost.

use tidewire_protocols::mqtt::{Property, ReasonCode, Version};
use tidewire_protocols::topic::TopicName;
use tidewire_tests::conversations;
use tidewire_tests::mqtt::{
    ConnectWords, MqttPeer, PingReq, Raw, connect, disconnect, pub_ack, publish, subscribe,
};
use tidewire_tests::peer::Wire;
use tidewire_tests::world::World;

use super::SECOND;

conversations! {
    a_lost_connection_publishes => lost;
    a_goodbye_withdraws => goodbye;
    a_goodbye_may_ask_for_it => goodbye_with_will;
    any_other_goodbye_publishes => other_goodbyes;
    a_protocol_error_publishes => protocol_error;
    a_silent_client_is_lost => keep_alive;
    it_waits_as_long_as_asked => delay;
    a_return_withdraws_it => return_before_the_delay;
    the_end_of_the_session_is_the_latest => delay_beyond_the_session;
    a_session_that_ends_at_once_does_not_wait => delay_without_session;
    a_clean_start_ends_the_session => clean_start;
    a_new_will_replaces_it => replaced;
    it_is_withdrawn_for_good => withdrawn_for_good;
    it_may_be_retained => retained;
    its_properties_go_along => properties;
    its_expiry_counts_from_publication => expiry;
    it_is_checked_at_connect => checked;
}

async fn listener(world: &World) -> MqttPeer {
    let mut bob = world.client("bob").await;
    bob.subscribes(subscribe("will", 2)).await;
    bob
}

fn alice() -> ConnectWords {
    connect("alice").will(publish("will", "gone"))
}

fn delayed(secs: u32) -> ConnectWords {
    connect("alice").will_with(publish("will", "gone"), &[Property::WillDelayInterval(secs)])
}

async fn lost(wire: Wire) {
    let world = World::new(wire);
    let mut bob = listener(&world).await;
    for version in [Version::V5, Version::V311] {
        for lasting in [false, true] {
            let words = alice().in_version(version);
            let words = if lasting { words.resume().expiry(60) } else { words };
            drop(world.client_with(words, false).await);
            bob.hears(publish("will", "gone")).await.hears_nothing().await;
            drop(world.client("alice").await);
        }
    }
}

async fn goodbye(wire: Wire) {
    let world = World::new(wire);
    let mut bob = listener(&world).await;
    for version in [Version::V5, Version::V311] {
        let mut a = world.client_with(alice().in_version(version), false).await;
        a.says(disconnect()).await.is_closed().await;
        bob.hears_nothing().await;
    }
}

async fn goodbye_with_will(wire: Wire) {
    let world = World::new(wire);
    let mut bob = listener(&world).await;
    let mut a = world.client_with(alice(), false).await;
    a.says(disconnect().because(ReasonCode::DisconnectWithWill)).await.is_closed().await;
    bob.hears(publish("will", "gone")).await.hears_nothing().await;
    // The short form, without properties.
    let mut a = world.client_with(alice(), false).await;
    a.says(Raw(&[0xE0, 1, 4])).await.is_closed().await;
    bob.hears(publish("will", "gone")).await.hears_nothing().await;
}

async fn other_goodbyes(wire: Wire) {
    let world = World::new(wire);
    let mut bob = listener(&world).await;
    for reason in [ReasonCode::UnspecifiedError, ReasonCode::MalformedPacket, ReasonCode::QuotaExceeded] {
        let mut a = world.client_with(alice(), false).await;
        a.says(disconnect().because(reason)).await.is_closed().await;
        bob.hears(publish("will", "gone")).await.hears_nothing().await;
    }
}

async fn protocol_error(wire: Wire) {
    let world = World::new(wire);
    let mut bob = listener(&world).await;
    let mut a = world.client_with(alice(), false).await;
    a.says(alice()).await.is_disconnected(ReasonCode::ProtocolError, 1000).await;
    bob.hears(publish("will", "gone")).await;
    let mut a = world.client_with(alice().v311(), false).await;
    a.says(Raw(&[0xF0, 0])).await.peer.is_closed_with(1002).await;
    bob.hears(publish("will", "gone")).await;
}

async fn keep_alive(wire: Wire) {
    let world = World::new(wire);
    let mut bob = listener(&world).await;
    let mut a = world.client_with(alice().keep_alive(10), false).await;
    world.passes(14 * SECOND).await;
    bob.hears_nothing().await.hears(publish("will", "gone")).await;
    a.is_disconnected(ReasonCode::KeepAliveTimeout, 1000).await;
}

async fn delay(wire: Wire) {
    let world = World::new(wire);
    let mut bob = listener(&world).await;
    drop(world.client_with(delayed(10).expiry(60), false).await);
    world.passes(9 * SECOND).await;
    bob.hears_nothing().await;
    world.passes(SECOND).await;
    bob.hears(publish("will", "gone")).await;
    // Once is enough: not again when the session ends, nor when the client comes back.
    world.client_with(connect("alice").resume(), true).await;
    world.passes(60 * SECOND).await;
    bob.hears_nothing().await;
}

async fn return_before_the_delay(wire: Wire) {
    let world = World::new(wire);
    let mut bob = listener(&world).await;
    drop(world.client_with(delayed(10).expiry(60), false).await);
    world.passes(9 * SECOND).await;
    let mut a = world.client_with(connect("alice").resume().expiry(60), true).await;
    world.passes(60 * SECOND).await;
    bob.hears_nothing().await;
    a.says(PingReq).await.next().await;
}

async fn delay_beyond_the_session(wire: Wire) {
    let world = World::new(wire);
    let mut bob = listener(&world).await;
    drop(world.client_with(delayed(100).expiry(10), false).await);
    world.passes(9 * SECOND).await;
    bob.hears_nothing().await;
    world.passes(SECOND).await;
    bob.hears(publish("will", "gone")).await;
    world.passes(100 * SECOND).await;
    bob.hears_nothing().await;
    world.client_with(connect("alice").resume(), false).await;
}

async fn delay_without_session(wire: Wire) {
    let world = World::new(wire);
    let mut bob = listener(&world).await;
    drop(world.client_with(delayed(10), false).await);
    world.settles().await;
    bob.hears(publish("will", "gone")).await;
    // Also where the goodbye ends the session.
    let mut a = world.client_with(delayed(10).expiry(60), false).await;
    let goodbye =
        disconnect().because(ReasonCode::DisconnectWithWill).with(Property::SessionExpiryInterval(0));
    a.says(goodbye).await.is_closed().await;
    bob.hears(publish("will", "gone")).await;
}

async fn clean_start(wire: Wire) {
    let world = World::new(wire);
    let mut bob = listener(&world).await;
    drop(world.client_with(delayed(10).expiry(60), false).await);
    world.settles().await;
    bob.hears_nothing().await;
    world.client_with(connect("alice"), false).await;
    bob.hears(publish("will", "gone")).await;
    world.passes(60 * SECOND).await;
    bob.hears_nothing().await;
}

async fn replaced(wire: Wire) {
    let world = World::new(wire);
    let mut bob = listener(&world).await;
    drop(world.client_with(delayed(10).expiry(60), false).await);
    world.settles().await;
    drop(
        world
            .client_with(connect("alice").resume().expiry(60).will(publish("will", "gone again")), true)
            .await,
    );
    bob.hears(publish("will", "gone again")).await;
    world.passes(60 * SECOND).await;
    bob.hears_nothing().await;
}

async fn withdrawn_for_good(wire: Wire) {
    let world = World::new(wire);
    let mut bob = listener(&world).await;
    let mut a = world.client_with(delayed(10).expiry(60), false).await;
    a.says(disconnect()).await.is_closed().await;
    world.passes(20 * SECOND).await;
    bob.hears_nothing().await;
    // The next connection leaves none, so its loss says nothing.
    drop(world.client_with(connect("alice").resume(), true).await);
    bob.hears_nothing().await;
}

async fn retained(wire: Wire) {
    let world = World::new(wire);
    drop(world.client_with(connect("alice").will(publish("will", "gone").qos1(1).retained()), false).await);
    drop(world.client_with(connect("carol").will(publish("other", "gone")), false).await);
    world.settles().await;
    let mut bob = listener(&world).await;
    bob.hears(publish("will", "gone").qos1(1).retained()).await.says(pub_ack(1)).await;
    bob.subscribes(subscribe("other", 0)).await.hears_nothing().await;
}

async fn properties(wire: Wire) {
    let world = World::new(wire);
    let mut bob = listener(&world).await;
    let all = [
        Property::PayloadFormatIndicator(true),
        Property::ContentType("text/plain"),
        Property::ResponseTopic(TopicName::parse("answer").expect("a topic name")),
        Property::CorrelationData(b"\0\xFF"),
        Property::UserProperty("b", "1"),
        Property::UserProperty("a", "2"),
        Property::UserProperty("b", "1"),
    ];
    let mut given = vec![Property::WillDelayInterval(5)];
    given.extend(all);
    drop(
        world
            .client_with(
                connect("alice").expiry(60).will_with(publish("will", "gone").qos2(9), &given),
                false,
            )
            .await,
    );
    world.settles().await;
    let expected =
        all.into_iter().fold(publish("will", "gone").qos2(1), |words, property| words.with(property));
    // The delay is the broker's business, and does not go along.
    bob.hears(expected).await;
}

async fn expiry(wire: Wire) {
    let world = World::new(wire);
    let mut bob = listener(&world).await;
    let properties = [Property::MessageExpiryInterval(7), Property::WillDelayInterval(20)];
    let words = connect("alice").expiry(60).will_with(publish("will", "gone").retained(), &properties);
    drop(world.client_with(words, false).await);
    world.passes(20 * SECOND).await;
    bob.hears(publish("will", "gone").with(Property::MessageExpiryInterval(7))).await;
    world.passes(4 * SECOND).await;
    let mut carol = world.client("carol").await;
    carol.subscribes(subscribe("will", 0)).await;
    carol.hears(publish("will", "gone").retained().with(Property::MessageExpiryInterval(3))).await;
    world.passes(3 * SECOND).await;
    world.client("dave").await.subscribes(subscribe("will", 0)).await.hears_nothing().await;
}

async fn checked(wire: Wire) {
    let world = World::new(wire);
    let mut a = world.mqtt().await;
    a.says(connect("alice").will(publish("$SYS/will", "forged"))).await;
    a.is_refused(ReasonCode::NotAuthorized, 1000).await;
    // A topic with a wildcard: written by hand, since no builder makes it.
    let mut a = world.mqtt().await;
    a.says(Raw(b"\x10\x17\0\x04MQTT\x05\x06\0\0\0\0\x01a\0\0\x03a/#\0\x01x")).await;
    a.is_refused(ReasonCode::TopicNameInvalid, 1000).await;
}
