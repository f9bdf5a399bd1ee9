//! PUBLISH from a client.

use tidewire_protocols::mqtt::{
    Ack, PacketId, PacketType, PropertiesBuf, Property, Publish, Qos, ReasonCode,
};
use tidewire_protocols::topic::TopicName;

use super::alias::InboundAliases;
use super::deliver::{Arrival, MqttDeliver};
use super::refuse::Refusal;
use super::{Client, Context};
use crate::broker::{PublishRefused, TOKEN_TOPIC};
use crate::counters::Protocol;
use crate::message::{Attributes, AttributesBuf, Publication, is_client_queue};
use crate::output::Output;
use crate::store::Record;

/// What a PUBLISH says besides topic and payload.
#[derive(Default)]
struct Particulars {
    alias: Option<u16>,
    expiry_secs: Option<u32>,
}

impl Context<'_, '_, '_> {
    pub(super) fn handle_publish(
        mut self,
        publish: &Publish<'_>,
        attributes: &mut AttributesBuf,
    ) -> Result<(), Refusal> {
        let particulars = read_properties(publish, attributes)?;
        let config = &self.config.mqtt;
        if publish.qos > config.maximum_qos() {
            return Err(Refusal::new(
                ReasonCode::QosNotSupported,
                "the QoS is higher than announced [MQTT-3.2.2-11]",
            ));
        }
        if publish.retain && !config.retain_available {
            return Err(Refusal::new(
                ReasonCode::RetainNotSupported,
                "messages are not retained here [MQTT-3.2.2-14]",
            ));
        }
        if let (Some(alias), Some(topic)) = (particulars.alias, publish.topic)
            && self.client.aliases.is_allowed(alias)
        {
            self.client.aliases.set(alias, topic);
        }
        // Before anything of it is remembered: a publish that ends the connection must leave no trace.
        let topic = resolve_topic(&self.client.aliases, publish, particulars.alias)?;
        let is_token = topic.as_str() == TOKEN_TOPIC;
        self.check_receive_maximum(publish)?;
        if is_token {
            return self.handle_token(publish);
        }
        match publish.packet_id {
            Some(packet_id) if publish.qos == Qos::ExactlyOnce => {
                if !self.receive(packet_id) {
                    // A repeat of what has been published already: only its answer is owed. [MQTT-4.3.3-10]
                    self.acknowledge(PacketType::PubRec, packet_id, ReasonCode::Success);
                    return Ok(());
                }
                let reason = self.publish(publish, &particulars, attributes)?;
                self.acknowledge_received(packet_id, reason);
            }
            Some(packet_id) => {
                let reason = self.publish(publish, &particulars, attributes)?;
                self.acknowledge(PacketType::PubAck, packet_id, reason);
            }
            None => {
                self.publish(publish, &particulars, attributes)?;
            }
        }
        Ok(())
    }

    /// PUBREC. A refused publish is over: its packet identifier may be used again. [MQTT-4.3.3-4]
    pub(super) fn acknowledge_received(&mut self, packet_id: PacketId, reason: ReasonCode) {
        if reason.is_error() {
            self.forget_received(packet_id);
            self.client.unreleased -= 1;
        }
        self.acknowledge(PacketType::PubRec, packet_id, reason);
    }

    /// Publishes, and returns what an acknowledgement says about it. What is refused is noted, whether there
    /// is one or not.
    fn publish(
        &mut self,
        publish: &Publish<'_>,
        particulars: &Particulars,
        attributes: &AttributesBuf,
    ) -> Result<ReasonCode, Refusal> {
        let reason = self.try_to_publish(publish, particulars, attributes)?;
        if reason.is_error() {
            let topic = resolve_topic(&self.client.aliases, publish, particulars.alias)?;
            self.note_refusal(reason, "PUBLISH to", topic.as_str());
        }
        Ok(reason)
    }

    fn try_to_publish(
        &mut self,
        publish: &Publish<'_>,
        particulars: &Particulars,
        attributes: &AttributesBuf,
    ) -> Result<ReasonCode, Refusal> {
        let Client { standing, aliases, session, .. } = &mut *self.client;
        let topic = resolve_topic(aliases, publish, particulars.alias)?;
        let may_publish = standing.rights.may_publish(topic, publish.retain);
        let levels_max = self.config.limits.topic_levels_max;
        // A short name need not be counted.
        if topic.as_str().len() >= levels_max && topic.level_count() > levels_max {
            return Ok(ReasonCode::TopicNameInvalid);
        }
        if !may_publish {
            return Ok(ReasonCode::NotAuthorized);
        }
        let mut publication = Publication::new(topic, publish.payload, session.id());
        if publication.queue_name().is_some_and(|name| !is_client_queue(name)) {
            return Ok(ReasonCode::TopicNameInvalid);
        }
        publication.qos = publish.qos;
        // A queue keeps each message, and no last one.
        publication.retain = publish.retain && publication.queue_name().is_none();
        publication.attributes = Attributes::of(attributes);
        publication.expires_at = particulars
            .expiry_secs
            .map(|secs| self.turn.now.unix_ms_after(std::time::Duration::from_secs(secs.into())));
        self.turn.tally.note_received(Protocol::Mqtt, publish.qos, publish.payload.len());
        if self.turn.is_observed() {
            self.broker.show_published(self.turn, session, &publication);
        }
        Ok(match self.broker.publish_from(self.turn, session, &publication) {
            Ok(true) => ReasonCode::Success,
            Ok(false) => ReasonCode::NoMatchingSubscribers,
            Err(PublishRefused::QueueFull | PublishRefused::Store(_)) => ReasonCode::QuotaExceeded,
        })
    }

    /// A client must not have more publishes under way than was announced. [MQTT-3.3.4-7, MQTT50-U-3.3.4-6] Those of
    /// QoS 1 are acknowledged before more is taken from it: see `Mqtt::is_window_full`.
    fn check_receive_maximum(&self, publish: &Publish<'_>) -> Result<(), Refusal> {
        let under_way = self.client.unreleased as usize;
        let maximum = usize::from(self.config.session.receive_maximum);
        if publish.qos == Qos::AtMostOnce || !self.client.version.is_v5() || under_way < maximum {
            return Ok(());
        }
        // A repeat is under way already.
        if publish.packet_id.is_some_and(|packet_id| self.came_here(packet_id)) {
            return Ok(());
        }
        Err(Refusal::new(
            ReasonCode::ReceiveMaximumExceeded,
            format!("more than {maximum} publishes are not acknowledged [MQTT-3.3.4-9]"),
        ))
    }

    fn came_here(&self, packet_id: PacketId) -> bool {
        let mut state = self.client.session.lock();
        state.deliver_as::<MqttDeliver>().is_some_and(|deliver| deliver.came_here(packet_id))
    }

    /// Notes a QoS 2 publish; `false` if it is a repeat. The record goes into the same batch as the message, so that
    /// a crash keeps both or neither.
    pub(super) fn receive(&mut self, packet_id: PacketId) -> bool {
        let session = &self.client.session;
        let arrival = {
            let mut state = session.lock();
            state.deliver_as::<MqttDeliver>().map(|deliver| deliver.receive(packet_id)).unwrap_or_default()
        };
        // A repeat takes its place anew on each connection. [MQTT50-U-4.9-2]
        self.client.unreleased += u32::from(arrival != Arrival::Repeated);
        if arrival == Arrival::First {
            self.turn.record(|| Record::Received { session: session.id().0, packet_id: packet_id.get() });
        }
        arrival == Arrival::First
    }

    /// A QoS 2 publish was refused.
    fn forget_received(&mut self, packet_id: PacketId) {
        let mut state = self.client.session.lock();
        let was_there = state.deliver_as::<MqttDeliver>().is_some_and(|deliver| deliver.release(packet_id));
        drop(state);
        if was_there {
            self.record_released(packet_id);
        }
    }

    /// Its packet identifier may be used again.
    pub(super) fn record_released(&mut self, packet_id: PacketId) {
        let session = self.client.session.id().0;
        self.turn.record(|| Record::Released { session, packet_id: packet_id.get() });
    }

    #[inline]
    pub(super) fn acknowledge(&mut self, packet_type: PacketType, packet_id: PacketId, reason: ReasonCode) {
        match reason {
            ReasonCode::Success => {
                let (ack, version) = (Ack::success(packet_id), self.client.version);
                ack.encode(packet_type, version, &mut self.acknowledgements(packet_type).bytes);
            }
            reason => self.acknowledge_with(packet_type, packet_id, reason),
        }
    }

    #[inline(never)]
    fn acknowledge_with(&mut self, packet_type: PacketType, packet_id: PacketId, reason: ReasonCode) {
        let version = self.client.version;
        let mut properties = PropertiesBuf::default();
        if reason.is_error() && self.client.wants_reasons && version.is_v5() {
            properties.push(Property::ReasonString(reason.name()));
        }
        let mut ack = Ack { packet_id, reason, properties: properties.as_properties() };
        if reason.is_error() && ack.encoded_len(packet_type, version) > self.client.packet_size_max {
            ack.properties = tidewire_protocols::mqtt::Properties::EMPTY;
        }
        ack.encode(packet_type, version, &mut self.acknowledgements(packet_type).bytes);
    }

    /// Where that acknowledgement of a publish goes.
    fn acknowledgements(&mut self, packet_type: PacketType) -> &mut Output {
        // A QoS 2 publish stays under way until it is released, which is counted apart.
        match packet_type {
            PacketType::PubAck => self.replies.acknowledgement(),
            _ => self.replies.promised(),
        }
    }
}

