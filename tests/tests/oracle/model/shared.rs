//! Shared subscriptions: one member gets each message, and which one is the broker's choice. Every member that may be
//! chosen is owed the message until one has heard it.

use super::Model;
use super::session::{Heard, Owed, Sent, Session};

/// One message to one shared subscription.
#[derive(Debug)]
pub(crate) struct Shared {
    /// Who might get it, and how.
    offers: Vec<(usize, Owed)>,
    /// Who has heard it.
    taken_by: Option<usize>,
    /// Whether somebody must: not where it may have gone to one whose session is over, say.
    pub(super) is_demanded: bool,
}

impl Model {
    /// A message for these members, of whom one is chosen: one who is connected, if any is. One who is not may be
    /// chosen as well where none is, and then a delivery of QoS 0 is lost.
    pub(super) fn share(&mut self, members: Vec<(usize, Owed)>) {
        let is_attached = |client: usize| {
            let session = self.sessions[client].as_ref();
            session.is_some_and(|session| session.attached.is_some())
        };
        let any_attached = members.iter().any(|(client, _)| is_attached(*client));
        let is_eligible = |client: usize, owed: &Owed| is_attached(client) || (!any_attached && owed.qos > 0);
        let (mut offers, lost): (Vec<_>, Vec<_>) =
            members.into_iter().partition(|(client, owed)| is_eligible(*client, owed));
        let is_demanded = any_attached || lost.is_empty();
        let number = self.shared.len();
        for (client, owed) in &mut offers {
            owed.shared = Some(number);
            if let Some(session) = &mut self.sessions[*client] {
                session.owed.push(owed.clone());
            }
        }
        self.shared.push(Shared { offers, taken_by: None, is_demanded });
    }

    /// One member has heard it: nobody else may.
    pub(super) fn take(&mut self, number: usize, client: usize) {
        self.shared[number].taken_by = Some(client);
        for session in self.sessions.iter_mut().flatten() {
            session.owed.retain(|owed| owed.shared != Some(number));
        }
    }

    /// What `client` heard may be what another has been taken to have heard, who then has heard the same message for
    /// another shared subscription. With two at most per topic, one exchange says whether it can be so.
    pub(super) fn take_by_exchange(&mut self, client: usize, heard: &Heard, v5: bool) -> Option<Owed> {
        for number in 0..self.shared.len() {
            let Some(other) = self.shared[number].taken_by.filter(|other| *other != client) else { continue };
            let mine = self.shared[number].offer(client).filter(|owed| owed.is(heard, v5, self.now)).cloned();
            let instead = self.open().find(|open| self.is_alike(*open, number, other));
            if let (Some(mine), Some(instead)) = (mine, instead) {
                self.exchange(number, instead);
                self.take(number, client);
                return Some(mine);
            }
        }
        None
    }

    /// Whether `client` cannot tell these two deliveries apart.
    fn is_alike(&self, one: usize, other: usize, client: usize) -> bool {
        let offers = (self.shared[one].offer(client), self.shared[other].offer(client));
        let (Some(one), Some(other)) = offers else { return false };
        let said = |owed: &Owed| (owed.message.words.topic, owed.message.words.payload(), owed.qos);
        // In 3.1.1 the rest is not heard, or not heard for sure.
        let attached = self.sessions[client].as_ref().and_then(|session| session.attached.as_ref());
        let hears_all = attached.is_some_and(|attached| attached.v5);
        said(one) == said(other)
            && (!hears_all || (one.retain, &one.identifiers) == (other.retain, &other.identifiers))
    }

