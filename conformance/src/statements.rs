//! The tables of the specifications' statements that cases name.

use std::collections::BTreeSet;

use crate::case::{Case, Suite};

/// One row of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// `5.0`, `3.1.1`, `1.2`, `1.1` or `1.0`; of WebSocket `RFC6455`, `RFC7692` or `binding`.
    pub version: String,
    /// `MQTT-3.1.0-1`; the same id means different things in 3.1.1 and in 5.0.
    pub id: String,
    /// MUST, SHOULD, MAY, …
    pub level: String,
    /// Whom it binds: `server`, `client` or `both`.
    pub side: String,
    /// A client can see from outside whether a server obeys.
    pub observable: bool,
    /// What it says, in our words.
    pub paraphrase: String,
}

impl Statement {
    /// Whether the case checks it.
    pub fn is_checked_by(&self, case: &Case) -> bool {
        case.suite == self.suite() && case.statements.contains(&self.id)
    }

    /// The suite whose cases may name it.
    pub fn suite(&self) -> Suite {
        match self.version.as_str() {
            "5.0" => Suite::Mqtt5,
            "3.1.1" => Suite::Mqtt311,
            "RFC6455" | "RFC7692" | "binding" => Suite::WebSocket,
            _ => Suite::Stomp,
        }
    }
}

/// Every row of every table.
pub fn all() -> Vec<Statement> {
    let tables: &[&str] = include!(concat!(env!("OUT_DIR"), "/statements.rs"));
    tables.iter().flat_map(|table| table.lines().skip(1)).filter_map(parse_row).collect()
}

fn parse_row(row: &str) -> Option<Statement> {
    let columns: Vec<&str> = row.split('\t').collect();
    let [version, id, _section, level, side, observable, paraphrase, ..] = columns[..] else { return None };
    Some(Statement {
        version: version.to_owned(),
        id: id.to_owned(),
        level: level.to_owned(),
        side: side.to_owned(),
        observable: observable == "yes",
        paraphrase: paraphrase.to_owned(),
    })
}

/// The statements that a case names and its suite does not have, as `file:line: …`.
pub fn unknown(cases: &[Case], statements: &[Statement]) -> Vec<String> {
    let known: BTreeSet<(Suite, &str)> = statements.iter().map(|row| (row.suite(), &*row.id)).collect();
    let mut unknown = Vec::new();
    for case in cases {
        for id in case.statements.iter().filter(|id| !known.contains(&(case.suite, id.as_str()))) {
            let (file, line, suite) = (&case.file, case.line, case.suite.name());
            unknown
                .push(format!("{file}:{line}: case {} names {id}, which {suite} does not have", case.name));
        }
    }
    unknown
}
