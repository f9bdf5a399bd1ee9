//! The specifications' cases, played against the release binary: none may fail, over TCP and over WebSocket, and each is
//! played in the configuration that it needs, one of `conformance/profiles`.
//!
//! Needed beforehand: `cargo build --release --workspace --bins --examples`.

#[path = "../foreign/broker.rs"]
#[allow(dead_code, reason = "shared with the foreign clients' test, which also asks for socket addresses")]
mod broker;
mod echo;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tidewire_tests::binary::binary;

use crate::broker::Broker;
use crate::echo::Echo;

/// What Tidewire has by default, as far as cases need to know it.
const DEFAULT: &str = "receive_maximum=100 maximum_packet_size=16777216 topic_alias_maximum=64 nack_requeues=1 origins=same-host";

/// A need that no configuration of Tidewire meets: it always serves subscription identifiers.
const ALWAYS_SERVED: &str = "subscription_identifiers=0";

/// Every verdict that a case got, by its path.
type Verdicts = BTreeMap<String, Vec<String>>;

/// Plays a suite in every configuration, holds that no case fails, and that each which does not need what this
/// transport or version lacks was played.
fn play(suite: &str, url: fn(&Broker) -> String, cannot: &[&str]) {
    let mut verdicts = Verdicts::new();
    play_with(&url(&Broker::start()), &[], suite, DEFAULT, false, &mut verdicts);
    for profile in profiles() {
        let text = fs::read_to_string(&profile).expect("a profile can be read");
        let has = text.lines().next().and_then(|line| line.strip_prefix("# has: "));
        let has = has.unwrap_or_else(|| panic!("{} begins with what it has", profile.display()));
        let broker = Broker::configured(&text, &files_of_users());
        play_with(&url(&broker), &[], suite, has, true, &mut verdicts);
    }
    hold(&verdicts, cannot);
}

/// Holds that every case was played somewhere, but for those that need what there cannot be.
fn hold(verdicts: &Verdicts, cannot: &[&str]) {
    let was_played = |verdicts: &[String]| verdicts.iter().any(|verdict| verdict == "pass");
    let lacks =
        |verdicts: &[String]| verdicts.iter().any(|verdict| cannot.iter().any(|need| verdict.contains(need)));
    let left: Vec<_> =
        verdicts.iter().filter(|(_, verdicts)| !was_played(verdicts) && !lacks(verdicts)).collect();
    assert!(left.is_empty(), "no profile has what these cases need: {left:#?}");
    let passed = verdicts.values().filter(|verdicts| was_played(verdicts)).count();
    assert!(passed >= 50, "only {passed} cases were played");
}

fn play_with(url: &str, options: &[&str], suite: &str, has: &str, configured: bool, verdicts: &mut Verdicts) {
    let program = binary().with_file_name("tidewire-conformance");
    assert!(
        program.is_file(),
        "{} is missing: run `cargo build --release --workspace --bins`",
        program.display()
    );
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let table = directory.path().join("verdicts.tsv");
    let played = Command::new(program)
        .args(["--url", url, "--suite", suite])
        .args(options)
        .args(has.split(' ').flat_map(|setting| ["--has", setting]))
        .args(configured.then_some("--configured"))
        .arg("--verdicts")
        .arg(&table)
        .output()
        .expect("the program runs");
    let report = String::from_utf8_lossy(&played.stdout);
    let report: Vec<_> =
        report.lines().filter(|line| !line.starts_with("skip ") && !line.is_empty()).collect();
    let report = report.join("\n");
    assert!(played.status.success(), "with {has}:\n{report}\n{}", String::from_utf8_lossy(&played.stderr));
    for row in fs::read_to_string(table).expect("it was written").lines().skip(1) {
        let columns: Vec<_> = row.split('\t').collect();
        let verdict = [columns[1], columns[2]].join(" ").trim().to_owned();
        verdicts.entry(columns[0].to_owned()).or_default().push(verdict);
    }
}

fn directory_of_profiles() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../conformance/profiles")
}

fn with_extension(extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory_of_profiles()).expect("the profiles are there");
    let paths = entries.map(|entry| entry.expect("its entries can be read").path());
    let mut paths: Vec<_> =
        paths.filter(|path| path.extension().is_some_and(|found| found == extension)).collect();
    paths.sort();
    paths
}

fn profiles() -> Vec<PathBuf> {
    let mut profiles = with_extension("toml");
    // Its URL is another: see `web_socket_over_tls`.
    profiles.retain(|profile| !profile.ends_with("tls.toml"));
    assert!(profiles.len() >= 4, "the profiles are in {}", directory_of_profiles().display());
    profiles
}

fn files_of_users() -> Vec<PathBuf> {
    with_extension("scram")
}

#[test]
fn web_socket() {
    play("websocket", Broker::websocket_url, &["echo=1", "tls=1"]);
}

#[test]
fn web_socket_over_tls() {
    let certified = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a key can be made");
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let file = |name: &str, text: String| {
        let path = directory.path().join(name);
        fs::write(&path, text).expect("a temporary directory can be written to");
        path
    };
    let files =
        [file("server.pem", certified.cert.pem()), file("server.key", certified.signing_key.serialize_pem())];
    let profile = fs::read_to_string(directory_of_profiles().join("tls.toml")).expect("the profile is there");
    let broker = Broker::configured(&profile, &files);
    let mut verdicts = Verdicts::new();
    let url = broker.websocket_url().replace("ws://", "wss://");
    let ca = files[0].display().to_string();
    play_with(&url, &["--ca", &ca], "websocket", DEFAULT, false, &mut verdicts);
    let lacks =
        ["echo=1", "tls=0", "context_takeover=1", "paths=1", "origins=list", "maximum_packet_size=4096"];
    let elsewhere =
        ["handshake_size_max", "connect_timeout", "compression=0", "anonymous=0", "heart_beat_min"];
    hold(&verdicts, &[lacks.as_slice(), &elsewhere].concat());
}

#[test]
fn web_socket_echo() {
    let mut verdicts = Verdicts::new();
    for (arguments, has) in [
        (&[] as &[&str], "echo=1"),
        (&["--context-takeover", "true"], "echo=1 context_takeover=1"),
        (&["--window-bits", "9", "--level", "9"], "echo=1"),
        (&["--compression", "false"], "echo=1 compression=0"),
    ] {
        let echo = Echo::start(arguments);
        play_with(&echo.url(), &[], "websocket", has, false, &mut verdicts);
    }
    let broker = ["echo=0", "tls=1", "paths=1", "origins=", "maximum_packet_size", "handshake_size_max"];
    hold(&verdicts, &[broker.as_slice(), &["connect_timeout"]].concat());
}

#[test]
fn mqtt_5_over_tcp() {
    play("mqtt5", Broker::mqtt_url, &["transport=ws", ALWAYS_SERVED]);
}

#[test]
fn mqtt_5_over_web_socket() {
    play("mqtt5", Broker::websocket_url, &["transport=tcp", ALWAYS_SERVED]);
}

#[test]
fn mqtt_3_1_1_over_tcp() {
    play("mqtt311", Broker::mqtt_url, &["transport=ws"]);
}

#[test]
fn mqtt_3_1_1_over_web_socket() {
    play("mqtt311", Broker::websocket_url, &["transport=tcp"]);
}

#[test]
fn stomp_over_tcp() {
    play("stomp", Broker::stomp_url, &["transport=ws"]);
}

#[test]
fn stomp_over_web_socket() {
    play("stomp", Broker::websocket_url, &["transport=tcp"]);
}
