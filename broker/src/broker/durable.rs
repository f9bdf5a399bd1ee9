//! Durable subscriptions of STOMP: what is published while nobody serves them waits in a queue of their own.
//!
//! A durable subscription is a session that nothing is ever attached to. It stands in the router like any other, but
//! what it is offered goes into its queue, and its client is that queue's only consumer. It ends when it is told to, or
//! when it was not used for as long as a session may last.

use std::fmt::Write;
use std::sync::Arc;

use super::Broker;
use super::connect::record_opened;
use super::enqueue::Placed;
use super::standing::Standing;
use super::subscribe::{SubscribeRefused, SubscribeRequest};
use crate::clock::Now;
use crate::counters::DropReason;
use crate::message::Publication;
use crate::output::Output;
use crate::selection::Selection;
use crate::session::{
    Deliver, Delivered, DeliveryOptions, Offered, OutboxLimits, ProtocolKind, Session, SessionKey,
};
use crate::store::Record;
use crate::turn::Turn;

/// What the names of their queues begin with; no client can name one.
pub(super) const DURABLE: &str = "$durable/";

/// A durable subscription that a client asks for.
pub struct DurableRequest<'a> {
    /// Its queue: see [`durable_queue`].
    pub queue: &'a str,
    /// What it is to.
    pub subscription: SubscribeRequest<'a>,
    /// Which messages it is for; all, where there is none.
    pub selection: Option<Arc<Selection>>,
}

/// The name of the queue of a client's durable subscription. Those of one user are not another's, whatever client
/// identifiers they use, and those of whoever runs the broker are nobody else's.
pub fn durable_queue(standing: &Standing, client_id: &str, name: &str) -> String {
    let mut queue = DURABLE.to_owned();
    match standing.user_name() {
        // No name is written so.
        _ if standing.is_operator() => queue.push_str("%@"),
        Some(user) => {
            encode(user, &mut queue);
            queue.push('@');
        }
        None => {}
    }
    encode(client_id, &mut queue);
    queue.push('/');
    encode(name, &mut queue);
    queue
}

/// The user whose durable subscription has this queue.
fn owner(queue: &str) -> Option<String> {
    let (encoded, _) = queue.strip_prefix(DURABLE)?.split_once('@')?;
    let mut rest = encoded.bytes();
    let mut owner = Vec::with_capacity(rest.len());
    while let Some(byte) = rest.next() {
        owner.push(match byte {
            b'%' => u8::from_str_radix(str::from_utf8(&[rest.next()?, rest.next()?]).ok()?, 16).ok()?,
            _ => byte,
        });
    }
    String::from_utf8(owner).ok()
}

/// Letters that mean something in a topic name are written as `%` and their code.
fn encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'-' | b'_' | b'.' => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "%{byte:02x}");
            }
        }
    }
}

/// The half of a session that delivers, where nothing is ever delivered but into a queue.
struct IntoQueue {
    selection: Option<Arc<Selection>>,
}

impl Deliver for IntoQueue {
    fn deliver(&mut self, _: Now, _: &Publication<'_>, _: &DeliveryOptions, _: &mut Output) -> Delivered {
        Delivered::Discarded
    }

    fn resend(&mut self, _: Now, _: &mut Output, _: &mut Vec<u64>) -> bool {
        true
    }
}

impl Broker {
    /// Makes a durable subscription, or finds it as it is; one of the same name to something else ends first, with
    /// what waits for it. Returns whether it is new. Its client must [consume](Broker::consume) from its queue.
    ///
    /// # Errors
    ///
    /// See [`SubscribeRefused`].
    pub fn bind_durable(
        &self,
        turn: &mut Turn<'_>,
        request: &DurableRequest<'_>,
    ) -> Result<bool, SubscribeRefused> {
        let key = durable_key(request.queue);
        loop {
            let (session, made) = self.registry.find_or_insert(&key, || {
                let deliver = Box::new(IntoQueue { selection: request.selection.clone() });
                let expiry_secs = self.config().session.expiry_max.secs();
                let limits = self.config().session.outbox_limits();
                Arc::new(Session::new(self.new_session_id(), key.clone(), expiry_secs, limits, deliver))
            });
            let is_same = made || is_as_asked(&session, request);
            if !is_same {
                self.end_durable(turn, request.queue);
                continue;
            }
            {
                let mut state = session.lock();
                if state.ended {
                    drop(state);
                    self.registry.remove(&session);
                    continue;
                }
                self.schedule.cancel(session.id());
                state.attachments += 1;
                state.detached_at = None;
            }
            session.mark_stored();
            record_opened(turn, &session);
            if made {
                let selector = request.selection.as_deref().map(Selection::as_str);
                let subscription = SubscribeRequest { local: 0, selector, ..request.subscription };
                if let Err(refused) = self.subscribe(turn, &session, subscription) {
                    self.end_durable(turn, request.queue);
                    return Err(refused);
                }
            }
            return Ok(made);
        }
    }

