//! Users, passwords, tokens and TLS, as `tw` brings them.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;
use tidewire_tests::binary::binary;

use crate::authority::Authority;
use crate::broker::Broker;
use crate::process::{Ended, Running, command, tw, tw_succeeds};

#[test]
fn a_password_opens_from_wherever_it_comes() {
    let folder = TempDir::new().unwrap();
    let broker =
        Broker::configured("[auth]\nanonymous = false\npassword_file = \"users\"\n", &[users(&folder)]);
    let password_file = write(&folder, "password", "pencil\n");
    for url in [broker.websocket_url(), broker.mqtt_url(), broker.stomp_url()] {
        let publish = |arguments: &[&str], variable: Option<&str>| {
            let all = [&["pub", "-u", &url, "-t", "a", "-m", "x"], arguments].concat();
            let mut command = command(&all);
            command.envs(variable.map(|value| ("TW_PASSWORD", value)));
            Running::from(command.spawn().unwrap()).end()
        };
        publish(&["-u", "ann", "-P", "pencil"], None).success();
        publish(&["-u", "ann", "--password-file", &password_file], None).success();
        publish(&["-u", "ann"], Some("pencil")).success();
        for (arguments, variable) in
            [(&["-u", "ann", "-P", "rubber"][..], None), (&["-u", "ann"], Some("rubber"))]
        {
            is_advised(&publish(arguments, variable), "TW_PASSWORD");
        }
        is_advised(&publish(&[], None), "-u USER");
    }
}

#[test]
fn a_token_file_is_read() {
    let folder = TempDir::new().unwrap();
    let secret = write(&folder, "secret", &"k".repeat(32));
    let settings =
        "[auth]\nanonymous = false\n[auth.jwt]\nsecret_file = \"secret\"\nalgorithms = [\"HS256\"]\n";
    let broker = Broker::configured(settings, &[secret.into()]);
    let url = broker.websocket_url();
    let claims = serde_json::json!({"sub": "ann", "exp": 4_102_444_800_u64});
    let key = jsonwebtoken::EncodingKey::from_secret("k".repeat(32).as_bytes());
    let token = jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap();
    let file = write(&folder, "token", &format!("{token}\n"));
    tw_succeeds(&["pub", "-u", &url, "-t", "a", "-m", "x", "--token", &token]);
    tw_succeeds(&["pub", "-u", &url, "-t", "a", "-m", "x", "--token-file", &file]);
    let stale = write(&folder, "stale", "eyJ0.eyJ0.c2ln");
    let refused = tw(&["pub", "-u", &url, "-t", "a", "-m", "x", "--token-file", &stale]);
    assert_eq!(refused.status, Some(1), "{refused:?}");
    assert!(!refused.errors.contains("eyJ0"), "{refused:?}");
}

#[test]
fn what_may_not_be_done_is_told() {
    let folder = TempDir::new().unwrap();
    let rules = write(&folder, "rules.toml", "[[rules]]\nallow = [\"publish\"]\ntopics = [\"open/#\"]\n");
    let settings = "[auth]\nanonymous = true\nacl_file = \"rules.toml\"\n";
    let broker = Broker::configured(settings, &[rules.into()]);
    for command in [&["sub", "-t", "closed"][..], &["pub", "-t", "closed", "-m", "x", "-q", "1"]] {
        is_advised(&tw(&[command, &["-u", &broker.websocket_url()]].concat()), "-u USER");
    }
    tw_succeeds(&["pub", "-t", "open/a", "-m", "x", "-q", "1", "-u", &broker.websocket_url()]);
}

