//! One connection publishes, others receive and acknowledge: MQTT 5.

use std::sync::Arc;

use bytes::BytesMut;
use tidewire::auth::Arrival;
use tidewire::broker::Broker;
use tidewire::connection::Protocol;
use tidewire::mqtt::Mqtt;
use tidewire::session::Link;
use tidewire_protocols::mqtt::{
    self, Ack, Connect, Decoded, PACKET_SIZE_MAX, Packet, PacketId, Properties, Qos, Subscribe,
    SubscribeFiltersBuf, SubscribeOptions, Version,
};
use tidewire_protocols::topic::TopicName;

use crate::client::{self, Client};
use crate::meter::{Meter, Scenario};

/// What every message carries.
pub(crate) const PAYLOAD: [u8; 64] = [b'x'; 64];
/// Publishes that arrive together where many do.
const BATCH: usize = 50;
/// The topics that may take turns.
pub(crate) const TOPICS: [&str; 5] = [
    "plant/7/line/1/sensor/temp",
    "plant/7/line/2/sensor/temp",
    "plant/7/line/3/sensor/temp",
    "plant/7/line/4/sensor/temp",
    "plant/7/line/5/sensor/temp",
];
const FILTER: &str = "plant/7/line/+/sensor/temp";

/// See the module.
pub(crate) struct Publish {
    publisher: Client,
    subscribers: Vec<Client>,
    batch: BytesMut,
    batch_size: usize,
    qos: u8,
}

impl Publish {
    /// `qos` is that of both ends. So many topics take turns.
    pub(crate) fn new(subscribers: usize, qos: u8, topics: usize) -> Self {
        Self::of(&client::broker(), subscribers, qos, topics, BATCH)
    }

    /// To one subscriber; rules are for both.
    pub(crate) fn by_rules() -> Self {
        Self::of(&client::broker_with_rules(), 1, 0, 1, BATCH)
    }

    /// Messages that come alone: each has turns of its own.
    pub(crate) fn alone(subscribers: usize) -> Self {
        Self::of(&client::broker(), subscribers, 0, 1, 1)
    }

    fn of(broker: &Arc<Broker>, subscribers: usize, qos: u8, topics: usize, batch_size: usize) -> Self {
        let connect = |name: &str| Client::new(broker, protocol, &greeting(name));
        let subscribe = |number| {
            let mut subscriber = connect(&format!("subscriber-{number}"));
            subscriber.turn(&subscribe_to_all(qos));
            subscriber.written.clear();
            subscriber
        };
        let mut batch = BytesMut::new();
        (0..batch_size).for_each(|number| publish(number, TOPICS[number % topics], qos, &mut batch));
        let subscribers = (0..subscribers).map(subscribe).collect();
        Self { publisher: connect("publisher"), subscribers, batch, batch_size, qos }
    }
}

impl Scenario for Publish {
    fn round(&mut self, meter: Meter) -> usize {
        let (publisher, subscribers) = (&mut self.publisher, &mut self.subscribers);
        let batch_size = self.batch_size;
        meter.run(|| {
            publisher.turn(&self.batch);
            subscribers.iter_mut().for_each(|subscriber| subscriber.turn(&[]));
            subscribers.len()
        });
        let answers = Heard::of(&publisher.take_written());
        assert_eq!((answers.acks, answers.publishes), (batch_size * usize::from(self.qos), 0));
        let heard: Vec<_> =
            subscribers.iter_mut().map(|subscriber| Heard::of(&subscriber.take_written())).collect();
        let deliveries = heard.iter().map(|heard| heard.publishes).sum();
        assert_eq!(deliveries, batch_size * subscribers.len(), "every message is delivered");
        if self.qos > 0 {
            meter.run(|| {
                let both = subscribers.iter_mut().zip(&heard);
                both.for_each(|(subscriber, heard)| subscriber.turn(&heard.reply));
                heard.len()
            });
            assert!(subscribers.iter().all(|subscriber| subscriber.written.is_empty()));
        }
        deliveries
    }
}

/// What a client has been sent, and what it replies.
#[derive(Default)]
struct Heard {
    publishes: usize,
    acks: usize,
    reply: BytesMut,
}

impl Heard {
    fn of(written: &[u8]) -> Self {
        let (mut heard, mut rest) = (Self::default(), written);
        while let Ok(Decoded::Packet { packet, size }) = mqtt::decode(Version::V5, PACKET_SIZE_MAX, rest) {
            match packet {
                Packet::Publish(publish) => {
                    assert_eq!(publish.payload, PAYLOAD);
                    heard.publishes += 1;
                    if let Some(packet_id) = publish.packet_id {
                        Packet::PubAck(Ack::success(packet_id)).encode(Version::V5, &mut heard.reply);
                    }
                }
                Packet::PubAck(_) => heard.acks += 1,
                other => unreachable!("nobody asked for {other:?}"),
            }
            rest = &rest[size..];
        }
        assert!(rest.is_empty(), "whole packets are written");
        heard
    }
}

/// Appends a PUBLISH, the one with this number in a batch.
pub(crate) fn publish(number: usize, topic: &str, qos: u8, out: &mut BytesMut) {
    let packet_id = u16::try_from(number + 1).ok().and_then(PacketId::new).filter(|_| qos > 0);
    let publish = mqtt::Publish {
        dup: false,
        qos: quality(qos),
        retain: false,
        topic: TopicName::parse(topic).ok(),
        packet_id,
        properties: Properties::EMPTY,
        payload: &PAYLOAD,
    };
    Packet::Publish(publish).encode(Version::V5, out);
}

/// MQTT on a new connection.
pub(crate) fn protocol(broker: Arc<Broker>, link: Arc<Link>) -> Box<dyn Protocol> {
    Box::new(Mqtt::new(broker, link, Arrival::default()))
}

/// The CONNECT of a client.
pub(crate) fn greeting(client_id: &str) -> BytesMut {
    bytes_of(Packet::Connect(Connect {
        version: Version::V5,
        clean_start: true,
        keep_alive: 60,
        properties: Properties::EMPTY,
        client_id,
        will: None,
        user_name: None,
        password: None,
    }))
}

/// A SUBSCRIBE to all topics.
pub(crate) fn subscribe_to_all(qos: u8) -> BytesMut {
    let mut filters = SubscribeFiltersBuf::default();
    filters.push(FILTER, SubscribeOptions::new(quality(qos)));
    let (packet_id, properties) = (PacketId::FIRST, Properties::EMPTY);
    bytes_of(Packet::Subscribe(Subscribe { packet_id, properties, filters: filters.as_filters() }))
}

/// How many PUBLISHes there are, all of them whole.
pub(crate) fn count(packets: &[u8]) -> usize {
    Heard::of(packets).publishes
}

fn quality(qos: u8) -> Qos {
    Qos::from_u8(qos).expect("it is 0, 1 or 2")
}

/// A packet of MQTT 5.
pub(crate) fn bytes_of(packet: Packet<'_>) -> BytesMut {
    let mut bytes = BytesMut::new();
    packet.encode(Version::V5, &mut bytes);
    bytes
}
