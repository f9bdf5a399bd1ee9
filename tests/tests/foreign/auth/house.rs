//! A broker that lets nobody in whom it does not know.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tidewire_tests::binary::binary;

use super::token::{SECRET, Token};
use crate::broker::Broker;
use crate::client::{Client, Protocol};
use crate::peer::DrivenPeer;
use crate::stage::Stage;

/// A broker with these settings, the secret of its tokens and these rules.
pub(crate) fn house(settings: &str, rules: &str) -> Stage {
    furnished(settings, rules, &[], &[])
}

/// The same with a file `passwd` of these users, and further files.
pub(crate) fn furnished(settings: &str, rules: &str, users: &[&str], files: &[(&str, String)]) -> Stage {
    let folder = tempfile::tempdir().expect("a temporary directory can be made");
    let mut paths = Vec::new();
    if !users.is_empty() {
        let file = folder.path().join("passwd");
        users.iter().for_each(|user| set_password(&file, user));
        paths.push(file);
    }
    let own = [("secret", SECRET.to_owned()), ("acl.toml", rules.to_owned())];
    for (name, text) in files.iter().chain(&own) {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("a temporary directory can be written to");
        paths.push(path);
    }
    Stage::of(Broker::configured(settings, &paths))
}

/// Puts a user into a file of users, by the command for that.
pub(crate) fn set_password(file: &Path, user: &str) {
    let mut command = Command::new(binary());
    let mut command =
        command.arg("passwd").arg(file).arg(user).stdin(Stdio::piped()).spawn().expect("it is there");
    let mut standard_input = command.stdin.take().expect("the pipe was asked for");
    writeln!(standard_input, "{PASSWORD}").expect("it reads the password");
    assert!(command.wait().is_ok_and(|status| status.success()), "{user} is not put into the file");
}

/// Takes a user out of a file of users, by the command for that.
pub(crate) fn delete_user(file: &Path, user: &str) {
    let status = Command::new(binary()).arg("passwd").arg(file).args([user, "--delete"]).status();
    assert!(status.is_ok_and(|status| status.success()), "{user} is not taken out of the file");
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

/// The password of every user.
pub(crate) const PASSWORD: &str = "correct horse";

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
