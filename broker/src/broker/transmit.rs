//! A connection can write: what waits for its client goes out.

use std::sync::Arc;

use super::offer::{protocol_of, record_settled};
use super::{Broker, Happened};
use crate::counters::DropReason;
use crate::output::Output;
use crate::session::{Delivery, Link, Session, Transmit};
use crate::store::{CommitId, Fetch, Owner};
use crate::turn::Turn;

impl Broker {
    /// Moves what may go now into `output`, unless another connection has taken the session over since the turn began:
    /// what waits is for that one. Returns the commit that the next delivery waits for, if it does.
    pub fn transmit(
        &self,
        turn: &mut Turn<'_>,
        session: &Arc<Session>,
        link: &Link,
        output: &mut Output,
    ) -> Option<CommitId> {
        let mut state = session.lock();
        if !state.is_attached(link) {
            return None;
        }
        let mut transmit = turn.transmit();
        if session.is_stored() && session.is_persistent() {
            transmit.set_taker(session);
        }
        let is_watched = self.traces.are_on();
        transmit.observed = is_watched.then(Vec::new);
        let mut waits_for = state.transmit(&mut transmit, output);
        let Transmit { fetches, taken, sent, observed, expired, .. } = transmit;
        state.sent += sent.messages();
        for (message, qos) in observed.into_iter().flatten() {
            self.traces.note_message(turn.now, Happened::Out, session, &message.publication(), qos);
        }
        turn.tally.note_all_sent(protocol_of(session), &sent);
        turn.tally.expired += expired;
        let mut undone = Vec::new();
        if !taken.is_empty() {
            // If it cannot be stored, what else was recorded is lost with it, and the connection ends.
            match turn.apply_or_end() {
                Ok(commit) => {
                    for delivery in taken {
                        state.outbox.push_unbounded(Delivery { commit, ..delivery }, true);
                    }
                    waits_for = Some(waits_for.map_or(commit, |other| other.min(commit)));
                }
                Err(_) => undone = taken,
            }
        }
        record_settled(turn, session, &mut state);
        self.counters.dropped.add(DropReason::Unreadable, state.outbox.take_lost());
        let (wanted, denied) = (state.outbox.next_fetch(), state.outbox.take_denied());
        drop(state);
        self.pass_on(turn, session, &denied);
        if let Some(sequences) = wanted {
            self.fetch_backlog(session, sequences);
        }
        for fetch in fetches {
            self.store.fetch(fetch);
        }
        self.undo_taking(turn, undone);
        waits_for
    }

    /// Messages that were taken from their queues are there again: the store knows nothing of it.
    fn undo_taking(&self, turn: &mut Turn<'_>, taken: Vec<Delivery>) {
        for Delivery { message, options, .. } in taken {
            if let Some(origin) = options.origin() {
                self.replace(turn, &message, origin, origin.deliveries - 1);
            }
        }
    }

    fn fetch_backlog(&self, session: &Arc<Session>, sequences: Vec<u64>) {
        let (commit, asking) = (self.store.applied(), Arc::clone(session));
        let owner = Owner::Session(session.id().0);
        self.store.fetch(Fetch::new(owner, sequences, move |answers| asking.fill(answers, commit)));
    }
}
