//! Connections under load: one loop that publishes, receives and acknowledges until all is done or nothing moves.

use std::time::{Duration, Instant};

use tidewire_client::Error;

use super::arrivals::Arrivals;
use super::deliveries::Deliveries;
use super::latency::Latency;
use super::outcome::{Counted, Outcome};
use super::progress::Progress;
use super::publisher::Publisher;
use super::raw::{Link, Poller, Received};
use super::subscriber::Subscriber;
use super::usage::Meter;
use crate::tw::Failure;

/// See the module.
pub(super) struct Load {
    pub(super) publishers: Vec<Publisher>,
    pub(super) subscribers: Vec<Subscriber>,
    deliveries: Deliveries,
    poller: Poller,
    acknowledged: Latency,
    late: Latency,
    /// Publishers that have everything, and whose messages have all been received.
    is_done: Vec<bool>,
    done: usize,
    /// Publishers that are looked at in this turn.
    visited: Vec<usize>,
}

/// What is measured of a run.
#[derive(Debug)]
pub(super) struct Plan {
    /// Publish no longer than this, behind the warm-up.
    pub(super) duration: Option<Duration>,
    /// What happens before this is not measured.
    pub(super) warm_up: Duration,
    /// The broker's process.
    pub(super) pid: Option<u32>,
    /// Counts deliveries, or acknowledgements where nobody subscribes.
    pub(super) progress: Progress,
}

impl Load {
    /// One of `every` latencies is kept.
    pub(super) fn new(
        publishers: Vec<Publisher>,
        subscribers: Vec<Subscriber>,
        every: u32,
    ) -> Result<Self, Failure> {
        let poller = Poller::new()?;
        for (index, publisher) in publishers.iter().enumerate() {
            poller.add(&publisher.link, index as u64)?;
        }
        for (index, subscriber) in subscribers.iter().enumerate() {
            poller.add(&subscriber.link, SUBSCRIBERS | index as u64)?;
        }
        let count = publishers.len();
        Ok(Self {
            publishers,
            subscribers,
            deliveries: Deliveries::new(count, every),
            poller,
            acknowledged: Latency::new(every),
            late: Latency::new(1),
            is_done: vec![false; count],
            done: 0,
            visited: Vec::new(),
        })
    }

    /// Runs until everything is acknowledged and received.
    pub(super) fn run(&mut self, plan: Plan) -> Result<Outcome, Failure> {
        let Plan { duration, warm_up, pid, mut progress } = plan;
        let mut meter = Meter::start(pid)?;
        let begin = Instant::now();
        let end = duration.map(|duration| warm_up + duration);
        let (mut acknowledged_at, mut delivered_at) = (Duration::ZERO, Duration::ZERO);
        let (mut is_warm, mut is_stopped, mut is_stalled) = (warm_up.is_zero(), false, false);
        let mut before = Counted::default();
        let mut ready = Vec::new();
        loop {
            let elapsed = begin.elapsed();
            if !is_warm && elapsed >= warm_up {
                is_warm = true;
                before = self.counted();
                self.acknowledged.clear();
                self.deliveries.latency.clear();
                self.late.clear();
                meter = Meter::start(pid)?;
            }
            if !is_stopped && end.is_some_and(|end| elapsed >= end) {
                is_stopped = true;
                self.publishers.iter_mut().for_each(Publisher::stop);
                self.deliveries.visits.mark_all();
            }
            self.publish(begin)?;
            if self.done == self.publishers.len() {
                break;
            }
            progress.show(elapsed, || self.progress());
            let due = self.deliveries.visits.next().map(Duration::from_nanos);
            let limits = [end.filter(|_| !is_stopped), Some(warm_up).filter(|_| !is_warm), due];
            let next = limits.into_iter().flatten().min();
            let timeout =
                next.map_or(TURN_MAX, |next| next.saturating_sub(elapsed).clamp(TURN_MIN, TURN_MAX));
            self.poller.wait(timeout, &mut ready)?;
            for &token in &ready {
                match token & SUBSCRIBERS {
                    0 if self.take_acknowledgements(token, begin)? => acknowledged_at = begin.elapsed(),
                    0 => {}
                    _ if self.take_deliveries(token, begin)? => delivered_at = begin.elapsed(),
                    _ => {}
                }
            }
            // Who waits for the clock has not stalled.
            let moved = acknowledged_at.max(delivered_at).max(next.unwrap_or_default().min(elapsed));
            if begin.elapsed().saturating_sub(moved) > STALL {
                is_stalled = true;
                break;
            }
        }
        progress.finish();
        let measured_from = if is_warm { warm_up } else { Duration::ZERO };
        Ok(Outcome {
            acknowledged: std::mem::replace(&mut self.acknowledged, Latency::new(1)),
            delivered: std::mem::replace(&mut self.deliveries.latency, Latency::new(1)),
            late: std::mem::replace(&mut self.late, Latency::new(1)),
            acknowledged_within: acknowledged_at.saturating_sub(measured_from),
            delivered_within: delivered_at.saturating_sub(measured_from),
            counted: self.counted() - before,
            in_all: self.counted(),
            usage: meter.stop()?,
            is_stalled,
            is_warm,
        })
    }

