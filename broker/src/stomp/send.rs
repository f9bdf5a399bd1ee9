//! SEND.

use std::sync::Arc;

use tidewire_protocols::stomp::{Command, Frame};
use tidewire_protocols::topic::TopicName;

use super::destination::TEMP_QUEUE;
use super::known::{Head, KnownHead};
use super::refuse::Refusal;
use super::{Client, Context, Handled, headers};
use crate::broker::TOKEN_TOPIC;
use crate::config::Denied;
use crate::counters::{Protocol, RefusalReason};
use crate::message::{Attributes, Publication};

impl Context<'_, '_, '_> {
    pub(super) fn handle_send(mut self, frame: &Frame<'_>) -> Result<Handled, Refusal> {
        let destination =
            frame.headers.get("destination").ok_or_else(|| Refusal::missing(Command::Send, "destination"))?;
        let topic = self.names().topic(&destination)?;
        let topic =
            TopicName::parse(&topic).map_err(|error| Refusal::new("bad destination", error.to_string()))?;
        if topic.as_str() == TOKEN_TOPIC {
            return self.handle_token(frame);
        }
        let names = self.client.names(self.config);
        let mut particulars =
            headers::read(&frame.headers, names, self.is_text, self.turn.now, self.attributes)?;
        if !self.client.standing.rights.may_publish(topic, particulars.retain) {
            return self.denied("send to", &destination);
        }
        if let Some(reply_to) =
            frame.headers.get("reply-to").filter(|reply_to| reply_to.starts_with(TEMP_QUEUE))
        {
            self.await_replies(&reply_to)?;
        }
        let mut publication = Publication::new(topic, frame.body, self.client.session.id());
        if particulars.retain && (!self.config.mqtt.retain_available || publication.queue_name().is_some()) {
            return Err(Refusal::new(
                "not retained",
                "Messages are not retained here, and never in queues: send without retain:true.",
            ));
        }
        particulars.qos = particulars.qos.min(self.config.mqtt.maximum_qos());
        publication.qos = particulars.qos;
        publication.retain = particulars.retain;
        publication.expires_at = particulars.expires_at;
        publication.attributes = Attributes::of(self.attributes);
        if self.is_text {
            publication.note_utf8();
        }
        if let Some(transaction) = frame.headers.get("transaction") {
            let message = Arc::clone(publication.keep());
            self.client.transactions.add_send(&transaction, message, &self.config.stomp)?;
            return Ok(Handled::Done);
        }
        self.turn.tally.note_received(Protocol::Stomp, publication.qos, frame.body.len());
        if self.turn.is_observed() {
            self.broker.show_published(self.turn, &self.client.session, &publication);
        }
        let published = self.broker.publish_from(self.turn, &self.client.session, &publication);
        published.map_err(Refusal::not_published)?;
        let content_length = frame.headers.get("content-length").map(|_| frame.body.len());
        let head = Head { bytes: self.head, is_text: self.is_text, content_length };
        KnownHead::remember(&mut self.client.known, head, topic, particulars, self.attributes);
        Ok(Handled::Done)
    }

    /// The SEND at the front of `input`, where its head is the last one's: the frame's size, and what came of it.
    pub(super) fn handle_known_send(self, input: &[u8]) -> Option<(usize, Result<(), Refusal>)> {
        let Client { known, standing, session, .. } = self.client;
        let known = known.as_deref()?;
        let body_size_max = self.config.limits.stomp().body_size_max;
        let (body, size) = known.body(input, self.is_text, body_size_max)?;
        // What is denied is answered where it is read.
        let topic = known.topic();
        if !standing.rights.may_publish(topic, known.retain()) {
            return None;
        }
        self.turn.next_packet();
        let publication = known.publication(body, session.id());
        self.turn.tally.note_received(Protocol::Stomp, publication.qos, body.len());
        if self.turn.is_observed() {
            self.broker.show_published(self.turn, session, &publication);
        }
        let published = self.broker.publish_from(self.turn, session, &publication);
        self.client.pace.note(size, self.turn.now.instant);
        self.client.sent += 1;
        Some((size, published.map(drop).map_err(Refusal::not_published)))
    }

    /// What a frame that is not allowed gets, as `stomp.denied` says.
    pub(super) fn denied(&self, what: &str, destination: &str) -> Result<Handled, Refusal> {
        let body = format!("This client may not {what} {destination}.");
        let refusal = Refusal::new("access refused", body).because(RefusalReason::NotAuthorized);
        match self.config.stomp.denied {
            Denied::Error => Err(refusal),
            Denied::Ignore => {
                refusal.note(self.broker, self.link, self.client.who());
                Ok(Handled::Ignored)
            }
        }
    }
}
