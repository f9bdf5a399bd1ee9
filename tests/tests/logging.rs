//! The log of the daemon as a process, in each of its formats, and its document.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;
use tidewire::counters::RefusalReason;
use tidewire_protocols::mqtt::Version;
use tidewire_tests::binary::binary;
use tidewire_tests::daemon::{DEADLINE, Daemon};
use tidewire_tests::mqtt::{Say, connect, disconnect};

const LISTENERS: &str = "[[listeners]]\nname = \"devices\"\nbind = \"127.0.0.1:0\"\ntransport = \"tcp\"\n\
                         protocols = [\"mqtt\"]\n[admin]\nbind = \"\"\n[storage]\nsync = \"memory\"\n";

/// A folder with a configuration that logs so.
fn folder(log: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    configure(&folder, log);
    folder
}

fn configure(folder: &TempDir, log: &str) {
    let text = format!("{LISTENERS}[log]\n{log}\n");
    fs::write(folder.path().join("tidewire.toml"), text).expect("the folder can be written to");
}

fn tidewire(folder: &TempDir) -> Command {
    let mut command = Command::new(binary());
    command
        .args(["serve", "--config", "tidewire.toml"])
        .current_dir(folder.path())
        .env_remove("JOURNAL_STREAM");
    command
}

/// Connects as `alice` and says goodbye.
fn comes_and_goes(address: std::net::SocketAddr) {
    let mut stream = TcpStream::connect(address).expect("the daemon accepts");
    stream.set_read_timeout(Some(DEADLINE)).expect("the timeout is not zero");
    stream.write_all(&connect("alice").bytes(Version::V5)).expect("it takes what is sent");
    let mut first = [0];
    stream.read_exact(&mut first).expect("CONNACK comes");
    stream.write_all(&disconnect().bytes(Version::V5)).expect("it takes what is sent");
    while stream.read(&mut [0; 64]).expect("it closes in order") > 0 {}
}

#[test]
fn text_is_plain_where_there_is_no_terminal() {
    for (format, journal_stream) in
        [("text", None), ("auto", None), ("auto", Some("8:1")), ("auto", Some("?"))]
    {
        let folder = folder(&format!("format = {format:?}"));
        let mut command = tidewire(&folder);
        if let Some(journal_stream) = journal_stream {
            command.env("JOURNAL_STREAM", journal_stream);
        }
        let mut daemon = Daemon::start(command);
        daemon.says("ready");
        comes_and_goes(daemon.address("mqtt"));
        let rest = daemon.says(" INFO connected ");
        assert!(rest.contains(r#" client_id="alice" address="127.0.0.1" listener="devices" "#), "{rest}");
        daemon.says(" INFO disconnected ");
        daemon.signal("-TERM");
        assert!(daemon.ends().success());
        // What was in the queue at the end is written all the same.
        daemon.has_said(" INFO stopped");
        assert!(!daemon.heard().contains('\x1b'), "{}", daemon.heard());
    }
}

#[test]
fn json_is_one_object_a_line_from_the_first_to_the_last() {
    let folder = folder("format = \"json\"");
    let mut daemon = Daemon::start(tidewire(&folder));
    daemon.says("ready");
    comes_and_goes(daemon.address("mqtt"));
    daemon.says("\"disconnected\"");
    daemon.signal("-TERM");
    assert!(daemon.ends().success());
    let said = daemon.heard();
    let lines: Vec<Value> =
        said.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect();
    for line in &lines {
        let object = line.as_object().expect("each line is an object");
        assert!(object.values().all(|value| !value.is_object() && !value.is_array()), "{line}");
        assert!(
            line["timestamp"].as_str().is_some_and(|time| time.len() == 27 && time.ends_with('Z')),
            "{line}"
        );
    }
    let event =
        |words: &str| lines.iter().find(|line| line["message"] == words).expect("there is such a line");
    let facts = json!({
        "level": "INFO", "client_id": "alice", "address": "127.0.0.1", "listener": "devices", "protocol": "mqtt5",
        "transport": "tcp", "tls": false,
    });
    for (words, more) in [
        ("connected", json!({ "session_present": false, "keep_alive": 600, "expiry_secs": 0 })),
        ("disconnected", json!({ "by": "client", "reason": "disconnect", "detail": "Normal disconnection" })),
    ] {
        for (name, value) in facts.as_object().into_iter().chain(more.as_object()).flatten() {
            assert_eq!(&event(words)[name], value, "{name} of {}", event(words));
        }
    }
}

#[test]
fn without_a_journal_the_daemon_says_so_and_does_not_start() {
    // On a machine with one, entries of a test have no place in it.
    if Path::new("/run/systemd/journal/socket").exists() {
        return;
    }
    let folder = folder("format = \"journald\"");
    let mut daemon = Daemon::start(tidewire(&folder));
    assert_eq!(daemon.ends().code(), Some(78), "sysexits.h: the configuration is wrong");
    daemon.has_said("log.format: the journal cannot be reached at /run/systemd/journal/socket: ");
}

#[test]
fn a_reload_changes_the_level() {
    let folder = folder("level = \"info\"");
    let mut daemon = Daemon::start(tidewire(&folder));
    daemon.says("ready");
    let address = daemon.address("mqtt");
    comes_and_goes(address);
    daemon.says(" INFO disconnected ");
    assert!(!daemon.heard().contains("DEBUG"), "{}", daemon.heard());
    configure(&folder, "level = \"warn,tidewire::net=debug,tidewire::broker=info\"");
    daemon.signal("-HUP");
    // That it is done, the first line of the new kind says.
    let deadline = std::time::Instant::now() + DEADLINE;
    while !daemon.heard().contains("DEBUG connection ") {
        assert!(std::time::Instant::now() < deadline, "{}", daemon.heard());
        comes_and_goes(address);
        daemon.says(" INFO disconnected ");
    }
}

#[test]
fn every_reason_is_documented() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the workspace");
    let document = fs::read_to_string(path.join("docs/logging.md")).expect("the document is there");
    for reason in RefusalReason::ALL {
        assert!(document.contains(&format!("\n| `{}` |", reason.name())), "{reason:?}");
    }
}
