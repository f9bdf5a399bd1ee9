//! Which statements have a case, and why the others have none.

use crate::case::{Case, Suite};
use crate::statements::{self, Statement};

/// A statement for which there can be no case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exclusion {
    version: &'static str,
    id: &'static str,
    /// Why.
    pub reason: &'static str,
}

impl Exclusion {
    /// Whether it is about this statement.
    pub fn is_of(&self, statement: &Statement) -> bool {
        self.id == statement.id && self.version == statement.version
    }
}

/// The suites whose every statement must have a case or a reason.
pub const COMPLETE: [Suite; 4] = Suite::ALL;

/// The table of statements without a case.
pub fn exclusions() -> Vec<Exclusion> {
    let rows = include_str!("../without_case.tsv").lines().skip(1);
    rows.filter_map(|row| {
        let mut columns = row.split('\t');
        Some(Exclusion { version: columns.next()?, id: columns.next()?, reason: columns.next()? })
    })
    .collect()
}

/// How one statement is covered.
#[derive(Clone, Debug)]
pub enum Covered<'c> {
    /// By these cases.
    By(Vec<&'c Case>),
    /// There can be none; why.
    Not(&'static str),
    /// There is none, and nobody has said why.
    Unknown,
}

/// How a statement is covered.
pub fn covered<'c>(statement: &Statement, cases: &'c [Case], exclusions: &[Exclusion]) -> Covered<'c> {
    let checks: Vec<_> = cases.iter().filter(|case| statement.is_checked_by(case)).collect();
    if !checks.is_empty() {
        return Covered::By(checks);
    }
    match exclusions.iter().find(|exclusion| exclusion.is_of(statement)) {
        Some(exclusion) => Covered::Not(exclusion.reason),
        None if statement.side == "client" && !statement.observable => {
            Covered::Not("a client's duty that shows in no reaction of the server")
        }
        None => Covered::Unknown,
    }
}

/// What is wrong with the coverage of the complete suites: statements with neither a case nor a reason, reasons for
/// statements that have a case, reasons for statements that do not exist.
pub fn faults(cases: &[Case], statements: &[Statement], exclusions: &[Exclusion]) -> Vec<String> {
    let mut faults = Vec::new();
    for statement in statements.iter().filter(|statement| COMPLETE.contains(&statement.suite())) {
        let name = format!("{} {}", statement.version, statement.id);
        let is_excluded = exclusions.iter().any(|exclusion| exclusion.is_of(statement));
        match covered(statement, cases, exclusions) {
            Covered::Unknown => {
                faults.push(format!("{name} has neither a case nor a reason why none can exist"));
            }
            Covered::By(checks) if is_excluded => {
                faults.push(format!(
                    "{name} has a reason for having no case, and the case {}",
                    checks[0].path()
                ));
            }
            Covered::By(_) | Covered::Not(_) => {}
        }
    }
    for exclusion in exclusions {
        if !statements.iter().any(|statement| exclusion.is_of(statement)) {
            faults.push(format!("without_case.tsv: {} {} does not exist", exclusion.version, exclusion.id));
        }
    }
    faults
}

/// Observable statements of a suite, and how many of them have a case.
pub fn observable(suite: Suite, cases: &[Case]) -> (usize, usize) {
    let rows = statements::all();
    let rows: Vec<_> = rows.iter().filter(|row| row.suite() == suite && row.observable).collect();
    let checked = rows.iter().filter(|row| cases.iter().any(|case| row.is_checked_by(case)));
    (rows.len(), checked.count())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::parse;

    fn statement(id: &str, side: &str, observable: bool) -> Statement {
        let [version, level, paraphrase] = ["5.0", "MUST", "…"].map(str::to_owned);
        Statement { version, id: id.to_owned(), level, side: side.to_owned(), observable, paraphrase }
    }

    #[test]
    fn a_statement_needs_a_case_or_a_reason_and_not_both() {
        let cases = parse(Suite::Mqtt5, "s", "s.case", "case x\nstatements: A B\n> PINGREQ\n").unwrap();
        let exclusion = |id| Exclusion { version: "5.0", id, reason: "because" };
        let rows = [
            statement("A", "server", true),
            statement("B", "server", true),
            statement("C", "server", false),
            statement("D", "client", false),
            statement("E", "both", true),
        ];
        let found = faults(&cases, &rows, &[exclusion("B"), exclusion("C"), exclusion("F")]);
        assert_eq!(
            found,
            [
                "5.0 B has a reason for having no case, and the case mqtt5/s/x",
                "5.0 E has neither a case nor a reason why none can exist",
                "without_case.tsv: 5.0 F does not exist",
            ]
        );
    }
}
