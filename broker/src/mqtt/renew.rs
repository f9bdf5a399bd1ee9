//! A connected client proves anew who it is: by AUTH, or by a token that it publishes. And what follows when its rights
//! change, or its time ends.

use tidewire_protocols::mqtt::{PacketId, PacketType, Publish, Qos, ReasonCode};
use tidewire_protocols::topic::TopicFilterBuf;

use super::refuse::Refusal;
use super::{Context, Mqtt, MqttDeliver, State};
use crate::auth::{Check, Denial, Judgement, Vouched};
use crate::broker::{Answer, Asked, Refused};
use crate::turn::Turn;

/// A renewal whose answer has not come yet.
pub(super) struct Renewal {
    answer: Answer,
    by: By,
}

/// How a client renews itself, and what it is owed.
pub(super) enum By {
    /// AUTH, and its method's last word.
    Auth(Vec<u8>),
    /// PUBLISH, and its acknowledgement.
    Publish(Option<(PacketType, PacketId)>),
}

impl Context<'_, '_, '_> {
    /// PUBLISH of a new token.
    pub(super) fn handle_token(mut self, publish: &Publish<'_>) -> Result<(), Refusal> {
        let owed = match (publish.packet_id, publish.qos) {
            (Some(packet_id), Qos::ExactlyOnce) => {
                if !self.receive(packet_id) {
                    self.acknowledge(PacketType::PubRec, packet_id, ReasonCode::Success);
                    return Ok(());
                }
                Some((PacketType::PubRec, packet_id))
            }
            (packet_id, _) => packet_id.map(|packet_id| (PacketType::PubAck, packet_id)),
        };
        if let Err(denial) = self.client.standing.begin_renewal(self.turn.now.instant) {
            self.note_refused(&denial);
            self.acknowledge_token(owed, ReasonCode::QuotaExceeded);
            return Ok(());
        }
        let check = match std::str::from_utf8(publish.payload) {
            Ok(token) => self.broker.authority.examine_token(token.trim(), self.turn.now.unix_secs()),
            Err(_) => Denial::Wrong("a token is text".into()).into(),
        };
        self.renew(check, By::Publish(owed))
    }

    /// Looks at what a client has given to prove itself anew.
    pub(super) fn renew(self, check: Check, by: By) -> Result<(), Refusal> {
        match self.broker.ask(check, self.link) {
            Asked::Answered(answer) => self.conclude_renewal(answer, by),
            Asked::Waiting(answer) => {
                self.client.renewal = Some(Box::new(Renewal { answer, by }));
                Ok(())
            }
        }
    }

    /// The client is who it was, or stays what it is.
    pub(super) fn conclude_renewal(mut self, answer: Result<Vouched, Denial>, by: By) -> Result<(), Refusal> {
        let renewed =
            answer.and_then(|vouched| self.client.standing.renew(self.broker, self.turn.now, vouched));
        if let Err(denial) = &renewed {
            self.broker.note_denial(self.link, denial, self.turn.now.instant);
        }
        match (renewed, by) {
            (Ok(()), by) => {
                self.review_and_tell();
                match by {
                    By::Auth(data) => self.answer_auth(ReasonCode::Success, &data),
                    By::Publish(owed) => {
                        self.acknowledge_token(owed, ReasonCode::Success);
                        Ok(())
                    }
                }
            }
            // [MQTT-4.12.1-2]
            (Err(denial), By::Auth(_)) => {
                Err(Refusal::new(ReasonCode::NotAuthorized, denial.text().to_owned()))
            }
            (Err(denial), By::Publish(owed)) => {
                self.note_refused(&denial);
                self.broker.tell_refused(self.turn, &self.client.session, &denial);
                self.acknowledge_token(owed, ReasonCode::NotAuthorized);
                Ok(())
            }
        }
    }

    fn note_refused(&self, denial: &Denial) {
        let reason = Refusal::from(denial.clone()).kind;
        let detail = &format_args!("a renewal: {}", denial.text());
        self.broker.note_refusal(self.link, &Refused { reason, who: self.client.who(), detail });
    }

    fn acknowledge_token(&mut self, owed: Option<(PacketType, PacketId)>, reason: ReasonCode) {
        match owed {
            Some((PacketType::PubRec, packet_id)) => self.acknowledge_received(packet_id, reason),
            Some((packet_type, packet_id)) => self.acknowledge(packet_type, packet_id, reason),
            None => {}
        }
    }

    /// Looks at everything that the client has, and tells it what it has lost.
    pub(super) fn review_and_tell(&mut self) {
        let removed = self.review();
        let client_id = &*self.client.session.key().client_id;
        tracing::info!(link = %self.link, client_id, removed = removed.len(), "rights looked at anew");
        let removed = removed.iter().map(|filter| filter.as_filter().as_str());
        self.broker.tell_renewed(self.turn, &self.client.session, &self.client.standing, removed);
    }

    /// Takes from the session what the client may not have any more; returns the filters of the subscriptions.
    pub(super) fn review(&mut self) -> Vec<TopicFilterBuf> {
        let (mut denied, mut is_partial) = (Vec::new(), false);
        {
            let mut state = self.client.session.lock();
            // Another connection has just taken the session over, and sees to it by its own rights.
            if !state.is_attached(self.link) {
                return denied;
            }
            // What waits, or is sent again, may have come by subscriptions that are gone.
            let deliver = state.deliver_as::<MqttDeliver>();
            is_partial |= deliver.is_some_and(|deliver| deliver.has_inflight()) || !state.outbox.is_empty();
            for (filter, ..) in state.subscriptions.iter() {
                match self.client.standing.judge_filter(filter) {
                    Judgement::Allowed => {}
                    Judgement::AllowedInPart => is_partial = true,
                    Judgement::Denied => denied.push(filter.to_buf()),
                }
            }
            let rights = &mut self.client.standing.rights;
            let is_over = |will: &mut crate::session::Will| {
                let publication = will.message.publication();
                !rights.may_publish(publication.topic, publication.retain)
            };
            if state.will.take_if(is_over).is_some() {
                drop(state);
                self.broker.note_no_will(self.turn, &self.client.session);
            } else if let Some(will) = &mut state.will {
                // It may be somebody with other claims now.
                will.judge = Some(self.client.standing.will_judge(&self.broker.authority));
            }
        }
        is_partial |= !denied.is_empty();
        self.broker.guard(&self.client.session, &self.client.standing.rights, is_partial);
        for filter in &denied {
            if let Err(error) = self.unsubscribe(filter.as_filter()) {
                let client_id = &*self.client.session.key().client_id;
                tracing::error!(client_id, %error, "the end of a subscription that is denied could not be stored");
            }
        }
        denied
    }
}