    /// Lets those publish that something has happened to, or that are due.
    fn publish(&mut self, begin: Instant) -> Result<(), Failure> {
        let mut visited = std::mem::take(&mut self.visited);
        let mut elapsed = nanoseconds(begin);
        self.deliveries.visits.take(elapsed, &mut visited);
        for (turn, &index) in visited.iter().enumerate() {
            // Encoding and writing take their time.
            if turn % 16 == 15 {
                elapsed = nanoseconds(begin);
            }
            let publisher = &mut self.publishers[index];
            let delivered = self.deliveries.count(index);
            publisher.fill(elapsed, delivered, &mut self.late);
            self.poller.flush(&mut publisher.link, index as u64)?;
            if let Some(due) = publisher.next_due().filter(|due| *due > elapsed) {
                self.deliveries.visits.wait(index, due);
            }
            let is_done = publisher.is_done() && delivered >= publisher.expected;
            if is_done && !self.is_done[index] {
                self.is_done[index] = true;
                self.done += 1;
            }
        }
        self.visited = visited;
        Ok(())
    }

    fn take_acknowledgements(&mut self, token: u64, begin: Instant) -> Result<bool, Failure> {
        let index = token as usize;
        let publisher = &mut self.publishers[index];
        // At least there is room again for what waits.
        self.deliveries.visits.mark(index);
        let before = publisher.acknowledged;
        if !receive(&mut publisher.link)? {
            return Ok(false);
        }
        publisher.handle(nanoseconds(begin), &mut self.acknowledged)?;
        Ok(publisher.acknowledged > before)
    }

    fn take_deliveries(&mut self, token: u64, begin: Instant) -> Result<bool, Failure> {
        let subscriber = &mut self.subscribers[(token & !SUBSCRIBERS) as usize];
        let is_something = receive(&mut subscriber.link)?;
        if is_something {
            self.deliveries.now = nanoseconds(begin);
            subscriber.handle(&mut self.deliveries)?;
        }
        self.poller.flush(&mut subscriber.link, token)?;
        Ok(is_something)
    }

    fn progress(&self) -> u64 {
        match self.subscribers.is_empty() {
            true => self.sum(|publisher| publisher.acknowledged),
            false => self.sum_arrivals(Arrivals::received),
        }
    }

    fn counted(&self) -> Counted {
        Counted {
            sent: self.sum(|publisher| publisher.sent),
            expected: self.sum(|publisher| publisher.expected),
            acknowledged: self.sum(|publisher| publisher.acknowledged),
            received: self.sum_arrivals(Arrivals::received),
        }
    }

    pub(super) fn sum(&self, figure: impl Fn(&Publisher) -> u64) -> u64 {
        self.publishers.iter().map(figure).sum()
    }

    pub(super) fn sum_arrivals(&self, figure: impl Fn(&Arrivals) -> u64) -> u64 {
        self.subscribers.iter().map(|subscriber| figure(&subscriber.arrivals)).sum()
    }
}

fn nanoseconds(begin: Instant) -> u64 {
    // Five centuries.
    u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// Whether something has come.
pub(super) fn receive(link: &mut Link) -> Result<bool, Failure> {
    match link.receive()? {
        Received::Something => Ok(true),
        Received::Nothing => Ok(false),
        Received::End => Err(Error::Lost("the broker closed it".to_owned()).into()),
    }
}

/// What marks the token of a subscriber.
pub(super) const SUBSCRIBERS: u64 = 1 << 32;
const TURN_MAX: Duration = Duration::from_millis(100);
/// Messages that are due within this time are sent together: at most so much late, at a fraction of the cost.
const TURN_MIN: Duration = Duration::from_micros(20);
/// What has not moved for so long moves no more.
pub(super) const STALL: Duration = Duration::from_secs(5);
