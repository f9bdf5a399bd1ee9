//! What the specifications say must happen: a list of subscriptions that is looked through, and lists of what each
//! client is owed. It shares nothing with the broker.

mod matching;
mod session;
mod shared;
mod time;

use std::rc::Rc;

use self::matching::{matches, share};
pub(crate) use self::session::Heard;
use self::session::{Attached, Message, Owed, Session};
use self::shared::Shared;
use crate::script::{Connect, FORBIDDEN_TOPIC, Wanted, Words};

/// See the module.
pub(crate) struct Model {
    /// Milliseconds since the beginning.
    pub(crate) now: u64,
    /// By client.
    sessions: Vec<Option<Session>>,
    subscriptions: Vec<Subscription>,
    retained: Vec<Rc<Message>>,
    shared: Vec<Shared>,
    /// How much was published.
    places: u64,
}

/// One subscription.
struct Subscription {
    client: usize,
    filter: &'static str,
    wanted: Wanted,
    identifier: Option<u32>,
}

impl Subscription {
    /// What is owed to its client for a message.
    fn owed(&self, message: &Rc<Message>, place: u64) -> Owed {
        Owed {
            qos: message.words.qos.min(self.wanted.qos),
            retain: Some(message.words.retain && self.wanted.retain_as_published),
            at_subscribe: false,
            identifiers: self.identifier.into_iter().collect(),
            filters: vec![self.filter],
            place: Some(place),
            shared: None,
            is_demanded: true,
            message: Rc::clone(message),
        }
    }

    /// What its client may get of a shared delivery that another member had.
    fn offer(&self, owed: &Owed, number: usize) -> Owed {
        let passed_on = self.owed(&owed.message, 0);
        Owed { place: None, shared: Some(number), is_demanded: false, ..passed_on }
    }
}

impl Model {
    /// Nobody is there.
    pub(crate) fn new(clients: usize) -> Self {
        Self {
            now: 0,
            sessions: (0..clients).map(|_| None).collect(),
            subscriptions: Vec::new(),
            retained: Vec::new(),
            shared: Vec::new(),
            places: 0,
        }
    }

    /// A client connects; whether its session is present.
    pub(crate) fn connect(&mut self, client: usize, connect: &Connect) -> bool {
        let ends = |session: &Session| {
            // One that does not outlive its connection does not outlive a takeover.
            connect.clean || (session.attached.is_some() && session.expiry_secs == 0)
        };
        if self.sessions[client].as_ref().is_some_and(ends) {
            self.end_session(client);
        }
        let is_present = self.sessions[client].is_some();
        self.drop_qos_0(client);
        let session = self.sessions[client].get_or_insert_default();
        let was_attached = session.attached.replace(Attached::new(connect)).is_some();
        for sent in &mut session.sent {
            (sent.is_heard_here, sent.holds_place) = (false, false);
        }
        (session.will_at, session.ends_at) = (None, None);
        session.expiry_secs = connect.expiry_secs();
        // A delayed will is withdrawn, since its client is back. [MQTT-3.1.3-9]
        let old_will = std::mem::replace(&mut session.will, connect.will);
        if let Some((will, 0)) = old_will.filter(|_| was_attached) {
            self.publish(client, &will);
            // Before or after the new connection is there: the client's own QoS 0 copy may be lost with the old one.
            let own = self.sessions[client].iter_mut().flat_map(|session| &mut session.owed);
            own.filter(|owed| owed.qos == 0).for_each(|owed| owed.is_demanded = false);
        }
        is_present
    }

