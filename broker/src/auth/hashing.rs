//! Hashes passwords on threads of its own, which give way to those that serve: a hash takes a core for 20 ms and more. As
//! many may wait as configured; who comes then is told that the broker is busy.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread;

use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

/// How much these threads give way, as `nice` counts it: of a core that others want as well they get a tenth.
const NICE: i32 = 10;

/// See the module. It ends its threads when it is dropped.
#[derive(Debug)]
pub struct Hashing {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    line: Mutex<Line>,
    news: Condvar,
    waiting_max: usize,
    threads_max: usize,
}

#[derive(Default)]
struct Line {
    jobs: VecDeque<Job>,
    threads: usize,
    is_over: bool,
}

/// Jobs hold passwords, which belong into no log.
impl std::fmt::Debug for Line {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Line({} jobs, {} threads)", self.jobs.len(), self.threads)
    }
}

struct Job {
    work: Box<dyn FnOnce() -> bool + Send>,
    answer: oneshot::Sender<bool>,
}

/// Whether a password is the right one, once that is known.
pub(super) type Hashed = oneshot::Receiver<bool>;

impl Hashing {
    /// As many jobs may wait as `waiting_max`. One core is left to those that serve, where there are several.
    pub fn new(waiting_max: usize) -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self::with_threads(waiting_max, cores.saturating_sub(1).max(1))
    }

    fn with_threads(waiting_max: usize, threads_max: usize) -> Self {
        let (line, news) = (Mutex::default(), Condvar::new());
        Self { shared: Arc::new(Shared { line, news, waiting_max, threads_max }) }
    }

    /// Has `work` done; `None` where too many wait already. What nobody waits for any more when its turn comes is left
    /// out.
    pub(super) fn begin(&self, work: impl FnOnce() -> bool + Send + 'static) -> Option<Hashed> {
        let (answer, hashed) = oneshot::channel();
        let mut line = self.shared.line.lock();
        line.jobs.retain(|job| !job.answer.is_closed());
        if line.jobs.len() >= self.shared.waiting_max {
            return None;
        }
        line.jobs.push_back(Job { work: Box::new(work), answer });
        if line.threads < self.shared.threads_max.min(line.jobs.len()) {
            let shared = Arc::clone(&self.shared);
            let started = thread::Builder::new().name("hashing".to_owned()).spawn(move || shared.run());
            match started {
                Ok(_) => line.threads += 1,
                Err(error) if line.threads == 0 => {
                    tracing::error!(%error, "no thread can be started to hash passwords");
                    line.jobs.clear();
                    return None;
                }
                Err(_) => {}
            }
        }
        drop(line);
        self.shared.news.notify_one();
        Some(hashed)
    }
}

impl Drop for Hashing {
    fn drop(&mut self) {
        self.shared.line.lock().is_over = true;
        self.shared.news.notify_all();
    }
}

impl Shared {
    fn run(&self) {
        // Zero is the calling thread. Where it may not, hashing takes its share all the same.
        let _ = rustix::process::setpriority_process(None, NICE);
        let mut line = self.line.lock();
        loop {
            match line.jobs.pop_front() {
                Some(Job { work, answer }) if !answer.is_closed() => {
                    drop(line);
                    // A panic ends this job, and its client is told that it cannot be authenticated.
                    if let Ok(is_right) = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)) {
                        let _ = answer.send(is_right);
                    }
                    line = self.line.lock();
                }
                Some(_) => {}
                None if line.is_over => return,
                None => self.news.wait(&mut line),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Work that says that it has begun, and goes on when it is told to.
    fn gated() -> (impl FnOnce() -> bool + Send, mpsc::Receiver<()>, mpsc::Sender<bool>) {
        let ((begun, has_begun), (go, goes)) = (mpsc::channel(), mpsc::channel());
        let work = move || {
            let _ = begun.send(());
            goes.recv().unwrap_or(false)
        };
        (work, has_begun, go)
    }

    #[test]
    fn as_many_wait_as_may() {
        let hashing = Hashing::with_threads(2, 1);
        let (work, has_begun, go) = gated();
        let first = hashing.begin(work).unwrap();
        has_begun.recv().unwrap();
        let (second, third) = (hashing.begin(|| true), hashing.begin(|| false));
        assert!(second.is_some() && third.is_some());
        assert!(hashing.begin(|| true).is_none(), "two wait");
        drop(third);
        assert!(hashing.begin(|| true).is_some(), "who has gone away waits no more");
        go.send(true).unwrap();
        assert_eq!((first.blocking_recv(), second.unwrap().blocking_recv()), (Ok(true), Ok(true)));
    }

    #[test]
    fn a_panic_costs_one_answer() {
        let hashing = Hashing::with_threads(10, 1);
        let lost = hashing.begin(|| panic!("the test's work panics")).unwrap();
        let next = hashing.begin(|| true).unwrap();
        assert!(lost.blocking_recv().is_err());
        assert_eq!(next.blocking_recv(), Ok(true));
    }

    #[test]
    fn threads_end_with_it() {
        let hashing = Hashing::with_threads(10, 2);
        let shared = Arc::clone(&hashing.shared);
        let (first, second) = (hashing.begin(|| true).unwrap(), hashing.begin(|| true).unwrap());
        assert_eq!((first.blocking_recv(), second.blocking_recv()), (Ok(true), Ok(true)));
        drop(hashing);
        // Each thread holds it until its end.
        while Arc::strong_count(&shared) > 1 {
            thread::yield_now();
        }
    }
}
