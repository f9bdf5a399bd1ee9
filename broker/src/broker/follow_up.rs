//! What a session that is over still owes to others, where its messages must be fetched from the store first.
//!
//! The store answers on a thread of its own, which must not be kept: the answer is left here, and whoever runs the
//! schedule goes on with it.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::Broker;
use super::connect::record_end;
use super::offer::record_done;
use crate::counters::DropReason;
use crate::message::Qos;
use crate::session::{AbsentDelivery, Session, chunk};
use crate::store::{Answers, Fetch, Fetched, Owner};
use crate::turn::Turn;

/// What has come from the store and waits for its turn.
#[derive(Default)]
pub(super) struct FollowUps {
    waiting: Mutex<VecDeque<FollowUp>>,
    news: Notify,
}

/// Messages that waited for a session which is over.
struct FollowUp {
    session: Arc<Session>,
    asked: Vec<AbsentDelivery>,
    answers: Answers,
    /// What else is to be fetched.
    left: VecDeque<AbsentDelivery>,
    over: Over,
}

/// The shared subscriptions that ended with the session, which was their last member's.
pub(super) type Over = Arc<[Box<str>]>;

impl FollowUps {
    fn push(&self, follow_up: FollowUp) {
        self.waiting.lock().push_back(follow_up);
        self.news.notify_one();
    }

    /// Waits until there is something.
    pub(super) async fn wait(&self) {
        self.news.notified().await;
    }
}

impl Broker {
    /// A session is over, and the messages that others may have in its place lie in the store: they are passed on as they
    /// come, and only then does the store hear of the session's end. A crash in between loses none of them: the session is
    /// found again, and ends again.
    pub(super) fn pass_on_absent(
        &self,
        session: &Arc<Session>,
        mut absent: VecDeque<AbsentDelivery>,
        over: Over,
    ) {
        let wanted = absent.iter().map(|delivery| (delivery.sequence, delivery.weight as usize));
        let sequences = chunk(wanted);
        let asked = absent.drain(..sequences.len()).collect();
        let (follow_ups, from) = (Arc::clone(&self.follow_ups), Arc::clone(session));
        let owner = Owner::Session(session.id().0);
        self.store.fetch(Fetch::new(owner, sequences, move |answers| {
            follow_ups.push(FollowUp { session: from, asked, answers, left: absent, over });
        }));
    }

    /// One turn of what has come from the store; whether there is more.
    pub(super) fn handle_follow_up(&self) -> bool {
        let Some(follow_up) = self.follow_ups.waiting.lock().pop_front() else { return false };
        let mut turn = self.turn();
        self.catch_panic(|| self.pass_on_fetched(&mut turn, follow_up));
        if let Some(Err(error)) = self.catch_panic(|| turn.finish()) {
            tracing::error!(%error, "what a session left to others could not be stored");
        }
        true
    }

    fn pass_on_fetched(&self, turn: &mut Turn<'_>, follow_up: FollowUp) {
        let FollowUp { session, asked, answers, left, over } = follow_up;
        let is_over = |share: &str| over.iter().any(|ended| **ended == *share);
        for (delivery, (_, fetched)) in asked.into_iter().zip(answers) {
            // In one batch with its being another's, or a crash could have it passed on twice.
            record_done(turn, &session, delivery.sequence);
            let Some(Fetched { message, terms: Some(terms) }) = fetched else {
                tracing::error!(
                    client_id = &*session.key().client_id,
                    "a stored message cannot be read, and is dropped"
                );
                self.counters.dropped.add(DropReason::Unreadable, 1);
                continue;
            };
            // A QoS 2 message stays with the member that it may have been sent to. [MQTT-4.8.2-5]
            let stays = delivery.is_repeat && terms.qos == Qos::ExactlyOnce;
            if let Some(origin) = terms.origin {
                self.return_taken(turn, &message, &origin, None);
            } else if let Some(share) = terms.share.filter(|share| !stays && !is_over(share)) {
                self.pass_on_one(turn, &session, &message, &share);
            }
        }
        if left.is_empty() {
            record_end(turn, &session);
        } else {
            self.pass_on_absent(&session, left, over);
        }
    }
}

/// Those of a session's deliveries that others may have in its place.
pub(super) fn for_others(absent: Vec<AbsentDelivery>) -> VecDeque<AbsentDelivery> {
    absent.into_iter().filter(|delivery| delivery.is_for_others).collect()
}
