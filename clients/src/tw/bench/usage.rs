//! What a run has cost: the broker, and this program.

use std::time::{Duration, Instant};

use super::process::{CpuTime, own_cpu_time, resident_kib};
use super::report::Report;
use crate::tw::Failure;

/// Measures from its making on.
#[derive(Debug)]
pub(super) struct Meter {
    pid: Option<u32>,
    begin: Instant,
    broker: Option<CpuTime>,
    own: Duration,
    resident_kib: u64,
}

/// What was used.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Usage {
    /// By the clock.
    pub(super) took: Duration,
    broker: Option<Duration>,
    own: Duration,
    /// Of the broker, at the end and at most.
    resident_kib: Option<(u64, u64)>,
    /// Of the broker, at the end beyond the begin; may be negative.
    grown_kib: Option<i64>,
}

/// What the CPU time is divided by: names of the broker's figure and of this program's.
pub(super) struct Each(&'static str, &'static str);

impl Each {
    pub(super) const MESSAGE: Self = Self("broker_cpu_us_per_message", "generator_cpu_us_per_message");
    pub(super) const DELIVERY: Self = Self("broker_cpu_us_per_delivery", "generator_cpu_us_per_delivery");
    pub(super) const CONNECTION: Self =
        Self("broker_cpu_us_per_connection", "generator_cpu_us_per_connection");
    pub(super) const SUBSCRIPTION: Self =
        Self("broker_cpu_us_per_subscription", "generator_cpu_us_per_subscription");
    pub(super) const PUBLISHED: Self = Self("broker_cpu_us_per_published", "generator_cpu_us_per_published");
    pub(super) const LOOP: Self = Self("broker_cpu_us_per_loop", "generator_cpu_us_per_loop");
}

impl Meter {
    /// `pid` is the broker's process.
    pub(super) fn start(pid: Option<u32>) -> Result<Self, Failure> {
        let resident_kib = pid.and_then(resident_kib).map_or(0, |(now, _)| now);
        let broker = pid.map(CpuTime::of).transpose()?;
        Ok(Self { pid, begin: Instant::now(), broker, own: own_cpu_time(), resident_kib })
    }

    /// How long it has measured.
    pub(super) fn elapsed(&self) -> Duration {
        self.begin.elapsed()
    }

    /// What was used, once the broker had `rest` to come to rest; only that is not in the time it took.
    pub(super) fn stop_settled(&self, rest: Duration) -> Result<Usage, Failure> {
        let took = self.elapsed();
        std::thread::sleep(rest);
        Ok(Usage { took, ..self.stop()? })
    }

    /// What was used until now.
    pub(super) fn stop(&self) -> Result<Usage, Failure> {
        let (took, own) = (self.begin.elapsed(), own_cpu_time().saturating_sub(self.own));
        let now = self.pid.map(CpuTime::of).transpose()?;
        let resident_kib = self.pid.and_then(resident_kib);
        Ok(Usage {
            took,
            broker: self.broker.zip(now).map(|(before, now)| now.since(before)),
            own,
            resident_kib,
            grown_kib: resident_kib.map(|(now, _)| now as i64 - self.resident_kib as i64),
        })
    }
}

impl Usage {
    /// Adds what was used in all and for each of `count`. Far below one core the broker was not what limited the rate.
    pub(super) fn add_to(&self, report: &mut Report, took: Duration, count: u64, each: &Each) {
        let seconds = took.as_secs_f64().max(f64::MIN_POSITIVE);
        if let Some(cpu) = self.broker {
            report.add_measured("broker_cpu_s", cpu.as_secs_f64());
            report.add_measured("broker_cores", cpu.as_secs_f64() / seconds);
        }
        self.add_each_to(report, count, each);
        if let Some((now, most)) = self.resident_kib {
            report.add("broker_resident_kib", now);
            report.add("broker_resident_most_kib", most);
        }
    }

    /// Adds the CPU time for each of `count`.
    pub(super) fn add_each_to(&self, report: &mut Report, count: u64, each: &Each) {
        let divided = |cpu: Duration| cpu.as_secs_f64() * 1e6 / count.max(1) as f64;
        if let Some(cpu) = self.broker {
            report.add_measured(each.0, divided(cpu));
        }
        report.add_measured(each.1, divided(self.own));
    }

    /// Adds the broker's CPU time, in seconds.
    pub(super) fn add_broker_cpu_to(&self, report: &mut Report, name: &'static str) {
        if let Some(cpu) = self.broker {
            report.add_measured(name, cpu.as_secs_f64());
        }
    }

    /// Adds by how much the broker has grown, in KiB for each of `count`.
    pub(super) fn add_growth_to(&self, report: &mut Report, count: u64, name: &'static str) {
        if let Some(grown) = self.grown_kib {
            report.add_measured(name, grown as f64 / count.max(1) as f64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_is_reported_for_each() {
        let usage = Usage {
            took: Duration::from_secs(2),
            broker: Some(Duration::from_secs(1)),
            own: Duration::from_millis(100),
            resident_kib: Some((300, 400)),
            grown_kib: Some(100),
        };
        let mut report = Report::default();
        usage.add_to(&mut report, usage.took, 1000, &Each::MESSAGE);
        usage.add_growth_to(&mut report, 1000, "grown");
        let json: serde_json::Value = serde_json::from_str(&report.to_json()).unwrap();
        let expected = serde_json::json!({
            "broker_cpu_s": 1.0, "broker_cores": 0.5, "broker_cpu_us_per_message": 1000.0,
            "generator_cpu_us_per_message": 100.0, "broker_resident_kib": 300, "broker_resident_most_kib": 400,
            "grown": 0.1,
        });
        assert_eq!(json, expected);
    }

    #[test]
    fn without_a_process_there_is_only_this_program() {
        let usage = Meter::start(None).unwrap().stop().unwrap();
        let mut report = Report::default();
        usage.add_to(&mut report, usage.took, 1, &Each::LOOP);
        assert!(report.to_json().starts_with("{\"generator_cpu_us_per_loop\":"));
    }
}
