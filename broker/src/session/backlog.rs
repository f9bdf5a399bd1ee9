//! What waits in an outbox, in order. The deliveries at the front are ready to be made; behind them, from the first one on
//! whose message only the store holds, or which is one of many retained ones, a delivery is a few bytes.

use std::collections::VecDeque;

use super::{AbsentDelivery, Delivery, Run, chunk};
use crate::store::{Answers, CommitId};

/// Messages that are held in memory for a client that is there. What comes beyond them stays in the store, where there is
/// one that keeps it, and is fetched when half of them have gone.
const RESIDENT_MESSAGES_MAX: usize = 1_000;
/// Bytes of those messages.
const RESIDENT_BYTES_MAX: usize = 1 << 20;

/// Deliveries that are made of a run of retained messages at once. Their messages are met here together, and so come into
/// the cache together.
const RUN_CHUNK: usize = 64;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    /// With their messages.
    head: VecDeque<Delivery>,
    head_bytes: usize,
    /// What is behind them; the first is absent, or a run.
    rest: VecDeque<Waiting>,
    /// Messages in runs, but for one in each.
    more: usize,
    /// Of all.
    bytes: usize,
    /// One fetch is under way at a time.
    is_fetching: bool,
}

/// What waits behind the head.
#[derive(Debug)]
enum Waiting {
    /// It is not stored.
    Resident(Box<Delivery>),
    Absent(AbsentDelivery),
    /// Never empty.
    Run(Box<Run>),
}