    /// Who was taken to have heard `taken` has heard `open` instead, and `taken` is open again.
    fn exchange(&mut self, taken: usize, open: usize) {
        let Some(client) = self.shared[taken].taken_by.take() else { return };
        if let (Some(session), Some(owed)) = (&mut self.sessions[client], self.shared[open].offer(client)) {
            for sent in session.sent.iter_mut().filter(|sent| sent.owed.shared == Some(taken)) {
                sent.owed = owed.clone();
            }
        }
        self.take(open, client);
        for (member, owed) in self.shared[taken].offers.iter().filter(|(member, _)| *member != client) {
            if let Some(session) = &mut self.sessions[*member] {
                session.owed.push(owed.clone());
            }
        }
    }

    /// Deliveries that nobody has heard.
    fn open(&self) -> impl Iterator<Item = usize> {
        let open = self.shared.iter().enumerate().filter(|(_, shared)| shared.taken_by.is_none());
        open.map(|(number, _)| number)
    }

    /// It may have gone to one who will not hear it any more.
    pub(super) fn loosen(&mut self, owed: &Owed) {
        if let Some(number) = owed.shared {
            self.shared[number].is_demanded = false;
        }
    }

    /// A session is over. What it had of shared subscriptions may go to other members, and need not; but not what it
    /// was sent at QoS 2. [MQTT50-U-4.8.2-3, MQTT-4.8.2-5]
    pub(super) fn pass_on(&mut self, client: usize, owed: Vec<Owed>, sent: Vec<Sent>) {
        let sent = sent.into_iter().map(|sent| sent.owed).map(|owed| (owed.qos == 1, owed));
        for (may_go, owed) in owed.into_iter().map(|owed| (true, owed)).chain(sent) {
            let (Some(number), owed) = (owed.shared, &owed) else { continue };
            self.loosen(owed);
            if !may_go {
                continue;
            }
            let filters = self.filters_like(owed, number, client);
            let members: Vec<_> =
                self.subscriptions.iter().filter(|other| filters.contains(&other.filter)).collect();
            let offers: Vec<_> =
                members.iter().map(|member| (member.client, member.offer(owed, number))).collect();
            for (client, owed) in offers {
                if let Some(session) = &mut self.sessions[client] {
                    session.owed.push(owed);
                }
            }
        }
    }

    /// The shared subscriptions that a delivery to `client` may have been for: the one that it is taken to be for, and
    /// those that would have sent it the same.
    fn filters_like(&self, owed: &Owed, number: usize, client: usize) -> Vec<&'static str> {
        let alike = (0..self.shared.len()).filter(|other| self.is_alike(*other, number, client));
        let others = alike.filter_map(|other| self.shared[other].offer(client));
        others.chain([owed]).flat_map(|owed| owed.filters.clone()).collect()
    }

    /// Holds that nobody waits for what a member must have got.
    pub(super) fn check_shared(&mut self) -> Result<(), String> {
        let open: Vec<_> = self.open().filter(|number| self.shared[*number].is_demanded).collect();
        for number in open {
            let owes = |session: &&Session| session.owed.iter().any(|owed| owed.shared == Some(number));
            if self.sessions.iter().flatten().filter(owes).any(Session::may_wait) {
                continue;
            }
            // Somebody may have heard this one, and be taken to have heard another that still waits.
            let waits = |member: usize| self.sessions[member].as_ref().is_some_and(Session::may_wait);
            let is_mistaken = |(taken, shared): &(usize, &Shared)| {
                shared.taken_by.is_some_and(|client| {
                    let mut others = shared.offers.iter().filter(|(member, _)| *member != client);
                    self.is_alike(*taken, number, client) && others.any(|(member, _)| waits(*member))
                })
            };
            match self.shared.iter().enumerate().find(is_mistaken).map(|(taken, _)| taken) {
                Some(taken) => self.exchange(taken, number),
                None => return Err(format!("no member got it: {:?}", self.shared[number].offers)),
            }
        }
        Ok(())
    }
}

impl Shared {
    /// What a member was to get.
    fn offer(&self, client: usize) -> Option<&Owed> {
        self.offers.iter().find(|(member, _)| *member == client).map(|(_, owed)| owed)
    }
}
