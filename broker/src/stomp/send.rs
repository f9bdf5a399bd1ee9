//! SEND.

use std::sync::Arc;

use tidewire_protocols::stomp::{Command, Frame};

use super::refuse::Refusal;
use super::{Context, Handled, destination, headers};
use crate::auth::Action;
use crate::config::Denied;
use crate::message::{Attributes, Publication};

impl Context<'_, '_, '_> {
    pub(super) fn handle_send(self, frame: &Frame<'_>) -> Result<Handled, Refusal> {
        let destination =
            frame.headers.get("destination").ok_or_else(|| Refusal::missing(Command::Send, "destination"))?;
        let topic = destination::topic_name(&destination, &self.broker.config.limits)?;
        // Where a SEND is authorised.
        if !self.broker.authority.authorize(&self.client.identity, Action::Publish, topic.as_str()) {
            return self.denied("send to", &destination);
        }
        let particulars = headers::read(&frame.headers, self.is_text, self.turn.now, self.attributes)?;
        if particulars.retain && !self.broker.config.mqtt.retain_available {
            return Err(Refusal::new(
                "not retained",
                "Messages are not retained here: send without retain:true.",
            ));
        }
        let mut publication = Publication::new(topic, frame.body, self.client.session.id());
        publication.qos = particulars.qos.min(self.broker.config.mqtt.maximum_qos());
        publication.retain = particulars.retain;
        publication.expires_at = particulars.expires_at;
        publication.attributes = Attributes::of(self.attributes);
        match frame.headers.get("transaction") {
            Some(transaction) => {
                let message = Arc::clone(publication.keep());
                self.client.transactions.add_send(&transaction, message, &self.broker.config.stomp)?;
            }
            None => {
                self.broker.publish(self.turn, &publication).map_err(|_| Refusal::not_stored())?;
            }
        }
        Ok(Handled::Done)
    }

    /// What a frame that is not allowed gets, as `stomp.denied` says.
    pub(super) fn denied(&self, what: &str, destination: &str) -> Result<Handled, Refusal> {
        match self.broker.config.stomp.denied {
            Denied::Ignore => Ok(Handled::Ignored),
            Denied::Error => {
                Err(Refusal::new("access refused", format!("This client may not {what} {destination}.")))
            }
        }
    }
}
