//! The specifications' cases, played against the release binary: none may fail, over TCP and over WebSocket.
//!
//! Needed beforehand: `cargo build --release --workspace --bins`.

#[path = "../foreign/broker.rs"]
#[allow(dead_code, reason = "shared with the foreign clients' test, which also asks for socket addresses")]
mod broker;

use std::process::Command;

use tidewire_tests::binary::binary;

use crate::broker::Broker;

/// Plays a suite and holds that no case fails and that most are played.
fn play(suite: &str, url: impl Fn(&Broker) -> String) {
    let broker = Broker::start();
    let program = binary().with_file_name("tidewire-conformance");
    assert!(
        program.is_file(),
        "{} is missing: run `cargo build --release --workspace --bins`",
        program.display()
    );
    let played = Command::new(program)
        // Work queues are not served yet; the cases that need them are skipped.
        .args(["--url", &url(&broker), "--suite", suite, "--has", "receive_maximum=100", "--has", "queues=0"])
        .output()
        .expect("the program runs");
    let report = String::from_utf8_lossy(&played.stdout);
    assert!(played.status.success(), "{report}\n{}", String::from_utf8_lossy(&played.stderr));
    let summary = report.lines().last().unwrap_or_default();
    let passed: usize = summary.split(' ').next().and_then(|count| count.parse().ok()).unwrap_or_default();
    assert!(passed >= 50, "only {passed} cases passed: {summary}");
}

#[test]
fn mqtt_5_over_tcp() {
    play("mqtt5", Broker::mqtt_url);
}

#[test]
fn mqtt_5_over_web_socket() {
    play("mqtt5", Broker::websocket_url);
}

#[test]
fn mqtt_3_1_1_over_tcp() {
    play("mqtt311", Broker::mqtt_url);
}

#[test]
fn mqtt_3_1_1_over_web_socket() {
    play("mqtt311", Broker::websocket_url);
}

#[test]
fn stomp_over_tcp() {
    play("stomp", Broker::stomp_url);
}

#[test]
fn stomp_over_web_socket() {
    play("stomp", Broker::websocket_url);
}
