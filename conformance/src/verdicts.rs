//! What came of each case against one broker, as a table that is kept: a verdict, and a note for those who read it.
//!
//! ```text
//! case <TAB> verdict <TAB> note        verdict: pass, fail or skip; of a skip, what the broker lacks
//! ```

use crate::run::{Results, Verdict};

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// `suite/section/name`.
    pub case: String,
    /// `pass`, `fail` or `skip`.
    pub verdict: String,
    /// Of a failure, whose fault it is; of a skip, what is lacking.
    pub note: String,
}

const HEADER: &str = "case\tverdict\tnote\n";

/// Reads a table; an empty text has no rows.
///
/// # Errors
///
/// The first row that is none.
pub fn parse(text: &str) -> Result<Vec<Row>, String> {
    let row = |line: &str| {
        let mut columns = line.split('\t').map(str::to_owned);
        match (columns.next(), columns.next(), columns.next(), columns.next()) {
            (Some(case), Some(verdict), Some(note), None) => Ok(Row { case, verdict, note }),
            _ => Err(format!("a row has a case, a verdict and a note: {line}")),
        }
    };
    text.lines().skip(1).map(row).collect()
}

/// Writes a table of results, with the notes of those rows whose verdict has stayed as it was.
pub fn write(results: &Results, earlier: &[Row]) -> String {
    let mut text = HEADER.to_owned();
    for played in &results.played {
        let case = played.case.path();
        let (verdict, lacking) = match &played.verdict {
            Verdict::Passed(_) => ("pass", None),
            Verdict::Failed(_) => ("fail", None),
            Verdict::Skipped(lacking) => ("skip", Some(lacking.as_str())),
        };
        let same = earlier.iter().find(|row| row.case == case && row.verdict == verdict);
        let note = lacking.or(same.map(|row| row.note.as_str())).unwrap_or_default();
        text.push_str(&format!("{case}\t{verdict}\t{note}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::case::{Suite, parse as parse_cases};
    use crate::play::Outcome;
    use crate::run::Played;
    use crate::transcript::Transcript;

    #[test]
    fn a_note_stays_as_long_as_its_verdict() {
        let text = "case a\nstatements: X\n> PINGREQ\ncase b\nstatements: X\n> PINGREQ\n";
        let cases = parse_cases(Suite::Mqtt5, "s", "s.case", text).unwrap();
        let outcome = Outcome { failure: None, transcript: Transcript::new(), elapsed: Duration::ZERO };
        let verdicts = [Verdict::Failed(outcome.clone()), Verdict::Passed(outcome)];
        let played = cases.into_iter().zip(verdicts);
        let played = played.map(|(case, verdict)| Played { case: Arc::new(case), verdict }).collect();
        let results = Results { played, elapsed: Duration::ZERO };
        let earlier = parse("case\tverdict\tnote\nmqtt5/s/a\tfail\ttheirs\nmqtt5/s/b\tfail\told\n").unwrap();
        let written = write(&results, &earlier);
        assert_eq!(written, "case\tverdict\tnote\nmqtt5/s/a\tfail\ttheirs\nmqtt5/s/b\tpass\t\n");
        assert_eq!(parse(&written).unwrap()[0], earlier[0]);
        assert!(parse("case\tverdict\tnote\nx\n").is_err());
    }
}
