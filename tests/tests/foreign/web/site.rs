//! A broker that is reached by ws and by wss.

use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::authority::Authority;
use crate::broker::Broker;
use crate::client::Client;
use crate::peer::DrivenPeer;
use crate::stage::Stage;

pub(crate) struct Site {
    pub(crate) stage: Stage,
    /// The authority that issued the server's certificate.
    ca: String,
    /// The server's certificate.
    pub(crate) certificate: String,
    /// Where that is in a file, and its key.
    folder: TempDir,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Scheme {
    Ws,
    Wss,
}

impl Site {
    /// Serves both, with these further settings of the listeners.
    pub(crate) fn serve(settings: &str) -> Self {
        Self::configured(&LISTENERS.replace("SETTINGS", settings).replace("SECURE", ""))
    }

    /// Serves both, with these further settings of the one for wss.
    pub(crate) fn serve_secure(settings: &str) -> Self {
        Self::configured(&LISTENERS.replace("SETTINGS", "").replace("SECURE", settings))
    }

    fn configured(listeners: &str) -> Self {
        let authority = Authority::new();
        let [certificate, key] = authority.server();
        let folder = tempfile::tempdir().expect("a temporary directory can be made");
        let files = [write(&folder, CERTIFICATE, &certificate), write(&folder, KEY, &key)];
        let broker = Broker::configured(listeners, &files);
        Self { stage: Stage::of(broker), ca: authority.pem(), certificate, folder }
    }

    /// The server's certificate, and its key.
    pub(crate) fn files(&self) -> [PathBuf; 2] {
        [CERTIFICATE, KEY].map(|name| self.folder.path().join(name))
    }

    pub(crate) fn url(&self, scheme: Scheme) -> String {
        match scheme {
            Scheme::Ws => format!("ws://{}/", self.stage.broker.websocket()),
            Scheme::Wss => format!("wss://{}/", self.stage.broker.mqtt()),
        }
    }

    /// Connects a client, which offers compression or not.
    pub(crate) fn enter(&self, client: Client, scheme: Scheme, compression: bool) -> DrivenPeer {
        let web: Value = match scheme {
            Scheme::Ws => json!({"compression": compression}),
            Scheme::Wss => json!({"compression": compression, "ca": self.ca}),
        };
        self.stage.enter_at(&self.url(scheme), client, json!({"web": web}))
    }
}

fn write(folder: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, text).expect("a temporary directory can be written to");
    path
}

const CERTIFICATE: &str = "server.pem";
const KEY: &str = "server.key";

const LISTENERS: &str = r#"
[[listeners]]
name = "ws"
bind = "127.0.0.1:8080"
transport = "ws"
protocols = ["mqtt", "stomp"]
SETTINGS

[[listeners]]
name = "wss"
bind = "127.0.0.1:1883"
transport = "ws"
protocols = ["mqtt", "stomp"]
SETTINGS
SECURE
[listeners.tls]
cert = "server.pem"
key = "server.key"

# What starts the broker waits for a third.
[[listeners]]
name = "stomp"
bind = "127.0.0.1:61613"
transport = "tcp"
protocols = ["stomp"]
"#;