impl Backlog {
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.head.len() + self.rest.len() + self.more
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.head.is_empty() && self.rest.is_empty()
    }

    /// Bytes of all messages, absent ones included.
    #[inline]
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The delivery at that position, as far as messages are in memory.
    pub(super) fn get(&mut self, position: usize) -> Option<&Delivery> {
        if position >= self.head.len() {
            self.take_from_run();
        }
        self.head.get(position)
    }

    /// Whether one of those in memory was taken from a work queue.
    pub(super) fn has_taken(&self) -> bool {
        self.head.iter().any(|delivery| delivery.options.origin().is_some())
    }

    /// Adds a delivery. The store's message suffices where nobody is there to take it, or many are before it.
    pub(super) fn push(&mut self, delivery: Delivery, is_attached: bool) {
        let is_near = is_attached
            && self.rest.is_empty()
            && self.head.len() < RESIDENT_MESSAGES_MAX
            && self.head_bytes < RESIDENT_BYTES_MAX;
        if delivery.options.sequence > 0 && !is_near {
            self.push_absent(AbsentDelivery::of(&delivery));
            return;
        }
        self.push_resident(delivery);
    }

    fn push_resident(&mut self, delivery: Delivery) {
        let weight = delivery.message.weight();
        self.bytes += weight;
        if self.rest.is_empty() {
            self.head_bytes += weight;
            self.head.push_back(delivery);
        } else {
            self.rest.push_back(Waiting::Resident(Box::new(delivery)));
        }
    }

    /// Adds a delivery whose message the store holds.
    pub(super) fn push_absent(&mut self, delivery: AbsentDelivery) {
        self.bytes += delivery.weight();
        self.rest.push_back(Waiting::Absent(delivery));
    }

    /// Adds retained messages.
    pub(super) fn push_run(&mut self, run: Run) {
        if run.len() > 0 {
            self.bytes += run.bytes();
            self.more += run.len() - 1;
            self.rest.push_back(Waiting::Run(Box::new(run)));
        }
    }

    /// Removes a delivery whose message is in memory.
    pub(super) fn remove(&mut self, position: usize) -> Option<Delivery> {
        let delivery = self.head.remove(position)?;
        self.bytes -= delivery.message.weight();
        self.head_bytes -= delivery.message.weight();
        Some(delivery)
    }

    /// Removes the oldest; its place in the session's order.
    pub(super) fn drop_oldest(&mut self) -> Option<u64> {
        if self.head.is_empty() {
            self.take_from_run();
        }
        if let Some(delivery) = self.remove(0) {
            return Some(delivery.options.sequence);
        }
        match self.rest.pop_front()? {
            Waiting::Resident(delivery) => {
                self.bytes -= delivery.message.weight();
                Some(delivery.options.sequence)
            }
            Waiting::Absent(delivery) => {
                self.bytes -= delivery.weight();
                self.advance();
                Some(delivery.sequence)
            }
            // Some of it would be at the head.
            Waiting::Run(_) => None,
        }
    }

    /// Removes deliveries that `keep` refuses. It is asked of those alone whose messages are in memory; only stored ones
    /// are not.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(&Delivery) -> bool) {
        self.head.retain(&mut keep);
        self.head_bytes = self.head.iter().map(|delivery| delivery.message.weight()).sum();
        (self.bytes, self.more) = (self.head_bytes, 0);
        for waiting in std::mem::take(&mut self.rest) {
            match waiting {
                Waiting::Absent(delivery) => self.push_absent(delivery),
                Waiting::Resident(delivery) if keep(&delivery) => self.push_resident(*delivery),
                Waiting::Resident(_) => {}
                Waiting::Run(run) => run.filter(&mut keep).for_each(|delivery| self.push_resident(delivery)),
            }
        }
    }

    /// Lets go of the messages that the store holds as well: nobody is there to take them.
    pub(super) fn let_go(&mut self) {
        if self.head.iter().all(|delivery| delivery.options.sequence == 0) {
            return;
        }
        self.head_bytes = 0;
        for delivery in std::mem::take(&mut self.head).into_iter().rev() {
            self.rest.push_front(match delivery.options.sequence {
                0 => Waiting::Resident(Box::new(delivery)),
                _ => Waiting::Absent(AbsentDelivery::of(&delivery)),
            });
        }
        self.advance();
    }

    /// The places of the messages that should be fetched now, if any should. They count as under way until
    /// [`Backlog::fill`].
    pub(super) fn next_fetch(&mut self) -> Option<Vec<u64>> {
        let is_long =
            self.head.len() >= RESIDENT_MESSAGES_MAX / 2 || self.head_bytes >= RESIDENT_BYTES_MAX / 2;
        // What comes behind a run is fetched behind it.
        let is_wanted = matches!(self.rest.front(), Some(Waiting::Absent(_)));
        if !is_wanted || self.is_fetching || is_long {
            return None;
        }
        self.is_fetching = true;
        let absent = self.rest.iter().filter_map(|waiting| match waiting {
            Waiting::Absent(delivery) => Some((delivery.sequence, delivery.weight())),
            Waiting::Resident(_) | Waiting::Run(_) => None,
        });
        Some(chunk(absent))
    }

    /// Messages have come from the store, in order. What has been dropped meanwhile is passed over. Returns the places of
    /// those that the store does not have.
    pub(super) fn fill(&mut self, answers: Answers, commit: CommitId) -> Vec<u64> {
        self.is_fetching = false;
        let mut lost = Vec::new();
        let mut answers = answers.into_iter();
        while let Some(Waiting::Absent(absent)) = self.rest.front().filter(|_| answers.len() > 0) {
            let absent = *absent;
            let answer = answers.find(|(sequence, _)| *sequence == absent.sequence);
            let Some((_, fetched)) = answer else { break };
            self.rest.pop_front();
            let delivery = fetched.and_then(|fetched| absent.with(fetched, commit));
            match delivery {
                Some(delivery) => {
                    // What the store says of the weight should be right, but sums must come out even.
                    self.bytes = self.bytes - absent.weight() + delivery.message.weight();
                    self.head_bytes += delivery.message.weight();
                    self.head.push_back(delivery);
                }
                None => {
                    self.bytes -= absent.weight();
                    lost.push(absent.sequence);
                }
            }
            self.advance();
        }
        lost
    }

    /// A fetch has ended that is of no use any more.
    pub(super) fn forget_fetch(&mut self) {
        self.is_fetching = false;
    }

    /// Takes everything out: what is in memory, and what is not.
    pub(super) fn take_all(&mut self) -> (Vec<Delivery>, Vec<AbsentDelivery>) {
        let Self { head, rest, .. } = std::mem::take(self);
        let (mut resident, mut absent) = (Vec::from(head), Vec::new());
        for waiting in rest {
            match waiting {
                Waiting::Resident(delivery) => resident.push(*delivery),
                Waiting::Absent(delivery) => absent.push(delivery),
                Waiting::Run(run) => resident.extend(*run),
            }
        }
        (resident, absent)
    }

    /// Moves some of the run that follows, if one does, to the head.
    fn take_from_run(&mut self) {
        let Some(Waiting::Run(run)) = self.rest.front_mut() else { return };
        let (len, bytes) = (run.len(), run.bytes());
        self.head.extend(run.by_ref().take(RUN_CHUNK));
        self.head_bytes += bytes - run.bytes();
        if run.len() > 0 {
            self.more -= len - run.len();
        } else {
            self.more -= len - 1;
            self.rest.pop_front();
            self.advance();
        }
    }

    /// Moves what follows in memory to the head.
    fn advance(&mut self) {
        while let Some(Waiting::Resident(_)) = self.rest.front() {
            if let Some(Waiting::Resident(delivery)) = self.rest.pop_front() {
                self.head_bytes += delivery.message.weight();
                self.head.push_back(*delivery);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tidewire_protocols::topic::TopicName;

    use super::*;
    use crate::message::{Message, Publication, Qos, SessionId};
    use crate::session::{DeliveryOptions, Identifiers};
    use crate::store::{Fetched, QueuedTerms};

    #[test]
    fn an_absent_delivery_takes_few_bytes() {
        assert!(size_of::<Waiting>() <= 24, "{}", size_of::<Waiting>());
    }

    fn message(sequence: u64) -> Arc<Message> {
        let payload = sequence.to_string();
        let publication =
            Publication::new(TopicName::parse("t").unwrap(), payload.as_bytes(), SessionId::BROKER);
        Arc::clone(publication.keep())
    }

    /// QoS 1 and stored; QoS 0 where `sequence` is 0.
    fn stored(sequence: u64) -> Delivery {
        let qos = if sequence > 0 { Qos::AtLeastOnce } else { Qos::AtMostOnce };
        let options = DeliveryOptions { sequence, ..DeliveryOptions::new(qos) };
        Delivery { message: message(sequence), options, commit: CommitId::NONE }
    }

    fn answer(sequences: &[u64]) -> Vec<(u64, Option<Fetched>)> {
        let terms = QueuedTerms {
            qos: Qos::AtLeastOnce,
            retain: false,
            identifiers: Identifiers::new(),
            share: None,
            origin: None,
        };
        let fetched = |sequence: &u64| Fetched { message: message(*sequence), terms: Some(terms.clone()) };
        sequences.iter().map(|sequence| (*sequence, Some(fetched(sequence)))).collect()
    }

    /// Takes all that is in memory.
    fn drain(backlog: &mut Backlog) -> Vec<u64> {
        std::iter::from_fn(|| backlog.remove(0)).map(|delivery| delivery.options.sequence).collect()
    }

    #[test]
    fn what_waits_keeps_its_order_whether_it_is_in_memory_or_not() {
        let mut backlog = Backlog::default();
        for sequence in 1..=3_000 {
            backlog.push(stored(sequence), true);
        }
        backlog.push(stored(0), true);
        let bytes = backlog.bytes();
        assert_eq!((backlog.head.len(), backlog.len()), (RESIDENT_MESSAGES_MAX, 3_001));
        assert_eq!(backlog.next_fetch(), None, "there is enough in memory");
        backlog.let_go();
        assert_eq!((backlog.head.len(), backlog.len(), backlog.bytes()), (0, 3_001, bytes));
        let mut taken = Vec::new();
        while let Some(wanted) = backlog.next_fetch() {
            assert!(backlog.next_fetch().is_none(), "one fetch at a time");
            assert!(backlog.fill(answer(&wanted), CommitId::NONE).is_empty());
            taken.extend(drain(&mut backlog));
        }
        assert_eq!(taken, (1..=3_000).chain([0]).collect::<Vec<_>>());
        assert_eq!((backlog.bytes(), backlog.head_bytes), (0, 0));
    }

    #[test]
    fn what_was_dropped_during_a_fetch_stays_dropped() {
        let mut backlog = Backlog::default();
        (1..=10).for_each(|sequence| backlog.push(stored(sequence), false));
        let wanted = backlog.next_fetch().unwrap();
        assert_eq!((backlog.drop_oldest(), backlog.drop_oldest()), (Some(1), Some(2)));
        let mut answers = answer(&wanted);
        answers[4].1 = None;
        assert_eq!(backlog.fill(answers, CommitId::NONE), [5]);
        assert_eq!(drain(&mut backlog), [3, 4, 6, 7, 8, 9, 10]);
        assert_eq!(backlog.bytes(), 0);
    }

    fn run(count: u64) -> Run {
        Run::new((1..=count).map(message).collect(), stored(0).options)
    }

    fn payloads(backlog: &mut Backlog) -> Vec<u64> {
        let payload = |delivery: &Delivery| {
            std::str::from_utf8(delivery.message.publication().payload).unwrap().parse().unwrap()
        };
        let next = || backlog.get(0).map(payload).inspect(|_| drop(backlog.remove(0)));
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn retained_messages_keep_their_place_among_others() {
        for count in [1, 2, RUN_CHUNK as u64, 200] {
            let mut backlog = Backlog::default();
            backlog.push_run(run(0));
            assert!(backlog.is_empty());
            backlog.push(stored(1_000), true);
            backlog.push_run(run(count));
            backlog.push_run(run(count));
            backlog.push(stored(1_001), true);
            backlog.push(stored(0), true);
            assert_eq!(backlog.len() as u64, 2 * count + 3);
            assert_eq!(backlog.next_fetch(), None, "what is before it comes first");
            let expected: Vec<_> = [1_000].into_iter().chain(1..=count).chain(1..=count).collect();
            assert_eq!(payloads(&mut backlog), expected, "{count}");
            assert_eq!(backlog.len(), 2);
            assert_eq!(backlog.next_fetch().unwrap(), [1_001]);
            backlog.fill(answer(&[1_001]), CommitId::NONE);
            assert_eq!(payloads(&mut backlog), [1_001, 0]);
            assert_eq!((backlog.len(), backlog.bytes(), backlog.head_bytes), (0, 0, 0));
        }
    }

    #[test]
    fn retained_messages_make_room_and_are_let_go_like_others() {
        let weight = stored(1).message.weight();
        let mut backlog = Backlog::default();
        backlog.push_run(run(100));
        assert_eq!(backlog.drop_oldest(), Some(0));
        assert_eq!(backlog.len(), 99);
        backlog.push(stored(0), true);
        let mut seen = 0;
        backlog.retain(|delivery| {
            seen += 1;
            delivery.message.weight() == weight
        });
        assert_eq!((seen, backlog.len(), backlog.bytes()), (100, 9, 9 * weight), "2 to 9, and 0");
        backlog.push_run(run(5));
        backlog.let_go();
        assert_eq!(backlog.take_all().0.len(), 14);
        assert!(backlog.is_empty());
    }

    #[test]
    fn an_answer_to_what_was_asked_before_the_client_went_is_of_no_use() {
        let mut backlog = Backlog::default();
        (1..=2_000).for_each(|sequence| backlog.push(stored(sequence), true));
        for _ in 0..600 {
            backlog.remove(0);
        }
        let wanted = backlog.next_fetch().unwrap();
        assert_eq!(wanted[0], 1_001);
        backlog.let_go();
        assert!(backlog.fill(answer(&wanted), CommitId::NONE).is_empty());
        assert_eq!(backlog.head.len(), 0);
        assert_eq!(backlog.next_fetch().unwrap()[0], 601);
    }
}
