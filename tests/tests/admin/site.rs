//! A daemon with a token and a store, and `tidewire ctl` that asks it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use tidewire_tests::binary::binary;
use tidewire_tests::daemon::{DEADLINE, Daemon};

pub(crate) const TOKEN: &str = "the-token-of-this-test";

/// Both protocols on one port, and files in a folder of its own.
pub(crate) struct Site {
    pub(crate) folder: TempDir,
    pub(crate) daemon: Daemon,
}

impl Site {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory can be made");
        std::fs::write(folder.path().join("token"), TOKEN).expect("it can be written to");
        std::fs::write(folder.path().join("tidewire.toml"), CONFIG).expect("so can this");
        let daemon = Self::start(folder.path());
        Self { folder, daemon }
    }

    fn start(folder: &Path) -> Daemon {
        let mut command = Command::new(binary());
        command.args(["serve", "--config", "tidewire.toml"]).current_dir(folder);
        let mut daemon = Daemon::start(command);
        daemon.says("ready");
        daemon
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.daemon.address("http"))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.arg("ctl").args(arguments).args(["--url", &self.url(), "--token-file", "token"]);
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    /// Runs `tidewire ctl`: its exit code, and what it says on both streams.
    pub(crate) fn ctl(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let output = self.command(arguments).output().expect("the binary can be run");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    }

    /// The same where nothing may go wrong.
    pub(crate) fn done(&self, arguments: &[&str]) -> String {
        let (code, stdout, stderr) = self.ctl(arguments);
        assert_eq!((code, stderr.as_str()), (Some(0), ""), "{arguments:?}: {stdout}");
        stdout
    }

    /// The same in the background.
    pub(crate) fn follow(&self, arguments: &[&str]) -> Child {
        self.command(arguments).stdout(Stdio::piped()).spawn().expect("the binary can be run")
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.daemon.address("tcp")).expect("the daemon accepts");
        stream.set_read_timeout(Some(DEADLINE)).expect("the timeout is not zero");
        stream
    }

    /// A STOMP client with this client-id that has subscribed to `/topic/news`.
    pub(crate) fn stomp(&self, client_id: &str) -> TcpStream {
        let mut stream = self.connect();
        let connect = format!("CONNECT\naccept-version:1.2\nhost:h\nclient-id:{client_id}\n\n\0");
        let subscribe = "SUBSCRIBE\nid:1\ndestination:/topic/news\nreceipt:s\n\n\0";
        stream.write_all((connect + subscribe).as_bytes()).expect("the daemon takes it");
        hears(&mut stream, b"receipt-id:s\n\n\0");
        stream
    }

    /// A client of MQTT 5 with this identifier, whose session stays for an hour.
    pub(crate) fn mqtt(&self, client_id: &str) -> TcpStream {
        let mut stream = self.connect();
        let size = u8::try_from(client_id.len()).expect("it is short");
        let mut packet =
            vec![0x10, 18 + size, 0, 4, b'M', b'Q', b'T', b'T', 5, 0, 0, 60, 5, 0x11, 0, 0, 0x0E, 0x10];
        packet.extend([0, size]);
        packet.extend(client_id.as_bytes());
        stream.write_all(&packet).expect("the daemon takes it");
        let mut head = [0; 2];
        stream.read_exact(&mut head).expect("the daemon answers");
        assert_eq!(head[0], 0x20, "CONNACK");
        let mut rest = vec![0; head[1].into()];
        stream.read_exact(&mut rest).expect("and says the rest of it");
        assert_eq!(rest[1], 0, "success");
        stream
    }
}

/// Reads up to these bytes.
pub(crate) fn hears(stream: &mut TcpStream, end: &[u8]) -> Vec<u8> {
    let mut heard = Vec::new();
    let mut byte = [0];
    while !heard.ends_with(end) {
        stream.read_exact(&mut byte).unwrap_or_else(|error| panic!("{error} after {heard:?}"));
        heard.push(byte[0]);
    }
    heard
}

/// Reads to the end of the connection.
pub(crate) fn hears_all(mut stream: TcpStream) -> Vec<u8> {
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard).expect("the daemon closes in good order");
    heard
}

const CONFIG: &str = r#"
data_dir = "data"
[[listeners]]
name = "services"
bind = "127.0.0.1:0"
transport = "tcp"
protocols = ["mqtt", "stomp"]
[admin]
bind = "127.0.0.1:0"
token_file = "token"
"#;