    /// The bounds of what waits for a durable subscription. It comes by no listener, and its queue's name says whose it is.
    pub(super) fn durable_limits(&self, queue: &str) -> OutboxLimits {
        self.config().outbox_limits(owner(queue).as_deref(), None)
    }

    /// Ends a durable subscription, with what waits for it; whether there was one.
    pub fn end_durable(&self, turn: &mut Turn<'_>, queue: &str) -> bool {
        let Some(session) = self.registry.find(&durable_key(queue)) else { return false };
        self.end_session(turn, &session, session.lock());
        true
    }

    /// What a durable subscription is offered goes into its queue.
    pub(super) fn offer_to_queue(
        &self,
        turn: &mut Turn<'_>,
        session: &Session,
        publication: &Publication<'_>,
    ) -> Offered {
        let Some(placed) = self.place_for_durable(session, publication) else { return Offered::Absent };
        placed.record(turn, publication);
        self.fill(turn, placed, publication);
        Offered::Taken { displaced: 0 }
    }

    /// A place in a durable subscription's queue; `None` if it does not want the message, or has no room, which is
    /// counted.
    pub(super) fn place_for_durable(
        &self,
        session: &Session,
        publication: &Publication<'_>,
    ) -> Option<Placed> {
        let is_wanted = {
            let mut state = session.lock();
            let selection = state.deliver_as::<IntoQueue>().and_then(|deliver| deliver.selection.as_ref());
            selection.is_none_or(|selection| selection.selects(publication))
        };
        if !is_wanted {
            return None;
        }
        let placed = self.place(&session.key().client_id, publication).ok().flatten();
        self.counters.dropped.add(DropReason::QueueFull, placed.is_none().into());
        placed
    }

    /// A queue has lost a consumer. If it was a durable subscription's, that begins to age.
    pub(super) fn rest_durable(&self, turn: &mut Turn<'_>, queue: &str) {
        if !queue.starts_with(DURABLE) {
            return;
        }
        let Some(session) = self.registry.find(&durable_key(queue)) else { return };
        let mut state = session.lock();
        if !state.ended {
            state.detached_at = Some(turn.now.instant);
            let ends_at = turn.now.instant + self.config().session.expiry_max.0;
            self.schedule.set(&session, state.attachments, [None, Some(ends_at)]);
            let at_unix_ms = turn.now.unix_ms;
            turn.record(|| Record::SessionClosed { session: session.id().0, at_unix_ms, sent_to: 0 });
        }
    }
}

/// The half that delivers of a durable subscription that the store has found.
pub(super) fn durable_half(selector: Option<&str>) -> Box<dyn Deliver> {
    let selection = selector.and_then(|text| match Selection::parse(text) {
        Ok(selection) => Some(Arc::new(selection)),
        Err(error) => {
            tracing::error!(%error, selector = text, "a stored selector is none: all messages are taken");
            None
        }
    });
    Box::new(IntoQueue { selection })
}

pub(super) fn durable_key(queue: &str) -> SessionKey {
    SessionKey::new(ProtocolKind::DurableSubscription, queue.into())
}

fn is_as_asked(session: &Session, request: &DurableRequest<'_>) -> bool {
    let mut state = session.lock();
    let filter = request.subscription.filter.as_str();
    let is_same_filter = state.subscriptions.iter().all(|(own, ..)| own.as_str() == filter);
    let text = |selection: &Option<Arc<Selection>>| {
        selection.as_ref().map(|selection| selection.as_str().to_owned())
    };
    let selection = state.deliver_as::<IntoQueue>().and_then(|deliver| text(&deliver.selection));
    is_same_filter && selection == text(&request.selection)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::auth::{Arrival, Gate, Method, Vouched};
    use crate::clock::Clock;
    use crate::config::Config;
    use crate::store::MemoryStore;

    #[test]
    fn nobody_s_durable_subscription_is_another_s() {
        let store = Arc::new(MemoryStore::default());
        let broker = Broker::new(Config::default(), Arc::new(Gate::default()), store, Clock::system());
        let queue = |user: Option<&str>, method, client_id: &str| {
            let vouched = Vouched { user: user.map(Into::into), method, claims: None };
            let standing =
                broker.let_in(broker.now(), vouched, &Arrival::default(), client_id.into()).unwrap();
            durable_queue(&standing, client_id, "news")
        };
        let users = [None, Some("ann"), Some("%"), Some("operator")];
        let mut names: HashSet<_> = users.map(|user| queue(user, Method::Certificate, "c")).into();
        names.insert(queue(None, Method::Operator, "c"));
        assert_eq!(names.len(), users.len() + 1, "{names:?}");
        // What a client calls itself makes it nobody.
        names.insert(queue(None, Method::Certificate, "ann@c"));
        names.insert(queue(None, Method::Certificate, "ann"));
        for user in ["ann", "%", "operator", "a@b/c", "é"] {
            let own = queue(Some(user), Method::Certificate, "c");
            assert_eq!(owner(&own).as_deref(), Some(user), "{own}");
            names.remove(&own);
        }
        // Nobody's, and the operator's.
        assert_eq!(names.iter().find_map(|name| owner(name)), None, "{names:?}");
    }
}
