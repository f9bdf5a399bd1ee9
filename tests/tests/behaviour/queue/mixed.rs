//! The same queue from MQTT and from STOMP.

use std::num::{NonZeroU16, NonZeroU32};

use tidewire_protocols::mqtt::{Property, ReasonCode};
use tidewire_tests::conversations;
use tidewire_tests::mqtt::{
    connect, disconnect, pub_ack, pub_comp, pub_rec, pub_rel, publish, sub_ack, subscribe, unsub_ack,
    unsubscribe,
};
use tidewire_tests::peer::Wire;
use tidewire_tests::stomp::StompPeer;
use tidewire_tests::world::World;

use super::{connected, consumer, hears, redelivery};

conversations! {
    what_mqtt_publishes_stomp_consumes => mqtt_to_stomp;
    what_stomp_sends_mqtt_consumes => stomp_to_mqtt;
    consumers_of_both_take_turns => turns;
    receive_maximum_is_the_prefetch => receive_maximum;
    qos_2_is_settled_when_it_is_received => qos_2;
    qos_2_stays_with_a_session_that_may_come_back => qos_2_stays;
    what_an_mqtt_consumer_had_goes_back_when_it_is_lost => lost_mqtt_consumer;
    a_persistent_session_consumes_again => resumes;
    a_refusing_puback_makes_a_dead_letter => refused;
    an_mqtt_consumer_may_leave => leaves;
    queues_have_no_wildcards => bad_filters;
    what_is_too_large_for_its_consumer_is_a_dead_letter => too_large;
    stomp_asks_and_mqtt_answers => request_and_reply;
    mqtt_asks_and_stomp_answers => reply_to_mqtt;
}

/// Sends each body to `/queue/q`, as bytes: a text WebSocket message would say so by a property.
async fn sends(peer: &mut StompPeer, bodies: &[&str]) {
    for body in bodies {
        let frame = format!("SEND\ndestination:/queue/q\nreceipt:{body}\n\n{body}\0");
        peer.says_bytes(frame.as_bytes()).await.hears_receipt(body).await;
    }
}

async fn mqtt_to_stomp(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.client("alice").await;
    alice.says(publish("$queue/q", "1").qos1(1)).await.hears(pub_ack(1)).await;
    alice.says(publish("$queue/q", "2").qos2(2).retained()).await.hears(pub_rec(2)).await;
    alice.says(pub_rel(2)).await.hears(pub_comp(2)).await;
    alice.says(publish("$queue/q", "3")).await;
    world.settles().await;
    let mut bob = connected(&world).await;
    bob.says("SUBSCRIBE\nid:s\ndestination:/queue/q\nack:client\n\n^").await;
    for (body, qos) in [("1", "1"), ("2", "2"), ("3", "0")] {
        let heard = bob.hears_message(body).await;
        assert_eq!((heard.header("destination"), heard.header("qos")), (Some("/queue/q"), Some(qos)));
        assert_eq!(heard.header("retain"), None);
    }
}

async fn stomp_to_mqtt(wire: Wire) {
    let world = World::new(wire);
    let mut alice = connected(&world).await;
    sends(&mut alice, &["1", "2"]).await;
    let mut bob = world.client("bob").await;
    bob.says(subscribe("$queue/q", 1).id(7)).await.hears(sub_ack(&[1]).id(7)).await;
    bob.hears(publish("$queue/q", "1").qos1(1)).await.hears(publish("$queue/q", "2").qos1(2)).await;
    bob.says(pub_ack(1)).await.says(disconnect()).await.is_closed().await;
    hears(&mut consumer(&world, "").await, &["2"]).await;
}

async fn turns(wire: Wire) {
    let world = World::new(wire);
    let mut alice = connected(&world).await;
    let mut bob = world.client("bob").await;
    bob.subscribes(subscribe("$queue/q", 1)).await;
    let mut carol = consumer(&world, "ack:client-individual\n").await;
    sends(&mut alice, &["1", "2", "3", "4"]).await;
    bob.hears(publish("$queue/q", "1").qos1(1)).await.hears(publish("$queue/q", "3").qos1(2)).await;
    hears(&mut carol, &["2", "4"]).await;
    bob.hears_nothing().await;
}

