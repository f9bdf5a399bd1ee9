//! SUBSCRIBE and UNSUBSCRIBE.

use tidewire_protocols::mqtt::{
    Packet, PacketId, Properties, PropertiesBuf, Property, ReasonCode, RetainHandling, SubAck, Subscribe,
    SubscribeOptions, UnsubAck, Unsubscribe,
};
use tidewire_protocols::topic::TopicFilter;

use super::Context;
use super::refuse::Refusal;
use crate::auth::Judgement;
use crate::broker::{ConsumeRequest, SubscribeRefused, SubscribeRequest};
use crate::message::{QUEUE_PREFIX, is_client_queue};
use crate::queue::ConsumerTerms;
use crate::router::SubscriptionOptions;
use crate::session::SubscriptionKey;
use crate::store::StoreError;

impl Context<'_, '_, '_> {
    /// Each filter gets its own answer: one that is refused does not harm the others.
    pub(super) fn handle_subscribe(mut self, subscribe: &Subscribe<'_>) -> Result<(), Refusal> {
        let identifier = subscribe.properties.iter().find_map(|property| match property {
            Property::SubscriptionIdentifier(identifier) => Some(identifier),
            _ => None,
        });
        self.check_answer_size(subscribe.filters.len())?;
        let (mut reasons, mut refused) = (Vec::with_capacity(subscribe.filters.len()), None);
        for wanted in subscribe.filters.iter() {
            let reason = self.subscribe(wanted.filter, wanted.options, identifier)?;
            if reason.is_error() {
                self.note_refusal(reason, "SUBSCRIBE to", wanted.filter);
                refused.get_or_insert(reason);
            }
            reasons.push(reason.as_u8());
        }
        let (packet_id, reasons) = (subscribe.packet_id, reasons.as_slice());
        let answer = |properties| Packet::SubAck(SubAck { packet_id, properties, reasons });
        let explanation = self.explanation(refused);
        self.answer(&answer(explanation.as_properties()), &answer(Properties::EMPTY));
        Ok(())
    }

    /// The name of the first reason for which something was refused, where the client wants to know.
    /// [MQTT-3.1.2-29]
    fn explanation(&self, refused: Option<ReasonCode>) -> PropertiesBuf {
        let mut properties = PropertiesBuf::default();
        if let Some(reason) = refused.filter(|_| self.client.wants_reasons && self.client.version.is_v5()) {
            properties.push(Property::ReasonString(reason.name()));
        }
        properties
    }

    /// Says an answer, without its explanation where that would be larger than the client takes.
    /// [MQTT-3.9.2-1, MQTT-3.11.2-1]
    fn answer(&mut self, explained: &Packet<'_>, plain: &Packet<'_>) {
        let version = self.client.version;
        let fits = explained.encoded_len(version) <= self.client.packet_size_max;
        let answer = if fits { explained } else { plain };
        answer.encode(version, &mut self.replies.promised().bytes);
    }

    fn subscribe(
        &mut self,
        filter: &str,
        wanted: SubscribeOptions,
        identifier: Option<std::num::NonZeroU32>,
    ) -> Result<ReasonCode, Refusal> {
        let filter = match self.examine_filter(filter) {
            Ok(filter) => filter,
            Err(reason) => return Ok(reason),
        };
        if let Some(reason) = self.unserved(filter) {
            // A 5.0 client was told; an older one could not be. [MQTT50-U-3.2.2.3.11-1, MQTT50-U-3.2.2.3.13-1]
            return match self.client.version.is_v5() {
                true => Err(Refusal::new(reason, reason.name())),
                false => Ok(reason),
            };
        }
        if wanted.no_local && filter.share_name().is_some() {
            return Err(Refusal::protocol("No Local on a shared subscription [MQTT-3.8.3-4]"));
        }
        // Where a SUBSCRIBE is authorised.
        match self.client.standing.judge_filter(filter) {
            Judgement::Denied => return Ok(ReasonCode::NotAuthorized),
            Judgement::AllowedInPart => {
                self.broker.guard(&self.client.session, &self.client.standing.rights, true);
            }
            Judgement::Allowed => {}
        }
        let qos = wanted.qos.min(self.config.mqtt.maximum_qos());
        let request = SubscribeRequest {
            filter,
            options: SubscriptionOptions {
                qos,
                no_local: wanted.no_local,
                retain_as_published: wanted.retain_as_published,
                identifier,
            },
            option_byte: wanted.as_u8(),
            local: 0,
            selector: None,
        };
        let queue = filter.as_str().strip_prefix(QUEUE_PREFIX);
        let subscribed = match queue {
            Some(queue) => self.consume(request, queue),
            None => self.broker.subscribe(self.turn, &self.client.session, request),
        };
        let existed = match subscribed {
            Ok(existed) => existed,
            Err(SubscribeRefused::TooMany) => return Ok(ReasonCode::QuotaExceeded),
            Err(SubscribeRefused::Exclusive) => return Ok(ReasonCode::ImplementationSpecificError),
            Err(SubscribeRefused::Private) => return Ok(ReasonCode::NotAuthorized),
            Err(SubscribeRefused::SessionEnded | SubscribeRefused::Store(_)) => {
                return Ok(ReasonCode::UnspecifiedError);
            }
        };
        let session = &self.client.session;
        let wants_retained = match wanted.retain_handling {
            RetainHandling::SendAtSubscribe => true,
            RetainHandling::SendIfNew => !existed,
            RetainHandling::DoNotSend => false,
        };
        if queue.is_none()
            && wants_retained
            && self.broker.send_retained(self.turn, session, request).is_err()
        {
            return Ok(ReasonCode::UnspecifiedError);
        }
        Ok(ReasonCode::from_u8(qos.as_u8()).unwrap_or(ReasonCode::UnspecifiedError))
    }

    /// A work queue: this client is one more of its consumers, and its Receive Maximum their prefetch.
    fn consume(&mut self, subscription: SubscribeRequest<'_>, queue: &str) -> Result<bool, SubscribeRefused> {
        let session = &self.client.session;
        let window = session.lock().deliver.window();
        let terms = ConsumerTerms::of_mqtt(session.id(), &subscription.options, window);
        let request = ConsumeRequest { subscription, queue, owner: None, terms };
        self.broker.consume(self.turn, session, &request)
    }

    /// Parses a filter. Those of work queues have no wildcards, and are shared anyway.
    fn examine_filter<'f>(&self, filter: &'f str) -> Result<TopicFilter<'f>, ReasonCode> {
        let filter = TopicFilter::parse(filter).map_err(|_| ReasonCode::TopicFilterInvalid)?;
        let queue = filter.filter().strip_prefix(QUEUE_PREFIX);
        let is_bad_queue = queue.is_some_and(|queue| {
            let is_shared = filter.share_name().is_some();
            is_shared || filter.has_wildcard() || !is_client_queue(queue)
        });
        match is_bad_queue || filter.level_count() > self.config.limits.topic_levels_max {
            true => Err(ReasonCode::TopicFilterInvalid),
            false => Ok(filter),
        }
    }

    /// What CONNACK said is not to be had here, if the filter asks for it.
    fn unserved(&self, filter: TopicFilter<'_>) -> Option<ReasonCode> {
        let config = &self.config.mqtt;
        if filter.has_wildcard() && !config.wildcard_subscriptions {
            return Some(ReasonCode::WildcardSubscriptionsNotSupported);
        }
        if filter.share_name().is_some() && !config.shared_subscriptions {
            return Some(ReasonCode::SharedSubscriptionsNotSupported);
        }
        None
    }

    /// An answer with a code for each filter that would be larger than the client takes cannot be sent; that must be
    /// known before anything is subscribed to. [MQTT-3.1.2-24]
    fn check_answer_size(&self, filter_count: usize) -> Result<(), Refusal> {
        let (version, reasons) = (self.client.version, vec![0; filter_count]);
        let packet_id = PacketId::FIRST;
        let answer = SubAck { packet_id, properties: Properties::EMPTY, reasons: &reasons };
        if Packet::SubAck(answer).encoded_len(version) <= self.client.packet_size_max {
            return Ok(());
        }
        let detail = "the answer would be larger than the client takes: ask for fewer filters at once";
        Err(Refusal::new(ReasonCode::PacketTooLarge, detail))
    }

    pub(super) fn handle_unsubscribe(mut self, unsubscribe: &Unsubscribe<'_>) -> Result<(), Refusal> {
        self.check_answer_size(unsubscribe.filters.len())?;
        let (mut reasons, mut refused) = (Vec::with_capacity(unsubscribe.filters.len()), None);
        for filter in unsubscribe.filters.iter() {
            let reason = match TopicFilter::parse(filter) {
                Err(_) => ReasonCode::TopicFilterInvalid,
                Ok(filter) => match self.unsubscribe(filter) {
                    Ok(true) => ReasonCode::Success,
                    Ok(false) => ReasonCode::NoSubscriptionExisted,
                    Err(_) => ReasonCode::UnspecifiedError,
                },
            };
            if reason.is_error() {
                self.note_refusal(reason, "UNSUBSCRIBE from", filter);
                refused.get_or_insert(reason);
            }
            reasons.push(reason.as_u8());
        }
        let reasons = if self.client.version.is_v5() { reasons.as_slice() } else { &[] };
        let packet_id = unsubscribe.packet_id;
        let answer = |properties| Packet::UnsubAck(UnsubAck { packet_id, properties, reasons });
        let explanation = self.explanation(refused);
        self.answer(&answer(explanation.as_properties()), &answer(Properties::EMPTY));
        Ok(())
    }

    pub(super) fn unsubscribe(&mut self, filter: TopicFilter<'_>) -> Result<bool, StoreError> {
        let session = &self.client.session;
        match filter.as_str().starts_with(QUEUE_PREFIX) {
            true => {
                let key = SubscriptionKey { filter: filter.to_buf(), local: 0 };
                self.broker.stop_consuming(self.turn, session, &key)
            }
            false => self.broker.unsubscribe(self.turn, session, filter, 0),
        }
    }
}
