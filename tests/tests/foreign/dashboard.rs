//! The dashboard in headless Chromium, used as an operator would: `tests/foreign/dashboard/` has what is done. Whatever the
//! page says on the browser's console, and a request to anybody but the broker, fails each of them.

use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;
use tidewire_tests::binary::binary;
use tidewire_tests::daemon::Daemon;

use crate::web::Page;

/// A broker with an admin listener.
struct Desk {
    daemon: Daemon,
    token: Option<&'static str>,
    _folder: TempDir,
}

impl Desk {
    /// Where everybody may do everything.
    fn open() -> Self {
        Self::with("", "", None)
    }

    /// Where nobody may do anything but who has the token.
    fn locked(token: &'static str) -> Self {
        Self::with("acl_file = \"acl.toml\"", "token_file = \"token\"", Some(token))
    }

    fn with(auth: &str, admin: &str, token: Option<&'static str>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory can be made");
        let configuration = CONFIGURATION.replace("AUTH", auth).replace("ADMIN", admin);
        let files = [
            ("tidewire.toml", &*configuration),
            ("token", token.unwrap_or_default()),
            ("acl.toml", "[[rules]]\ndeny = [\"all\"]\n"),
        ];
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).expect("a temporary directory can be written to");
        }
        let mut command = Command::new(binary());
        command.args(["serve", "--config", "tidewire.toml"]).current_dir(folder.path());
        let mut daemon = Daemon::start(command);
        daemon.says("ready");
        Self { daemon, token, _folder: folder }
    }

    /// What a scenario has seen.
    fn play(&self, scenario: &str) -> Value {
        let argument = json!({
            "admin": format!("http://{}", self.daemon.address("http")),
            "broker": format!("ws://{}/", self.daemon.address("ws")),
            "token": self.token,
        });
        Page::driven_by("dashboard.mjs", scenario, &argument).says()
    }
}

#[test]
fn rates_rise_under_load() {
    let seen = Desk::open().play("overview");
    let rate = |name: &str| seen[name].as_f64().expect("a rate is a number");
    assert!(rate("before") < 10.0 && rate("after") >= 100.0, "{seen}");
}

#[test]
fn the_console_publishes_and_receives_by_every_protocol() {
    let seen = Desk::open().play("console");
    let message = |topic: &str, has_pairs: bool| json!({ "topic": topic, "json": { "to": topic }, "colour": has_pairs });
    assert_eq!(
        seen,
        json!({
            "MQTT 5": [message("a/1", true), message("b/2", true)],
            "MQTT 3.1.1": [message("a/1", false), message("b/2", false)],
            "STOMP 1.2": [message("/topic/a/1", true), message("/queue/b", true)],
        })
    );
}

/// 0x98: Administrative action. (MQTT 5, table 2-6)
#[test]
fn a_client_is_found_kicked_and_banned() {
    assert_eq!(
        Desk::open().play("clients"),
        json!({
            "listed": ["valve-1", "valve-2"],
            "isSpared": true,
            "reason": 0x98,
            "refused": "refused",
            "knows": ["MQTT 5", "WebSocket", "anonymous", "will/valve-2", "$share/workers/jobs", "workers"],
        })
    );
}

#[test]
fn the_tree_of_topics_opens_and_a_retained_message_is_cleared() {
    assert_eq!(
        Desk::open().play("topics"),
        json!({
            "json": { "celsius": 71, "ok": true },
            "hex": "0000  7b 22 63 65 6c 73 69 75 73 22 3a 37 31 2c 22 6f  {\"celsius\":71,\"o",
            "bytes": "0000  00 ff 10 41                                      ...A",
            "status": 404,
        })
    );
}

/// A queue without messages and consumers is not kept.
#[test]
fn a_queue_is_looked_into_and_purged() {
    let peeked: Vec<_> = (1..=5).map(|order| json!({ "order": order }).to_string()).collect();
    assert_eq!(Desk::open().play("queues"), json!({ "peeked": peeked, "before": 5, "after": 404 }));
}

#[test]
fn one_client_is_followed() {
    assert_eq!(Desk::open().play("trace"), json!({ "lacks": [], "others": 0 }));
}

/// The token may have signs that no header of a WebSocket can; rules that allow nothing do not hold for the operator.
#[test]
fn the_token_is_asked_for_once() {
    assert_eq!(
        Desk::locked("the-token's-signs:/=(%41)+?").play("token"),
        json!({ "isAskedAgain": false, "withoutToken": 401 })
    );
}

#[test]
fn every_view_is_accessible_in_both_colour_schemes_and_on_a_phone() {
    assert_eq!(Desk::open().play("accessibility"), json!({ "looked": 27, "found": [] }));
}

const CONFIGURATION: &str = r#"
[[listeners]]
name = "clients"
bind = "127.0.0.1:0"
transport = "ws"
protocols = ["mqtt", "stomp"]
[auth]
anonymous = true
AUTH
[storage]
sync = "memory"
[admin]
bind = "127.0.0.1:0"
ADMIN
"#;
