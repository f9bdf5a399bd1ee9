//! The commands of docs/operating.md work as written, against a broker that has what they ask about.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;
use tidewire_tests::binary::binary;
use tidewire_tests::daemon::Daemon;

/// The line that runs the broker; it goes on until it is stopped.
const SERVE: &str = "tidewire serve --config tidewire.toml";

const CONFIGURATION: &str = "data_dir = \"data\"\n[[listeners]]\nname = \"devices\"\nbind = \"127.0.0.1:0\"\n\
                             transport = \"tcp\"\nprotocols = [\"mqtt\"]\n[admin]\nbind = \"127.0.0.1:0\"\n";

/// A folder in which the broker runs, and a shell with its programs.
struct Host {
    folder: TempDir,
    programs: PathBuf,
    /// Where the admin listener is.
    admin: Option<String>,
}

impl Host {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("there is room for a folder");
        fs::write(folder.path().join("tidewire.toml"), CONFIGURATION).expect("the folder can be written to");
        let programs = binary().parent().expect("a program lies in a folder").to_owned();
        Self { folder, programs, admin: None }
    }

    fn shell(&self, script: &str) -> Command {
        let mut command = Command::new("bash");
        let path = std::env::var("PATH").unwrap_or_default();
        command
            .args(["-e", "-o", "pipefail", "-c", script])
            .current_dir(self.folder.path())
            .env_remove("JOURNAL_STREAM")
            .env("PATH", format!("{}:{path}", self.programs.display()));
        // Ports of their own, for tests that run at the same time.
        if let Some(admin) = &self.admin {
            command.env("TIDEWIRE_ADMIN__BIND", admin);
        }
        command
    }

    /// Runs a script to its end, which has to be a good one.
    fn run(&self, script: &str) -> Output {
        let output = self.shell(script).output().expect("bash is there");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{script}\n{}: {said}", output.status);
        output
    }
}

/// The `sh` blocks of the page.
fn blocks() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the workspace");
    let page = fs::read_to_string(path.join("docs/operating.md")).expect("the page is there");
    let blocks = page.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.map(str::to_owned).collect()
}

#[test]
fn every_command_does_what_it_says() {
    let mut host = Host::new();
    let blocks = blocks();
    assert!(blocks.iter().any(|block| block.lines().any(|line| line == SERVE)), "the page runs the broker");
    let mut daemon = Daemon::start(host.shell(&format!("exec {SERVE}")));
    daemon.says("ready");
    let admin = daemon.address("http").to_string();
    host.admin = Some(admin.clone());
    // What the commands ask about.
    host.run(&format!(
        "tidewire ctl publish a/b/c -m retained --retain -q 1; tidewire ctl publish /queue/dead.orders -m one; \
         seq 101 | tw pub -u mqtt://{} -t '$queue/orders' -q 1 -l",
        daemon.address("mqtt")
    ));
    for block in &blocks {
        // A trace may be shorter here.
        let script =
            block.replace(SERVE, "").replace("127.0.0.1:8081", &admin).replace("--secs 60", "--secs 1");
        host.run(&script);
    }
    let backup = fs::read_to_string(host.folder.path().join("backup.jsonl")).expect("a backup was made");
    assert!(backup.contains("a/b/c"), "{backup}");
    let asks = |command: &str| String::from_utf8_lossy(&host.run(command).stdout).into_owned();
    let queues = asks("tidewire ctl queues --json");
    assert!(!queues.contains("\"orders\""), "what was left was purged: {queues}");
    assert!(queues.contains("\"later\""), "a hundred were moved: {queues}");
    assert!(queues.contains("\"dead.orders\""), "nobody knows where its message came from: {queues}");
    assert!(asks("tidewire ctl retained 'a/#'").contains("a/b/c"));
    daemon.signal("-TERM");
    assert!(daemon.ends().success());
}
