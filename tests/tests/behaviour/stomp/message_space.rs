//! One message space: what a message carries besides its payload, between STOMP and STOMP and between STOMP and MQTT.

use tidewire_protocols::mqtt::{Packet, PropertiesBuf, Property, Qos};
use tidewire_tests::conversations;
use tidewire_tests::mqtt::{MqttPeer, connect, publish, sub_ack, subscribe, topic};
use tidewire_tests::peer::Wire;
use tidewire_tests::stomp::StompPeer;
use tidewire_tests::world::{START_UNIX_MS, World};

use super::{connected, sender_and_subscriber};

conversations! {
    a_stomp_message_arrives_unchanged_in_stomp => stomp_to_stomp;
    a_stomp_message_arrives_whole_in_mqtt => stomp_to_mqtt;
    an_mqtt_message_arrives_whole_in_stomp => mqtt_to_stomp;
    qos_is_1_unless_it_is_said => qos;
    time_to_live_becomes_an_expiry => ttl;
    an_expiry_of_zero_is_none => never_expires;
    what_has_expired_is_not_delivered_later => expired;
    correlation_data_that_is_no_text_goes_as_base64 => base64;
    reserved_names_are_prefixed_and_come_back => user_prefix;
    a_reply_to_a_queue_is_one_in_mqtt => reply_to_queue;
    values_that_mean_nothing_are_refused => bad_values;
    mqtt_3_1_1_gets_topic_and_payload => stomp_to_mqtt_311;
}

/// An MQTT peer that has subscribed to `t`, and a STOMP peer that will send.
async fn stomp_and_mqtt(world: &World) -> (StompPeer, MqttPeer) {
    let (alice, mut bob) = (connected(world, "1.2").await, world.mqtt().await);
    bob.connects(connect("bob"), false).await;
    bob.says(subscribe("t", 0)).await.hears(sub_ack(&[0])).await;
    (alice, bob)
}

/// The properties of the next PUBLISH.
async fn hears_properties(bob: &mut MqttPeer) -> PropertiesBuf {
    bob.looks_at(|packet| {
        let Packet::Publish(publish) = packet else { panic!("expected PUBLISH, heard {packet:?}") };
        let mut properties = PropertiesBuf::default();
        publish.properties.iter().for_each(|property| properties.push(property));
        properties
    })
    .await
}

fn has(properties: &PropertiesBuf, wanted: Property<'_>) {
    let properties = properties.as_properties();
    assert!(properties.iter().any(|property| property == wanted), "{wanted:?} is not among {properties:?}");
}

async fn stomp_to_stomp(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = sender_and_subscriber(&world, "").await;
    let headers = "content-type:text/plain;charset=utf-8\nreply-to:/topic/answers/a\ncorrelation-id:grün 7\n\
                   expires:1900000000000\nqos:2\ncolour:red\nuser-qos:mine\n";
    alice.says(&format!("SEND\ndestination:/topic/t\n{headers}\nhello^")).await;
    let heard = bob.hears_message("hello").await;
    for line in headers.lines() {
        let (name, value) = line.split_once(':').expect("a header has a colon");
        assert_eq!(heard.header(name), Some(value), "{name}");
    }
}

async fn stomp_to_mqtt(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = stomp_and_mqtt(&world).await;
    alice
        .says(
            "SEND\ndestination:/topic/t\ncontent-type:text/plain\nreply-to:/topic/answers\ncorrelation-id:7\n\
             ttl:60000\ncolour:red\ncolour:blue\n\nhello^",
        )
        .await;
    let properties = hears_properties(&mut bob).await;
    has(&properties, Property::ContentType("text/plain"));
    has(&properties, Property::ResponseTopic(topic("answers")));
    has(&properties, Property::CorrelationData(b"7"));
    has(&properties, Property::MessageExpiryInterval(60));
    has(&properties, Property::UserProperty("colour", "red"));
    has(&properties, Property::UserProperty("colour", "blue"));
    if wire == Wire::Ws {
        has(&properties, Property::PayloadFormatIndicator(true));
    }
}

