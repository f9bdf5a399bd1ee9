//! What falls due while nobody is connected: delayed wills and the end of sessions.
//!
//! A session has at most two entries, and none once it is attached or ended: clients that come and go leave nothing
//! behind. That holds because its entries are only ever changed under its lock, which is taken before the schedule's.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Weak};
use std::time::Instant;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::Session;
use crate::message::SessionId;

/// One thing that falls due. It is for nothing when `attachments` differs from the session's: a client has come back
/// since it was taken from the schedule.
#[derive(Clone)]
pub struct Due {
    /// Whose.
    pub session: Weak<Session>,
    /// The session's count of attachments when this was set.
    pub attachments: u64,
}

/// When one session's entries fall due: its will, and its end.
type Times = [Option<Instant>; 2];

/// A queue of what falls due, by time.
#[derive(Default)]
pub struct Schedule {
    queue: Mutex<Queue>,
    earlier: Notify,
}

#[derive(Default)]
struct Queue {
    entries: BTreeMap<(Instant, SessionId), Due>,
    /// Where each session's entries are.
    times: HashMap<SessionId, Times, foldhash::fast::RandomState>,
}

impl Schedule {
    /// Sets what falls due for a session, in place of what was set before. Called under the session's lock.
    pub fn set(&self, session: &Arc<Session>, attachments: u64, times: [Option<Instant>; 2]) {
        let mut queue = self.queue.lock();
        // Before the session's own are removed: whoever waits for one of those wakes too early, and looks again.
        let first = queue.first();
        queue.remove(session.id());
        if times != [None; 2] {
            queue.times.insert(session.id(), times);
        }
        for at in times.into_iter().flatten() {
            let due = Due { session: Arc::downgrade(session), attachments };
            queue.entries.insert((at, session.id()), due);
        }
        let is_earlier = queue.first().is_some_and(|at| first.is_none_or(|first| at < first));
        drop(queue);
        if is_earlier {
            self.earlier.notify_one();
        }
    }

    /// Removes a session's entries: it is attached again, or over. Called under the session's lock.
    pub fn cancel(&self, session: SessionId) {
        self.queue.lock().remove(session);
    }

    /// When the next entry falls due.
    pub fn next(&self) -> Option<Instant> {
        self.queue.lock().first()
    }

    /// Takes one entry that is due.
    pub fn pop_due(&self, now: Instant) -> Option<Due> {
        self.queue.lock().pop_due(now)
    }

    /// Waits until an entry is due that was not there, or until `next` has come. An entry that is added after `next`
    /// was looked at leaves a permit behind, so that it is not missed; there is one waiter.
    pub async fn wait(&self) {
        match self.next() {
            Some(at) => {
                tokio::select! {
                    () = tokio::time::sleep_until(at.into()) => {}
                    () = self.earlier.notified() => {}
                }
            }
            None => self.earlier.notified().await,
        }
    }
}

impl Queue {
    fn first(&self) -> Option<Instant> {
        self.entries.first_key_value().map(|((at, _), _)| *at)
    }

    fn remove(&mut self, session: SessionId) {
        for at in self.times.remove(&session).into_iter().flatten().flatten() {
            self.entries.remove(&(at, session));
        }
    }

    fn pop_due(&mut self, now: Instant) -> Option<Due> {
        let entry = self.entries.first_entry()?;
        let (at, session) = *entry.key();
        if at > now {
            return None;
        }
        let due = entry.remove();
        if let Some(times) = self.times.get_mut(&session) {
            for time in times.iter_mut().filter(|time| **time == Some(at)) {
                *time = None;
            }
            if *times == [None; 2] {
                self.times.remove(&session);
            }
        }
        Some(due)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt;

    use super::*;
    use crate::router::testing::session;

    fn entries(schedule: &Schedule) -> usize {
        let queue = schedule.queue.lock();
        let by_session: usize = queue.times.values().map(|times| times.iter().flatten().count()).sum();
        assert!(by_session >= queue.entries.len());
        assert_eq!(queue.times.is_empty(), queue.entries.is_empty());
        queue.entries.len()
    }

    fn pop(schedule: &Schedule, now: Instant) -> Option<(SessionId, u64)> {
        let due = schedule.pop_due(now)?;
        Some((due.session.upgrade().unwrap().id(), due.attachments))
    }

    #[test]
    fn a_client_that_comes_and_goes_leaves_no_entries_behind() {
        let (schedule, session, start) = (Schedule::default(), session(1), Instant::now());
        let at = |secs| Some(start + Duration::from_secs(secs));
        for round in 1..1_000 {
            schedule.set(&session, round, [at(round + 10), at(round + 600)]);
            assert_eq!(entries(&schedule), 2);
            if round % 2 == 0 {
                schedule.cancel(session.id());
                assert_eq!(entries(&schedule), 0);
            }
        }
        schedule.cancel(session.id());
        assert_eq!(entries(&schedule), 0);
        assert_eq!(Arc::weak_count(&session), 0, "and its memory is not held");
    }

    #[test]
    fn entries_fall_due_by_time_and_not_before() {
        let (schedule, start) = (Schedule::default(), Instant::now());
        let (one, two) = (session(1), session(2));
        let at = |secs| Some(start + Duration::from_secs(secs));
        schedule.set(&one, 5, [at(10), at(30)]);
        // Both at once are one entry.
        schedule.set(&two, 7, [at(10), at(10)]);
        let pop_at = |secs| pop(&schedule, start + Duration::from_secs(secs));
        assert_eq!(pop_at(9), None);
        assert_eq!(pop_at(10), Some((one.id(), 5)));
        assert_eq!(pop_at(10), Some((two.id(), 7)));
        assert_eq!(pop_at(29), None);
        assert_eq!(schedule.next(), at(30));
        assert_eq!(pop_at(31), Some((one.id(), 5)));
        assert_eq!(entries(&schedule), 0);
        schedule.set(&one, 8, [None, None]);
        assert_eq!(entries(&schedule), 0);
    }

    #[tokio::test]
    async fn an_entry_that_is_set_before_or_during_the_wait_ends_it() {
        let (schedule, session, start) = (Schedule::default(), session(1), Instant::now());
        let at = |secs| Some(start + Duration::from_secs(secs));
        // Nobody waits yet: the news is kept, once.
        schedule.set(&session, 1, [None, at(6_000)]);
        assert!(schedule.wait().now_or_never().is_some());
        assert!(schedule.wait().now_or_never().is_none());
        let mut waiting = std::pin::pin!(schedule.wait());
        assert!(waiting.as_mut().now_or_never().is_none());
        schedule.set(&session, 2, [None, at(7_000)]);
        assert!(waiting.as_mut().now_or_never().is_none(), "it would wake too early and look again");
        schedule.set(&session, 3, [at(2_000), at(7_000)]);
        assert!(waiting.now_or_never().is_some());
    }
}