#[inline]
fn read_properties(publish: &Publish<'_>, attributes: &mut AttributesBuf) -> Result<Particulars, Refusal> {
    attributes.clear();
    match publish.properties.is_empty() {
        true => Ok(Particulars::default()),
        false => read_each_property(publish, attributes),
    }
}

#[inline(never)]
fn read_each_property(publish: &Publish<'_>, attributes: &mut AttributesBuf) -> Result<Particulars, Refusal> {
    let mut particulars = Particulars::default();
    for property in publish.properties.iter() {
        match property {
            Property::TopicAlias(alias) => particulars.alias = Some(alias),
            Property::MessageExpiryInterval(secs) => particulars.expiry_secs = Some(secs),
            Property::SubscriptionIdentifier(_) => {
                return Err(Refusal::protocol(
                    "PUBLISH from a client carries no subscription identifier [MQTT-3.3.4-6]",
                ));
            }
            other => {
                attributes.push(other);
            }
        }
    }
    Ok(particulars)
}

/// The topic, by name or by alias. [MQTT-3.3.2-7 to -12]
#[inline]
fn resolve_topic<'a>(
    aliases: &'a InboundAliases,
    publish: &Publish<'a>,
    alias: Option<u16>,
) -> Result<TopicName<'a>, Refusal> {
    match (publish.topic, alias) {
        (Some(topic), None) => Ok(topic),
        _ => resolve_alias(aliases, publish, alias),
    }
}

#[inline(never)]
fn resolve_alias<'a>(
    aliases: &'a InboundAliases,
    publish: &Publish<'a>,
    alias: Option<u16>,
) -> Result<TopicName<'a>, Refusal> {
    if let Some(alias) = alias.filter(|alias| !aliases.is_allowed(*alias)) {
        let detail =
            format!("topic alias {alias} is 0 or above the announced maximum [MQTT-3.3.2-8, MQTT-3.3.2-9]");
        return Err(Refusal::new(ReasonCode::TopicAliasInvalid, detail));
    }
    match (publish.topic, alias) {
        (Some(topic), _) => Ok(topic),
        (None, Some(alias)) => aliases
            .topic(alias)
            .ok_or_else(|| Refusal::protocol(format!("topic alias {alias} stands for no topic yet"))),
        (None, None) => Err(Refusal::protocol("PUBLISH has neither a topic name nor a topic alias")),
    }
}
