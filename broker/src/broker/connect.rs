//! A client comes, is replaced by another of its name, or goes: the life of sessions and their wills.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::MutexGuard;
use tidewire_protocols::topic::TopicFilter;

use super::Broker;
use super::consume::Wanted;
use super::follow_up::for_others;
use super::offer::{record_done, record_settled};
use crate::message::{QUEUE_PREFIX, Qos, SessionId};
use crate::queue::ConsumerTerms;
use crate::session::{
    Deliver, DeliveryOptions, Due, EXPIRY_NEVER, Link, Session, SessionKey, SessionState, Signal,
    SubscriptionKey, Will,
};
use crate::store::{Record, StoreError};
use crate::turn::Turn;

/// What a protocol asks for when its client was admitted.
pub struct NewConnection<M, A> {
    /// Protocol and client identifier.
    pub key: SessionKey,
    /// The user, unless it is anonymous: nobody is given what another user's session holds.
    pub user: Option<Arc<str>>,
    /// The name of the listener that it came by.
    pub listener: Arc<str>,
    /// The number of a session that has to be made.
    pub id: SessionId,
    /// Whether a session that is there is ended first. [MQTT-3.1.2-4]
    pub clean_start: bool,
    /// How long the session outlives the connection, in seconds.
    pub expiry_secs: u32,
    /// What to publish when the client is lost.
    pub will: Option<Will>,
    /// The connection.
    pub link: Arc<Link>,
    /// Makes the protocol's half of a new session.
    pub make: M,
    /// Fits the session to this connection: limits that the client announced, what must be sent again.
    pub attach: A,
}

/// The session that a connection got.
pub struct Connected {
    /// The session.
    pub session: Arc<Session>,
    /// Whether it was there before. [MQTT-3.2.2-2]
    pub present: bool,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Departure {
    /// The client said goodbye: its will is withdrawn. [MQTT-3.14.4-3]
    Normal,
    /// It was lost, was thrown out, or asked for its will to be published.
    WithWill,
}

impl Broker {
    /// Gives a connection its session, taking it over from the connection that has it. [MQTT-3.1.4-3]
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the session cannot be stored; nothing is attached then.
    pub fn connect<M, A>(
        &self,
        turn: &mut Turn<'_>,
        request: NewConnection<M, A>,
    ) -> Result<Connected, StoreError>
    where
        M: Fn() -> Box<dyn Deliver>,
        A: FnOnce(&mut SessionState),
    {
        let NewConnection { key, user, listener, mut id, clean_start, expiry_secs, will, link, make, attach } =
            request;
        loop {
            let (session, made) = self.registry.find_or_insert(&key, || {
                let limits = self.config().session.outbox_limits();
                Arc::new(Session::new(id, key.clone(), expiry_secs, limits, make()))
            });
            // A session that does not outlive its connection ends now that this one takes that one's place.
            // [MQTT50-U-3.1.4-4]
            let is_own = session.belongs_to(user.as_ref());
            if !made && (clean_start || !session.is_persistent() || !is_own) {
                self.end_session(turn, &session, session.lock());
                self.registry.remove(&session);
                continue;
            }
            // What ends with its connection need not survive anything.
            if expiry_secs > 0 || session.is_stored() {
                session.mark_stored();
                turn.record(|| opened(&session, expiry_secs));
                turn.record(|| match &will {
                    Some(will) => Record::WillSet {
                        session: session.id().0,
                        message: Arc::clone(&will.message),
                        delay_secs: will.delay_secs,
                        expiry_secs: will.expiry_secs,
                    },
                    None => Record::WillCleared { session: session.id().0 },
                });
            }
            if let Err(error) = turn.apply() {
                if made {
                    self.registry.remove(&session);
                }
                return Err(error);
            }
            let mut state = session.lock();
            // Others may have come between its being found and being locked: it ended, or its first connection is not
            // this one. Look again, with a number that nobody has used.
            if state.ended || (made && state.attachments > 0) {
                let has_ended = state.ended;
                drop(state);
                if has_ended {
                    record_end(turn, &session);
                    self.registry.remove(&session);
                }
                id = self.new_session_id();
                continue;
            }
            state.attachments += 1;
            state.detached_at = None;
            state.sent = 0;
            // Looked up under the lock: a reload that is not seen here finds the session afterwards, with its listener.
            let limits = self.config().outbox_limits(user.as_deref(), Some(&listener));
            state.outbox.set_limits(limits);
            state.listener = Some(listener);
            if !made {
                self.schedule.cancel(session.id());
            }
            state.outbox.discard_ready();
            state.outbox.retain(|delivery| delivery.options.qos != Qos::AtMostOnce);
            session.set_expiry_secs(expiry_secs);
            // What the connection before this one was given by queues, and did not acknowledge, is for others too.
            let (sources, returned) = (state.take_sources(), state.deliver.release());
            attach(&mut state);
            self.links.attach(&link, &session);
            let old_link = state.link.replace(link);
            self.resume_consuming(turn, &session, &mut state);
            // A will that is not delayed belongs to the connection and is due now that it ends; a delayed one is
            // withdrawn, because its client is back before the delay is over. [MQTT-3.1.3-9]
            let old_will = std::mem::replace(&mut state.will, will);
            drop(state);
            self.put_back(turn, returned, None);
            self.let_go(turn, sources);
            if let Some(old_link) = old_link {
                old_link.end(Signal::TakenOver);
                if let Some(will) = old_will.filter(|will| will.delay_secs == 0) {
                    self.publish_will(turn, &session, &will);
                }
            }
            return Ok(Connected { session, present: !made });
        }
    }

