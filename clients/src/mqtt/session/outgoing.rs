//! What this client has asked the broker and has no answer to yet.

use std::collections::HashMap;

use bytes::BytesMut;
use tidewire_protocols::mqtt::{
    Ack, Packet, PacketId, Properties, PropertiesBuf, Publish, Qos, ReasonCode, SubAck, Subscribe,
    SubscribeFiltersBuf, SubscribeOptions, UnsubAck, Unsubscribe, UnsubscribeFiltersBuf, Version,
};
use tidewire_protocols::topic::{TopicFilter, TopicName};

use crate::connection::Done;
use crate::error::Error;
use crate::message::{Message, Subscription};
use crate::mqtt::grant::Grant;
use crate::mqtt::{attributes, explain};

pub(super) struct Outgoing {
    version: Version,
    grant: Grant,
    next_id: PacketId,
    requests: HashMap<PacketId, Request>,
    /// How many of the requests are messages: the broker's Receive Maximum counts only them.
    inflight: usize,
}

/// A request on its way, and who waits for its outcome.
enum Request {
    Publish { topic: String, done: Done },
    Subscribe { filters: Vec<String>, done: Done },
    Unsubscribe { filters: Vec<String>, done: Done },
}

impl Outgoing {
    pub(super) fn new(version: Version, grant: Grant) -> Self {
        Self { version, grant, next_id: PacketId::FIRST, requests: HashMap::new(), inflight: 0 }
    }

    /// Whether one more request, of whatever kind, may be made.
    pub(super) fn has_room(&self) -> bool {
        // The broker ends the connection of a client that exceeds it [MQTT-3.3.4-9].
        self.inflight < usize::from(self.grant.receive_maximum) && self.requests.len() < REQUESTS_MAX
    }

    pub(super) fn publish(&mut self, message: &Message, done: Done, output: &mut BytesMut) {
        let packet_id = (message.qos != Qos::AtMostOnce).then(|| self.free_id());
        if let Err(reason) = self.encode_publish(message, packet_id, output) {
            let topic = &message.topic;
            let _ = done.send(Err(Error::Invalid(format!("cannot publish to {topic:?}: {reason}"))));
            return;
        }
        match packet_id {
            None => {
                let _ = done.send(Ok(()));
            }
            Some(packet_id) => {
                self.inflight += 1;
                self.requests.insert(packet_id, Request::Publish { topic: message.topic.clone(), done });
            }
        }
    }

    pub(super) fn subscribe(&mut self, subscriptions: &[Subscription], done: Done, output: &mut BytesMut) {
        let names: Vec<_> = subscriptions.iter().map(|subscription| subscription.filter.clone()).collect();
        let Some(done) = checked(&names, done) else { return };
        let mut filters = SubscribeFiltersBuf::default();
        for Subscription { filter, qos } in subscriptions {
            filters.push(filter, SubscribeOptions::new(*qos));
        }
        let packet_id = self.free_id();
        let filters = filters.as_filters();
        let packet = Packet::Subscribe(Subscribe { packet_id, properties: Properties::EMPTY, filters });
        if let Err(error) = self.encode(&packet, output) {
            let _ = done.send(Err(Error::Invalid(format!("cannot subscribe: {error}"))));
            return;
        }
        self.requests.insert(packet_id, Request::Subscribe { filters: names, done });
    }

    pub(super) fn unsubscribe(&mut self, names: &[String], done: Done, output: &mut BytesMut) {
        let Some(done) = checked(names, done) else { return };
        let mut filters = UnsubscribeFiltersBuf::default();
        names.iter().for_each(|name| filters.push(name));
        let packet_id = self.free_id();
        let filters = filters.as_filters();
        let packet = Packet::Unsubscribe(Unsubscribe { packet_id, properties: Properties::EMPTY, filters });
        if let Err(error) = self.encode(&packet, output) {
            let _ = done.send(Err(Error::Invalid(format!("cannot unsubscribe: {error}"))));
            return;
        }
        self.requests.insert(packet_id, Request::Unsubscribe { filters: names.to_vec(), done });
    }

    pub(super) fn handle_pub_ack(&mut self, ack: &Ack<'_>) {
        self.settle_publish(ack);
    }

