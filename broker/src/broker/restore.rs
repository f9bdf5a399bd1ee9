//! A broker that starts goes on where the one before it ended.
//!
//! Sessions, queues and retained messages are built from what the store has found; the router follows from the sessions'
//! subscriptions. The messages that wait stay in the store until they are needed. A session whose client was connected to
//! the last has lost it now. Then what fell due meanwhile is done: delayed wills, and the ends of sessions.

use std::cmp::Reverse;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tidewire_protocols::mqtt::SubscribeOptions;
use tidewire_protocols::topic::TopicFilter;

use super::connect::{is_of_queue, record_end};
use super::durable::{DURABLE, durable_half, durable_key};
use super::enqueue::is_private;
use super::{Broker, DUE_PER_TURN_MAX};
use crate::message::SessionId;
use crate::router::{Subscription, SubscriptionOptions};
use crate::session::{
    AbsentDelivery, Deliver, Dormant, ProtocolKind, Session, SessionKey, SessionState, SubscriptionKey, Will,
};
use crate::store::{
    Record, Recovered, RecoveredDelivery, RecoveredQueue, RecoveredSession, RecoveredSubscription,
};
use crate::turn::Turn;

/// How often whoever watches is told how far it has come.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

impl Broker {
    /// Takes over what the store has found, before anybody is served.
    pub fn restore(&self, recovered: Recovered) {
        let Recovered { mut sessions, queues, retained, next_session } = recovered;
        self.next_session.fetch_max(next_session, Ordering::Relaxed);
        let mut progress = Progress::new(self.now().instant);
        self.queues.totals().tick(self.now());
        self.in_turns(retained, |turn, message| {
            if message.is_expired(turn.now) {
                turn.record(|| Record::RetainedCleared { topic: message.topic().as_str().into() });
            } else {
                self.retained.set(message);
            }
        });
        self.in_turns(queues, |turn, queue| {
            progress.messages += queue.messages.len();
            progress.report(turn.now.instant);
            self.restore_queue(turn, queue);
        });
        // Of two sessions of one name the later one stands.
        sessions.sort_by_key(|session| Reverse(session.session));
        self.in_turns(sessions, |turn, session| {
            progress.sessions += 1;
            progress.messages += session.deliveries.len();
            progress.report(turn.now.instant);
            self.restore_session(turn, session);
        });
        let orphans = self
            .queues
            .names()
            .into_iter()
            .filter(|name| name.starts_with(DURABLE) && self.registry.find(&durable_key(name)).is_none());
        self.in_turns(orphans, |turn, name| self.remove_queue(turn, &name));
        while self.handle_due_round() {}
        let Progress { sessions, messages, .. } = progress;
        tracing::info!(sessions, messages, "sessions and queues are as they were");
    }

