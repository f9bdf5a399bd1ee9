//! What the broker is told at the start, out of the image.

use std::sync::Arc;

use super::backlog::Backlog;
use super::image::{Image, SessionImage, StoredMessage};
use crate::store::recovered::{
    Recovered, RecoveredDelivery, RecoveredMessage, RecoveredQueue, RecoveredSession, RecoveredSubscription,
    RecoveredWill,
};

impl Image {
    /// Everything that a broker goes on with.
    pub(super) fn recovered(&self) -> Recovered {
        let sessions = self.sessions.iter();
        let mut sessions: Vec<_> =
            sessions.map(|(number, session)| self.recovered_session(*number, session)).collect();
        sessions.sort_unstable_by_key(|session| session.session);
        let queues = self.queues.iter().filter(|(_, backlog)| !backlog.entries.is_empty());
        let mut queues: Vec<_> =
            queues.map(|(name, backlog)| self.recovered_queue(Arc::clone(name), backlog)).collect();
        queues.sort_unstable_by(|left, right| left.name.cmp(&right.name));
        let mut retained: Vec<_> = self.retained.iter().collect();
        retained.sort_unstable_by_key(|(topic, _)| *topic);
        let retained = retained.into_iter().map(|(_, message)| Arc::clone(message)).collect();
        Recovered { sessions, queues, retained, next_session: self.next_session.max(1) }
    }

    fn recovered_session(&self, number: u64, session: &SessionImage) -> RecoveredSession {
        let deliveries = self.stored(&session.backlog).map(|(sequence, entry, stored)| RecoveredDelivery {
            sequence,
            weight: stored.weight,
            qos: entry.qos(),
            state: entry.state(),
            is_for_others: entry.is_for_others(),
        });
        let subscriptions = session.subscriptions.iter().map(|(filter, terms)| RecoveredSubscription {
            filter: Arc::clone(filter),
            qos: terms.qos,
            options: terms.options,
            identifier: terms.identifier,
            selector: terms.selector.clone(),
        });
        RecoveredSession {
            session: number,
            kind: session.kind,
            client_id: Arc::clone(&session.client_id),
            expiry_secs: session.expiry_secs,
            closed_at_unix_ms: session.closed_at,
            sent_to: session.sent_to,
            next_sequence: session.next_sequence,
            subscriptions: subscriptions.collect(),
            will: session.will.as_ref().map(|will| RecoveredWill {
                message: Arc::clone(&will.message),
                delay_secs: will.delay_secs,
                expiry_secs: will.expiry_secs,
            }),
            received: session.received.iter().copied().collect(),
            deliveries: deliveries.collect(),
        }
    }

    fn recovered_queue(&self, name: Arc<str>, backlog: &Backlog) -> RecoveredQueue {
        let messages = self.stored(backlog).map(|(sequence, entry, stored)| RecoveredMessage {
            sequence,
            priority: entry.priority,
            deliveries: entry.deliveries,
            weight: stored.weight,
            expires_at: stored.expires_at,
        });
        let messages: Vec<_> = messages.collect();
        let next_sequence = messages.last().map_or(1, |message| message.sequence + 1);
        RecoveredQueue { name, next_sequence, messages }
    }

    fn stored<'i>(
        &'i self,
        backlog: &'i Backlog,
    ) -> impl Iterator<Item = (u64, &'i super::backlog::Entry, &'i StoredMessage)> {
        backlog
            .entries
            .iter()
            .filter_map(|(sequence, entry)| Some((*sequence, entry, self.messages.get(&entry.message)?)))
    }
}
