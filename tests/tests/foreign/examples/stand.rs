//! A broker beside the browser examples, which may be killed and started again.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;
use tidewire_tests::binary::{WITHOUT_ADMIN, binary};
use tidewire_tests::daemon::Daemon;

use crate::authority::Authority;
use crate::web::Page;

/// A broker with a listener for ws and one for wss, both for both protocols.
pub(super) struct Stand {
    daemon: Option<Daemon>,
    /// For ws, and for wss.
    addresses: [SocketAddr; 2],
    folder: TempDir,
}

impl Stand {
    pub(super) fn open() -> Self {
        // Both are held until both are known. They are the broker's after a restart, too.
        let held: [TcpListener; 2] = std::array::from_fn(|_| {
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port of the loopback address is free")
        });
        let addresses = held.map(|listener| listener.local_addr().expect("a listener has an address"));
        let folder = tempfile::tempdir().expect("a temporary directory can be made");
        let configuration = CONFIGURATION
            .replace("PLAIN", &addresses[0].to_string())
            .replace("SECURE", &addresses[1].to_string());
        let [certificate, key] = Authority::new().server();
        for (name, text) in
            [("tidewire.toml", &configuration), ("server.pem", &certificate), ("server.key", &key)]
        {
            std::fs::write(folder.path().join(name), text).expect("a temporary directory can be written to");
        }
        let mut stand = Self { daemon: None, addresses, folder };
        stand.start();
        stand
    }

    fn start(&mut self) {
        let mut command = Command::new(binary());
        command.args(["serve", "--config", "tidewire.toml"]).envs(WITHOUT_ADMIN);
        command.current_dir(self.folder.path());
        let mut daemon = Daemon::start(command);
        daemon.says("ready");
        self.daemon = Some(daemon);
    }

    /// Where it is by ws.
    pub(super) fn url(&self) -> String {
        format!("ws://{}/", self.addresses[0])
    }

    /// What a scenario has seen by ws.
    pub(super) fn play(&mut self, scenario: &str) -> Value {
        self.play_at(scenario, &self.url())
    }

    /// The same by wss.
    pub(super) fn play_securely(&mut self, scenario: &str) -> Value {
        self.play_at(scenario, &format!("wss://{}/", self.addresses[1]))
    }

    fn play_at(&mut self, scenario: &str, url: &str) -> Value {
        let page = Page::driven_by("examples.mjs", scenario, &json!({ "broker": url }));
        loop {
            let said = page.says();
            match said["broker"].as_str() {
                // With SIGKILL: it has no time to say goodbye.
                Some("kill") => self.daemon = None,
                Some("start") => self.start(),
                _ => return said,
            }
        }
    }
}

const CONFIGURATION: &str = r#"
data_dir = "data"
[[listeners]]
name = "browsers"
bind = "PLAIN"
transport = "ws"
protocols = ["mqtt", "stomp"]
origins = ["*"]
[[listeners]]
name = "secure"
bind = "SECURE"
transport = "ws"
protocols = ["mqtt", "stomp"]
origins = ["*"]
[listeners.tls]
cert = "server.pem"
key = "server.key"
[auth]
anonymous = true
"#;