async fn receive_maximum(wire: Wire) {
    let world = World::new(wire);
    let mut alice = connected(&world).await;
    let mut bob = world
        .client_with(
            connect("bob").with(Property::ReceiveMaximum(NonZeroU16::new(2).expect("it is not 0"))),
            false,
        )
        .await;
    bob.subscribes(subscribe("$queue/q", 1)).await;
    sends(&mut alice, &["1", "2", "3", "4"]).await;
    bob.hears(publish("$queue/q", "1").qos1(1)).await.hears(publish("$queue/q", "2").qos1(2)).await;
    bob.hears_nothing().await;
    let mut carol = consumer(&world, "").await;
    hears(&mut carol, &["3", "4"]).await;
    bob.says(pub_ack(1)).await.hears_nothing().await;
    sends(&mut alice, &["5"]).await;
    carol.hears_message("5").await;
    sends(&mut alice, &["6"]).await;
    bob.hears(publish("$queue/q", "6").qos1(3)).await;
}

async fn qos_2(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.client("alice").await;
    alice.says(publish("$queue/q", "1").qos2(1)).await.hears(pub_rec(1)).await;
    let mut bob = world.client("bob").await;
    bob.says(subscribe("$queue/q", 2).id(7)).await.hears(sub_ack(&[2]).id(7)).await;
    bob.hears(publish("$queue/q", "1").qos2(1)).await;
    assert_eq!(world.broker.queue_count(), 1);
    bob.says(pub_rec(1)).await.hears(pub_rel(1)).await;
    drop(bob);
    world.settles().await;
    consumer(&world, "").await.hears_nothing().await;
}

async fn qos_2_stays(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.client("alice").await;
    for (number, body) in [(1, "1"), (2, "2")] {
        alice.says(publish("$queue/q", body).qos2(number)).await.hears(pub_rec(number)).await;
    }
    let mut bob = world.client_with(connect("bob").expiry(60), false).await;
    bob.says(subscribe("$queue/q", 2).id(7)).await.hears(sub_ack(&[2]).id(7)).await;
    bob.hears(publish("$queue/q", "1").qos2(1)).await.hears(publish("$queue/q", "2").qos2(2)).await;
    drop(bob);
    let mut carol = consumer(&world, "").await;
    carol.hears_nothing().await;
    let mut bob = world.client_with(connect("bob").resume().expiry(60), true).await;
    bob.hears(publish("$queue/q", "1").qos2(1).dup()).await;
    bob.hears(publish("$queue/q", "2").qos2(2).dup()).await;
    bob.says(pub_rec(1)).await.hears(pub_rel(1)).await;
    // The session is over: the one that it never received is the queue's again.
    let mut bob = world.client("bob").await;
    carol.hears_message("2").await;
    bob.hears_nothing().await;
}

async fn lost_mqtt_consumer(wire: Wire) {
    let world = World::new(wire);
    let mut alice = connected(&world).await;
    let mut bob = world.client_with(connect("bob").expiry(60), false).await;
    bob.subscribes(subscribe("$queue/q", 1)).await;
    sends(&mut alice, &["1", "2"]).await;
    bob.hears(publish("$queue/q", "1").qos1(1)).await.hears(publish("$queue/q", "2").qos1(2)).await;
    drop(bob);
    world.settles().await;
    let mut carol = consumer(&world, "").await;
    for body in ["1", "2"] {
        assert_eq!(redelivery(&carol.hears_message(body).await), (Some("true"), Some("2")));
    }
    // A session that comes back finds nothing to resend.
    let mut bob = world.client_with(connect("bob").resume(), true).await;
    bob.hears_nothing().await;
}

async fn resumes(wire: Wire) {
    let world = World::new(wire);
    let mut alice = connected(&world).await;
    let mut bob = world.client_with(connect("bob").expiry(60), false).await;
    bob.subscribes(subscribe("$queue/q", 1)).await;
    drop(bob);
    sends(&mut alice, &["1"]).await;
    let mut bob = world.client_with(connect("bob").resume().expiry(60), true).await;
    bob.hears(publish("$queue/q", "1").qos1(1)).await;
    // Taken over: what the former connection had goes to this one.
    let mut again = world.client_with(connect("bob").resume(), true).await;
    again.hears(publish("$queue/q", "1").qos1(2)).await;
}

async fn refused(wire: Wire) {
    let world = World::new(wire);
    let mut alice = connected(&world).await;
    let mut bob = world.client("bob").await;
    bob.subscribes(subscribe("$queue/q", 1)).await;
    sends(&mut alice, &["1"]).await;
    bob.hears(publish("$queue/q", "1").qos1(1)).await;
    bob.says(pub_ack(1).because(ReasonCode::UnspecifiedError)).await.hears_nothing().await;
    let mut undertaker = connected(&world).await;
    undertaker.says("SUBSCRIBE\nid:s\ndestination:/queue/dead.q\n\n^").await;
    assert_eq!(undertaker.hears_message("1").await.header("dead-letter-reason"), Some("rejected"));
}

