//! Connections under load: one loop that publishes, receives and acknowledges until all is done or nothing moves.

use std::time::{Duration, Instant};

use tidewire_clients::Error;

use super::latency::Latency;
use super::process::{cpu_time, resident_kib};
use super::publisher::Publisher;
use super::raw::{Link, Poller, Received};
use super::report::Report;
use super::subscriber::Subscriber;
use crate::tw::Failure;

/// See the module.
pub(super) struct Load {
    pub(super) publishers: Vec<Publisher>,
    pub(super) subscribers: Vec<Subscriber>,
    /// New messages that have been received, by publisher.
    delivered: Vec<u64>,
    poller: Poller,
    latency: Latency,
    pid: Option<u32>,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) latency: Latency,
    /// From the begin to the last acknowledgement, and to the last delivery.
    pub(super) acknowledged_within: Duration,
    pub(super) delivered_within: Duration,
    pub(super) cpu: Option<Duration>,
    pub(super) resident_kib: Option<(u64, u64)>,
    pub(super) is_stalled: bool,
}

impl Load {
    pub(super) fn new(
        publishers: Vec<Publisher>,
        subscribers: Vec<Subscriber>,
        pid: Option<u32>,
    ) -> Result<Self, Failure> {
        let poller = Poller::new()?;
        for (index, publisher) in publishers.iter().enumerate() {
            poller.add(&publisher.link, index as u64)?;
        }
        for (index, subscriber) in subscribers.iter().enumerate() {
            poller.add(&subscriber.link, SUBSCRIBERS | index as u64)?;
        }
        let delivered = vec![0; publishers.len()];
        Ok(Self { publishers, subscribers, delivered, poller, latency: Latency::new(), pid })
    }

    /// Runs until everything is acknowledged and received; publishes no longer than `duration`.
    pub(super) fn run(&mut self, duration: Option<Duration>) -> Result<Outcome, Failure> {
        let cpu_before = self.pid.map(cpu_time).transpose()?;
        let begin = Instant::now();
        let (mut acknowledged_within, mut delivered_within) = (Duration::ZERO, Duration::ZERO);
        let mut ready = Vec::new();
        let mut is_stalled = false;
        loop {
            let elapsed = begin.elapsed();
            if duration.is_some_and(|duration| elapsed >= duration) {
                self.publishers.iter_mut().for_each(Publisher::stop);
            }
            self.publish(elapsed)?;
            if self.is_done() {
                break;
            }
            let end = duration.filter(|duration| *duration > elapsed);
            let next = self.publishers.iter().filter_map(Publisher::next_due).chain(end).min();
            let timeout = next.map_or(TURN_MAX, |next| next.saturating_sub(elapsed).min(TURN_MAX));
            self.poller.wait(timeout, &mut ready)?;
            for &token in &ready {
                match token & SUBSCRIBERS {
                    0 if self.take_acknowledgements(token, begin)? => acknowledged_within = begin.elapsed(),
                    0 => {}
                    _ if self.take_deliveries(token)? => delivered_within = begin.elapsed(),
                    _ => {}
                }
            }
            let moved = acknowledged_within.max(delivered_within).max(next.unwrap_or_default().min(elapsed));
            if begin.elapsed().saturating_sub(moved) > STALL {
                is_stalled = true;
                break;
            }
        }
        let cpu_after = self.pid.map(cpu_time).transpose()?;
        Ok(Outcome {
            latency: std::mem::replace(&mut self.latency, Latency::new()),
            acknowledged_within,
            delivered_within,
            cpu: cpu_before.zip(cpu_after).map(|(before, after)| after.saturating_sub(before)),
            resident_kib: self.pid.and_then(resident_kib),
            is_stalled,
        })
    }

    fn publish(&mut self, elapsed: Duration) -> Result<(), Failure> {
        let is_received = !self.subscribers.is_empty();
        for (index, publisher) in self.publishers.iter_mut().enumerate() {
            let delivered = if is_received { self.delivered[index] } else { publisher.acknowledged };
            publisher.fill(elapsed, delivered);
            self.poller.flush(&mut publisher.link, index as u64)?;
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        let is_received = |index: usize, publisher: &Publisher| {
            self.subscribers.is_empty() || self.delivered[index] == publisher.sent
        };
        self.publishers
            .iter()
            .enumerate()
            .all(|(index, publisher)| publisher.is_done() && is_received(index, publisher))
    }

    fn take_acknowledgements(&mut self, token: u64, begin: Instant) -> Result<bool, Failure> {
        let publisher = &mut self.publishers[token as usize];
        let before = publisher.acknowledged;
        if !receive(&mut publisher.link)? {
            return Ok(false);
        }
        publisher.handle(begin, &mut self.latency)?;
        Ok(publisher.acknowledged > before)
    }

    fn take_deliveries(&mut self, token: u64) -> Result<bool, Failure> {
        let subscriber = &mut self.subscribers[(token & !SUBSCRIBERS) as usize];
        let is_something = receive(&mut subscriber.link)?;
        if is_something {
            subscriber.handle(&mut self.delivered)?;
        }
        self.poller.flush(&mut subscriber.link, token)?;
        Ok(is_something)
    }

    pub(super) fn sum(&self, figure: impl Fn(&Publisher) -> u64) -> u64 {
        self.publishers.iter().map(figure).sum()
    }

    pub(super) fn sum_arrivals(&self, figure: impl Fn(&super::subscriber::Arrivals) -> u64) -> u64 {
        self.subscribers.iter().map(|subscriber| figure(&subscriber.arrivals)).sum()
    }
}

impl Outcome {
    /// Adds what every scenario with publishers reports of them.
    pub(super) fn add_publishes_to(&self, report: &mut Report, load: &Load) {
        let acknowledged = load.sum(|publisher| publisher.acknowledged);
        let seconds = self.acknowledged_within.as_secs_f64().max(f64::MIN_POSITIVE);
        report.add("published", load.sum(|publisher| publisher.sent));
        report.add("acknowledged", acknowledged);
        report.add("refused", load.sum(|publisher| publisher.refused));
        if !self.acknowledged_within.is_zero() {
            report.add("acknowledged_per_s", (acknowledged as f64 / seconds).round());
        }
        self.latency.add_to(report);
    }

    /// Adds what the broker's process has used.
    pub(super) fn add_usage_to(&self, report: &mut Report, messages: u64) {
        let seconds =
            self.acknowledged_within.max(self.delivered_within).as_secs_f64().max(f64::MIN_POSITIVE);
        report.add_cpu(self.cpu, seconds, messages, "broker_cpu_us_per_message");
        if let Some((now, most)) = self.resident_kib {
            report.add("broker_resident_kib", now);
            report.add("broker_resident_most_kib", most);
        }
    }
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
/// What has not moved for so long moves no more.
pub(super) const STALL: Duration = Duration::from_secs(5);
