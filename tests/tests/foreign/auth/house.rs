//! A broker that lets nobody in whom it does not know.

use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::token::{SECRET, Token};
use crate::broker::Broker;
use crate::client::{Client, Protocol};
use crate::peer::DrivenPeer;
use crate::stage::Stage;

/// Takes tokens, and tells a client one second before its time is over.
pub(crate) const TOKENS: &str = r#"
[auth]
anonymous = false
acl_file = "acl.toml"
expiry_notice = "1s"
[auth.jwt]
secret_file = "secret"
algorithms = ["HS256"]
leeway = "0s"
"#;

/// A broker with these settings, the secret of its tokens and these rules.
pub(crate) fn house(settings: &str, rules: &str) -> Stage {
    let folder = tempfile::tempdir().expect("a temporary directory can be made");
    let files = [write(&folder, "secret", SECRET), write(&folder, "acl.toml", rules)];
    Stage::of(Broker::configured(settings, &files))
}

/// Lets a client in by a token, which it gives as its password.
pub(crate) fn enter(stage: &Stage, client: Client, token: &Token) -> DrivenPeer {
    stage.enter_with(client, credentials(client, "whoever the token names", &token.text))
}

/// Options of a driver's `connect` command.
pub(crate) fn credentials(client: Client, user: &str, password: &str) -> Value {
    match client.protocol() {
        Protocol::Mqtt => json!({"user_name": user, "password": password}),
        Protocol::Stomp => json!({"headers": {"login": user, "passcode": password}}),
    }
}

/// What the broker says to a client about itself.
pub(crate) fn parse(text: &str) -> Value {
    serde_json::from_str(text).expect("the broker says it in JSON")
}

fn write(folder: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, text).expect("a temporary directory can be written to");
    path
}