impl Mqtt {
    /// Looks whether an answer has come, and whether rights are to be looked at anew.
    pub(super) fn hear(&mut self, turn: &mut Turn<'_>) -> Result<(), Refusal> {
        let (broker, config, link, replies) = (&self.broker, &self.config, &self.link, &mut self.replies);
        match &mut self.state {
            State::Authenticating(_) => self.hear_answer(turn),
            State::Connected(client) => {
                if link.take_review() {
                    if let Err(denial) = client.standing.reconsider(broker.authority.as_ref()) {
                        // Who may not connect any more has nothing to say at its end, either.
                        let mut state = client.session.lock();
                        let will = if state.is_attached(link) { state.will.take() } else { None };
                        drop(state);
                        if will.is_some() {
                            broker.note_no_will(turn, &client.session);
                        }
                        return Err(Refusal::revoked(denial));
                    }
                    Context { broker, config, link, replies, turn, client }.review_and_tell();
                }
                let Some(renewal) = client.renewal.as_mut() else { return Ok(()) };
                let Some(answer) = renewal.answer.take() else { return Ok(()) };
                let Some(renewal) = client.renewal.take() else { return Ok(()) };
                Context { broker, config, link, replies, turn, client }.conclude_renewal(answer, renewal.by)
            }
            State::Greeting { .. } | State::Ended => Ok(()),
        }
    }
}

impl Refusal {
    /// The client would not be let in any more.
    fn revoked(denial: Denial) -> Self {
        Self::new(ReasonCode::NotAuthorized, denial.text().to_owned())
    }
}
