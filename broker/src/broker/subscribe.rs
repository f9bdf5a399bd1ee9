//! A session subscribes and unsubscribes.

use std::sync::Arc;

use tidewire_protocols::topic::TopicFilter;

use super::Broker;
use crate::counters::DropReason;
use crate::message::Qos;
use crate::queue::JoinRefused;
use crate::router::{Subscription, SubscriptionOptions};
use crate::session::{Delivery, DeliveryOptions, Offered, Run, Session, SubscriptionKey};
use crate::store::{Record, StoreError};
use crate::turn::Turn;

/// One subscription that a client asks for and is allowed to have.
#[derive(Clone, Copy)]
pub struct SubscribeRequest<'a> {
    /// The filter, `$share` included.
    pub filter: TopicFilter<'a>,
    /// Its options.
    pub options: SubscriptionOptions,
    /// The options as they are recorded: MQTT's option byte.
    pub option_byte: u8,
    /// The subscription's own number: 0 in MQTT.
    pub local: u32,
    /// Which messages it is for, where it is a durable one.
    pub selector: Option<&'a str>,
}

/// Why there is no subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubscribeRefused {
    /// The session holds as many as it may.
    #[error("the session has as many subscriptions as it may have")]
    TooMany,
    /// The session is over.
    #[error("the session is over")]
    SessionEnded,
    /// Another consumer has the queue to itself, or has come before one that wants it so.
    #[error("the queue has another consumer, and one of the two wants it to itself")]
    Exclusive,
    /// The queue is private to another connection.
    #[error("the queue is private to another connection")]
    Private,
    /// It cannot be stored.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<JoinRefused> for SubscribeRefused {
    fn from(refused: JoinRefused) -> Self {
        match refused {
            JoinRefused::Exclusive => Self::Exclusive,
            JoinRefused::Private => Self::Private,
        }
    }
}

impl Broker {
    /// Makes or replaces a subscription. Returns whether it was there before.
    ///
    /// # Errors
    ///
    /// See [`SubscribeRefused`].
    pub fn subscribe(
        &self,
        turn: &mut Turn<'_>,
        session: &Arc<Session>,
        request: SubscribeRequest<'_>,
    ) -> Result<bool, SubscribeRefused> {
        let key = self.admit(turn, session, &request)?;
        let subscription =
            Subscription { session: Arc::clone(session), options: request.options, local: request.local };
        let admitted = self.router.subscribe(request.filter, subscription, || {
            let mut state = session.lock();
            if !state.ended {
                state.subscriptions.insert(key, request.options);
            }
            !state.ended
        });
        admitted.ok_or(SubscribeRefused::SessionEnded)
    }

    /// Whether the session may have one more subscription; stores it if it must survive.
    pub(super) fn admit(
        &self,
        turn: &mut Turn<'_>,
        session: &Session,
        request: &SubscribeRequest<'_>,
    ) -> Result<SubscriptionKey, SubscribeRefused> {
        let key = SubscriptionKey { filter: request.filter.to_buf(), local: request.local };
        {
            let state = session.lock();
            let is_new = !state.subscriptions.contains(&key);
            if is_new && state.subscriptions.len() >= self.config().limits.subscriptions_per_session_max {
                return Err(SubscribeRefused::TooMany);
            }
        }
        if session.is_persistent() {
            turn.record(|| Record::Subscribed {
                session: session.id().0,
                filter: request.filter.as_str().into(),
                qos: request.options.qos,
                options: request.option_byte,
                identifier: request.options.identifier.map_or(0, std::num::NonZeroU32::get),
                selector: request.selector.map(Into::into),
            });
            turn.apply()?;
        }
        Ok(key)
    }

    /// Removes a subscription; whether there was one. Deliveries that wait already are still made. [MQTT-3.10.4-2]
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the removal cannot be stored; the subscription stays then.
    pub fn unsubscribe(
        &self,
        turn: &mut Turn<'_>,
        session: &Arc<Session>,
        filter: TopicFilter<'_>,
        local: u32,
    ) -> Result<bool, StoreError> {
        if session.is_persistent() {
            turn.record(|| Record::Unsubscribed { session: session.id().0, filter: filter.as_str().into() });
            turn.apply()?;
        }
        let key = SubscriptionKey { filter: filter.to_buf(), local };
        Ok(self.router.unsubscribe(filter, session.id(), local, || {
            session.lock().subscriptions.remove(&key);
        }))
    }

    /// Hands the retained messages that match a new subscription to its session. They are not bounded by the
    /// outbox's limits: the broker holds them anyway, and a client that asked for them wants all. A shared
    /// subscription gets none. [MQTT-3.3.1-9, MQTT-4.8.2]
    ///
    /// # Errors
    ///
    /// [`StoreError`] when they must survive and cannot be stored.
    pub fn send_retained(
        &self,
        turn: &mut Turn<'_>,
        session: &Arc<Session>,
        request: SubscribeRequest<'_>,
    ) -> Result<(), StoreError> {
        if request.filter.share_name().is_some() {
            return Ok(());
        }
        let options = DeliveryOptions {
            retain: true,
            identifiers: request.options.identifier.into_iter().collect(),
            local: request.local,
            ..DeliveryOptions::new(request.options.qos)
        };
        let mut run = Run::new(self.retained.matching(request.filter, turn.now), options);
        let stored = self.record_run(turn, session, request.options.qos, &mut run)?;
        let mut state = session.lock();
        if state.ended {
            return Ok(());
        }
        // A client that subscribes again and again without reading must not make the broker hold the same messages
        // as often: the bounds are passed by one subscription's at most.
        let (is_bounded, is_attached) = (state.outbox.is_full(), state.link.is_some());
        if is_bounded {
            for delivery in stored.into_iter().chain(run) {
                if let Offered::Dropped | Offered::Overflowed = state.outbox.push(delivery, is_attached) {
                    self.counters.dropped.add(DropReason::OutboxFull, 1);
                }
            }
        } else {
            stored.into_iter().for_each(|delivery| state.outbox.push_unbounded(delivery, is_attached));
            state.outbox.push_run(run);
        }
        Ok(())
    }

    /// Takes a session's retained messages out of `run` if they must survive, and stores what it is owed.
    fn record_run(
        &self,
        turn: &mut Turn<'_>,
        session: &Session,
        qos: Qos,
        run: &mut Run,
    ) -> Result<Vec<Delivery>, StoreError> {
        if qos == Qos::AtMostOnce || !session.is_persistent() || !turn.keeps_records() {
            return Ok(Vec::new());
        }
        let mut deliveries: Vec<_> = run.collect();
        for Delivery { message, options, .. } in &mut deliveries {
            self.record_queued(turn, session, &message.publication(), options);
        }
        let commit = turn.apply()?;
        let exactly_once = deliveries.iter_mut().filter(|delivery| delivery.options.qos == Qos::ExactlyOnce);
        exactly_once.for_each(|delivery| delivery.commit = commit);
        Ok(deliveries)
    }
}
