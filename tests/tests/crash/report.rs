//! What came of it, as a table, and what is held against the broker.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use serde_json::Value;

/// How long a start may take.
const READY_MAX: Duration = Duration::from_secs(5);
/// The columns that should be empty.
const FAILURES: [&str; 4] = ["lost", "twice", "order", "wrong"];

pub(crate) struct Report {
    pub(crate) rows: Vec<Row>,
    kills: u64,
    kills_in_recovery: u64,
    starts: Vec<Duration>,
    /// What went wrong, each told in a line; of many of a kind, the first ones.
    complaints: Vec<String>,
    /// What breaks no promise and is worth knowing.
    notes: Vec<String>,
}

/// One kind of promise.
pub(crate) struct Row {
    pub(crate) name: String,
    acknowledged: u64,
    received: u64,
    failures: [u64; 4],
}

impl Row {
    fn new(value: &Value) -> Self {
        let number = |column: &str| value[column].as_u64().expect("every column has a number");
        Self {
            name: value["name"].as_str().expect("every row has a name").to_owned(),
            acknowledged: number("acknowledged"),
            received: number("received"),
            failures: FAILURES.map(number),
        }
    }

    pub(crate) fn failures(&self) -> u64 {
        self.failures.iter().sum()
    }
}

impl Report {
    /// `account` is the clients'; starts and the complaints of the log are the daemon's.
    pub(crate) fn new(
        account: &Value,
        kills_in_recovery: u64,
        starts: &[Duration],
        mut complaints: Vec<String>,
    ) -> Self {
        let list = |name: &str| account[name].as_array().cloned().unwrap_or_default();
        let text = |value: Value| value.as_str().unwrap_or_default().to_owned();
        complaints.extend(list("failures").into_iter().map(text));
        let mut starts = starts.to_vec();
        starts.sort_unstable();
        if let Some(slowest) = starts.last().filter(|slowest| **slowest > READY_MAX) {
            complaints.push(format!("a start took {slowest:?}"));
        }
        let notes = account["notes"].as_object().into_iter().flatten();
        Self {
            rows: list("rows").iter().map(Row::new).collect(),
            kills: account["kills"].as_u64().expect("it counts the kills"),
            kills_in_recovery,
            starts,
            complaints,
            notes: notes.map(|(note, count)| format!("{note}: {count}")).collect(),
        }
    }

    /// Fails when a promise was broken, or when there was hardly any load.
    pub(crate) fn hold(&self) {
        assert!(self.complaints.is_empty(), "\n{}", self.complaints.join("\n"));
        let idle: Vec<_> =
            self.rows.iter().filter(|row| row.acknowledged == 0 || row.received == 0).collect();
        let names: Vec<_> = idle.iter().map(|row| &row.name).collect();
        assert!(names.is_empty(), "nothing was checked of {names:?}");
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let [lost, twice, order, wrong] = FAILURES;
        let (acknowledged, received) = ("acknowledged", "received");
        writeln!(f, "{:14} {acknowledged:>12} {received:>9} {lost:>6} {twice:>6} {order:>6} {wrong:>6}", "")?;
        for Row { name, acknowledged, received, failures: [lost, twice, order, wrong] } in &self.rows {
            writeln!(f, "{name:14} {acknowledged:12} {received:9} {lost:6} {twice:6} {order:6} {wrong:6}")?;
        }
        writeln!(
            f,
            "connections lost {} times; {} more kills within 50 ms of a start; {} starts: median {:.1?}, slowest {:.1?}",
            self.kills,
            self.kills_in_recovery,
            self.starts.len(),
            self.starts[self.starts.len() / 2],
            self.starts[self.starts.len() - 1]
        )?;
        self.notes.iter().try_for_each(|note| writeln!(f, "  {note}"))
    }
}