async fn mqtt_to_stomp(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = (world.mqtt().await, connected(&world, "1.2").await);
    alice.connects(connect("alice"), false).await;
    bob.says("SUBSCRIBE\nid:s\ndestination:/topic/t\nreceipt:r\n\n^").await.hears_receipt("r").await;
    let message = publish("t", "hello")
        .with(Property::ContentType("text/plain"))
        .with(Property::ResponseTopic(topic("answers")))
        .with(Property::CorrelationData(b"7"))
        .with(Property::MessageExpiryInterval(60))
        .with(Property::UserProperty("a:b", "c\nd"))
        .with(Property::UserProperty("a:b", "again"));
    alice.says(message).await;
    let heard = bob.hears_message("hello").await;
    assert_eq!(heard.header("destination"), Some("/topic/t"));
    assert_eq!(heard.header("content-type"), Some("text/plain"));
    assert_eq!(heard.header("reply-to"), Some("/topic/answers"));
    assert_eq!(heard.header("correlation-id"), Some("7"));
    assert_eq!(heard.header("expires"), Some((START_UNIX_MS + 60_000).to_string().as_str()));
    assert_eq!(heard.header("qos"), Some("0"));
    let own: Vec<_> =
        heard.headers.iter().filter(|(name, _)| name == "a\\cb").map(|(_, value)| value.as_str()).collect();
    assert_eq!(own, ["c\\nd", "again"]);
}

async fn qos(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = sender_and_subscriber(&world, "").await;
    for (header, qos) in [("", "1"), ("qos:0\n", "0"), ("qos:1\n", "1"), ("qos:2\n", "2")] {
        alice.says(&format!("SEND\ndestination:/topic/t\n{header}\nhello^")).await;
        assert_eq!(bob.hears_message("hello").await.header("qos"), Some(qos), "{header}");
    }
    // MQTT sees the same, as far as it asked for it.
    let mut carol = world.mqtt().await;
    carol.connects(connect("carol"), false).await;
    carol.says(subscribe("t", 1)).await.hears(sub_ack(&[1])).await;
    for (qos, heard) in [(0, Qos::AtMostOnce), (1, Qos::AtLeastOnce), (2, Qos::AtLeastOnce)] {
        alice.says(&format!("SEND\ndestination:/topic/t\nqos:{qos}\n\nhello^")).await;
        let actual = carol.looks_at(|packet| match packet {
            Packet::Publish(publish) => publish.qos,
            other => panic!("expected PUBLISH, heard {other:?}"),
        });
        assert_eq!(actual.await, heard);
    }
}

async fn ttl(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = sender_and_subscriber(&world, "").await;
    alice.says("SEND\ndestination:/topic/t\nttl:1500\n\nhello^").await;
    let heard = bob.hears_message("hello").await;
    assert_eq!(heard.header("expires"), Some((START_UNIX_MS + 1500).to_string().as_str()));
    assert_eq!(heard.header("ttl"), None);
}

async fn never_expires(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = sender_and_subscriber(&world, "").await;
    alice.says("SEND\ndestination:/topic/t\nexpires:0\n\nhello^").await;
    assert_eq!(bob.hears_message("hello").await.header("expires"), None);
}

async fn expired(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = (connected(&world, "1.2").await, world.mqtt().await);
    bob.connects(connect("bob").expiry(3600), false).await;
    bob.says(subscribe("t", 1)).await.hears(sub_ack(&[1])).await;
    drop(bob);
    alice.hears_nothing().await;
    for header in ["ttl:1000", "ttl:600000"] {
        alice
            .says(&format!("SEND\ndestination:/topic/t\n{header}\nreceipt:r\n\n{header}^"))
            .await
            .hears_receipt("r")
            .await;
    }
    alice.peer.hears_nothing_for(std::time::Duration::from_secs(2)).await;
    let mut bob = world.mqtt().await;
    bob.connects(connect("bob").resume().expiry(3600), true).await;
    let payload = bob.looks_at(|packet| match packet {
        Packet::Publish(publish) => publish.payload.to_vec(),
        other => panic!("expected PUBLISH, heard {other:?}"),
    });
    assert_eq!(payload.await, b"ttl:600000");
    bob.hears_nothing().await;
}

