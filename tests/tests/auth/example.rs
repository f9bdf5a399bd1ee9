//! The service that docs/security.md shows works as it is written there, and so does the configuration.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use tempfile::TempDir;
use tidewire::config::{Config, HttpAuthConfig, ListenerConfig, ProtocolName, Sources, Transport, load};
use tidewire::net::{bind, serve};
use tidewire_protocols::mqtt::Version;
use tidewire_tests::mqtt::{ConnectWords, Say as _, connect};
use tidewire_tests::world::broker_of;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::PATIENCE;

/// The last block of that language in the document.
fn block(language: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/security.md");
    let text = std::fs::read_to_string(path).expect("the document is there");
    let begin = format!("```{language}\n");
    let last = text.rsplit_once(&begin).and_then(|(_, rest)| rest.split("```").next());
    last.expect("the document has such a block").to_owned()
}

/// The document's service; it ends with the test.
struct Service {
    process: Child,
    url: String,
}

impl Service {
    fn start(folder: &TempDir) -> Self {
        let path = folder.path().join("users.py");
        std::fs::write(&path, block("python")).expect("a temporary directory can be written to");
        let mut command = Command::new("python3");
        let command = command.arg(path).arg("0").stdin(Stdio::null()).stderr(Stdio::null());
        let mut process = command.stdout(Stdio::piped()).spawn().expect("python3 is there");
        let mut said = String::new();
        let stdout = process.stdout.take().expect("the pipe was asked for");
        BufReader::new(stdout).read_line(&mut said).expect("it says where it is");
        let url = said.trim().strip_prefix("asked at ").expect("it says where it is").to_owned();
        Self { process, url }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Either fails only when the process has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The reason of CONNACK.
async fn reason(address: std::net::SocketAddr, connect: ConnectWords) -> u8 {
    let mut stream = TcpStream::connect(address).await.expect("the listener accepts");
    stream.write_all(&connect.bytes(Version::V5)).await.expect("it is taken");
    let mut conn_ack = [0; 4];
    let read = stream.read_exact(&mut conn_ack);
    timeout(PATIENCE, read).await.expect("CONNACK comes").expect("CONNACK comes");
    conn_ack[3]
}

#[tokio::test]
async fn the_service_lets_in_whom_it_knows() {
    let folder = tempfile::tempdir().expect("a temporary directory can be made");
    let service = Service::start(&folder);
    let token_file = folder.path().join("service.token");
    std::fs::write(&token_file, "between-us\n").expect("a temporary directory can be written to");
    let mut config = Config::default();
    config.auth.anonymous = Some(false);
    let http: HttpAuthConfig = toml::from_str(&format!("url = \"{}\"", service.url)).expect("it is a table");
    config.auth.http = Some(HttpAuthConfig { token_file: Some(token_file), ..http });
    let listener = ListenerConfig::new("test", "127.0.0.1:0", Transport::Tcp, &[ProtocolName::Mqtt]);
    let bound = bind(listener).expect("the address is free");
    let address = bound.address().expect("a port has an address");
    let (_stop, stopped) = watch::channel(false);
    tokio::spawn(serve(Arc::new(broker_of(config)), bound, stopped));
    for (client_id, name, password, expected) in [
        ("c", "ann", "pencil", 0),
        ("c", "ann", "wick", 0x86),
        ("c", "bob", "pencil", 0x86),
        ("c", "bob", "", 0x86),
        ("lamp-7", "lamp", "wick", 0),
        ("lamp-8", "lamp", "wick", 0x87),
    ] {
        let connect = connect(client_id).user_name(name).password(password);
        assert_eq!(reason(address, connect).await, expected, "{name}, {password}, as {client_id}");
    }
    assert_eq!(reason(address, connect("c")).await, 0x87, "without credentials");
}

#[test]
fn the_configuration_is_right() {
    let folder = tempfile::tempdir().expect("a temporary directory can be made");
    let certified = rcgen::generate_simple_self_signed(["app.example".to_owned()]).expect("it can be made");
    let [users, rules] = ["# nobody yet\n", "[[rules]]\nallow = [\"subscribe\"]\n"];
    for (name, text) in [
        ("server.pem", &*certified.cert.pem()),
        ("server.key", &*certified.signing_key.serialize_pem()),
        ("users", users),
        ("acl.toml", rules),
        ("tidewire.toml", &*block("toml")),
    ] {
        std::fs::write(folder.path().join(name), text).expect("a temporary directory can be written to");
    }
    let file = Some(folder.path().join("tidewire.toml"));
    load(&Sources { file, ..Sources::default() }).unwrap_or_else(|errors| panic!("{errors:?}"));
}
