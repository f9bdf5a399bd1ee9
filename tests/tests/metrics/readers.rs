//! Those who read the formats understand them: promtool and prometheus_client, as tests/foreign/install has them.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use tidewire::metrics::Format;

use super::page::{broker_on_disk, encoded};
use super::root;

/// Runs a program on that text; what it says must be nothing but this.
fn reads(mut command: Command, text: &str, expected: &str) {
    let mut process = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}; tests/foreign/install installs it"));
    process.stdin.take().expect("it was asked for").write_all(text.as_bytes()).expect("the program reads");
    let output = process.wait_with_output().expect("the program ends");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
    assert_eq!(String::from_utf8_lossy(&said).trim(), expected);
}

fn promtool(arguments: &[&str]) -> Command {
    let mut command = Command::new("promtool");
    command.args(arguments);
    command
}

fn python(script: &str) -> Command {
    let program = root().join("tests/foreign/.venv/bin/python");
    let mut command = Command::new(program);
    command.args(["-c", script]);
    command
}

#[tokio::test]
async fn both_formats_are_understood() {
    let folder = tempfile::tempdir().expect("a temporary directory can be made");
    let broker = broker_on_disk(folder.path());
    let (text, open_metrics) = (encoded(&broker, Format::Text), encoded(&broker, Format::OpenMetrics));
    broker.store().close();
    let count = text.lines().filter(|line| line.starts_with("# TYPE ")).count().to_string();
    reads(promtool(&["check", "metrics"]), &text, "");
    let script = |module: &str| {
        format!(
            "import sys\nfrom prometheus_client.{module} import text_string_to_metric_families as read\n\
             print(len([one for one in read(sys.stdin.read()) if one.documentation and one.type != 'unknown']))"
        )
    };
    reads(python(&script("parser")), &text, &count);
    reads(python(&script("openmetrics.parser")), &open_metrics, &count);
}

#[test]
fn the_alarms_are_understood() {
    let rules = root().join("broker/packaging/prometheus/alerts.yml");
    let rules: &Path = &rules;
    let output = promtool(&["check", "rules"]).arg(rules).output();
    let output = output.unwrap_or_else(|error| panic!("{error}; tests/foreign/install installs promtool"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
