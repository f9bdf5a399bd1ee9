//! The table on the terminal, and each failure with its conversation.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::play::Outcome;
use crate::run::{Counts, Played, Results, Verdict};

/// The table, then the failures; with `verbose` the conversations of what passed as well.
pub fn table(results: &Results, verbose: bool) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "{:<8} {:<24} {:>6} {:>6} {:>6}", "suite", "section", "pass", "fail", "skip");
    let mut sections: BTreeMap<_, Vec<&Played>> = BTreeMap::new();
    for played in &results.played {
        sections.entry((played.case.suite, played.case.section.as_str())).or_default().push(played);
    }
    for ((suite, section), played) in sections {
        write_row(&mut text, suite.name(), section, Counts::of(played.into_iter()));
    }
    write_row(&mut text, "total", "", results.counts());

    for played in &results.played {
        match &played.verdict {
            Verdict::Failed(outcome) => write_failure(&mut text, played, outcome),
            Verdict::Skipped(lacking) => {
                let _ = writeln!(text, "\nskip {}: {lacking}", played.case.path());
            }
            Verdict::Passed(outcome) if verbose => {
                let _ = writeln!(text, "\npass {}", played.case.path());
                text.push_str(&outcome.transcript.render("  "));
            }
            Verdict::Passed(_) => {}
        }
    }
    let counts = results.counts();
    let _ = writeln!(
        text,
        "\n{} passed, {} failed, {} skipped in {:.1} s",
        counts.passed,
        counts.failed,
        counts.skipped,
        results.elapsed.as_secs_f64()
    );
    text
}

fn write_row(text: &mut String, suite: &str, section: &str, counts: Counts) {
    let _ = writeln!(
        text,
        "{suite:<8} {section:<24} {:>6} {:>6} {:>6}",
        counts.passed, counts.failed, counts.skipped
    );
}

fn write_failure(text: &mut String, played: &Played, outcome: &Outcome) {
    let Some(failure) = &outcome.failure else { return };
    let case = &played.case;
    let _ = writeln!(text, "\nFAIL {} [{}]", case.path(), case.statements.join(" "));
    let _ = writeln!(text, "  {}:{}: {}", case.file, failure.line, failure.step);
    let _ = writeln!(text, "  {}", failure.message);
    text.push_str(&outcome.transcript.render("  "));
}
