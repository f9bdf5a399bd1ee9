//! A message at its receivers: offered to each session, and counted.

use std::sync::Arc;

use super::share::choose_member;
use super::traced::note_offer;
use super::{Broker, Happened};
use crate::counters::Protocol;
use crate::message::{Publication, Qos};
use crate::router::{MatchSet, Target};
use crate::session::{DeliveryOptions, Offered, ProtocolKind, Session, SessionState, Signal};
use crate::store::{CommitId, Record, SettledState, StoreError};
use crate::turn::Turn;

impl Broker {
    /// Goes through who receives a message, and how: subscribers all, and one member of each shared subscription.
    #[inline]
    pub(super) fn for_each_receiver(
        &self,
        publication: &Publication<'_>,
        matches: &MatchSet,
        mut receive: impl FnMut(&Arc<Session>, DeliveryOptions),
    ) {
        for target in &matches.targets {
            if let Some(options) = delivery_options(publication, target) {
                receive(&target.session, options);
            }
        }
        for group in &matches.groups {
            if let Some((target, options)) = choose_member(group, publication) {
                receive(&target.session, options);
            }
        }
    }

    /// Offers a message to a session, and where that cannot take it to the other members of the shared subscription
    /// that it is for.
    #[inline]
    pub(super) fn offer(
        &self,
        turn: &mut Turn<'_>,
        session: &Arc<Session>,
        publication: &Publication<'_>,
        options: &DeliveryOptions,
        commit: CommitId,
    ) -> Result<(), StoreError> {
        let offered = self.offer_once(turn, session, publication, options, commit);
        match offered.is_taken() {
            true => Ok(()),
            false => self.handle_refused(turn, session, publication, options, offered),
        }
    }

    /// A session has not taken a message.
    #[cold]
    fn handle_refused(
        &self,
        turn: &mut Turn<'_>,
        session: &Session,
        publication: &Publication<'_>,
        options: &DeliveryOptions,
        offered: Offered,
    ) -> Result<(), StoreError> {
        let is_taken = match options.share() {
            Some(share) => self.offer_to_others(turn, session, publication, share)?,
            None => false,
        };
        if !is_taken && offered != Offered::Absent {
            turn.tally.dropped += 1;
        }
        Ok(())
    }

    /// Offers a message to a session, and says what became of it.
    pub(super) fn offer_once(
        &self,
        turn: &mut Turn<'_>,
        session: &Arc<Session>,
        publication: &Publication<'_>,
        options: &DeliveryOptions,
        commit: CommitId,
    ) -> Offered {
        if session.is_durable_subscription() {
            return self.offer_to_queue(turn, session, publication);
        }
        let recording = publication.recording.map(|recording| (recording, recording.moment()));
        let mut state = session.lock();
        let is_persistent = session.is_persistent();
        let offered = state.offer(turn.now, publication, options, is_persistent, commit, turn.durable());
        record_settled(turn, session, &mut state);
        if turn.is_observed() {
            self.show_offered(turn, session, publication, options.qos, offered);
        }
        if let Some((recording, began_ns)) = recording {
            note_offer(recording, began_ns, session, options.qos, offered);
        }
        match offered {
            Offered::Sent => {
                turn.tally.note_sent(protocol_of(session), options.qos, publication.payload.len());
            }
            Offered::Taken { displaced } => {
                turn.tally.dropped += displaced;
                turn.tally.note_waiting(state.outbox.waiting_messages(), state.outbox.waiting_bytes());
            }
            Offered::Absent | Offered::Dropped => return offered,
            Offered::Overflowed => {
                if let Some(link) = &state.link {
                    link.end(Signal::Overflowed);
                }
                return offered;
            }
        }
        turn.tally.delivered += 1;
        if let Some(link) = state.to_wake() {
            turn.touch(link);
        }
        offered
    }

    /// Tells those who watch.
    #[cold]
    fn show_offered(
        &self,
        turn: &Turn<'_>,
        session: &Session,
        publication: &Publication<'_>,
        qos: Qos,
        offered: Offered,
    ) {
        if self.traces.are_on()
            && let Some(happened) = happened(offered)
        {
            self.traces.note_message(turn.now, happened, session, publication, qos);
        }
    }
}

/// How a message goes to one receiver; `None` if No Local keeps it from its own publisher.
#[inline]
pub(super) fn delivery_options(publication: &Publication<'_>, target: &Target) -> Option<DeliveryOptions> {
    target.with_terms_for(publication.publisher, |terms| DeliveryOptions {
        retain: publication.retain && terms.retain_as_published,
        identifiers: terms.identifiers.clone(),
        local: target.local,
        ..DeliveryOptions::new(publication.qos.min(terms.qos))
    })
}

/// What a session's client speaks.
#[inline]
pub(super) fn protocol_of(session: &Session) -> Protocol {
    match session.key().protocol {
        ProtocolKind::Mqtt => Protocol::Mqtt,
        ProtocolKind::Stomp | ProtocolKind::DurableSubscription => Protocol::Stomp,
    }
}

/// What those who watch are told.
fn happened(offered: Offered) -> Option<Happened> {
    match offered {
        Offered::Sent => Some(Happened::Out),
        Offered::Taken { .. } => Some(Happened::Queued),
        Offered::Dropped | Offered::Overflowed => Some(Happened::Dropped),
        Offered::Absent => None,
    }
}

/// Tells the store of deliveries that ended without an acknowledgement: dropped, expired, or too large for the client.
#[inline]
pub(super) fn record_settled(turn: &mut Turn<'_>, session: &Session, state: &mut SessionState) {
    // As a rule there are none, and a look at that costs a tenth of taking them.
    if state.outbox.has_settled() {
        record_all_settled(turn, session, state);
    }
}

#[inline(never)]
fn record_all_settled(turn: &mut Turn<'_>, session: &Session, state: &mut SessionState) {
    for sequence in state.outbox.take_settled() {
        record_done(turn, session, sequence);
    }
}

/// Tells the store that a delivery is over, if it is one that is stored.
pub(super) fn record_done(turn: &mut Turn<'_>, session: &Session, sequence: u64) {
    if sequence > 0 {
        turn.record(|| Record::Settled { session: session.id().0, sequence, state: SettledState::Done });
    }
}