async fn leaves(wire: Wire) {
    let world = World::new(wire);
    let mut alice = connected(&world).await;
    let mut bob = world.client("bob").await;
    bob.subscribes(subscribe("$queue/q", 1)).await;
    bob.says(unsubscribe(&["$queue/q"])).await.hears(unsub_ack(&[0])).await;
    bob.says(unsubscribe(&["$queue/q"])).await.hears(unsub_ack(&[0x11])).await;
    sends(&mut alice, &["1"]).await;
    bob.hears_nothing().await;
}

async fn bad_filters(wire: Wire) {
    let world = World::new(wire);
    let mut bob = world.client("bob").await;
    for filter in ["$queue/+", "$queue/#", "$share/g/$queue/q", "$queue/", "$queue/$durable/x"] {
        bob.says(subscribe(filter, 1).id(1)).await.hears(sub_ack(&[0x8f]).explained().id(1)).await;
    }
    bob.says(subscribe("$queue/temp.x.y", 1).id(1)).await.hears(sub_ack(&[0x87]).explained().id(1)).await;
    for topic in ["$queue/", "$queue/$durable/x"] {
        bob.says(publish(topic, "x").qos1(1)).await;
        bob.hears(pub_ack(1).because(ReasonCode::TopicNameInvalid).explained()).await;
    }
}

async fn too_large(wire: Wire) {
    let world = World::new(wire);
    let mut alice = connected(&world).await;
    let mut bob = world
        .client_with(
            connect("bob").with(Property::MaximumPacketSize(NonZeroU32::new(100).expect("it is not 0"))),
            false,
        )
        .await;
    bob.subscribes(subscribe("$queue/q", 1)).await;
    let large = "x".repeat(200);
    sends(&mut alice, &[&large, "small"]).await;
    bob.hears(publish("$queue/q", "small").qos1(1)).await;
    let mut undertaker = connected(&world).await;
    undertaker.says("SUBSCRIBE\nid:s\ndestination:/queue/dead.q\n\n^").await;
    assert_eq!(undertaker.hears_message(&large).await.header("dead-letter-reason"), Some("too-large"));
}

async fn request_and_reply(wire: Wire) {
    let world = World::new(wire);
    let mut responder = world.client("responder").await;
    responder.subscribes(subscribe("rpc/add", 1)).await;
    let mut asker = connected(&world).await;
    asker.says("SUBSCRIBE\nid:answers\ndestination:/temp-queue/answers\n\n^").await;
    asker
        .says("SEND\ndestination:/topic/rpc/add\nreply-to:/temp-queue/answers\ncorrelation-id:7\n\n1+2^")
        .await;
    let (topic, correlation) = responder
        .looks_at(|packet| {
            let tidewire_protocols::mqtt::Packet::Publish(publish) = packet else { panic!("{packet:?}") };
            let mut found = (String::new(), Vec::new());
            for property in publish.properties.iter() {
                match property {
                    Property::ResponseTopic(topic) => topic.as_str().clone_into(&mut found.0),
                    Property::CorrelationData(data) => found.1 = data.to_vec(),
                    _ => {}
                }
            }
            found
        })
        .await;
    assert!(topic.starts_with("$queue/temp."), "{topic}");
    responder.says(publish(&topic, "3").with(Property::CorrelationData(&correlation))).await;
    let answer = asker.hears_message("3").await;
    assert_eq!(
        (answer.header("subscription"), answer.header("correlation-id")),
        (Some("answers"), Some("7"))
    );
}

async fn reply_to_mqtt(wire: Wire) {
    let world = World::new(wire);
    let mut responder = connected(&world).await;
    responder.says("SUBSCRIBE\nid:s\ndestination:/queue/rpc\nreceipt:r\n\n^").await.hears_receipt("r").await;
    let mut asker = world.client("asker").await;
    asker.subscribes(subscribe("answers/asker", 1)).await;
    let reply = [
        Property::ResponseTopic(tidewire_tests::mqtt::topic("answers/asker")),
        Property::CorrelationData(b"\x00\xff"),
    ];
    let question =
        reply.into_iter().fold(publish("$queue/rpc", "?").qos1(1), tidewire_tests::mqtt::PublishWords::with);
    asker.says(question).await.hears(pub_ack(1)).await;
    let heard = responder.hears_message("?").await;
    let header = |name| heard.header(name).expect("it has that header").to_owned();
    assert_eq!(header("reply-to"), "/topic/answers/asker");
    responder
        .says(&format!(
            "SEND\ndestination:{}\ncorrelation-id:{}\ncorrelation-id-encoding:{}\n\n!^",
            header("reply-to"),
            header("correlation-id"),
            header("correlation-id-encoding")
        ))
        .await;
    let data = asker.looks_at(|packet| format!("{packet:?}").contains("CorrelationData")).await;
    assert!(data);
}