    /// The broker has the message; or it does not want it, and the exchange is over [MQTT-4.3.3-4].
    pub(super) fn handle_pub_rec(&mut self, ack: &Ack<'_>, output: &mut BytesMut) {
        if ack.reason.is_error() {
            self.settle_publish(ack);
            return;
        }
        let reason = match self.requests.contains_key(&ack.packet_id) {
            true => ReasonCode::Success,
            false => ReasonCode::PacketIdentifierNotFound,
        };
        Packet::PubRel(Ack { reason, ..Ack::success(ack.packet_id) }).encode(self.version, output);
    }

    pub(super) fn handle_pub_comp(&mut self, ack: &Ack<'_>) {
        self.settle_publish(ack);
    }

    pub(super) fn handle_sub_ack(&mut self, ack: &SubAck<'_>) {
        if let Some(Request::Subscribe { filters, done }) = self.requests.remove(&ack.packet_id) {
            let refused = filters.iter().zip(ack.reasons()).find(|(_, reason)| reason.is_error());
            let _ = done.send(rejection(refused, "to subscribe to", ack.properties));
        }
    }

    pub(super) fn handle_unsub_ack(&mut self, ack: &UnsubAck<'_>) {
        if let Some(Request::Unsubscribe { filters, done }) = self.requests.remove(&ack.packet_id) {
            // Before MQTT 5 there are no reasons, and nothing is refused.
            let refused = filters.iter().zip(ack.reasons()).find(|(_, reason)| reason.is_error());
            let _ = done.send(rejection(refused, "to unsubscribe from", ack.properties));
        }
    }

    fn settle_publish(&mut self, ack: &Ack<'_>) {
        if let Some(Request::Publish { topic, done }) = self.requests.remove(&ack.packet_id) {
            self.inflight -= 1;
            let refused = ack.reason.is_error().then_some((&topic, ack.reason));
            let _ = done.send(rejection(refused, "to publish to", ack.properties));
        }
    }

    fn encode_publish(
        &self,
        message: &Message,
        packet_id: Option<PacketId>,
        output: &mut BytesMut,
    ) -> Result<(), String> {
        let topic = TopicName::parse(&message.topic).map_err(|error| error.to_string())?;
        self.grant.check(message)?;
        let mut properties = PropertiesBuf::default();
        attributes::write(&message.properties, &mut properties)
            .ok_or("a property is too long, contains U+0000, or is a response topic that is no topic name")?;
        let packet = Packet::Publish(Publish {
            dup: false,
            qos: message.qos,
            retain: message.retain,
            topic: Some(topic),
            packet_id,
            properties: properties.as_properties(),
            payload: &message.payload,
        });
        self.encode(&packet, output)
    }

    /// [MQTT-3.2.2-15]
    fn encode(&self, packet: &Packet<'_>, output: &mut BytesMut) -> Result<(), String> {
        let (size, maximum) = (packet.encoded_len(self.version), self.grant.packet_size_max);
        if size > maximum {
            return Err(format!("the packet has {size} bytes and the broker takes {maximum}"));
        }
        packet.encode(self.version, output);
        Ok(())
    }

    /// One that no request uses. There are more identifiers than requests, so the search ends.
    fn free_id(&mut self) -> PacketId {
        while self.requests.contains_key(&self.next_id) {
            self.next_id = self.next_id.next();
        }
        let free = self.next_id;
        self.next_id = free.next();
        free
    }
}

/// Hands `done` back if all are filters and there is one at least [MQTT-3.8.3-2]; otherwise tells it what is wrong.
fn checked(filters: &[String], done: Done) -> Option<Done> {
    let wrong = match filters {
        [] => Some("there is no topic filter: name at least one".to_owned()),
        filters => filters.iter().find_map(|filter| {
            Some(format!("{filter:?} is no topic filter: {}", TopicFilter::parse(filter).err()?))
        }),
    };
    match wrong {
        None => Some(done),
        Some(wrong) => {
            let _ = done.send(Err(Error::Invalid(wrong)));
            None
        }
    }
}

fn rejection(
    refused: Option<(&String, ReasonCode)>,
    what: &str,
    properties: Properties<'_>,
) -> Result<(), Error> {
    match refused {
        None => Ok(()),
        Some((name, reason)) => {
            Err(Error::Rejected { what: format!("{what} {name}"), reason: explain(reason, properties) })
        }
    }
}

/// Fewer than there are packet identifiers.
const REQUESTS_MAX: usize = 65_000;
