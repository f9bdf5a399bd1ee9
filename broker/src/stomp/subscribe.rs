//! SUBSCRIBE and UNSUBSCRIBE.

use tidewire_protocols::mqtt::{RetainHandling, SubscribeOptions};
use tidewire_protocols::stomp::{Command, Frame, Headers, Version};
use tidewire_protocols::topic::TopicFilterBuf;

use super::deliver::{AckMode, StompDeliver};
use super::headers::read_number;
use super::refuse::Refusal;
use super::{Context, Handled, destination};
use crate::auth::Action;
use crate::broker::{SubscribeRefused, SubscribeRequest};
use crate::config::DefaultAck;
use crate::message::Qos;
use crate::router::SubscriptionOptions;

/// A subscription as the connection knows it.
#[derive(Debug)]
pub(super) struct Subscribed {
    filter: TopicFilterBuf,
    /// Its number within the session.
    pub(super) local: u32,
}

/// Headers that ask for something which is not served: silence would be a promise that is not kept.
const NOT_SERVED: [&str; 4] = ["selector", "durable", "exclusive", "auto-delete"];

impl Context<'_, '_, '_> {
    pub(super) fn handle_subscribe(self, frame: &Frame<'_>) -> Result<Handled, Refusal> {
        let headers = &frame.headers;
        let destination =
            headers.get("destination").ok_or_else(|| Refusal::missing(Command::Subscribe, "destination"))?;
        let id = headers.get("id");
        if id.is_none() && self.client.version > Version::V10 {
            return Err(Refusal::missing(Command::Subscribe, "id"));
        }
        let key = id.as_deref().unwrap_or(&destination);
        if self.client.subscriptions.contains_key(key) {
            let body =
                format!("The subscription {key} is there already: use another id, or UNSUBSCRIBE first.");
            return Err(Refusal::new("duplicate subscription", body));
        }
        for name in NOT_SERVED {
            if headers.get(name).is_some_and(|value| value != "false") {
                return Err(Refusal::new(format!("{name} is not served"), format!("Leave {name} out.")));
            }
        }
        let filter = destination::topic_filter(&destination, &self.broker.config.limits)?;
        // Where a SUBSCRIBE is authorised.
        if !self.broker.authority.authorize(&self.client.identity, Action::Subscribe, filter.filter()) {
            return self.denied("subscribe to", &destination);
        }
        let ack = self.ack_mode(headers)?;
        let prefetch = match headers.get("prefetch-count") {
            Some(value) => usize::try_from(read_number("prefetch-count", &value)?).unwrap_or(usize::MAX),
            None => 0,
        };
        let retain_handling = read_retain_handling(headers)?;
        let session = &self.client.session;
        let local = {
            let mut state = session.lock();
            let deliver = state.deliver_as::<StompDeliver>();
            deliver.map(|deliver| deliver.add(id.as_deref(), ack, prefetch)).unwrap_or_default()
        };
        let request = SubscribeRequest {
            filter,
            options: SubscriptionOptions {
                qos: Qos::ExactlyOnce,
                no_local: false,
                retain_as_published: false,
                identifier: None,
            },
            option_byte: SubscribeOptions {
                qos: Qos::ExactlyOnce,
                no_local: false,
                retain_as_published: false,
                retain_handling,
            }
            .as_u8(),
            local,
        };
        self.broker.subscribe(self.turn, session, request).map_err(|refused| match refused {
            SubscribeRefused::TooMany => {
                Refusal::new("too many subscriptions", "UNSUBSCRIBE from what is no longer needed first.")
            }
            SubscribeRefused::SessionEnded => Refusal::new("session over", "Connect again."),
            SubscribeRefused::Store(_) => Refusal::not_stored(),
        })?;
        // Every subscription of a connection has an id of its own, so each is a new one.
        if retain_handling != RetainHandling::DoNotSend {
            self.broker.send_retained(self.turn, session, request).map_err(|_| Refusal::not_stored())?;
        }
        self.client.subscriptions.insert(key.into(), Subscribed { filter: filter.to_buf(), local });
        Ok(Handled::Done)
    }

    pub(super) fn handle_unsubscribe(self, frame: &Frame<'_>) -> Result<Handled, Refusal> {
        let key = match frame.headers.get("id") {
            None if self.client.version == Version::V10 => frame.headers.get("destination"),
            id => id,
        };
        let key = key.ok_or_else(|| Refusal::missing(Command::Unsubscribe, "id"))?;
        let Some(subscribed) = self.client.subscriptions.remove(key.as_ref()) else {
            let body = format!("There is no subscription {key} in this connection.");
            return Err(Refusal::new("unknown subscription", body));
        };
        let session = &self.client.session;
        let filter = subscribed.filter.as_filter();
        self.broker
            .unsubscribe(self.turn, session, filter, subscribed.local)
            .map_err(|_| Refusal::not_stored())?;
        // After UNSUBSCRIBE no more messages come, those that wait included. [STOMP12-UNSUBSCRIBE-1]
        let mut state = session.lock();
        if let Some(deliver) = state.deliver_as::<StompDeliver>() {
            deliver.remove(subscribed.local);
        }
        state.outbox.retain(|delivery| delivery.options.local != subscribed.local);
        // What stands ready is on its way already; it must not follow the receipt.
        self.replies.promised().append(state.outbox.ready());
        Ok(Handled::Done)
    }

    fn ack_mode(&self, headers: &Headers<'_>) -> Result<AckMode, Refusal> {
        let is_v10 = self.client.version == Version::V10;
        match headers.get("ack").as_deref() {
            None => Ok(match self.broker.config.stomp.default_ack {
                DefaultAck::Auto => AckMode::Auto,
                DefaultAck::Client => AckMode::Client,
                DefaultAck::ClientIndividual => AckMode::ClientIndividual,
            }),
            Some("auto") => Ok(AckMode::Auto),
            Some("client") => Ok(AckMode::Client),
            Some("client-individual") if !is_v10 => Ok(AckMode::ClientIndividual),
            Some(other) if is_v10 => Err(Refusal::bad_header("ack", other, "auto or client")),
            Some(other) => Err(Refusal::bad_header("ack", other, "auto, client or client-individual")),
        }
    }
}

fn read_retain_handling(headers: &Headers<'_>) -> Result<RetainHandling, Refusal> {
    match headers.get("retain-handling").as_deref() {
        None | Some("0") => Ok(RetainHandling::SendAtSubscribe),
        Some("1") => Ok(RetainHandling::SendIfNew),
        Some("2") => Ok(RetainHandling::DoNotSend),
        Some(other) => Err(Refusal::bad_header("retain-handling", other, "0, 1 or 2")),
    }
}