    /// Changes how long a session outlives its connection, if it still is that connection's.
    pub fn change_expiry(&self, turn: &mut Turn<'_>, session: &Session, link: &Link, expiry_secs: u32) {
        let state = session.lock();
        if !state.is_attached(link) {
            return;
        }
        session.set_expiry_secs(expiry_secs);
        drop(state);
        session.mark_stored();
        turn.record(|| opened(session, expiry_secs));
    }

    /// Detaches a connection from its session. What follows from it is for the session's expiry and the will's delay
    /// to say. Nothing happens if another connection has taken the session over.
    pub fn disconnect(&self, turn: &mut Turn<'_>, session: &Arc<Session>, link: &Link, departure: Departure) {
        let mut state = session.lock();
        if !state.is_attached(link) {
            return;
        }
        let expiry_secs = session.expiry_secs();
        state.link = None;
        state.detached_at = Some(turn.now.instant);
        record_settled(turn, session, &mut state);
        let sent_to = state.deliver.sent_to();
        if departure == Departure::Normal {
            state.will = None;
            record_no_will(turn, session);
        }
        if expiry_secs == 0 {
            self.end_session(turn, session, state);
            return;
        }
        state.outbox.discard_ready();
        state.outbox.retain(|delivery| delivery.options.qos != Qos::AtMostOnce);
        state.outbox.let_go();
        let (sources, returned) = (state.take_sources(), state.deliver.release());
        let will_now = state.will.take_if(|will| will.delay_secs == 0);
        self.schedule_end(session, &state, turn.now.instant);
        drop(state);
        self.put_back(turn, returned, None);
        self.let_go(turn, sources);
        let at_unix_ms = turn.now.unix_ms;
        turn.record(|| Record::SessionClosed { session: session.id().0, at_unix_ms, sent_to });
        if let Some(will) = will_now {
            record_no_will(turn, session);
            self.publish_will(turn, session, &will);
        }
    }

    /// Ends a session: its subscriptions go, what waited for it goes (to another member, where its subscription was
    /// shared), and a will that is still there is published, however long its delay [MQTT-3.1.2-10]. A connection that still serves it is asked to end.
    ///
    /// `state` is the lock under which it was decided, so that no client comes back in between.
    pub(super) fn end_session(
        &self,
        turn: &mut Turn<'_>,
        session: &Arc<Session>,
        mut state: MutexGuard<'_, SessionState>,
    ) {
        if std::mem::replace(&mut state.ended, true) {
            return;
        }
        self.schedule.cancel(session.id());
        let sources = state.take_sources();
        let (returned, mut shared): (Vec<_>, Vec<_>) =
            state.deliver.abandon().into_iter().partition(|(_, options)| options.claim().is_some());
        // QoS 0 is lost with its connection, as always.
        let waits = |options: &DeliveryOptions| {
            options.origin().is_some() || (options.share().is_some() && options.qos != Qos::AtMostOnce)
        };
        let (waiting, absent) = state.outbox.take_all();
        let waiting = waiting.into_iter().filter(|delivery| waits(&delivery.options));
        let absent = for_others(absent);
        shared.extend(waiting.map(|delivery| (delivery.message, delivery.options)));
        let (taken, shared): (Vec<_>, Vec<_>) =
            shared.into_iter().partition(|(_, options)| options.origin().is_some());
        let subscriptions = std::mem::take(&mut state.subscriptions);
        let (will, link) = (state.will.take(), state.link.take());
        drop(state);
        self.put_back(turn, returned, None);
        self.let_go(turn, sources);
        for (filter, local, _) in subscriptions.iter() {
            match is_of_queue(filter) {
                true => self.queue_subscriptions.subtract(1),
                false => {
                    self.router.unsubscribe(filter, session.id(), local, || ());
                }
            }
        }
        self.registry.remove(session);
        if session.is_durable_subscription() {
            self.remove_queue(turn, &session.key().client_id);
        }
        if let Some(link) = link {
            link.end(Signal::TakenOver);
        }
        for (message, options) in &taken {
            if let Some(origin) = options.origin() {
                record_done(turn, session, options.sequence);
                self.return_taken(turn, message, origin, None);
            }
        }
        self.pass_on(turn, session, &shared);
        if let Some(will) = will {
            record_no_will(turn, session);
            self.publish_will(turn, session, &will);
        }
        // After what others have in its place: a crash in between finds the session again, and it ends again.
        if absent.is_empty() {
            record_end(turn, session);
            return;
        }
        // Who subscribes while they are fetched begins another subscription. [MQTT50-U-4.8.2-5]
        let shared = subscriptions.iter().filter(|(filter, ..)| filter.share_name().is_some());
        let over = shared.filter(|(filter, ..)| !self.router.has_members(*filter));
        let over = over.map(|(filter, ..)| filter.as_str().into()).collect();
        self.pass_on_absent(session, absent, over);
    }