async fn base64(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = stomp_and_mqtt(&world).await;
    let mut carol = connected(&world, "1.2").await;
    carol.says("SUBSCRIBE\nid:s\ndestination:/topic/+\nreceipt:r\n\n^").await.hears_receipt("r").await;
    alice
        .says("SEND\ndestination:/topic/t\ncorrelation-id:/wAK\ncorrelation-id-encoding:base64\n\nhello^")
        .await;
    has(&hears_properties(&mut bob).await, Property::CorrelationData(b"\xff\0\n"));
    let heard = carol.hears_message("hello").await;
    assert_eq!(heard.header("correlation-id"), Some("/wAK"));
    assert_eq!(heard.header("correlation-id-encoding"), Some("base64"));
    bob.says(publish("from/bob", "hello").with(Property::CorrelationData(b"\0"))).await;
    bob.says(publish("bob", "hello").with(Property::CorrelationData(b"\0"))).await;
    assert_eq!(carol.hears_message("hello").await.header("correlation-id"), Some("AA=="));
}

async fn user_prefix(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = stomp_and_mqtt(&world).await;
    let mut carol = connected(&world, "1.2").await;
    carol.says("SUBSCRIBE\nid:s\ndestination:/topic/+\nreceipt:r\n\n^").await.hears_receipt("r").await;
    let mut message = publish("names", "hello");
    for name in ["destination", "message-id", "user-qos", "receipt", "plain", "user-plain"] {
        message = message.with(Property::UserProperty(name, "mine"));
    }
    bob.says(message).await;
    let heard = carol.hears_message("hello").await;
    let own: Vec<_> =
        heard.headers.iter().filter(|(_, value)| value == "mine").map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        own,
        ["user-destination", "user-message-id", "user-user-qos", "user-receipt", "plain", "user-plain"]
    );
    assert_eq!(heard.header("destination"), Some("/topic/names"));
    // What STOMP was given goes back to MQTT under the names it had.
    let headers: String = own.iter().map(|name| format!("{name}:mine\n")).collect();
    alice.says(&format!("SEND\ndestination:/topic/t\n{headers}\nhello^")).await;
    let properties = hears_properties(&mut bob).await;
    for name in ["destination", "message-id", "user-qos", "receipt", "plain", "user-plain"] {
        has(&properties, Property::UserProperty(name, "mine"));
    }
}

async fn reply_to_queue(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = stomp_and_mqtt(&world).await;
    let mut carol = connected(&world, "1.2").await;
    carol.says("SUBSCRIBE\nid:s\ndestination:/topic/t\nreceipt:r\n\n^").await.hears_receipt("r").await;
    alice.says("SEND\ndestination:/topic/t\nreply-to:/queue/answers\n\nhello^").await;
    has(&hears_properties(&mut bob).await, Property::ResponseTopic(topic("$queue/answers")));
    assert_eq!(carol.hears_message("hello").await.header("reply-to"), Some("/queue/answers"));
}

async fn bad_values(wire: Wire) {
    let world = World::new(wire);
    for (name, value) in [
        ("qos", "3"),
        ("qos", "one"),
        ("retain", "yes"),
        ("ttl", "-1"),
        ("expires", "tomorrow"),
        ("reply-to", "answers"),
        ("reply-to", "/topic/+"),
        ("correlation-id-encoding", "hex"),
    ] {
        let mut alice = connected(&world, "1.2").await;
        alice
            .says(&format!(
                "SEND\ndestination:/topic/t\ncorrelation-id:x\n{name}:{value}\nreceipt:r\n\nhello^"
            ))
            .await;
        let heard = alice.is_refused(&format!("bad {name} header"), 1000).await;
        assert!(heard.text().contains(value) && heard.text().contains("expected"), "{heard:?}");
        assert_eq!(heard.header("receipt-id"), Some("r"));
    }
    let mut alice = connected(&world, "1.2").await;
    alice
        .says("SEND\ndestination:/topic/t\ncorrelation-id:?\ncorrelation-id-encoding:base64\n\nhello^")
        .await;
    alice.is_refused("bad correlation-id header", 1000).await;
}

async fn stomp_to_mqtt_311(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = (connected(&world, "1.1").await, world.mqtt().await);
    bob.connects(connect("bob").v311(), false).await;
    bob.says(subscribe("a/#", 0)).await.hears(sub_ack(&[0])).await;
    alice.says("SEND\ndestination:/topic/a/b\ncolour:red\n\nhello^").await;
    bob.hears(publish("a/b", "hello")).await;
}