    /// A client subscribes; the reason codes.
    pub(crate) fn subscribe(&mut self, client: usize, wanted: &[Wanted], identifier: Option<u32>) -> Vec<u8> {
        self.places += 1;
        for wanted in wanted {
            let filter = wanted.filter;
            let is_same = |other: &Subscription| (other.client, other.filter) == (client, filter);
            let existed = self.subscriptions.iter().any(is_same);
            self.subscriptions.retain(|other| !is_same(other));
            let subscription = Subscription { client, filter, wanted: *wanted, identifier };
            // [MQTT-3.3.1-9] to [MQTT-3.3.1-11]; never for a shared subscription.
            let wants_retained = match wanted.retain_handling {
                0 => true,
                1 => !existed,
                _ => false,
            };
            if wants_retained && share(filter).0.is_none() {
                self.send_retained(&subscription);
            }
            self.subscriptions.push(subscription);
        }
        wanted.iter().map(|wanted| wanted.qos).collect()
    }

    fn send_retained(&mut self, subscription: &Subscription) {
        let matching =
            self.retained.iter().filter(|message| matches(subscription.filter, message.words.topic));
        for message in matching {
            let owed = subscription.owed(message, self.places);
            // Whether No Local keeps a client's own retained message from it is read both ways.
            let is_own = subscription.wanted.no_local && message.publisher == subscription.client;
            let owed = Owed { retain: Some(true), at_subscribe: true, is_demanded: !is_own, ..owed };
            self.sessions[subscription.client].iter_mut().for_each(|session| session.owed.push(owed.clone()));
        }
    }

