//! What becomes of a client's rights while it is connected: they are looked at anew when rules change or the client
//! renews itself, and it is told.
//!
//! | topic | destination | what |
//! |---|---|---|
//! | `$auth/token` | `/auth/token` | a client publishes its new token here |
//! | `$auth/expiring` | `/auth/expiring` | it is told that its time ends soon |
//! | `$auth/result` | `/auth/result` | it is told what came of a renewal, and which subscriptions it has lost |
//!
//! The last two are for the one client that they concern, if it has subscribed to them.

use std::sync::Arc;

use serde_json::{Value, json};
use tidewire_protocols::topic::{TopicFilter, TopicName};

use super::Broker;
use super::connect::record_no_will;
use super::standing::{Standing, StandingDue};
use crate::auth::{Denial, Rights};
use crate::message::{Publication, Qos, SessionId};
use crate::session::{DeliveryOptions, Guard, Session};
use crate::store::CommitId;
use crate::turn::Turn;

/// Where a client publishes its new token.
pub const TOKEN_TOPIC: &str = "$auth/token";
/// Where a client is told that its time ends soon.
const EXPIRING_TOPIC: &str = "$auth/expiring";
/// Where a client is told what came of a renewal.
const RESULT_TOPIC: &str = "$auth/result";

/// A client has not renewed itself in time: its connection is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeIsOver;

impl Broker {
    /// Asks every connection to look at its client's rights anew, since users or rules have changed.
    pub fn reconsider_all(&self) {
        for link in self.links.all() {
            link.ask_for_review();
        }
    }

    /// Has each delivery to a session looked at from now on if `is_partial`, that is if some subscription is for more than
    /// its client may have; or no longer.
    pub fn guard(&self, session: &Session, rights: &Rights, is_partial: bool) {
        let guard = if is_partial { guard(rights) } else { None };
        session.lock().deliver.set_guard(guard);
    }

    /// A session's will is withdrawn, since its client may not publish it, or not connect, any more.
    pub fn note_no_will(&self, turn: &mut Turn<'_>, session: &Session) {
        record_no_will(turn, session);
    }

    /// A client's time may end, or be about to, and then it is told.
    ///
    /// # Errors
    ///
    /// [`TimeIsOver`].
    pub fn handle_standing(
        &self,
        turn: &mut Turn<'_>,
        session: &Arc<Session>,
        standing: &mut Standing,
    ) -> Result<(), TimeIsOver> {
        match standing.handle_time(turn.now.instant) {
            StandingDue::Nothing => {}
            StandingDue::Notice => self.tell_expiring(turn, session, standing),
            StandingDue::Over => return Err(TimeIsOver),
        }
        Ok(())
    }

    /// Tells a client that its time ends soon.
    fn tell_expiring(&self, turn: &mut Turn<'_>, session: &Arc<Session>, standing: &Standing) {
        let expires_at = standing.expires_at();
        let left = expires_at.map(|at| at.saturating_sub(turn.now.unix_secs()));
        self.tell(turn, session, EXPIRING_TOPIC, &json!({"expires_at": expires_at, "expires_in": left}));
    }

    /// Tells a client what came of its renewal, or of a change of the rules.
    pub fn tell_renewed<'r>(
        &self,
        turn: &mut Turn<'_>,
        session: &Arc<Session>,
        standing: &Standing,
        removed: impl IntoIterator<Item = &'r str>,
    ) {
        let removed: Vec<_> = removed.into_iter().collect();
        let expires_at = standing.expires_at();
        let result = json!({"result": "accepted", "expires_at": expires_at, "removed": removed});
        self.tell(turn, session, RESULT_TOPIC, &result);
    }

    /// Tells a client that its renewal was refused; it goes on as before.
    pub fn tell_refused(&self, turn: &mut Turn<'_>, session: &Arc<Session>, denial: &Denial) {
        self.tell(turn, session, RESULT_TOPIC, &json!({"result": "refused", "reason": denial.text()}));
    }

    /// A message to the one client, at QoS 0: it is of no use later, nor to anybody else.
    fn tell(&self, turn: &mut Turn<'_>, session: &Arc<Session>, topic: &'static str, what: &Value) {
        let topic = TopicName::assume_valid(topic);
        // One copy for each of its own numbers, which is one for MQTT.
        let mut wanted: Vec<(u32, Vec<_>)> = Vec::new();
        for (_, local, options) in
            session.lock().subscriptions.iter().filter(|(filter, ..)| filter.matches(topic))
        {
            match wanted.iter_mut().find(|(known, _)| *known == local) {
                Some((_, identifiers)) => identifiers.extend(options.identifier),
                None => wanted.push((local, options.identifier.into_iter().collect())),
            }
        }
        let payload = what.to_string();
        let publication = Publication::new(topic, payload.as_bytes(), SessionId::BROKER);
        publication.note_utf8();
        for (local, identifiers) in wanted {
            let options = DeliveryOptions {
                identifiers: identifiers.into_iter().collect(),
                local,
                ..DeliveryOptions::new(Qos::AtMostOnce)
            };
            self.offer_once(turn, session, &publication, &options, CommitId::NONE);
        }
    }
}

/// What looks at each delivery to a client, where it has rules.
pub fn guard(rights: &Rights) -> Option<Guard> {
    let watch = rights.watch()?;
    Some(Box::new(move |topic| watch.may_receive(topic)))
}

/// Whether a filter is one that anybody may subscribe to: what the broker has to say to the client itself.
pub(super) fn is_own_affair(filter: TopicFilter<'_>) -> bool {
    let is_shared = filter.share_name().is_some();
    !is_shared && filter.filter().starts_with("$auth/")
}