    /// Sets when a session's will is published and when it ends, if nobody comes back: its connection ended at
    /// `detached_at`.
    pub(super) fn schedule_end(&self, session: &Arc<Session>, state: &SessionState, detached_at: Instant) {
        let expiry_secs = session.expiry_secs();
        let due_after =
            |secs: u32| (secs != EXPIRY_NEVER).then(|| detached_at + Duration::from_secs(secs.into()));
        let delay_secs = state.will.as_ref().map(|will| will.delay_secs);
        let will_due = delay_secs.filter(|delay_secs| *delay_secs < expiry_secs).and_then(due_after);
        self.schedule.set(session, state.attachments, [will_due, due_after(expiry_secs)]);
    }

    /// Deals with one entry of the schedule.
    pub(super) fn handle_due(&self, turn: &mut Turn<'_>, due: &Due) {
        let Some(session) = due.session.upgrade() else { return };
        let will = {
            let mut state = session.lock();
            let Some(detached_at) = state.detached_at else { return };
            if state.ended || state.attachments != due.attachments {
                return;
            }
            let waited = turn.now.instant.saturating_duration_since(detached_at);
            let is_due = |secs: u32| secs != EXPIRY_NEVER && waited >= Duration::from_secs(secs.into());
            if is_due(session.expiry_secs()) {
                self.counters.sessions_expired.add(1);
                self.end_session(turn, &session, state);
                return;
            }
            state.will.take_if(|will| is_due(will.delay_secs))
        };
        if let Some(will) = will {
            record_no_will(turn, &session);
            self.publish_will(turn, &session, &will);
        }
    }

    /// A session that comes back consumes again where it did.
    fn resume_consuming(&self, turn: &mut Turn<'_>, session: &Session, state: &mut SessionState) {
        let queues = state.subscriptions.iter().filter(|(filter, ..)| is_of_queue(*filter));
        let queues: Vec<_> = queues
            .map(|(filter, local, options)| (SubscriptionKey { filter: filter.to_buf(), local }, options))
            .collect();
        for (key, options) in queues {
            let filter = key.filter.as_filter();
            let Some(queue) = filter.as_str().strip_prefix(QUEUE_PREFIX) else { continue };
            let terms = ConsumerTerms::of_mqtt(session.id(), &options, state.deliver.window());
            // Nobody but a STOMP client can have taken the queue for itself meanwhile; then this one waits for ever.
            if self.join(turn, session, state, &key, Wanted { name: queue, owner: None }, &terms).is_err() {
                tracing::warn!(
                    client_id = &*session.key().client_id,
                    queue,
                    "another consumer has the queue to itself"
                );
            }
        }
    }

    fn publish_will(&self, turn: &mut Turn<'_>, session: &Session, will: &Will) {
        if !will.is_allowed() {
            let client_id = &*session.key().client_id;
            tracing::info!(client_id, "the will is not published: its client may not do that any more");
            return;
        }
        let expires_at =
            will.expiry_secs.map(|secs| turn.now.unix_ms_after(Duration::from_secs(secs.into())));
        let mut publication = will.message.publish_again(expires_at);
        publication.publisher = session.id();
        if let Err(error) = self.publish(turn, &publication) {
            tracing::warn!(client_id = &*session.key().client_id, %error, "the will could not be stored");
        }
    }
}

/// A session begins, or is used again.
pub(super) fn record_opened(turn: &mut Turn<'_>, session: &Session) {
    turn.record(|| opened(session, session.expiry_secs()));
}

fn opened(session: &Session, expiry_secs: u32) -> Record {
    Record::SessionOpened {
        session: session.id().0,
        kind: session.key().protocol,
        client_id: Arc::clone(&session.key().client_id),
        expiry_secs,
    }
}

pub(super) fn is_of_queue(filter: TopicFilter<'_>) -> bool {
    filter.as_str().starts_with(QUEUE_PREFIX)
}

pub(super) fn record_end(turn: &mut Turn<'_>, session: &Session) {
    if session.is_stored() {
        turn.record(|| Record::SessionEnded { session: session.id().0 });
    }
}

pub(super) fn record_no_will(turn: &mut Turn<'_>, session: &Session) {
    if session.is_stored() {
        turn.record(|| Record::WillCleared { session: session.id().0 });
    }
}
