//! A broker beside the browser examples, which may be killed and started again.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;
use tidewire_tests::binary::{WITHOUT_ADMIN, binary};
use tidewire_tests::daemon::Daemon;

use crate::authority::Authority;
use crate::web::Page;

/// A broker with a listener for ws, one for wss, and one for pages from anywhere, each for both protocols. The first two serve
/// the examples themselves.
pub(super) struct Stand {
    daemon: Option<Daemon>,
    addresses: [SocketAddr; 3],
    folder: TempDir,
}

impl Stand {
    pub(super) fn open() -> Self {
        // All are held until all are known. They are the broker's after a restart, too.
        let held: [TcpListener; 3] = std::array::from_fn(|_| {
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port of the loopback address is free")
        });
        let addresses = held.map(|listener| listener.local_addr().expect("a listener has an address"));
        let folder = tempfile::tempdir().expect("a temporary directory can be made");
        let configuration = CONFIGURATION
            .replace("PLAIN", &addresses[0].to_string())
            .replace("SECURE", &addresses[1].to_string())
            .replace("ANYWHERE", &addresses[2].to_string());
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
        command.args(["serve", "--demo", "--config", "tidewire.toml"]).envs(WITHOUT_ADMIN);
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
        self.play_with(scenario, &json!({ "broker": self.url(), "site": self.site() }))
    }

    /// What is wrong with the examples on a screen of this kind.
    pub(super) fn look_at_examples_on(&mut self, screen: &str) -> Value {
        let argument = json!({ "broker": self.url(), "site": self.site(), "screen": screen });
        self.play_with("accessibility", &argument)
    }

    fn site(&self) -> String {
        format!("http://{}/demo", self.addresses[0])
    }

    /// The same by wss.
    pub(super) fn play_securely(&mut self, scenario: &str) -> Value {
        let address = self.addresses[1];
        let argument =
            json!({ "broker": format!("wss://{address}/"), "site": format!("https://{address}/demo") });
        self.play_with(scenario, &argument)
    }

    /// The same with pages that come from another web server.
    pub(super) fn play_from_elsewhere(&mut self, scenario: &str) -> Value {
        self.play_with(scenario, &json!({ "broker": format!("ws://{}/", self.addresses[2]) }))
    }

    fn play_with(&mut self, scenario: &str, argument: &Value) -> Value {
        let page = Page::driven_by("examples.mjs", scenario, argument);
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
name = "plain"
bind = "PLAIN"
transport = "ws"
protocols = ["mqtt", "stomp"]
[[listeners]]
name = "secure"
bind = "SECURE"
transport = "ws"
protocols = ["mqtt", "stomp"]
[listeners.tls]
cert = "server.pem"
key = "server.key"
[[listeners]]
name = "anywhere"
bind = "ANYWHERE"
transport = "ws"
protocols = ["mqtt", "stomp"]
origins = ["*"]
[auth]
anonymous = true
"#;
