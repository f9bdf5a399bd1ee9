//! The daemon as a process: its commands, what it says, and how it stops.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;
use tidewire_protocols::mqtt::Version;
use tidewire_tests::binary::binary;
use tidewire_tests::daemon::{DEADLINE, Daemon};
use tidewire_tests::mqtt::{Say, connect};

/// Listeners on ports that the system chooses.
const CONFIGURATION: &str = r#"
[[listeners]]
name = "browsers"
bind = "127.0.0.1:0"
transport = "ws"
protocols = ["mqtt", "stomp"]
[[listeners]]
name = "devices"
bind = "127.0.0.1:0"
transport = "tcp"
protocols = ["mqtt"]
[[listeners]]
name = "services"
bind = "127.0.0.1:0"
transport = "tcp"
protocols = ["stomp"]
[admin]
bind = ""
"#;

fn tidewire(arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(arguments: &[&str]) -> Output {
    tidewire(arguments).output().expect("the binary can be run")
}

/// Runs with a file of this text; its path stands for `FILE`.
fn run_with(text: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let path = directory.path().join("tidewire.toml");
    std::fs::write(&path, text).expect("a temporary directory can be written to");
    let path = path.to_str().expect("its name is UTF-8");
    let arguments: Vec<_> =
        arguments.iter().map(|argument| if *argument == "FILE" { path } else { argument }).collect();
    let output = tidewire(&arguments).current_dir(directory.path()).output().expect("the binary can be run");
    (output.status.code(), text_of(&output.stdout), text_of(&output.stderr))
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A daemon that serves, and where its data is.
fn serve() -> (TempDir, Daemon) {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let path = directory.path().join("tidewire.toml");
    std::fs::write(&path, CONFIGURATION).expect("a temporary directory can be written to");
    let mut command = tidewire(&["serve", "--config", path.to_str().expect("its name is UTF-8")]);
    command.current_dir(directory.path());
    let mut daemon = Daemon::start(command);
    daemon.says("ready");
    (directory, daemon)
}

fn connect_to(daemon: &Daemon, scheme: &str) -> TcpStream {
    let stream = TcpStream::connect(daemon.address(scheme)).expect("the daemon accepts");
    stream.set_read_timeout(Some(DEADLINE)).expect("the timeout is not zero");
    stream
}

fn says(stream: &mut TcpStream, bytes: &[u8]) {
    stream.write_all(bytes).expect("the daemon takes it");
}

/// Reads until `end` has come.
fn hears(stream: &mut TcpStream, end: &[u8]) {
    let mut heard = Vec::new();
    let mut byte = [0];
    while !heard.ends_with(end) {
        stream.read_exact(&mut byte).unwrap_or_else(|error| panic!("{error} after {}", text_of(&heard)));
        heard.push(byte[0]);
    }
}

fn hears_the_rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard).expect("the daemon closes in good order");
    heard
}

#[test]
fn check_says_that_a_configuration_is_right() {
    let (code, stdout, _) = run_with(CONFIGURATION, &["check", "--no-bind", "--config", "FILE"]);
    assert_eq!(code, Some(0));
    assert!(stdout.ends_with("tidewire.toml: no fault found\n"), "{stdout}");
    let embedded = run(&["check", "--no-bind"]);
    assert_eq!(
        (embedded.status.code(), text_of(&embedded.stdout).as_str()),
        (Some(0), "embedded default: no fault found\n")
    );
}

#[test]
fn check_takes_a_warning_for_a_fault_where_it_is_to_be_strict() {
    let plain = "[auth]\n[auth.jwt]\njwks_url = \"http://keys.example/\"\n";
    for (options, text, expected) in [
        (&[][..], plain, (0, "no fault found", "warning: ")),
        (&["--strict"], plain, (1, "", "keys.example is asked without TLS")),
        (&["--strict"], CONFIGURATION, (0, "no fault found", "")),
        // A directory that cannot be used is one all the same.
        (&["--set", "data_dir=/dev/null/none"], plain, (1, "", "/dev/null/none")),
        (&["--set", "data_dir=/dev/null/none"], plain, (1, "", "keys.example is asked without TLS")),
    ] {
        let arguments = [&["check", "--no-bind", "--config", "FILE"], options].concat();
        let (code, stdout, stderr) = run_with(text, &arguments);
        let (expected_code, said, complained) = expected;
        assert_eq!(code, Some(expected_code), "{options:?} {text}: {stderr}");
        assert!(stdout.contains(said) && stderr.contains(complained), "{options:?}: {stdout}{stderr}");
    }
}