    /// A client unsubscribes; the reason codes. What waits for it already may still come, and need not.
    pub(crate) fn unsubscribe(&mut self, client: usize, filters: &[&'static str]) -> Vec<u8> {
        const NO_SUBSCRIPTION_EXISTED: u8 = 0x11;
        let mut reasons = Vec::new();
        for filter in filters {
            let before = self.subscriptions.len();
            self.subscriptions.retain(|other| (other.client, other.filter) != (client, filter));
            let existed = self.subscriptions.len() < before;
            reasons.push(if existed { 0 } else { NO_SUBSCRIPTION_EXISTED });
            let waiting = self.sessions[client].iter_mut().flat_map(|session| &mut session.owed);
            let mut shared = Vec::new();
            for owed in waiting.filter(|owed| owed.filters == [*filter]) {
                owed.is_demanded = false;
                shared.push(owed.clone());
            }
            shared.iter().for_each(|owed| self.loosen(owed));
        }
        reasons
    }

    /// A client's publish has arrived with a packet identifier; whether it is the first with it. [MQTT-4.3.3-10]
    pub(crate) fn arrives(&mut self, client: usize, id: u16) -> bool {
        let Some(session) = &mut self.sessions[client] else { return false };
        let is_first = !session.received.contains(&id);
        session.received.retain(|received| *received != id);
        session.received.push(id);
        is_first
    }

    /// A client releases a publish, or it was refused; whether it was there.
    pub(crate) fn releases(&mut self, client: usize, id: u16) -> bool {
        let Some(session) = &mut self.sessions[client] else { return false };
        let before = session.received.len();
        session.received.retain(|received| *received != id);
        session.received.len() < before
    }

    /// A message is published; whether anybody may receive it.
    pub(crate) fn publish(&mut self, publisher: usize, words: &Words) -> bool {
        let expires_at = words.expiry.map(|secs| self.now + u64::from(secs) * 1000);
        let message = Rc::new(Message { words: *words, publisher, expires_at });
        if words.topic == FORBIDDEN_TOPIC {
            return false;
        }
        self.places += 1;
        if words.retain {
            self.retained.retain(|other| other.words.topic != words.topic);
            if words.number.is_some() {
                self.retained.push(Rc::clone(&message));
            }
        }
        let mut groups: Vec<(&str, Vec<(usize, Owed)>)> = Vec::new();
        let mut own: Vec<(usize, Owed)> = Vec::new();
        for subscription in self.subscriptions.iter().filter(|other| matches(other.filter, words.topic)) {
            let client = subscription.client;
            let owed = subscription.owed(&message, self.places);
            if share(subscription.filter).0.is_some() {
                match groups.iter_mut().find(|(filter, _)| *filter == subscription.filter) {
                    Some((_, members)) => members.push((client, owed)),
                    None => groups.push((subscription.filter, vec![(client, owed)])),
                }
                continue;
            }
            // [MQTT-3.8.3-3]
            if subscription.wanted.no_local && client == publisher {
                continue;
            }
            match own.iter_mut().find(|(other, _)| *other == client) {
                Some((_, first)) => merge(first, owed),
                None => own.push((client, owed)),
            }
        }
        let is_matched = !own.is_empty() || !groups.is_empty();
        for (client, owed) in own {
            let session = self.sessions[client].as_mut();
            let Some(session) = session.filter(|session| session.attached.is_some() || owed.qos > 0) else {
                continue;
            };
            session.owed.push(owed);
        }
        groups.into_iter().for_each(|(_, members)| self.share(members));
        is_matched
    }

    /// A client hears a PUBLISH.
    pub(crate) fn hear(&mut self, client: usize, heard: &Heard) -> Result<(), String> {
        let now = self.now;
        let Some(session) = &mut self.sessions[client] else { return Err("there is no session".to_owned()) };
        let v5 = session.attached.as_ref().is_some_and(|attached| attached.v5);
        let known = session.sent.iter().position(|sent| sent.id == heard.id);
        if let Some(position) = known.filter(|_| heard.qos > 0) {
            return session.hear_again(heard, position, now);
        }
        let fitting = session.owed.iter().enumerate().filter(|(_, owed)| owed.is(heard, v5, now));
        // What fits without leniency comes first; what is owed to this client alone before what another may get as
        // well; and what must come before what may come.
        let shared = &self.shared;
        let urgency = |owed: &Owed| {
            let is_sure = owed.shared.map_or(owed.is_demanded, |number| shared[number].is_demanded);
            (owed.retain.is_some_and(|retain| retain != heard.retain), owed.shared.is_some(), !is_sure)
        };
        let best = fitting.clone().min_by_key(|(_, owed)| urgency(owed)).map(|(position, _)| position);
        // Of those that look alike and were published at different times, nobody can say which one this is.
        let alike: Vec<_> = fitting.map(|(position, owed)| (position, owed.place)).collect();
        if alike.iter().any(|(_, place)| *place != alike[0].1) {
            alike.iter().for_each(|(position, _)| session.owed[*position].place = None);
        }
        let owed = match best {
            Some(position) => session.owed.remove(position),
            None => match self.take_by_exchange(client, heard, v5) {
                Some(owed) => owed,
                None => {
                    let owed = self.sessions[client].as_ref().map(|session| &session.owed);
                    return Err(format!("nothing like it is owed, but {owed:#?}"));
                }
            },
        };
        if let Some(number) = owed.shared {
            self.take(number, client);
        }
        self.sessions[client].as_mut().map_or(Ok(()), |session| session.hear_new(heard, owed))
    }

    /// A client's session, for what it hears and says of acknowledgements.
    pub(crate) fn session(&mut self, client: usize) -> Option<&mut Session> {
        self.sessions[client].as_mut()
    }

    /// Holds that everything has come that nothing can hold back.
    pub(crate) fn check(&mut self) -> Result<(), String> {
        for (client, session) in self.sessions.iter().enumerate() {
            if let Some(session) = session {
                session.check().map_err(|error| format!("client {client}: {error}"))?;
            }
        }
        self.check_shared()
    }
}

/// Overlapping subscriptions of one client: one delivery, with the highest QoS of them and every identifier. Where
/// they differ about RETAIN the specification does not say what it is. [MQTT-3.3.4-2, MQTT-3.3.4-3]
fn merge(first: &mut Owed, other: Owed) {
    first.qos = first.qos.max(other.qos);
    first.retain = first.retain.filter(|retain| other.retain == Some(*retain));
    first.identifiers.extend(other.identifiers);
    first.identifiers.sort_unstable();
    first.filters.extend(other.filters);
}
