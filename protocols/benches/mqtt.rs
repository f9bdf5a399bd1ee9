//! How long decoding and encoding of one packet takes.

use std::hint::black_box;

use bytes::BytesMut;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tidewire_protocols::mqtt::{
    Ack, Connect, Decoded, PACKET_SIZE_MAX, Packet, PacketId, Properties, PropertiesBuf, Property, Publish,
    Qos, Subscribe, SubscribeFiltersBuf, SubscribeOptions, Version, Will, decode,
};
use tidewire_protocols::topic::TopicName;

const TOPIC: &str = "plant/7/line/3/sensor/temp";

fn publish<'a>(qos: Qos, properties: Properties<'a>, payload: &'a [u8]) -> Packet<'a> {
    Packet::Publish(Publish {
        dup: false,
        qos,
        retain: false,
        topic: TopicName::parse(TOPIC).ok(),
        packet_id: PacketId::new(77).filter(|_| qos != Qos::AtMostOnce),
        properties,
        payload,
    })
}

fn bench(criterion: &mut Criterion, name: &str, version: Version, packet: Packet<'_>) {
    let mut bytes = BytesMut::new();
    packet.encode(version, &mut bytes);
    let mut group = criterion.benchmark_group("mqtt");
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function(format!("decode {name}"), |bencher| {
        bencher.iter(|| match decode(black_box(version), PACKET_SIZE_MAX, black_box(&bytes)) {
            // Looked at, as a broker does, and not copied out.
            Ok(Decoded::Packet { packet, size }) => {
                black_box(&packet);
                size
            }
            _ => 0,
        });
    });
    let mut out = BytesMut::with_capacity(64 * 1024);
    group.bench_function(format!("encode {name}"), |bencher| {
        bencher.iter(|| {
            out.clear();
            black_box(&packet).encode(black_box(version), &mut out);
            out.len()
        });
    });
    group.finish();
}

fn packets(criterion: &mut Criterion) {
    let payload = [b'x'; 64];
    let none = Properties::EMPTY;
    let mut some = PropertiesBuf::default();
    some.push(Property::MessageExpiryInterval(60));
    some.push(Property::ContentType("text/plain"));
    some.push(Property::UserProperty("trace", "0123456789abcdef"));
    let some = some.as_properties();

    bench(criterion, "PUBLISH QoS 0, 3.1.1", Version::V311, publish(Qos::AtMostOnce, none, &payload));
    bench(criterion, "PUBLISH QoS 1, 3.1.1", Version::V311, publish(Qos::AtLeastOnce, none, &payload));
    bench(criterion, "PUBLISH QoS 0, 5.0", Version::V5, publish(Qos::AtMostOnce, none, &payload));
    bench(criterion, "PUBLISH QoS 1, 5.0", Version::V5, publish(Qos::AtLeastOnce, none, &payload));
    bench(
        criterion,
        "PUBLISH QoS 1, 5.0, 3 properties",
        Version::V5,
        publish(Qos::AtLeastOnce, some, &payload),
    );
    bench(criterion, "PUBACK, 5.0", Version::V5, Packet::PubAck(Ack::success(PacketId::FIRST)));

    let connect = Connect {
        version: Version::V5,
        clean_start: true,
        keep_alive: 60,
        properties: none,
        client_id: "sensor-0123456789",
        will: Some(Will {
            qos: Qos::AtLeastOnce,
            retain: true,
            properties: none,
            topic: "plant/7/online",
            payload: b"no",
        }),
        user_name: Some("sensor"),
        password: Some(b"secret"),
    };
    bench(criterion, "CONNECT, 5.0", Version::V5, Packet::Connect(connect));

    let mut filters = SubscribeFiltersBuf::default();
    filters.push("plant/7/+/3/sensor/#", SubscribeOptions::new(Qos::AtLeastOnce));
    filters.push("$share/workers/jobs/+", SubscribeOptions::new(Qos::ExactlyOnce));
    let subscribe = Subscribe { packet_id: PacketId::FIRST, properties: none, filters: filters.as_filters() };
    bench(criterion, "SUBSCRIBE, 5.0", Version::V5, Packet::Subscribe(subscribe));
}

criterion_group!(benches, packets);
criterion_main!(benches);
