//! The description of the API against what is answered, by schemathesis, which makes requests of all kinds from it:
//! `tests/foreign/install` installs it.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::site::{Site, TOKEN};

/// Where `tests/foreign/install` puts it, or what is on the path.
fn schemathesis() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("foreign/.venv-schemathesis/bin/schemathesis");
    if own.is_file() { own } else { "schemathesis".into() }
}

#[test]
fn nothing_is_answered_otherwise_than_described() {
    let site = Site::new();
    // Somebody who can be seen.
    let (_ann, _news) = (site.mqtt("ann"), site.stomp("news"));
    let url = site.url();
    let mut command = Command::new(schemathesis());
    command.args(["run", &format!("{url}/api/v1/openapi.json"), "--url", &url]);
    command.args(["--phases", "coverage,fuzzing", "--max-examples", "10", "--seed", "1"]);
    command.args(["--generation-deterministic", "--request-timeout", "20", "--no-color"]);
    // A trace has no end, and a drain no way back.
    command.args(["--exclude-path-regex", "/(trace|drain)$"]);
    command.args(["-H", &format!("Authorization: Bearer {TOKEN}")]).current_dir(site.folder.path());
    let output = command.output().expect("schemathesis can be run: tests/foreign/install");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
}