#[test]
fn check_says_where_a_configuration_is_wrong() {
    let (code, stdout, stderr) =
        run_with("[limits]\nconnection_max = 5\n", &["check", "--no-bind", "--config", "FILE"]);
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    assert!(stderr.contains("tidewire.toml:2:1: unknown key \"connection_max\""), "{stderr}");
    assert!(stderr.contains("    connection_max = 5\n    ^"), "{stderr}");
    let overridden = run(&["check", "--set", "log.level=inof"]);
    assert_eq!(overridden.status.code(), Some(1));
    assert!(text_of(&overridden.stderr).starts_with("--set log.level=inof: "), "{overridden:?}");
}

#[test]
fn config_prints_what_reads_back_as_the_same() {
    let (code, printed, _) = run_with(
        CONFIGURATION,
        &["config", "--plain", "--config", "FILE", "--set", "limits.connections_max=7"],
    );
    assert_eq!(code, Some(0));
    assert!(printed.contains("connections_max = 7\n"), "{printed}");
    let (_, again, _) = run_with(&printed, &["config", "--plain", "--config", "FILE"]);
    assert!(!printed.contains('#'), "{printed}");
    assert_eq!(printed, again);
}

#[test]
fn serve_says_where_it_listens_and_what_it_promises() {
    let (_directory, daemon) = serve();
    for words in [
        "listening on ws://127.0.0.1:",
        "(browsers: MQTT and STOMP)",
        "listening on mqtt://127.0.0.1:",
        "listening on stomp://127.0.0.1:",
        "everybody may connect",
    ] {
        daemon.has_said(words);
    }
    daemon.has_said("an acknowledgement means: on disk, in ./tidewire-data");
}

#[test]
fn a_port_in_use_is_a_clear_error() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port of the loopback address is free");
    let address = taken.local_addr().expect("a listener has an address").to_string();
    let text = CONFIGURATION.replacen("127.0.0.1:0", &address, 1);
    let (code, _, stderr) = run_with(&text, &["serve", "--config", "FILE"]);
    assert_eq!(code, Some(1));
    let words = format!("listener \"browsers\": cannot bind {address}: Address already in use");
    assert!(stderr.contains(&words), "{stderr}");
    let text = CONFIGURATION.replace("bind = \"\"", &format!("bind = \"{address}\""));
    let (code, _, stderr) = run_with(&text, &["serve", "--config", "FILE"]);
    assert_eq!(code, Some(1));
    let words = format!("listener \"admin\": cannot bind {address}: Address already in use");
    assert!(stderr.contains(&words) && stderr.contains("set admin.bind to another address"), "{stderr}");
}

#[test]
fn sigterm_tells_every_client_and_ends_well() {
    let (_directory, mut daemon) = serve();
    let (mut mqtt, mut stomp, mut ws) =
        (connect_to(&daemon, "mqtt"), connect_to(&daemon, "stomp"), connect_to(&daemon, "ws"));
    says(&mut mqtt, &connect("alice").bytes(Version::V5));
    // CONNACK's type, then its length and the rest.
    let mut head = [0; 2];
    mqtt.read_exact(&mut head).expect("CONNACK comes");
    assert_eq!(head[0], 0x20);
    mqtt.read_exact(&mut vec![0; head[1].into()]).expect("the rest of CONNACK comes");
    says(&mut stomp, b"CONNECT\naccept-version:1.2\nhost:h\n\n\0");
    hears(&mut stomp, b"\0");
    says(
        &mut ws,
        b"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
          Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: v12.stomp\r\n\r\n",
    );
    hears(&mut ws, b"\r\n\r\n");
    daemon.signal("-TERM");
    let disconnect = hears_the_rest(&mut mqtt);
    assert_eq!(
        (disconnect[0], disconnect[2]),
        (0xe0, 0x8b),
        "DISCONNECT with Server shutting down: {disconnect:x?}"
    );
    let error = text_of(&hears_the_rest(&mut stomp));
    assert!(error.starts_with("ERROR\nmessage:server shutting down\n"), "{error}");
    // The close frame with 1001, and then, in return, a masked one.
    hears(&mut ws, &1001_u16.to_be_bytes());
    says(&mut ws, &[0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe9]);
    drop((mqtt, stomp, ws));
    daemon.says("stopped");
    assert_eq!(daemon.ends().code(), Some(0));
}

/// What the daemon reads in a reload is a pipe that nobody writes to.
#[test]
fn a_stop_does_not_wait_for_a_reload() {
    let (directory, mut daemon) = serve();
    let path = directory.path().join("tidewire.toml");
    std::fs::remove_file(&path).expect("the file is ours");
    let made = Command::new("mkfifo").arg(&path).status();
    assert!(made.is_ok_and(|status| status.success()), "a pipe can be made");
    daemon.signal("-HUP");
    // Opens only once the daemon has opened it to read.
    let _silent = std::fs::File::options().write(true).open(&path).expect("the pipe is ours");
    daemon.signal("-TERM");
    assert!(daemon.ends().success(), "{}", daemon.heard());
}
