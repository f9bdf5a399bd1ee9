//! Every client with every feature it has: the scripts in `tests/foreign/features/` play one function per feature, and
//! say of each whether it went as the client expects.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::broker::Broker;

/// Runs a script against a broker of its own; it must end well, and have played at least that many features.
fn play(program: impl Into<PathBuf>, script: &str, played_min: usize) {
    play_with(&Broker::start(), program, script, played_min);
}

/// The same against this broker.
fn play_with(broker: &Broker, program: impl Into<PathBuf>, script: &str, played_min: usize) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("foreign");
    let output = Command::new(folder.join(program.into()))
        .arg(folder.join("features").join(script))
        .arg(broker.mqtt().port().to_string())
        .arg(broker.websocket().port().to_string())
        .arg(broker.stomp().port().to_string())
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{script} does not start ({error}): run `tests/foreign/install`"));
    let report = String::from_utf8_lossy(&output.stdout);
    let failed: Vec<_> = report.lines().skip_while(|line| !line.starts_with("FAILED")).collect();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}:\n{}\n{complaints}", failed.join("\n"));
    let played = report.lines().filter(|line| line.starts_with("ok ")).count();
    assert!(played >= played_min, "{script} played only {played} features:\n{report}\n{complaints}");
}

#[test]
fn mosquitto() {
    play(".venv/bin/python", "mosquitto_features.py", 50);
}

#[test]
fn paho_1() {
    play(".venv-1/bin/python", "paho_features.py", 90);
}

#[test]
fn paho_2() {
    play(".venv/bin/python", "paho_features.py", 90);
}

#[test]
fn mqtt_js() {
    // Found where every program is: `join` leaves an absolute path as it is.
    play(node(), "mqttjs_features.mjs", 90);
}

#[test]
fn stomp_js() {
    play(node(), "stompjs_features.mjs", 24);
}

/// The same in headless Chromium, with the library's own bundle.
#[test]
fn stomp_js_in_a_browser() {
    play(node(), "stompjs_browser.mjs", 24);
}

#[test]
fn stomp_py() {
    play(".venv/bin/python", "stomppy_features.py", 15);
}

/// A client that has an implementation of SCRAM which is not ours.
#[test]
fn mqtt_js_by_scram() {
    let profiles = Path::new(env!("CARGO_MANIFEST_DIR")).join("../conformance/profiles");
    let settings = std::fs::read_to_string(profiles.join("closed.toml")).expect("the profile is there");
    let broker = Broker::configured(&settings, &[profiles.join("closed.scram")]);
    play_with(&broker, node(), "mqttjs_scram.mjs", 6);
}

fn node() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found =
        std::env::split_paths(&path).map(|folder| folder.join("node")).find(|program| program.is_file());
    found.expect("node is there: run `tests/foreign/install`")
}
