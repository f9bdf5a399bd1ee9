//! The programs of docs/clients.md, as they stand there but for the broker's address. Each says hello over TLS, hears itself,
//! goes on with a new token, and after the broker was killed and started again gets what came meanwhile.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tidewire_tests::binary::binary;
use tidewire_tests::daemon::Daemon;

use crate::auth::token::{SECRET, Token};
use crate::authority::Authority;

/// A token of whose end a client is told after 16 s, when it has long subscribed, and one that outlasts a test.
const SHORT: Duration = Duration::from_secs(32);
const LONG: Duration = Duration::from_secs(3600);

/// The document's broker, `broker.example`, and beside it what its programs find in their folder.
struct Site {
    daemon: Daemon,
    folder: TempDir,
    /// Of the listeners that the document has at 8443 and 8883.
    ports: [u16; 2],
}

impl Site {
    fn open() -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory can be made");
        let authority = Authority::new();
        let [certificate, key] = authority.server();
        let ports = [free_port(), free_port()];
        let configuration =
            CONFIGURATION.replace("WSS", &ports[0].to_string()).replace("MQTTS", &ports[1].to_string());
        for (name, text) in [
            ("tidewire.toml", configuration),
            ("ca.pem", authority.pem()),
            ("server.pem", certificate),
            ("server.key", key),
            ("secret", SECRET.to_owned()),
        ] {
            fs::write(folder.path().join(name), text).expect("a temporary directory can be written to");
        }
        symlink(foreign("node_modules"), folder.path().join("node_modules"))
            .expect("a temporary directory can be written to");
        Self { daemon: serve(folder.path()), folder, ports }
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).expect("a temporary directory can be written to");
    }

    /// The next token that a program fetches.
    fn issues(&self, lifetime: Duration) {
        self.write("token", &Token::new("hall", lifetime).text);
    }

    /// Runs a program of the document.
    fn runs(&self, name: &str) -> Program {
        let [wss, mqtts] = self.ports.map(|port| port.to_string());
        let program = block(name).replace("broker.example", "localhost");
        self.write(name, &program.replace("8443", &wss).replace("8883", &mqtts));
        let command = match name.rsplit_once('.') {
            Some((_, "mjs")) => format!("exec node {name}"),
            Some((_, "py")) => format!("exec {} {name}", foreign(".venv/bin/python").display()),
            Some((_, "rs")) => format!("exec {} wss://localhost:{wss}/", example().display()),
            Some((_, "c")) => "gcc -Wall -Werror -o hall hall.c -l paho-mqtt3as && exec ./hall".to_owned(),
            // Into a pipe mosquitto_sub writes only when 4 KiB have gathered, but for stdbuf.
            _ => format!("exec stdbuf -oL bash {name}"),
        };
        let mut bash = Command::new("bash");
        bash.args(["-c", &format!("exec >&2; {command}")])
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        bash.process_group(0);
        Program(Daemon::start_with(bash))
    }

    /// Kills the broker, and starts it where it was.
    fn restarts(&mut self) {
        self.daemon.signal("-KILL");
        self.daemon.ends();
        self.daemon = serve(self.folder.path());
    }

    /// A message from somebody else.
    fn publishes(&self, topic: &str, payload: &str) {
        let admin = format!("http://{}", self.daemon.address("http"));
        let mut command = Command::new(binary());
        command.args(["ctl", "--url", &admin, "publish", topic, "--message", payload, "--qos", "1"]);
        let output = command.output().expect("the program is there");
        assert!(output.status.success(), "{topic}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// A running program, whose output and complaints are heard. It ends with the test, and so does what it has started.
struct Program(Daemon);

impl Program {
    fn says(&mut self, words: &str) {
        self.0.says(words);
    }

    /// Whatever it has started gets the signal as well.
    fn signal(&self, name: &str) -> bool {
        let group = format!("-{}", self.0.id());
        Command::new("kill").args([name, "--", &group]).status().is_ok_and(|status| status.success())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It fails only when all have ended already.
        self.signal("-KILL");
    }
}

fn serve(folder: &Path) -> Daemon {
    let mut command = Command::new(binary());
    command.args(["serve", "--config", "tidewire.toml"]).current_dir(folder);
    let mut daemon = Daemon::start(command);
    daemon.says("ready");
    daemon
}

fn free_port() -> u16 {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    free.local_addr().expect("it has an address").port()
}

fn foreign(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("foreign").join(name)
}

/// The program in Rust, which is built with the broker.
fn example() -> PathBuf {
    let path = binary().with_file_name("examples").join("hall");
    assert!(
        path.is_file(),
        "there is no {}: run `cargo build --release --workspace --examples`",
        path.display()
    );
    path
}

/// The block of the document whose first line, a comment, is this name.
fn block(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/clients.md");
    let text = fs::read_to_string(path).expect("the document is there");
    let blocks = text.split("\n```").skip(1).step_by(2).filter_map(|block| Some(block.split_once('\n')?.1));
    let is_named = |block: &&str| {
        block.lines().next().and_then(|line| line.split_once(' ')).map(|(_, found)| found) == Some(name)
    };
    let found: Vec<_> = blocks.filter(is_named).collect();
    assert_eq!(found.len(), 1, "{name} is in the document once");
    format!("{}\n", found[0])
}

/// Through the end of its token, where it renews that, and a restart.
fn converses(name: &str, renews: bool) {
    let mut site = Site::open();
    site.issues(if renews { SHORT } else { LONG });
    let mut program = site.runs(name);
    program.says("rooms/hall hello from ");
    if renews {
        site.issues(LONG);
        program.says("auth/result {\"result\":\"accepted\"");
    }
    // It is away until the message is there, which has to wait for it.
    assert!(program.signal("-STOP"), "{name} is running");
    site.restarts();
    site.publishes("rooms/kitchen", "the kettle is on");
    assert!(program.signal("-CONT"), "{name} is running");
    program.says("rooms/kitchen the kettle is on");
}

/// Whoever shows another certificate is not spoken to.
fn believes_no_stranger(name: &str) {
    let mut site = Site::open();
    site.issues(LONG);
    site.write("ca.pem", &Authority::new().pem());
    let _program = site.runs(name);
    site.daemon.says("the TLS handshake failed");
}

macro_rules! programs {
    ($($name:ident: $file:literal, renews: $renews:literal;)*) => {$(
        mod $name {
            #[test]
            fn outlives_its_token_and_the_broker() {
                super::converses($file, $renews);
            }

            #[test]
            fn believes_no_stranger() {
                super::believes_no_stranger($file);
            }
        }
    )*};
}

programs! {
    mqttjs: "mqttjs.mjs", renews: true;
    stompjs: "stompjs.mjs", renews: true;
    paho_python: "hall.py", renews: true;
    paho_c: "hall.c", renews: true;
    mosquitto: "hall.sh", renews: false;
    rust: "hall.rs", renews: false;
}

#[test]
fn the_program_in_rust_is_the_example() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../clients/examples/hall.rs");
    let example = fs::read_to_string(path).expect("the example is there");
    let block = block("hall.rs");
    let program = block.split_once('\n').expect("its first line is its name").1;
    assert!(example.ends_with(&format!("\n{program}")), "they differ");
}

/// What Spring's reference lists of `StompBrokerRelayRegistration` and `MessageBrokerRegistry`, which no package has that the
/// tests could install.
#[test]
fn springs_settings_have_the_names_of_its_reference() {
    const KNOWN: [&str; 20] = [
        "addEndpoint",
        "setAllowedOrigins",
        "enableStompBrokerRelay",
        "setRelayHost",
        "setRelayPort",
        "setClientLogin",
        "setClientPasscode",
        "setSystemLogin",
        "setSystemPasscode",
        "setSystemHeartbeatSendInterval",
        "setSystemHeartbeatReceiveInterval",
        "setVirtualHost",
        "setTcpClient",
        "setAutoStartup",
        "setUserDestinationBroadcast",
        "setUserRegistryBroadcast",
        "setApplicationDestinationPrefixes",
        "setUserDestinationPrefix",
        "setPathMatcher",
        "setCacheLimit",
    ];
    let text = block("WebSocketConfiguration.java");
    let called: Vec<_> = text.split('.').skip(1).filter_map(|rest| Some(rest.split_once('(')?.0)).collect();
    let set: Vec<_> =
        called.iter().filter(|name| name.starts_with("set") || name.starts_with("enable")).collect();
    assert!(set.len() > 10, "{called:?}");
    for name in set {
        assert!(KNOWN.contains(name), "{name}");
    }
}

const CONFIGURATION: &str = r#"
data_dir = "data"

[[listeners]]
name = "wss"
bind = "127.0.0.1:WSS"
transport = "ws"
protocols = ["mqtt", "stomp"]
[listeners.tls]
cert = "server.pem"
key = "server.key"

[[listeners]]
name = "mqtts"
bind = "127.0.0.1:MQTTS"
transport = "tcp"
protocols = ["mqtt"]
[listeners.tls]
cert = "server.pem"
key = "server.key"

[auth]
anonymous = false
expiry_notice = "16s"
[auth.jwt]
secret_file = "secret"
algorithms = ["HS256"]
leeway = "0s"

[admin]
bind = "127.0.0.1:0"
"#;
