//! A message's way from its publisher to everyone who receives it.

use std::sync::Arc;

use super::enqueue::Placed;
use super::offer::delivery_options;
use super::{Broker, Happened};
use crate::counters::DropReason;
use crate::message::{Publication, Qos};
use crate::router::{LastMatch, MatchSet, Target};
use crate::session::{DeliveryOptions, Session};
use crate::store::{CommitId, QueuedTerms, Record, StoreError};
use crate::turn::Turn;

/// Why a message was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishRefused {
    /// The queue that it is for is full.
    #[error("the queue is full")]
    QueueFull,
    /// It must survive and cannot be stored.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Broker {
    /// Publishes a message: retains it if it says so, stores it for the sessions it must survive for, and hands it
    /// to each. Returns whether anybody receives it.
    ///
    /// Stored before seen: the records of this turn so far, the message's own included, are applied before any other
    /// task can find the message. Matches are collected under the router's lock and acted upon after it.
    ///
    /// # Errors
    ///
    /// [`PublishRefused`]; nobody has received it then.
    pub fn publish(
        &self,
        turn: &mut Turn<'_>,
        publication: &Publication<'_>,
    ) -> Result<bool, PublishRefused> {
        match turn.is_observed() {
            true => self.publish_measured(turn, publication),
            false => self.publish_now(turn, publication),
        }
    }

    /// The same in a turn that may be measured.
    #[cold]
    fn publish_measured(
        &self,
        turn: &mut Turn<'_>,
        publication: &Publication<'_>,
    ) -> Result<bool, PublishRefused> {
        let measured = turn.take_measured();
        let published = self.publish_now(turn, publication);
        if let Some(began) = measured {
            let took = self.now().instant.saturating_duration_since(began);
            self.counters.latencies.route.observe_time(took);
        }
        published
    }

    /// Shows a message that a client has sent to those who watch, if anybody does.
    #[cold]
    pub fn show_published(&self, turn: &Turn<'_>, session: &Session, publication: &Publication<'_>) {
        if self.traces.are_on() {
            self.traces.note_message(turn.now, Happened::In, session, publication, publication.qos);
        }
    }

    fn publish_now(
        &self,
        turn: &mut Turn<'_>,
        publication: &Publication<'_>,
    ) -> Result<bool, PublishRefused> {
        if publication.queue_name().is_some() {
            self.publish_stored(turn, &[(publication, &MatchSet::default())])?;
            return Ok(true);
        }
        let is_stored = publication.qos != Qos::AtMostOnce || publication.retain;
        // Out of the turn while that is at work, and back whatever comes of it.
        let mut last = std::mem::take(&mut turn.last_match);
        let mut published = None;
        if is_stored && turn.keeps_records() {
            let matches = self.matches_after(&mut last, publication);
            match self.publish_stored(turn, &[(publication, matches)]) {
                // Nothing is promised for it: it goes on, and is retained for as long as the process lives.
                Err(PublishRefused::Store(_)) if publication.qos == Qos::AtMostOnce => {}
                result => published = Some(result.map(|()| !matches.is_empty())),
            }
        }
        let published = published.unwrap_or_else(|| {
            // Retained first: a client that subscribes at this moment finds it there, or is found as a subscriber.
            self.retain(publication);
            let matches = self.matches_after(&mut last, publication);
            self.publish_unstored(turn, publication, matches)?;
            Ok(!matches.is_empty())
        });
        turn.last_match = last;
        published
    }

    /// Publishes what the broker says of itself: it is retained where it says so, and stored nowhere.
    ///
    /// # Errors
    ///
    /// [`StoreError`] where another member of a shared subscription was to have it, and that could not be stored.
    pub(super) fn publish_own(
        &self,
        turn: &mut Turn<'_>,
        publication: &Publication<'_>,
    ) -> Result<(), StoreError> {
        self.retain(publication);
        self.publish_unstored(turn, publication, &self.matches(publication))
    }

    /// For messages that the store need not hear of.
    fn publish_unstored(
        &self,
        turn: &mut Turn<'_>,
        publication: &Publication<'_>,
        matches: &MatchSet,
    ) -> Result<(), StoreError> {
        let mut result = Ok(());
        self.for_each_receiver(publication, matches, |session, options| {
            let offered = self.offer(turn, session, publication, &options, CommitId::NONE);
            if result.is_ok() {
                result = offered;
            }
        });
        result
    }

    /// Publishes several messages that belong together: all of them survive, or none.
    ///
    /// # Errors
    ///
    /// [`PublishRefused`]; nobody has received any of them then.
    pub fn publish_together(
        &self,
        turn: &mut Turn<'_>,
        publications: &[Publication<'_>],
    ) -> Result<(), PublishRefused> {
        let matches: Vec<_> = publications.iter().map(|publication| self.matches(publication)).collect();
        let matched: Vec<_> = publications.iter().zip(matches.iter().map(Arc::as_ref)).collect();
        self.publish_stored(turn, &matched)
    }

    pub(super) fn matches(&self, publication: &Publication<'_>) -> Arc<MatchSet> {
        let matches = self.router.matches(publication.topic);
        note_receivers(publication, &matches);
        matches
    }

    #[inline]
    fn matches_after<'l>(&self, last: &'l mut LastMatch, publication: &Publication<'_>) -> &'l MatchSet {
        let matches = self.router.matches_after(last, publication.topic);
        note_receivers(publication, matches);
        matches
    }

    /// For messages that the store must hear of: every receiver is known, and recorded with its place in the
    /// session's order, before the first of them is offered anything.
    fn publish_stored(
        &self,
        turn: &mut Turn<'_>,
        publications: &[(&Publication<'_>, &MatchSet)],
    ) -> Result<(), PublishRefused> {
        let mut deliveries = Vec::new();
        let mut placed = self.place_all(publications.iter().map(|(publication, _)| *publication))?;
        for (place, publication) in &placed {
            place.record(turn, publication);
        }
        for (publication, matches) in publications {
            if publication.retain {
                self.record_retained(turn, publication);
            }
            self.for_each_receiver(publication, matches, |session, mut options| {
                if session.is_durable_subscription() {
                    if let Some(place) = self.place_for_durable(session, publication) {
                        place.record(turn, publication);
                        placed.push((place, *publication));
                    }
                    return;
                }
                self.record_queued(turn, session, publication, &mut options);
                deliveries.push((*publication, Arc::clone(session), options));
            });
        }
        let commit = match turn.apply() {
            Ok(commit) => commit,
            Err(error) => {
                placed.iter().for_each(|(place, publication)| place.give_up(publication));
                return Err(error.into());
            }
        };
        for (place, publication) in placed {
            self.fill(turn, place, publication);
        }
        for (publication, session, options) in deliveries {
            self.offer(turn, &session, publication, &options, commit)?;
        }
        let is_retained =
            |publication: &Publication<'_>| publication.retain && publication.queue_name().is_none();
        for (publication, matches) in publications.iter().filter(|(publication, _)| is_retained(publication))
        {
            self.retain(publication);
            self.offer_to_latecomers(turn, publication, matches)?;
        }
        Ok(())
    }

    /// Takes a place in its queue for each message that is for one: all of them, or none.
    fn place_all<'p, 'm: 'p>(
        &self,
        publications: impl Iterator<Item = &'p Publication<'m>>,
    ) -> Result<Vec<(Placed, &'p Publication<'m>)>, PublishRefused> {
        let mut placed: Vec<(Placed, &Publication<'_>)> = Vec::new();
        for publication in publications {
            let Some(queue) = publication.queue_name() else { continue };
            match self.place(queue, publication) {
                Ok(Some(place)) => placed.push((place, publication)),
                Ok(None) => self.counters.dropped.add(DropReason::QueueGone, 1),
                Err(refused) => {
                    placed.iter().for_each(|(place, publication)| place.give_up(publication));
                    return Err(refused);
                }
            }
        }
        Ok(placed)
    }

    /// Whoever subscribed after the receivers were collected and before the message was retained would get it neither
    /// way. A client that subscribes at this very moment may get it both ways.
    fn offer_to_latecomers(
        &self,
        turn: &mut Turn<'_>,
        publication: &Publication<'_>,
        known: &MatchSet,
    ) -> Result<(), StoreError> {
        let matches = self.matches(publication);
        if std::ptr::eq(matches.as_ref(), known) {
            return Ok(());
        }
        let is_known = |target: &Target| known.targets.iter().any(|earlier| earlier.is_same(target));
        for target in matches.targets.iter().filter(|target| !is_known(target)) {
            if let Some(mut options) = delivery_options(publication, target) {
                self.record_queued(turn, &target.session, publication, &mut options);
                let commit = turn.apply()?;
                self.offer(turn, &target.session, publication, &options, commit)?;
            }
        }
        Ok(())
    }

    /// Numbers and records a delivery that must survive.
    pub(super) fn record_queued(
        &self,
        turn: &mut Turn<'_>,
        session: &Session,
        publication: &Publication<'_>,
        options: &mut DeliveryOptions,
    ) {
        if options.qos == Qos::AtMostOnce || !session.is_persistent() || !turn.keeps_records() {
            return;
        }
        options.sequence = session.next_sequence();
        turn.record(|| Record::Queued {
            session: session.id().0,
            sequence: options.sequence,
            message: Arc::clone(publication.keep()),
            terms: QueuedTerms {
                qos: options.qos,
                retain: options.retain,
                identifiers: options.identifiers.clone(),
                share: options.share().cloned(),
                origin: None,
            },
        });
    }

    fn record_retained(&self, turn: &mut Turn<'_>, publication: &Publication<'_>) {
        if publication.payload.is_empty() {
            turn.record(|| Record::RetainedCleared { topic: publication.topic.as_str().into() });
        } else {
            turn.record(|| Record::Retained { message: Arc::clone(publication.keep()) });
        }
    }

    #[inline]
    fn retain(&self, publication: &Publication<'_>) {
        if !publication.retain {
            return;
        }
        if publication.payload.is_empty() {
            self.retained.clear(publication.topic);
        } else {
            self.retained.set(Arc::clone(publication.keep()));
        }
    }
}

#[inline]
fn note_receivers(publication: &Publication<'_>, matches: &MatchSet) {
    let receivers = matches.targets.len() + matches.groups.len();
    if receivers > 1 {
        publication.expect_fan_out();
    }
    if let Some(recording) = publication.recording {
        recording.note_receivers(receivers);
    }
}
