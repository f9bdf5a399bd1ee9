//! The run as JSON.

use serde_json::{Value, json as value};

use crate::run::{Played, Results, Verdict};
use crate::transcript::{Direction, Line};

/// One object: what was played against, the counts, and every case.
pub fn json(results: &Results, target: &str) -> Value {
    let counts = results.counts();
    value!({
        "target": target,
        "passed": counts.passed,
        "failed": counts.failed,
        "skipped": counts.skipped,
        "seconds": results.elapsed.as_secs_f64(),
        "cases": results.played.iter().map(case).collect::<Vec<_>>(),
    })
}

fn case(played: &Played) -> Value {
    let case = &played.case;
    let mut object = value!({
        "suite": case.suite.name(),
        "section": case.section,
        "name": case.name,
        "statements": case.statements,
        "file": case.file,
        "line": case.line,
    });
    let result = match &played.verdict {
        Verdict::Passed(outcome) => value!({"result": "pass", "seconds": outcome.elapsed.as_secs_f64()}),
        Verdict::Skipped(lacking) => value!({"result": "skip", "reason": lacking}),
        Verdict::Failed(outcome) => value!({
            "result": "fail",
            "seconds": outcome.elapsed.as_secs_f64(),
            "failure": outcome.failure.as_ref().map(|failure| value!({
                "line": failure.line,
                "step": failure.step,
                "message": failure.message,
            })),
            "conversation": outcome.transcript.lines.iter().map(line).collect::<Vec<_>>(),
        }),
    };
    if let (Value::Object(object), Value::Object(result)) = (&mut object, result) {
        object.extend(result);
    }
    object
}

fn line(line: &Line) -> Value {
    let direction = match line.direction {
        Direction::Sent => "sent",
        Direction::Came => "came",
        Direction::Note => "note",
    };
    value!({
        "milliseconds": u64::try_from(line.milliseconds).unwrap_or(u64::MAX),
        "connection": line.connection,
        "direction": direction,
        "text": line.text,
        "hex": line.bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>(),
    })
}
