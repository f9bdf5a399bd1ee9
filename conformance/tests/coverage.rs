//! The case files as data: they parse, every statement that they name is a row of the tables, and every row has a case or
//! a reason why none can exist.

#![allow(clippy::unwrap_used, reason = "a test says by a panic what is wrong")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use tidewire_conformance::case::{Plays, Suite, parse};
use tidewire_conformance::{coverage, document, library, statements};

#[test]
fn every_case_names_statements_that_exist() {
    let cases = library::embedded().unwrap_or_else(|error| panic!("{error}"));
    let unknown = statements::unknown(&cases, &statements::all());
    assert!(unknown.is_empty(), "\n{}", unknown.join("\n"));
}

#[test]
fn a_case_that_names_an_unknown_statement_is_found() {
    let text = "case x\nstatements: MQTT-3.1.0-1 MQTT-9.9.9-9\n> PINGREQ\n";
    let cases = parse(Suite::Mqtt5, "s", "s.case", text).unwrap();
    let unknown = statements::unknown(&cases, &statements::all());
    assert_eq!(unknown, ["s.case:1: case x names MQTT-9.9.9-9, which mqtt5 does not have"]);
}

/// `MQTT311-U-…` is a row, but not one of 5.0.
#[test]
fn a_statement_belongs_to_its_version() {
    let text = "case x\nstatements: MQTT311-U-3.1.4-1\n> PINGREQ\n";
    let five = parse(Suite::Mqtt5, "s", "s.case", text).unwrap();
    assert_eq!(statements::unknown(&five, &statements::all()).len(), 1);
    let three = parse(Suite::Mqtt311, "s", "s.case", text).unwrap();
    assert!(statements::unknown(&three, &statements::all()).is_empty());
}

#[test]
fn every_table_is_read_whole() {
    let rows = statements::all();
    let count = |suite| rows.iter().filter(|row| row.suite() == suite).count();
    assert_eq!(count(Suite::Mqtt5) + count(Suite::Mqtt311), 141 + 251 + 128);
    assert_eq!(count(Suite::Stomp), 177);
    assert_eq!(count(Suite::WebSocket), 103);
    let ids: BTreeSet<_> = rows.iter().map(|row| (&row.version, &row.id)).collect();
    assert_eq!(ids.len(), rows.len(), "an id stands twice in its version");
}

#[test]
fn every_suite_ends_by_checking_that_the_broker_still_serves() {
    let cases = library::embedded().unwrap_or_else(|error| panic!("{error}"));
    for suite in Suite::ALL {
        assert!(
            cases.iter().any(|case| case.suite == suite && case.plays == Plays::Last),
            "{} has no case that plays last",
            suite.name()
        );
    }
}

#[test]
fn every_statement_has_a_case_or_a_reason_why_none_can_exist() {
    let cases = library::embedded().unwrap_or_else(|error| panic!("{error}"));
    let faults = coverage::faults(&cases, &statements::all(), &coverage::exclusions());
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn nearly_all_observable_statements_have_a_case() {
    let cases = library::embedded().unwrap_or_else(|error| panic!("{error}"));
    for suite in coverage::COMPLETE {
        let (rows, checked) = coverage::observable(suite, &cases);
        assert!(checked * 100 >= rows * 95, "{}: {checked} of {rows}", suite.name());
    }
}

/// Whoever adds a case plays it against the other broker as well, and says of a failure whose it is.
#[test]
fn the_other_brokers_verdicts_are_complete_and_explained() {
    let cases = library::embedded().unwrap_or_else(|error| panic!("{error}"));
    let verdicts = document::other();
    let mut faults = Vec::new();
    for case in cases.iter().filter(|case| coverage::COMPLETE.contains(&case.suite)) {
        match verdicts.iter().find(|row| row.case == case.path()) {
            None => faults.push(format!("{} has no verdict", case.path())),
            Some(row) if row.verdict == "fail" && row.note.is_empty() => {
                faults.push(format!("{} failed, and nobody has said why", case.path()));
            }
            Some(_) => {}
        }
    }
    for row in &verdicts {
        if !cases.iter().any(|case| case.path() == row.case) {
            faults.push(format!("{} is no case", row.case));
        }
    }
    assert!(faults.is_empty(), "results/*.tsv (see --verdicts):\n{}", faults.join("\n"));
}

#[test]
fn the_document_is_up_to_date() {
    let cases = library::embedded().unwrap_or_else(|error| panic!("{error}"));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/conformance.md");
    let written = fs::read_to_string(path).unwrap_or_default();
    assert!(
        written == document::document(&cases),
        "run `cargo run -p tidewire-conformance -- --document docs/conformance.md`"
    );
}