    /// Does something with each, so many in one turn.
    fn in_turns<T>(&self, all: impl IntoIterator<Item = T>, mut act: impl FnMut(&mut Turn<'_>, T)) {
        let mut all = all.into_iter().peekable();
        while all.peek().is_some() {
            let mut turn = self.turn();
            all.by_ref().take(DUE_PER_TURN_MAX).for_each(|one| act(&mut turn, one));
            if let Err(error) = turn.finish() {
                tracing::error!(%error, "what has changed since the broker ended could not be stored");
            }
        }
    }

    fn restore_queue(&self, turn: &mut Turn<'_>, recovered: RecoveredQueue) {
        let RecoveredQueue { name, next_sequence, messages } = recovered;
        // Its owner was a connection.
        if is_private(&name) {
            for message in messages {
                let queue = Arc::clone(&name);
                turn.record(|| Record::Dequeued { queue, sequence: message.sequence });
            }
            return;
        }
        self.queues.with(
            &name,
            None,
            || self.queue_limits(&name),
            |queue| {
                queue.restore(next_sequence, &messages);
                Ok(())
            },
        );
    }

    fn restore_session(&self, turn: &mut Turn<'_>, recovered: RecoveredSession) {
        let key = SessionKey::new(recovered.kind, Arc::clone(&recovered.client_id));
        let (half, backlog) = self.halves(&recovered);
        let sent_to = half.sent_to();
        let limits = self.config().session.outbox_limits();
        let id = SessionId(recovered.session);
        let session = Arc::new(Session::new(id, key.clone(), recovered.expiry_secs, limits, half));
        session.mark_stored();
        session.set_next_sequence(recovered.next_sequence);
        // STOMP's end with their connections.
        if recovered.kind == ProtocolKind::Stomp {
            record_end(turn, &session);
            return;
        }
        let (_, is_latest) = self.registry.find_or_insert(&key, || Arc::clone(&session));
        let mut state = session.lock();
        backlog.into_iter().for_each(|delivery| state.outbox.push_absent(delivery));
        state.will = recovered.will.map(|will| Will {
            message: will.message,
            delay_secs: will.delay_secs,
            expiry_secs: will.expiry_secs,
            judge: None,
        });
        if !is_latest {
            self.end_session(turn, &session, state);
            return;
        }
        let detached_at = match recovered.closed_at_unix_ms {
            Some(at) => before(turn, at),
            None => {
                let at_unix_ms = turn.now.unix_ms;
                turn.record(|| Record::SessionClosed { session: recovered.session, at_unix_ms, sent_to });
                turn.now.instant
            }
        };
        state.detached_at = Some(detached_at);
        self.schedule_end(&session, &state, detached_at);
        drop(state);
        for subscription in &recovered.subscriptions {
            self.restore_subscription(&session, subscription);
        }
    }

    /// The half of a session that delivers, and what waits for it.
    fn halves(&self, recovered: &RecoveredSession) -> (Box<dyn Deliver>, Vec<AbsentDelivery>) {
        if recovered.kind == ProtocolKind::DurableSubscription {
            let selector = recovered.subscriptions.iter().find_map(|one| one.selector.as_deref());
            return (durable_half(selector), Vec::new());
        }
        // What was on its way to a client that was connected, nobody knows; so many can have been.
        let window = match recovered.closed_at_unix_ms {
            Some(_) => 0,
            None => usize::from(self.config().session.inflight_max),
        };
        let mut dormant = Dormant {
            received: recovered.received.clone(),
            sent_to: recovered.sent_to,
            ..Dormant::default()
        };
        let mut backlog = Vec::with_capacity(recovered.deliveries.len());
        for (position, delivery) in recovered.deliveries.iter().enumerate() {
            let is_repeat = delivery.sequence <= recovered.sent_to || position < window;
            if is_repeat {
                dormant.sent_to = dormant.sent_to.max(delivery.sequence);
            }
            if delivery.state.is_some() {
                dormant.released.push(delivery.sequence);
                continue;
            }
            let RecoveredDelivery { sequence, weight, qos, is_for_others, .. } = *delivery;
            backlog.push(AbsentDelivery { sequence, weight, qos, is_repeat, is_for_others });
        }
        (Box::new(dormant), backlog)
    }

    fn restore_subscription(&self, session: &Arc<Session>, recovered: &RecoveredSubscription) {
        let Ok(filter) = TopicFilter::parse(&recovered.filter) else {
            tracing::error!(filter = &*recovered.filter, "a stored subscription is none, and is left out");
            return;
        };
        let stored =
            SubscribeOptions::from_u8(recovered.options).unwrap_or(SubscribeOptions::new(recovered.qos));
        let options = SubscriptionOptions {
            qos: recovered.qos,
            no_local: stored.no_local,
            retain_as_published: stored.retain_as_published,
            identifier: NonZeroU32::new(recovered.identifier),
        };
        let key = SubscriptionKey { filter: filter.to_buf(), local: 0 };
        let remember = |state: &mut SessionState, key| state.subscriptions.insert(key, options);
        if is_of_queue(filter) {
            let existed = remember(&mut session.lock(), key);
            self.queue_subscriptions.add((!existed).into());
            return;
        }
        let subscription = Subscription { session: Arc::clone(session), options, local: 0 };
        self.router.subscribe(filter, subscription, || {
            remember(&mut session.lock(), key);
            true
        });
    }
}

/// That time of the wall clock, as an instant. One that lies before what an instant can say is the earliest that it can.
fn before(turn: &Turn<'_>, unix_ms: u64) -> Instant {
    let passed = Duration::from_millis(turn.now.unix_ms.saturating_sub(unix_ms));
    turn.now.instant.checked_sub(passed).unwrap_or(turn.now.instant)
}

/// Says how far it has come, where it takes long.
struct Progress {
    sessions: usize,
    messages: usize,
    reported: Instant,
}

impl Progress {
    fn new(now: Instant) -> Self {
        Self { sessions: 0, messages: 0, reported: now }
    }

    fn report(&mut self, now: Instant) {
        if now.duration_since(self.reported) >= REPORT_INTERVAL {
            self.reported = now;
            tracing::info!(sessions = self.sessions, messages = self.messages, "restoring");
        }
    }
}
