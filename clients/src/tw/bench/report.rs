//! What a scenario found out, as a table or as JSON.

use std::fmt::Write;
use std::time::Duration;

use serde_json::{Map, Value};

/// Figures in the order in which they are shown.
#[derive(Debug, Default)]
pub(super) struct Report {
    figures: Vec<Figure>,
    fault: Option<String>,
}

#[derive(Debug)]
struct Figure {
    /// With the unit at its end.
    name: &'static str,
    value: Value,
}

impl Report {
    pub(super) fn add(&mut self, name: &'static str, value: impl Into<Value>) {
        self.figures.push(Figure { name, value: value.into() });
    }

    /// Adds how many a second that is.
    pub(super) fn add_rate(&mut self, name: &'static str, count: u64, took: Duration) {
        let seconds = took.as_secs_f64().max(f64::MIN_POSITIVE);
        self.add(name, (count as f64 / seconds).round());
    }

    /// Adds a figure that is a measurement: with three digits behind the point.
    pub(super) fn add_measured(&mut self, name: &'static str, value: f64) {
        self.add(name, (value * 1000.0).round() / 1000.0);
    }

    /// Says that the broker did not do what it had to: the figures stand, but the command fails.
    pub(super) fn set_fault(&mut self, fault: String) {
        self.fault = Some(fault);
    }

    pub(super) fn fault(&self) -> Option<String> {
        self.fault.clone()
    }

    pub(super) fn to_json(&self) -> String {
        let object: Map<_, _> =
            self.figures.iter().map(|figure| (figure.name.to_owned(), figure.value.clone())).collect();
        Value::from(object).to_string()
    }

    pub(super) fn to_table(&self) -> String {
        let width = self.figures.iter().map(|figure| figure.name.len()).max().unwrap_or_default();
        let mut table = String::new();
        for Figure { name, value } in &self.figures {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            // Writing to a string does not fail.
            let _ = writeln!(table, "{name:width$}  {text}");
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_as_a_table_and_as_json() {
        let mut report = Report::default();
        report.add("scenario", "pairs");
        report.add("lost", 0);
        report.add_measured("duration_s", 1.23456);
        report.add_rate("per_s", 5, Duration::from_secs(2));
        assert_eq!(
            report.to_table(),
            "scenario    pairs\nlost        0\nduration_s  1.235\nper_s       3.0\n"
        );
        let json: Value = serde_json::from_str(&report.to_json()).unwrap();
        assert_eq!(
            json,
            serde_json::json!({"scenario": "pairs", "lost": 0, "duration_s": 1.235, "per_s": 3.0})
        );
    }
}
