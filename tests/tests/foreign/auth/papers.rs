//! What both sides show each other over TLS.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::authority::Authority;
use crate::client::{Client, Library};

/// What alice has to show, and whom she trusts: as text for the drivers in Node, as files for the others.
pub(crate) struct Papers {
    ca: String,
    certificate: String,
    key: String,
    folder: TempDir,
}

impl Papers {
    pub(crate) fn new(authority: &Authority) -> Self {
        let ([certificate, key], ca) = (authority.client("alice"), authority.pem());
        let folder = tempfile::tempdir().expect("a temporary directory can be made");
        for (name, text) in [("ca", &ca), ("cert", &certificate), ("key", &key)] {
            std::fs::write(folder.path().join(name), text).expect("a temporary directory can be written to");
        }
        Self { ca, certificate, key, folder }
    }

    /// The option of a driver's `connect` command that holds them; the authority alone, or the client's own as well.
    pub(crate) fn option(&self, client: Client, is_certified: bool) -> (&'static str, Value) {
        let file = |name: &str| json!(self.folder.path().join(name));
        let (option, [ca, cert, key]) = match client.library {
            Library::MqttJs | Library::StompJs => {
                ("web", [&self.ca, &self.certificate, &self.key].map(|text| json!(text)))
            }
            _ => ("tls", ["ca", "cert", "key"].map(file)),
        };
        match is_certified {
            true => (option, json!({"ca": ca, "cert": cert, "key": key})),
            false => (option, json!({"ca": ca})),
        }
    }
}

/// The files that [`SECURE`] names: who shows what the same authority has signed is believed.
pub(crate) fn tls_files(authority: &Authority) -> [(&'static str, String); 3] {
    let [certificate, key] = authority.server();
    [("ca.pem", authority.pem()), ("server.pem", certificate), ("server.key", key)]
}

/// Listeners that speak TLS and ask for certificates, with the files that [`tls_files`] makes.
pub(crate) const SECURE: &str = r#"
[[listeners]]
name = "wss"
bind = "127.0.0.1:8080"
transport = "ws"
protocols = ["mqtt", "stomp"]
[listeners.tls]
cert = "server.pem"
key = "server.key"
client_ca = "ca.pem"
client_auth = "optional"

[[listeners]]
name = "tls"
bind = "127.0.0.1:1883"
transport = "tcp"
protocols = ["mqtt", "stomp"]
[listeners.tls]
cert = "server.pem"
key = "server.key"
client_ca = "ca.pem"
client_auth = "optional"

# What starts the broker waits for a third.
[[listeners]]
name = "plain"
bind = "127.0.0.1:61613"
transport = "tcp"
protocols = ["stomp"]
"#;
