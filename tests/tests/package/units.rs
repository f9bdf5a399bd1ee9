//! The units for systemd, looked at by systemd's own tools, none of which needs it to run here.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use tidewire::config::Config;
use tidewire_tests::binary::WITHOUT_ADMIN;
use tidewire_tests::daemon::Daemon;

use crate::{done, outcome, program, root};

/// The folder of the units.
fn folder() -> PathBuf {
    root().join("broker/packaging/systemd")
}

/// Copies of all units that start the program under test, and their paths.
fn copies() -> (TempDir, Vec<PathBuf>) {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let copy = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("a unit is text");
        let text = text.replace("/usr/bin/tidewire", &program("tidewire").display().to_string());
        let copy = directory.path().join(path.file_name().expect("a unit has a name"));
        fs::write(&copy, text).expect("a temporary directory can be written to");
        copy
    };
    let folders = [folder(), folder().join("sockets")];
    let entries = folders.iter().flat_map(|folder| fs::read_dir(folder).expect("the units are there"));
    let paths = entries.map(|entry| entry.expect("it can be read").path());
    let copies = paths.filter(|path| path.is_file()).map(copy).collect();
    (directory, copies)
}

/// What stands behind `name=` in a unit, for each time that it is set.
pub(crate) fn settings<'t>(unit: &'t str, name: &str) -> Vec<&'t str> {
    let value = |line: &'t str| line.strip_prefix(name)?.strip_prefix('=');
    unit.lines().filter_map(value).collect()
}

fn systemd_version() -> u32 {
    let text = done(Command::new("systemd-analyze").arg("--version"));
    let number = text.split_whitespace().nth(1).and_then(|number| number.parse().ok());
    number.unwrap_or_else(|| panic!("no version is in {text}"))
}

#[test]
fn systemd_finds_nothing_in_the_units() {
    let (_directory, units) = copies();
    assert_eq!(units.len(), 5, "{units:?}");
    let (text, is_right) = outcome(Command::new("systemd-analyze").args(["verify", "--man=no"]).args(&units));
    // Two types are named, of which an older systemd takes the first.
    let is_known = |line: &&str| {
        systemd_version() < 253 && line.ends_with("Failed to parse service type, ignoring: notify-reload")
    };
    let found: Vec<_> = text.lines().filter(|line| !is_known(line)).collect();
    assert_eq!(found, [""; 0]);
    assert!(is_right);
}

#[test]
fn systemd_rates_the_sandbox_below_two() {
    let unit = folder().join("tidewire.service");
    // In tenths: exit status 1 where the exposure is more.
    let threshold = "--threshold=19";
    done(
        Command::new("systemd-analyze")
            .args(["security", "--no-pager", "--offline=true", threshold])
            .arg(unit),
    );
}

#[test]
fn each_socket_is_a_listener_of_the_default() {
    let config = Config::default();
    let listeners =
        config.listeners.iter().map(|listener| (listener.name.to_string(), listener.bind.clone()));
    let all = listeners.chain([("admin".to_owned(), config.admin.bind.clone())]);
    for (name, bind) in all {
        let unit = fs::read_to_string(folder().join(format!("sockets/tidewire-{name}.socket")))
            .expect("it has a unit");
        assert_eq!(settings(&unit, "FileDescriptorName"), [&name]);
        assert_eq!(settings(&unit, "ListenStream"), [&bind], "{name}");
        assert_eq!(settings(&unit, "Service"), ["tidewire.service"], "{name}");
    }
}

/// systemd's groups of system calls, each with what it lists: calls, and other groups.
fn groups() -> BTreeMap<String, Vec<String>> {
    let text = done(Command::new("systemd-analyze").arg("syscall-filter"));
    let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut group = String::new();
    for line in text.lines() {
        match line.trim() {
            name if line.starts_with('@') => group = name.to_owned(),
            comment if comment.is_empty() || comment.starts_with('#') => {}
            name => groups.entry(group.clone()).or_default().push(name.to_owned()),
        }
    }
    groups
}

/// The system calls of a group, those of the groups in it included.
fn calls(groups: &BTreeMap<String, Vec<String>>, name: &str) -> BTreeSet<String> {
    match groups.get(name) {
        Some(members) => members.iter().flat_map(|member| calls(groups, member)).collect(),
        None => BTreeSet::from([name.to_owned()]),
    }
}

/// What the service may call: each `SystemCallFilter=` in turn adds, or with `~` takes away.
fn allowed(unit: &str) -> BTreeSet<String> {
    let groups = groups();
    let mut allowed = calls(&groups, "@default");
    for filter in settings(unit, "SystemCallFilter") {
        let (names, is_taken) = filter.strip_prefix('~').map_or((filter, false), |names| (names, true));
        for call in names.split_whitespace().flat_map(|name| calls(&groups, name)) {
            match is_taken {
                true => allowed.remove(&call),
                false => allowed.insert(call),
            };
        }
    }
    allowed
}

/// The names of the calls in what strace has written, one a line behind the thread's number.
fn called(trace: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(trace).expect("strace has written it");
    let name = |line: &str| {
        let call = line.split_whitespace().nth(1)?;
        let name = call.split_once('(')?.0;
        (!name.is_empty()).then(|| name.to_owned())
    };
    text.lines().filter_map(name).collect()
}

/// A listener at a free port.
const LISTENER: &str = r#"
[[listeners]]
name = "ws"
bind = "127.0.0.1:0"
transport = "ws"
protocols = ["mqtt"]
"#;

#[test]
fn the_broker_calls_what_the_sandbox_allows() {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let (file, trace) = (directory.path().join("tidewire.toml"), directory.path().join("trace"));
    fs::write(&file, LISTENER).expect("a temporary directory can be written to");
    let mut command = Command::new("strace");
    command
        .args(["-f", "-qq", "-o"])
        .arg(&trace)
        .arg(program("tidewire"))
        .args(["serve", "--config"])
        .arg(&file);
    command.envs(WITHOUT_ADMIN).env("TIDEWIRE_DATA_DIR", directory.path().join("data"));
    let mut daemon = Daemon::start(command);
    daemon.says("ready");
    let url = format!("ws://{}/", daemon.address("ws"));
    done(Command::new(program("tw")).args(["pub", "-u", &url, "-t", "a", "-m", "kept", "-q", "1", "-r"]));
    assert_eq!(done(Command::new(program("tw")).args(["sub", "-u", &url, "-t", "a", "-c", "1"])), "kept\n");
    // strace passes the signal on to nobody: it is the broker's.
    let broker = done(Command::new("pgrep").args(["-P", &daemon.id().to_string()]));
    done(Command::new("kill").args(["-TERM", broker.trim()]));
    assert!(daemon.ends().success(), "{}", daemon.heard());
    let called = called(&trace);
    assert!(called.contains("accept4") && called.contains("fdatasync"), "{called:?}");
    let unit = fs::read_to_string(folder().join("tidewire.service")).expect("the unit is text");
    let denied: Vec<_> = called.difference(&allowed(&unit)).cloned().collect();
    assert_eq!(denied, [""; 0], "calls that the unit denies");
}
