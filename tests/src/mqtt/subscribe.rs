//! Words for subscriptions: SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK.

use tidewire_protocols::mqtt::{
    Packet, Properties, PropertiesBuf, Property, Qos, ReasonCode, RetainHandling, SubAck, Subscribe,
    SubscribeFiltersBuf, SubscribeOptions, UnsubAck, Unsubscribe, UnsubscribeFiltersBuf, Version,
};

use super::{Say, encode, id, properties_of};

/// SUBSCRIBE with packet identifier 1 until told otherwise.
pub fn subscribe(filter: &str, qos: u8) -> SubscribeWords {
    SubscribeWords { packet_id: 1, filters: Vec::new(), properties: PropertiesBuf::default() }
        .and(filter, qos)
}

/// See [`subscribe`].
pub struct SubscribeWords {
    pub(super) packet_id: u16,
    pub(super) filters: Vec<(String, SubscribeOptions)>,
    properties: PropertiesBuf,
}

impl SubscribeWords {
    /// And this filter as well.
    pub fn and(mut self, filter: &str, qos: u8) -> Self {
        let options = SubscribeOptions {
            qos: Qos::from_u8(qos).expect("a test's QoS is 0, 1 or 2"),
            no_local: false,
            retain_as_published: false,
            retain_handling: RetainHandling::SendAtSubscribe,
        };
        self.filters.push((filter.to_owned(), options));
        self
    }

    /// With another packet identifier.
    pub fn id(mut self, packet_id: u16) -> Self {
        self.packet_id = packet_id;
        self
    }

    /// With a property.
    pub fn with(mut self, property: Property<'_>) -> Self {
        self.properties.push(property);
        self
    }

    /// With other options for the last filter.
    pub fn options(mut self, change: impl FnOnce(&mut SubscribeOptions)) -> Self {
        if let Some((_, options)) = self.filters.last_mut() {
            change(options);
        }
        self
    }
}

impl Say for SubscribeWords {
    fn bytes(&self, version: Version) -> Vec<u8> {
        let mut filters = SubscribeFiltersBuf::default();
        for (filter, options) in &self.filters {
            filters.push(filter, *options);
        }
        let subscribe = Subscribe {
            packet_id: id(self.packet_id),
            properties: properties_of(version, &self.properties),
            filters: filters.as_filters(),
        };
        encode(version, Packet::Subscribe(subscribe))
    }
}

/// SUBACK for packet identifier 1 until told otherwise, with a reason code for each filter.
pub fn sub_ack(reasons: &[u8]) -> SubAckWords {
    SubAckWords { packet_id: 1, reasons: reasons.to_vec(), is_explained: false }
}

/// See [`sub_ack`].
pub struct SubAckWords {
    packet_id: u16,
    reasons: Vec<u8>,
    is_explained: bool,
}

impl SubAckWords {
    /// For another packet identifier.
    pub fn id(mut self, packet_id: u16) -> Self {
        self.packet_id = packet_id;
        self
    }

    /// With the name of the first error as Reason String; 3.1.1 leaves it out.
    pub fn explained(mut self) -> Self {
        self.is_explained = true;
        self
    }
}

impl Say for SubAckWords {
    fn bytes(&self, version: Version) -> Vec<u8> {
        let explanation = explanation(&self.reasons, self.is_explained);
        let properties = properties_of(version, &explanation);
        let sub_ack = SubAck { packet_id: id(self.packet_id), properties, reasons: &self.reasons };
        encode(version, Packet::SubAck(sub_ack))
    }
}

fn explanation(reasons: &[u8], is_explained: bool) -> PropertiesBuf {
    let mut properties = PropertiesBuf::default();
    let mut reasons = reasons.iter().copied().filter_map(ReasonCode::from_u8);
    if let Some(error) = reasons.find(|reason| reason.is_error()).filter(|_| is_explained) {
        properties.push(Property::ReasonString(error.name()));
    }
    properties
}

/// UNSUBSCRIBE with packet identifier 1.
pub struct UnsubscribeWords(Vec<String>);

/// See [`UnsubscribeWords`].
pub fn unsubscribe(filters: &[&str]) -> UnsubscribeWords {
    UnsubscribeWords(filters.iter().map(|filter| (*filter).to_owned()).collect())
}

impl Say for UnsubscribeWords {
    fn bytes(&self, version: Version) -> Vec<u8> {
        let mut filters = UnsubscribeFiltersBuf::default();
        for filter in &self.0 {
            filters.push(filter);
        }
        let unsubscribe =
            Unsubscribe { packet_id: id(1), properties: Properties::EMPTY, filters: filters.as_filters() };
        encode(version, Packet::Unsubscribe(unsubscribe))
    }
}

/// UNSUBACK for packet identifier 1, with a reason code for each filter, which 3.1.1 leaves out.
pub struct UnsubAckWords {
    reasons: Vec<u8>,
    is_explained: bool,
}

/// See [`UnsubAckWords`].
pub fn unsub_ack(reasons: &[u8]) -> UnsubAckWords {
    UnsubAckWords { reasons: reasons.to_vec(), is_explained: false }
}

impl UnsubAckWords {
    /// With the name of the first error as Reason String; 3.1.1 leaves it out.
    pub fn explained(mut self) -> Self {
        self.is_explained = true;
        self
    }
}

impl Say for UnsubAckWords {
    fn bytes(&self, version: Version) -> Vec<u8> {
        let reasons = if version.is_v5() { self.reasons.as_slice() } else { &[] };
        let explanation = explanation(&self.reasons, self.is_explained);
        let properties = properties_of(version, &explanation);
        encode(version, Packet::UnsubAck(UnsubAck { packet_id: id(1), properties, reasons }))
    }
}
