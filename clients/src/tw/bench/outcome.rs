//! What came of a run, and how it is reported.

use std::ops::Sub;
use std::time::Duration;

use super::arrivals::Arrivals;
use super::latency::{ACKNOWLEDGED, DELIVERED, Latency, SENT_LATE};
use super::load::{Load, STALL};
use super::report::Report;
use super::usage::{Each, Usage};

/// What happened behind the warm-up, but for [`in_all`](Self::in_all).
#[derive(Debug)]
pub(super) struct Outcome {
    /// From the message, or when it was due, to its acknowledgement.
    pub(super) acknowledged: Latency,
    /// The same to its delivery.
    pub(super) delivered: Latency,
    /// From being due to being sent.
    pub(super) late: Latency,
    /// Until the last acknowledgement, and to the last delivery.
    pub(super) acknowledged_within: Duration,
    pub(super) delivered_within: Duration,
    pub(super) counted: Counted,
    pub(super) in_all: Counted,
    pub(super) usage: Usage,
    pub(super) is_stalled: bool,
    /// Whether it went on for longer than its warm-up.
    pub(super) is_warm: bool,
}

/// Messages.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counted {
    pub(super) sent: u64,
    /// Deliveries of what was sent.
    pub(super) expected: u64,
    pub(super) acknowledged: u64,
    pub(super) received: u64,
}

impl Sub for Counted {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            sent: self.sent - before.sent,
            expected: self.expected - before.expected,
            acknowledged: self.acknowledged - before.acknowledged,
            received: self.received - before.received,
        }
    }
}

impl Outcome {
    /// How long it took.
    pub(super) fn took(&self) -> Duration {
        self.acknowledged_within.max(self.delivered_within)
    }

    /// Adds what every scenario with publishers reports of them.
    pub(super) fn add_publishes_to(&self, report: &mut Report, load: &Load) {
        report.add("published", self.counted.sent);
        report.add("acknowledged", self.counted.acknowledged);
        report.add("refused", load.sum(|publisher| publisher.refused));
        if !self.acknowledged_within.is_zero() {
            report.add_rate("acknowledged_per_s", self.counted.acknowledged, self.acknowledged_within);
        }
        self.acknowledged.add_to(report, &ACKNOWLEDGED);
        self.late.add_to(report, &SENT_LATE);
    }

    /// Adds what every scenario with subscribers reports of them, and all that a run costs and that went wrong in it.
    pub(super) fn add_deliveries_to(&self, report: &mut Report, load: &Load) {
        let received = self.counted.received;
        report.add("messages", received);
        report.add_measured("duration_s", self.delivered_within.as_secs_f64());
        report.add_rate("messages_per_s", received, self.delivered_within);
        self.delivered.add_to(report, &DELIVERED);
        self.usage.add_to(report, self.took(), received, &Each::MESSAGE);
        self.add_wrong_to(report, load, self.in_all.received);
    }

    /// Adds what went wrong; `received` are different messages.
    pub(super) fn add_wrong_to(&self, report: &mut Report, load: &Load, received: u64) {
        let lost = self.in_all.expected.saturating_sub(received);
        report.add("lost", lost);
        report.add("duplicates", load.sum_arrivals(Arrivals::duplicates) + (self.in_all.received - received));
        report.add("out_of_order", load.sum_arrivals(Arrivals::out_of_order));
        report.add("foreign", load.sum_arrivals(Arrivals::foreign));
        if self.is_stalled {
            let seconds = STALL.as_secs();
            let unacknowledged = self.in_all.sent - self.in_all.acknowledged;
            report.set_fault(format!(
                "nothing moved for {seconds} s: {lost} messages not received, {unacknowledged} not acknowledged; \
                 if the broker drops what waits, raise its limits or lower --window and --ahead"
            ));
        } else if !self.is_warm {
            report.set_fault("all was done within the warm-up: the figures contain it".to_owned());
        }
    }
}
