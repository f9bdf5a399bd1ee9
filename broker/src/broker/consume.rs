//! A session consumes from a work queue.

use std::sync::Arc;

use super::Broker;
use super::enqueue::is_private;
use super::subscribe::{SubscribeRefused, SubscribeRequest};
use crate::message::SessionId;
use crate::queue::{ConsumerTerms, JoinRefused, Queue};
use crate::session::{Session, SessionState, Source, SubscriptionKey};
use crate::store::Record;
use crate::turn::Turn;

/// What a session asks of a queue.
pub struct ConsumeRequest<'a> {
    /// The subscription as its session keeps it; the filter is the queue's name behind `$queue/`.
    pub subscription: SubscribeRequest<'a>,
    /// The queue's name.
    pub queue: &'a str,
    /// Whose the queue is, where this session may make it private.
    pub owner: Option<SessionId>,
    /// The terms.
    pub terms: ConsumerTerms,
}

/// A queue that a session is to consume from.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'q> {
    pub(super) name: &'q str,
    /// Whose it becomes, if it is made now.
    pub(super) owner: Option<SessionId>,
}

impl Broker {
    /// Makes the session a consumer, in place of the one that it was by the same subscription. Returns whether it was
    /// one before.
    ///
    /// # Errors
    ///
    /// See [`SubscribeRefused`].
    pub fn consume(
        &self,
        turn: &mut Turn<'_>,
        session: &Arc<Session>,
        request: &ConsumeRequest<'_>,
    ) -> Result<bool, SubscribeRefused> {
        if request.owner.is_none() && is_private(request.queue) {
            return Err(SubscribeRefused::Private);
        }
        let subscription = &request.subscription;
        let key = self.admit(turn, session, subscription)?;
        let mut state = session.lock();
        if state.ended {
            return Err(SubscribeRefused::SessionEnded);
        }
        let former = state.sources.remove(&key);
        if let Some(former) = &former {
            former.leave().iter().for_each(|link| turn.touch(link));
        }
        let wanted = Wanted { name: request.queue, owner: request.owner };
        let joined = self.join(turn, session, &mut state, &key, wanted, &request.terms);
        if let Err(refused) = joined {
            drop(state);
            self.remove_queue_if_idle(turn, request.queue);
            return Err(refused.into());
        }
        let existed = state.subscriptions.insert(key, subscription.options);
        self.queue_subscriptions.add((!existed).into());
        Ok(existed)
    }

    /// Ends a subscription to a queue; whether there was one.
    ///
    /// # Errors
    ///
    /// [`StoreError`](crate::store::StoreError) when the end cannot be stored; it stays then.
    pub fn stop_consuming(
        &self,
        turn: &mut Turn<'_>,
        session: &Arc<Session>,
        key: &SubscriptionKey,
    ) -> Result<bool, crate::store::StoreError> {
        if session.is_persistent() {
            let filter = key.filter.as_filter();
            turn.record(|| Record::Unsubscribed { session: session.id().0, filter: filter.as_str().into() });
            turn.apply()?;
        }
        let (existed, source) = {
            let mut state = session.lock();
            let existed = state.subscriptions.remove(key);
            self.queue_subscriptions.subtract(existed.into());
            (existed, state.sources.remove(key))
        };
        self.let_go(turn, source);
        Ok(existed)
    }

    /// Sources take nothing any more: their connection is gone, or their subscription.
    pub(super) fn let_go(&self, turn: &mut Turn<'_>, sources: impl IntoIterator<Item = Arc<dyn Source>>) {
        for source in sources {
            source.leave().iter().for_each(|link| turn.touch(link));
            self.remove_queue_if_idle(turn, source.queue_name());
            self.rest_durable(turn, source.queue_name());
        }
    }

    /// Makes a session that has a connection a consumer. Under the session's lock.
    pub(super) fn join(
        &self,
        turn: &mut Turn<'_>,
        session: &Session,
        state: &mut SessionState,
        key: &SubscriptionKey,
        Wanted { name, owner }: Wanted<'_>,
        terms: &ConsumerTerms,
    ) -> Result<(), JoinRefused> {
        let Some(feed) = state.feed() else { return Ok(()) };
        let limits = || self.queue_limits(name);
        let mut wake = Vec::new();
        let join = |queue: &Arc<Queue>| queue.join(session.key().clone(), terms.clone(), &feed, &mut wake);
        let consumer = self.queues.with(name, owner, limits, join)?;
        wake.iter().for_each(|link| turn.touch(link));
        state.sources.insert(key.clone(), consumer);
        Ok(())
    }
}