#[test]
fn tls_trusts_whom_it_is_told_to() {
    let folder = TempDir::new().unwrap();
    let authority = Authority::new();
    let ca = write(&folder, "ca.pem", &authority.pem());
    let [certificate, key] = authority.server();
    let files =
        [write(&folder, "server.pem", &certificate).into(), write(&folder, "server.key", &key).into()];
    let [certificate, key] = authority.client("ann");
    let (certificate, key) = (write(&folder, "ann.pem", &certificate), write(&folder, "ann.key", &key));
    let files = [&files[..], &[PathBuf::from(&ca)]].concat();
    let broker = Broker::configured(TLS, &files);
    let wss = broker.websocket_url().replace("ws://", "wss://");
    let mqtts = broker.mqtt_url().replace("mqtt://", "mqtts://");
    let stomps = broker.stomp_url().replace("stomp://", "stomps://");
    let port = broker.mqtt().port().to_string();
    let trust = ["--cafile", ca.as_str()];
    let shown = ["--cert", certificate.as_str(), "--key", key.as_str()];
    // A line each: where and how, and what is to be tried where it fails.
    for (arguments, advice) in [
        ([&["-u", &wss], &trust[..]].concat(), None),
        ([&["-u", &mqtts, "--insecure"][..]].concat(), None),
        ([&["-h", "127.0.0.1", "-p", &port], &trust[..]].concat(), None),
        ([&["-u", &wss][..]].concat(), Some("--cafile")),
        ([&["-u", &wss, "--server-name", "other.example"], &trust[..]].concat(), Some("--server-name")),
        ([&["-u", &stomps], &trust[..], &shown].concat(), None),
        ([&["-u", &stomps], &trust[..]].concat(), Some("--cert")),
    ] {
        let ended = tw(&[&["pub", "-t", "a", "-m", "x"], &arguments[..]].concat());
        match advice {
            None => drop(ended.success()),
            Some(advice) => is_advised(&ended, advice),
        }
    }
}

#[test]
fn a_unix_socket_is_an_address() {
    let folder = TempDir::new().unwrap();
    let socket = folder.path().join("mqtt.sock");
    let socket = socket.to_str().unwrap();
    let broker = Broker::configured(&UNIX.replace("SOCKET", socket), &[]);
    tw_succeeds(&["pub", "--unix", socket, "-t", "a", "-m", "x", "-r"]);
    assert_eq!(tw_succeeds(&["sub", "-u", &broker.mqtt_url(), "-t", "a", "-c", "1"]), b"x\n");
}

/// It has failed, and says what to try.
fn is_advised(ended: &Ended, advice: &str) {
    assert_eq!(ended.status, Some(1), "{ended:?}");
    let hint = ended.errors.lines().last().unwrap_or_default();
    assert!(hint.starts_with("    try: ") && hint.contains(advice), "{advice:?}: {ended:?}");
    assert!(!ended.errors.contains("pencil") && !ended.errors.contains("rubber"), "{ended:?}");
}

/// A file of users: ann, whose password is pencil.
fn users(folder: &TempDir) -> PathBuf {
    let file = folder.path().join("users");
    let mut process =
        Command::new(binary()).arg("passwd").arg(&file).arg("ann").stdin(Stdio::piped()).spawn().unwrap();
    process.stdin.take().unwrap().write_all(b"pencil\n").unwrap();
    assert!(process.wait().unwrap().success());
    file
}

fn write(folder: &TempDir, name: &str, text: &str) -> String {
    let path: &Path = &folder.path().join(name);
    fs::write(path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

const TLS: &str = r#"
[[listeners]]
name = "websocket"
bind = "127.0.0.1:8080"
transport = "ws"
protocols = ["mqtt"]
[listeners.tls]
cert = "server.pem"
key = "server.key"

[[listeners]]
name = "mqtt"
bind = "127.0.0.1:1883"
transport = "tcp"
protocols = ["mqtt"]
[listeners.tls]
cert = "server.pem"
key = "server.key"

[[listeners]]
name = "stomp"
bind = "127.0.0.1:61613"
transport = "tcp"
protocols = ["stomp"]
[listeners.tls]
cert = "server.pem"
key = "server.key"
client_ca = "ca.pem"
client_auth = "required"
"#;

const UNIX: &str = r#"
[[listeners]]
name = "websocket"
bind = "127.0.0.1:8080"
transport = "ws"
protocols = ["mqtt", "stomp"]

[[listeners]]
name = "mqtt"
bind = "127.0.0.1:1883"
transport = "tcp"
protocols = ["mqtt"]

[[listeners]]
name = "stomp"
bind = "127.0.0.1:61613"
transport = "tcp"
protocols = ["stomp"]

[[listeners]]
name = "socket"
bind = "unix:SOCKET"
transport = "tcp"
protocols = ["mqtt"]
"#;
