//! Subscribing and unsubscribing.

use bytes::BytesMut;
use tidewire_protocols::mqtt::{
    Packet, PacketId, Properties, PropertiesBuf, Property, SubAck, Subscribe, SubscribeFiltersBuf, UnsubAck,
    Unsubscribe, UnsubscribeFiltersBuf,
};

use super::outgoing::{Outgoing, rejection};
use crate::command::{Done, SubscriptionId, settle};
use crate::error::Error;
use crate::subscription::Subscription;

/// What SUBACK or UNSUBACK will answer.
pub(super) enum Request {
    /// Who waits for it is known to the subscriptions.
    Subscribe {
        group: SubscriptionId,
        filter: String,
    },
    Unsubscribe(Ending),
}

/// A subscription that is to end.
pub(super) struct Ending {
    pub(super) filter: String,
    pub(super) done: Option<Done>,
}

/// A group of subscriptions, and what the broker says of it.
pub(super) type Answer = (SubscriptionId, Result<(), Error>);

impl Outgoing {
    /// `identifier` is the subscription identifier, if the broker takes one.
    pub(super) fn subscribe(
        &mut self,
        group: SubscriptionId,
        subscription: &Subscription,
        identifier: Option<SubscriptionId>,
        output: &mut BytesMut,
    ) -> Result<(), Error> {
        let mut properties = PropertiesBuf::default();
        if let Some(identifier) = identifier.and_then(std::num::NonZeroU32::new) {
            properties.push(Property::SubscriptionIdentifier(identifier));
        }
        let mut filters = SubscribeFiltersBuf::default();
        filters.push(&subscription.filter, subscription.options);
        let packet_id = self.free_id();
        let packet = Packet::Subscribe(Subscribe {
            packet_id,
            properties: properties.as_properties(),
            filters: filters.as_filters(),
        });
        let filter = subscription.filter.clone();
        self.encode(&packet, output)
            .map_err(|why| Error::Invalid(format!("cannot subscribe to {filter:?}: {why}")))?;
        self.requests.insert(packet_id, Request::Subscribe { group, filter });
        Ok(())
    }

    pub(super) fn unsubscribe(&mut self, ending: Ending, output: &mut BytesMut) {
        let mut filters = UnsubscribeFiltersBuf::default();
        filters.push(&ending.filter);
        let packet_id = self.free_id();
        let filters = filters.as_filters();
        let packet = Packet::Unsubscribe(Unsubscribe { packet_id, properties: Properties::EMPTY, filters });
        match self.encode(&packet, output) {
            Ok(()) => {
                self.requests.insert(packet_id, Request::Unsubscribe(ending));
            }
            Err(why) => {
                let filter = &ending.filter;
                let error = Error::Invalid(format!("cannot unsubscribe from {filter:?}: {why}"));
                settle(ending.done, Err(error));
            }
        }
    }

    pub(super) fn handle_sub_ack(&mut self, ack: &SubAck<'_>) -> Option<Answer> {
        let Request::Subscribe { group, filter } = self.requests.remove(&ack.packet_id)? else { return None };
        let refused = ack.reasons().find(|reason| reason.is_error());
        let outcome = match refused {
            None => Ok(()),
            Some(reason) => Err(rejection("to subscribe to", &filter, reason, ack.properties)),
        };
        Some((group, outcome))
    }

    /// The filter that has ended.
    pub(super) fn handle_unsub_ack(&mut self, ack: &UnsubAck<'_>) -> Option<String> {
        let Request::Unsubscribe(Ending { filter, done }) = self.requests.remove(&ack.packet_id)? else {
            return None;
        };
        // Before MQTT 5 there are no reasons, and nothing is refused.
        let refused = ack.reasons().find(|reason| reason.is_error());
        let outcome = match refused {
            None => Ok(()),
            Some(reason) => Err(rejection("to unsubscribe from", &filter, reason, ack.properties)),
        };
        settle(done, outcome);
        Some(filter)
    }

    /// The connection is gone: which subscriptions were to end. Those that were to begin, the subscriptions know.
    pub(super) fn take_endings(&mut self) -> Vec<Ending> {
        let mut requests: Vec<(PacketId, Request)> = self.requests.drain().collect();
        requests.sort_unstable_by_key(|(packet_id, _)| packet_id.get());
        let endings = requests.into_iter().filter_map(|(_, request)| match request {
            Request::Unsubscribe(ending) => Some(ending),
            Request::Subscribe { .. } => None,
        });
        endings.collect()
    }
}
