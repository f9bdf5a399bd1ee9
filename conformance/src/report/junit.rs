//! The run as JUnit XML, as build servers read it.

use std::fmt::Write as _;

use crate::case::Suite;
use crate::play::Outcome;
use crate::run::{Counts, Played, Results, Verdict};

/// One `testsuite` for each suite; a case's class is `suite.section`.
pub fn junit(results: &Results) -> String {
    let counts = results.counts();
    let total = results.played.len();
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(
        text,
        "<testsuites name=\"tidewire-conformance\" tests=\"{total}\" failures=\"{}\" skipped=\"{}\" time=\"{:.3}\">",
        counts.failed,
        counts.skipped,
        results.elapsed.as_secs_f64()
    );
    for suite in Suite::ALL {
        let played: Vec<&Played> =
            results.played.iter().filter(|played| played.case.suite == suite).collect();
        if !played.is_empty() {
            write_suite(&mut text, suite, &played);
        }
    }
    text.push_str("</testsuites>\n");
    text
}

fn write_suite(text: &mut String, suite: Suite, played: &[&Played]) {
    let counts = Counts::of(played.iter().copied());
    let _ = writeln!(
        text,
        "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" skipped=\"{}\">",
        suite.name(),
        played.len(),
        counts.failed,
        counts.skipped
    );
    for played in played {
        write_case(text, played);
    }
    text.push_str("  </testsuite>\n");
}

fn write_case(text: &mut String, played: &Played) {
    let case = &played.case;
    let class = format!("{}.{}", case.suite.name(), case.section);
    let _ = write!(
        text,
        "    <testcase classname=\"{class}\" name=\"{}\" file=\"{}\" line=\"{}\"",
        escape(&case.name),
        escape(&case.file),
        case.line
    );
    match &played.verdict {
        Verdict::Passed(outcome) => {
            let _ = writeln!(text, " time=\"{:.3}\"/>", outcome.elapsed.as_secs_f64());
        }
        Verdict::Skipped(lacking) => {
            let _ = writeln!(text, ">\n      <skipped message=\"{}\"/>\n    </testcase>", escape(lacking));
        }
        Verdict::Failed(outcome) => write_failure(text, outcome),
    }
}

fn write_failure(text: &mut String, outcome: &Outcome) {
    let Some(failure) = &outcome.failure else { return };
    let _ = writeln!(text, " time=\"{:.3}\">", outcome.elapsed.as_secs_f64());
    let _ = writeln!(
        text,
        "      <failure message=\"{}\">line {}: {}\n{}</failure>\n    </testcase>",
        escape(&failure.message),
        failure.line,
        escape(&failure.step),
        escape(&outcome.transcript.render(""))
    );
}

/// For text and attributes; what XML 1.0 cannot hold at all becomes U+FFFD.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(character),
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            control if control.is_control() => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn markup_and_forbidden_characters_are_replaced() {
        assert_eq!(escape("a<b>&\"\n\u{1}"), "a&lt;b&gt;&amp;&quot;\n\u{fffd}");
    }
}
