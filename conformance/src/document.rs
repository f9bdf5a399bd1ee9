//! `docs/conformance.md`: which statement is checked by which case, why the others are not, and what came of the cases
//! here and elsewhere.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::case::{Case, Suite};
use crate::coverage::{COMPLETE, Covered, covered, exclusions, observable};
use crate::statements;
use crate::verdicts::{self, Row};

/// What the cases were played against besides our own, with the verdicts: one for each protocol.
const OTHERS: [(&str, &str); 3] = [
    ("mosquitto 2.0.11", include_str!("../results/mosquitto-2.0.11.tsv")),
    ("RabbitMQ 3.10.8", include_str!("../results/rabbitmq-3.10.8.tsv")),
    ("websockets 17.4", include_str!("../results/websockets-17.4.tsv")),
];

/// What no configuration of Tidewire has: subscription identifiers it always serves, and TLS it leaves to others.
const LACKING: [(&str, &str); 2] = [("subscription_identifiers", "0"), ("tls", "1")];

/// The whole document.
pub fn document(cases: &[Case]) -> String {
    let other = other();
    let mut text = HEAD.to_owned();
    write_coverage_summary(&mut text, cases);
    write_results(&mut text, cases, &other);
    write_failures(&mut text, &other);
    for suite in COMPLETE {
        write_statements(&mut text, suite, cases);
    }
    text
}

/// The verdicts of the other brokers; each case has one.
pub fn other() -> Vec<Row> {
    // Their form is held by a test; a row that is none would be missing there.
    OTHERS.iter().flat_map(|(_, table)| verdicts::parse(table).unwrap_or_default()).collect()
}

const HEAD: &str = "\
# Conformance

Every normative statement of the specifications that binds a server, or shows in its reaction, with the cases that check it.
A case is a conversation in a file that a person can read, below `conformance/cases`; the program plays them against any
broker:

```sh
cargo run --release -p tidewire-conformance -- --url ws://127.0.0.1:8080/
```

`--suite mqtt5`, `--case NAME` choose; `--verbose` shows conversations; `--has receive_maximum=20` says how the broker is
configured, and cases that need it otherwise are skipped. Tidewire is played in each configuration of `conformance/profiles`.

This page is generated; `cargo run -p tidewire-conformance -- --document docs/conformance.md` writes it anew, and a test holds that
it is up to date. The statements' texts are our own words; the numbers are those of the OASIS Standards.
The ids of STOMP's and WebSocket's are ours.
";

fn write_coverage_summary(text: &mut String, cases: &[Case]) {
    text.push_str("\n## How much is covered\n\n");
    text.push_str("| suite | cases | observable statements | with a case | share |\n|---|---|---|---|---|\n");
    for suite in Suite::ALL {
        let count = cases.iter().filter(|case| case.suite == suite).count();
        let (rows, checked) = observable(suite, cases);
        let share = checked as f64 * 100.0 / rows.max(1) as f64;
        let _ = writeln!(text, "| {} | {count} | {rows} | {checked} | {share:.1} % |", title(suite));
    }
}

fn write_results(text: &mut String, cases: &[Case], other: &[Row]) {
    let _ = writeln!(
        text,
        "\n## What came of the cases\n\n\
         Tidewire passes each, over TCP and over WebSocket, in the configuration that the case needs: the tests hold it. (One is\n\
         for servers without subscription identifiers, one for those with TLS.) Two others were played over TCP as Debian ships\n\
         them, in their default configuration: {} with MQTT's cases, {} and its STOMP plugin with STOMP's. The cases\n\
         of WebSocket were played against an echo of Python's {}. What they do not have is skipped; an echo is no broker.\n\n\
         | section | cases | Tidewire passes | the other passes | fails | skipped |\n|---|---|---|---|---|---|",
        OTHERS[0].0, OTHERS[1].0, OTHERS[2].0
    );
    let mut sections: BTreeMap<(Suite, &str), Vec<&Case>> = BTreeMap::new();
    for case in cases {
        sections.entry((case.suite, &case.section)).or_default().push(case);
    }
    let mut total = [0; 5];
    for ((suite, section), cases) in &sections {
        let of_other = |verdict: &str| {
            let is_so =
                |case: &&&Case| other.iter().any(|row| row.case == case.path() && row.verdict == verdict);
            cases.iter().filter(is_so).count()
        };
        let lacks = |case: &&&Case| {
            case.needs.iter().any(|need| LACKING.contains(&(need.key.as_str(), need.value.as_str())))
        };
        let lacking = cases.iter().filter(lacks).count();
        let row = [cases.len(), cases.len() - lacking, of_other("pass"), of_other("fail"), of_other("skip")];
        total.iter_mut().zip(row).for_each(|(sum, count)| *sum += count);
        let _ = writeln!(
            text,
            "| {}/{section} | {} |",
            suite.name(),
            row.map(|count| count.to_string()).join(" | ")
        );
    }
    let _ = writeln!(text, "| total | {} |", total.map(|count| count.to_string()).join(" | "));
}

fn write_failures(text: &mut String, other: &[Row]) {
    let _ = writeln!(
        text,
        "\n### What the others fail\n\nEach was read once more by the words of the standard.\n\n| case | verdict |\n|---|---|"
    );
    for row in other.iter().filter(|row| row.verdict == "fail") {
        let _ = writeln!(text, "| {} | {} |", row.case, row.note);
    }
}

fn write_statements(text: &mut String, suite: Suite, cases: &[Case]) {
    let _ =
        writeln!(text, "\n## {}\n\n| statement | | what it says | cases |\n|---|---|---|---|", title(suite));
    let exclusions = exclusions();
    for statement in statements::all().iter().filter(|statement| statement.suite() == suite) {
        let cases = match covered(statement, cases, &exclusions) {
            Covered::By(cases) => {
                let names = cases.iter().map(|case| format!("{}/{}", case.section, case.name));
                names.collect::<Vec<_>>().join(", ")
            }
            Covered::Not(reason) => format!("*none: {reason}*"),
            Covered::Unknown => "*none yet*".to_owned(),
        };
        let paraphrase = statement.paraphrase.replace('|', "\\|");
        let _ = writeln!(text, "| {} | {} | {paraphrase} | {cases} |", statement.id, statement.level);
    }
}

fn title(suite: Suite) -> &'static str {
    match suite {
        Suite::Mqtt5 => "MQTT 5.0",
        Suite::Mqtt311 => "MQTT 3.1.1",
        Suite::Stomp => "STOMP",
        Suite::WebSocket => "WebSocket",
    }
}
