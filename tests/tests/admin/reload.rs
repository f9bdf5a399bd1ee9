//! A reload that is asked for by `tidewire ctl`, of a daemon that runs.

use std::fs::Permissions;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;

use tempfile::TempDir;
use tidewire_tests::binary::binary;
use tidewire_tests::daemon::{DEADLINE, Daemon};
use tidewire_tests::users::{password_line, token_by};

const TOKEN: &str = "the-token-of-this-test";

/// A daemon with users and rules in files; its admin listener is a Unix socket, or a port.
struct House {
    folder: TempDir,
    daemon: Daemon,
}

impl House {
    /// With this in `[admin]`; `FOLDER` stands for where the files are.
    fn with(admin: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory can be made");
        let admin = admin.replace("FOLDER", folder.path().to_str().expect("its name is UTF-8"));
        let text = format!(
            r#"
[[listeners]]
name = "services"
bind = "127.0.0.1:0"
transport = "tcp"
protocols = ["stomp"]
[auth]
anonymous = false
password_file = "users"
acl_file = "acl.toml"
[auth.jwt]
secret_file = "secret"
algorithms = ["HS256"]
[storage]
sync = "memory"
[admin]
{admin}
"#
        );
        let files =
            [("tidewire.toml", text.as_str()), ("acl.toml", RULES), ("token", TOKEN), ("secret", SECRET)];
        for (name, text) in files {
            write(&folder.path().join(name), text);
        }
        set_users(folder.path(), &["ann", "bob"]);
        let mut command = Command::new(binary());
        command.args(["serve", "--config"]).arg(folder.path().join("tidewire.toml"));
        command.current_dir(folder.path());
        let mut daemon = Daemon::start(command);
        daemon.says("ready");
        Self { folder, daemon }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs `tidewire ctl` with these arguments and the configuration.
    fn ctl(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let file = self.path("tidewire.toml");
        let file = file.to_str().expect("its name is UTF-8");
        ctl(&[arguments, &["--config", file]].concat())
    }

    fn admin(&self) -> SocketAddr {
        self.daemon.address("http")
    }

    /// Logs a user in by STOMP; the connection, or what it is told instead.
    fn enter(&self, user: &str) -> Result<TcpStream, String> {
        self.enter_by(&format!("login:{user}\npasscode:{user}"))
    }

    fn enter_by(&self, headers: &str) -> Result<TcpStream, String> {
        let mut stream = TcpStream::connect(self.daemon.address("stomp")).expect("the daemon accepts");
        stream.set_read_timeout(Some(DEADLINE)).expect("the timeout is not zero");
        let connect = format!("CONNECT\naccept-version:1.2\nhost:h\n{headers}\n\n\0");
        let answer = asks(&mut stream, &connect);
        if answer.starts_with("CONNECTED\n") { Ok(stream) } else { Err(answer) }
    }
}

/// What tokens are signed with.
const SECRET: &str = "a secret of the tests, and longer than thirty-two bytes";
const RULES: &str = "[[rules]]\nallow = [\"all\"]\ntopics = [\"#\"]\n";
const UNIX: &str = "bind = \"unix:FOLDER/admin.sock\"";
const PORT: &str = "bind = \"127.0.0.1:0\"";
const WITH_TOKEN: &str = "bind = \"127.0.0.1:0\"\ntoken_file = \"token\"";

/// A file that is nobody else's, so that no reload warns of it.
fn write(path: &Path, text: &str) {
    std::fs::write(path, text).expect("a temporary directory can be written to");
    std::fs::set_permissions(path, Permissions::from_mode(0o600)).expect("it is the test's own file");
}

/// The only users from the next reload on; each one's password is the name.
fn set_users(folder: &Path, names: &[&str]) {
    let lines: String = names.iter().map(|name| password_line(name, name)).collect();
    write(&folder.join("users"), &lines);
}

fn ctl(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(binary()).arg("ctl").args(arguments).stdin(Stdio::null()).output();
    let output = output.expect("the binary can be run");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// Says this, and returns what comes back up to the end of a frame.
fn asks(stream: &mut TcpStream, words: &str) -> String {
    stream.write_all(words.as_bytes()).expect("the daemon takes it");
    let mut heard = Vec::new();
    let mut byte = [0];
    while !heard.ends_with(b"\0") {
        stream.read_exact(&mut byte).unwrap_or_else(|error| panic!("{error} after {heard:?}"));
        heard.push(byte[0]);
    }
    String::from_utf8_lossy(&heard).trim_start().to_owned()
}

/// Holds that a connection is served.
fn is_served(stream: &mut TcpStream) {
    let answer = asks(stream, "SEND\ndestination:/topic/a\nreceipt:1\n\nx\0");
    assert!(answer.starts_with("RECEIPT\nreceipt-id:1\n"), "{answer}");
}

/// Holds that a connection is ended by the daemon.
fn is_ended(mut stream: TcpStream) {
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).expect("the daemon closes in good order");
    assert!(rest.starts_with(b"ERROR\n"), "{}", String::from_utf8_lossy(&rest));
}

/// The answer to a request with these lines behind its first.
fn requests(address: SocketAddr, first: &str, headers: &[&str]) -> String {
    let mut stream = TcpStream::connect(address).expect("the daemon accepts");
    stream.set_read_timeout(Some(DEADLINE)).expect("the timeout is not zero");
    let request = format!("{first} HTTP/1.1\r\n{}\r\n\r\n", headers.join("\r\n"));
    stream.write_all(request.as_bytes()).expect("the daemon takes it");
    let mut heard = String::new();
    stream.read_to_string(&mut heard).expect("the daemon answers and closes");
    heard
}

#[test]
fn a_user_comes_another_goes_and_the_rest_stay() {
    for admin in [UNIX, PORT] {
        let mut house = House::with(admin);
        let (mut ann, bob) =
            (house.enter("ann").expect("she is there"), house.enter("bob").expect("so is he"));
        set_users(house.folder.path(), &["ann", "carol"]);
        let url = match admin {
            PORT => format!("http://{}/", house.admin()),
            _ => format!("unix:{}", house.path("admin.sock").display()),
        };
        let (code, stdout, stderr) = match admin {
            PORT => ctl(&["--url", &url, "reload"]),
            // Where the configuration has it.
            _ => house.ctl(&["reload"]),
        };
        let content =
            format!("auth.password_file: \"{}\" has another content", house.path("users").display());
        assert_eq!((code, stdout, stderr.as_str()), (Some(0), format!("{content}\nreloaded\n"), ""));
        is_ended(bob);
        is_served(&mut ann);
        house.enter("carol").expect("she is there now");
        house.enter("bob").expect_err("he is not any more");
        let (code, stdout, stderr) = ctl(&["reload", "--url", &url, "--json"]);
        let json = "{\"reloaded\":true,\"warnings\":[],\"changes\":[]}\n";
        assert_eq!((code, stdout.as_str(), stderr.as_str()), (Some(0), json, ""));
        drop(ann);
        house.daemon.signal("-TERM");
        assert!(house.daemon.ends().success());
        assert!(!house.path("admin.sock").exists(), "the socket's file is gone");
        let reloads = house.daemon.heard().matches("reloaded: users, rules").count();
        assert_eq!(reloads, 2, "{}", house.daemon.heard());
        assert!(house.daemon.heard().contains(&format!("changed: {content}")), "{}", house.daemon.heard());
    }
}

#[test]
fn rules_and_keys_are_changed_and_nobody_is_dropped() {
    let house = House::with(UNIX);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is later than 1970");
    let claims = serde_json::json!({"sub": "carol", "exp": now.as_secs() + 600});
    let other = SECRET.to_uppercase();
    let [old, new] = [SECRET, &other].map(|secret| token_by(secret.as_bytes(), &claims));
    let by_token = |token: &str| house.enter_by(&format!("passcode:{token}"));
    let (mut ann, mut carol) =
        (house.enter("ann").expect("she is there"), by_token(&old).expect("so is she"));
    write(&house.path("secret"), &other);
    write(&house.path("acl.toml"), &RULES.replace('#', "a"));
    let (code, stdout, stderr) = house.ctl(&["reload"]);
    let content = |key: &str, name: &str| {
        format!("auth.{key}: \"{}\" has another content\n", house.path(name).display())
    };
    for said in [content("acl_file", "acl.toml"), content("jwt.secret_file", "secret")] {
        assert!(code == Some(0) && stdout.contains(&said), "{said} is not in: {stdout}{stderr}");
    }
    by_token(&old).expect_err("that key is gone");
    is_served(&mut by_token(&new).expect("this one is there"));
    is_served(&mut ann);
    is_served(&mut carol);
    let elsewhere = asks(&mut ann, "SEND\ndestination:/topic/b\nreceipt:1\n\nx\0");
    assert!(elsewhere.starts_with("ERROR\n"), "{elsewhere}");
}

#[test]
fn what_is_wrong_is_shown_at_its_place_and_changes_nothing() {
    let mut house = House::with(UNIX);
    let mut ann = house.enter("ann").expect("she is there");
    set_users(house.folder.path(), &["carol"]);
    write(&house.path("acl.toml"), "[[rules]]\nalow = [\"all\"]\ntopics = [\"#\"]\n");
    let (code, stdout, stderr) = house.ctl(&["reload"]);
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    for words in ["acl.toml:2:1: ", "did you mean \"allow\"?", "    alow = [\"all\"]\n    ^^^^"] {
        assert!(stderr.contains(words), "{words:?} is not in: {stderr}");
    }
    let said = house.daemon.says("not reloaded, what was before stays: ");
    // The log has no line ends within an event.
    let first = said.split("\\n").next();
    assert_eq!(first, stderr.lines().next(), "both say the same");
    let (code, json, stderr) = house.ctl(&["reload", "--json"]);
    assert_eq!((code, stderr.as_str()), (Some(1), ""));
    let answer: serde_json::Value = serde_json::from_str(&json).expect("it is JSON");
    assert_eq!(answer["reloaded"], false);
    assert!(
        answer["errors"][0]["text"].as_str().is_some_and(|text| text.contains("acl.toml:2:1: ")),
        "{json}"
    );
    is_served(&mut ann);
    house.enter("ann").expect("she still may");
    house.enter("carol").expect_err("she may not yet");
    write(&house.path("acl.toml"), RULES);
    assert_eq!(house.ctl(&["reload"]).0, Some(0));
    is_ended(ann);
    house.enter("carol").expect("she may now");
}

#[test]
fn what_takes_a_restart_is_said() {
    let house = House::with(UNIX);
    let text = std::fs::read_to_string(house.path("tidewire.toml")).expect("it is there");
    write(
        &house.path("tidewire.toml"),
        &text.replace("admin.sock", "other.sock").replace("services", "others"),
    );
    let url = format!("unix:{}", house.path("admin.sock").display());
    let (code, stdout, stderr) = ctl(&["reload", "--url", &url]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    let (bound, other) = (house.path("admin.sock"), house.path("other.sock"));
    let admin = format!(
        "admin.bind: \"unix:{}\" -> \"unix:{}\" (takes a restart)\n",
        bound.display(),
        other.display()
    );
    assert!(stdout.starts_with(&admin) && stdout.ends_with("\nreloaded\n"), "{stdout}");
    let name = "listeners.others.name: absent -> \"others\" (takes a restart)\n";
    assert!(stdout.contains(name), "{stdout}");
    // Until then it is a difference.
    assert_eq!(ctl(&["reload", "--url", &url]).1, stdout);
}

#[test]
fn settings_hold_for_who_comes_from_then_on_and_for_the_queues_there_are() {
    let house = House::with(UNIX);
    let send = |queue: &str, body: &str| format!("SEND\ndestination:{queue}\nreceipt:1\n\n{body}\0");
    let (fits, long) = ("0123456789", "0123456789x");
    write(&house.path("acl.toml"), &RULES.replace("\"#\"", "\"#\", \"/queue/a\""));
    assert_eq!(house.ctl(&["reload"]).0, Some(0));
    let mut ann = house.enter("ann").expect("she is there");
    assert!(asks(&mut ann, &send("/queue/a", long)).starts_with("RECEIPT\n"));
    let text = std::fs::read_to_string(house.path("tidewire.toml")).expect("it is there");
    let more = "[limits]\nbody_size_max = \"10B\"\n[queues]\nlength_max = 2\n";
    write(&house.path("tidewire.toml"), &format!("{text}{more}"));
    let changes = "limits.body_size_max: \"16MiB\" -> \"10B\"\nqueues.length_max: 1000000 -> 2\nreloaded\n";
    let (code, stdout, stderr) = house.ctl(&["reload"]);
    assert_eq!((code, stdout.as_str(), stderr.as_str()), (Some(0), changes, ""));
    let shown = house.ctl(&["config"]).1;
    let shown: serde_json::Value = serde_json::from_str(&shown).expect("it is JSON");
    assert_eq!(
        (&shown["limits"]["body_size_max"], &shown["queues"]["length_max"]),
        (&"10B".into(), &2.into())
    );
    let mut bob = house.enter("bob").expect("he is there");
    assert!(asks(&mut ann, &send("/queue/a", long)).starts_with("RECEIPT\n"), "she keeps what she had");
    assert!(asks(&mut bob, &send("/topic/a", fits)).starts_with("RECEIPT\n"));
    assert!(asks(&mut ann, &send("/queue/a", fits)).starts_with("ERROR\n"), "the queue is full by now");
    assert!(asks(&mut bob, &send("/topic/a", long)).starts_with("ERROR\n"), "he came with the new limit");
}

/// The file says that no token is needed at an address that is bound only after a restart.
#[test]
fn another_address_does_not_open_the_one_that_is_bound() {
    let house = House::with(WITH_TOKEN);
    let text = std::fs::read_to_string(house.path("tidewire.toml")).expect("it is there");
    let moved = text.replace(WITH_TOKEN, "bind = \"127.0.0.1:1\"");
    assert_ne!(moved, text);
    write(&house.path("tidewire.toml"), &moved);
    let url = format!("http://{}", house.admin());
    let token = house.path("token");
    let token = token.to_str().expect("its name is UTF-8");
    let (_, stdout, stderr) = ctl(&["reload", "--url", &url, "--token-file", token]);
    assert!(stdout.contains("admin.bind: ") && stderr.is_empty(), "{stdout}{stderr}");
    assert!(ctl(&["reload", "--url", &url]).2.contains("401 Unauthorized"));
}

#[test]
fn only_who_has_the_token_may_and_it_can_be_changed() {
    let mut house = House::with(WITH_TOKEN);
    let url = format!("http://{}", house.admin());
    write(&house.path("other"), "another-token-of-this-test");
    let of_file = |name: &str| house.path(name).to_str().expect("its name is UTF-8").to_owned();
    let (token, other) = (of_file("token"), of_file("other"));
    let reload = |token_file: Option<&str>| {
        let file = token_file.map_or(vec![], |file| vec!["--token-file", file]);
        ctl(&[&["--url", &url, "reload"], file.as_slice()].concat())
    };
    for (token_file, advice) in [(None, "by --token-file"), (Some(other.as_str()), "token is another one")] {
        let (code, stdout, stderr) = reload(token_file);
        assert_eq!((code, stdout.as_str()), (Some(1), ""));
        assert!(stderr.contains("401 Unauthorized") && stderr.contains(advice), "{stderr}");
    }
    assert_eq!(reload(Some(&token)).1, "reloaded\n");
    assert_eq!(house.ctl(&["reload", "--url", &url]).1, "reloaded\n", "the configuration names the file");
    write(&house.path("token"), "another-token-of-this-test");
    write(&house.path("old"), TOKEN);
    let old = of_file("old");
    let changed = format!("admin.token_file: \"{token}\" has another content\nreloaded\n");
    assert_eq!(reload(Some(&old)).1, changed);
    assert!(reload(Some(&old)).2.contains("401 Unauthorized"));
    assert_eq!(reload(Some(&other)).1, "reloaded\n");
    house.daemon.signal("-TERM");
    house.daemon.ends();
    let log = house.daemon.heard();
    assert!(log.contains("refused on the admin listener") && !log.contains("token-of"), "{log}");
}

#[test]
fn a_page_cannot_drive_it() {
    let mut house = House::with(PORT);
    let address = house.admin();
    let host = format!("Host: {address}");
    let reload = "POST /api/v1/reload";
    let (json, empty) = ("Content-Type: application/json", "Content-Length: 0");
    for (headers, status) in [
        (&[host.as_str(), json, empty, "Origin: https://page.example"][..], "403 Forbidden"),
        (&[&host, json, empty, "Origin: null"], "403 Forbidden"),
        (&["Host: page.example", json, empty], "403 Forbidden"),
        (&[&host, "Content-Type: text/plain", empty], "415 Unsupported Media Type"),
        (&[&host, empty], "415 Unsupported Media Type"),
    ] {
        let answer = requests(address, reload, headers);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{headers:?}: {answer}");
        assert!(!answer.to_ascii_lowercase().contains("access-control-allow"), "{answer}");
    }
    let health = requests(address, "GET /healthz", &[&host]);
    assert!(health.starts_with("HTTP/1.1 200 OK\r\n") && health.ends_with("ok\n"), "{health}");
    house.daemon.signal("-TERM");
    house.daemon.ends();
    assert!(!house.daemon.heard().contains("reloaded: "), "{}", house.daemon.heard());
}

#[test]
fn where_nobody_answers_it_is_said_what_to_try() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port of the loopback address is free");
    let address = free.local_addr().expect("a listener has an address");
    drop(free);
    let web = format!("http://{address}");
    for (url, words) in [
        (web.as_str(), &["cannot ask http://127.0.0.1:", "Connection refused", "--url", "admin.bind"][..]),
        ("unix:/nowhere/admin.sock", &["cannot ask unix:/nowhere/admin.sock", "No such file", "--config"]),
        ("127.0.0.1:8081", &["neither a URL such as http://127.0.0.1:8081"]),
        ("ftp://127.0.0.1", &["neither a URL such as http://127.0.0.1:8081"]),
    ] {
        let (code, stdout, stderr) = ctl(&["reload", "--url", url]);
        assert_eq!((code, stdout.as_str()), (Some(1), ""), "{url}");
        assert!(words.iter().all(|word| stderr.contains(word)), "{url}: {stderr}");
    }
    let folder = tempfile::tempdir().expect("a temporary directory can be made");
    let file = folder.path().join("tidewire.toml");
    write(&file, "[admin]\nbind = \"\"\n");
    let (code, _, stderr) = ctl(&["reload", "--config", file.to_str().expect("its name is UTF-8")]);
    assert!(code == Some(1) && stderr.contains("no admin listener"), "{stderr}");
}
