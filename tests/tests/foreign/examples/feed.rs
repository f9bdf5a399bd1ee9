//! The script that measures a machine for the dashboard.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tidewire_tests::binary::binary;

/// The script at work, with the `tw` that lies beside the broker. Dropping it ends it.
pub(super) struct Feed(Child);

impl Feed {
    /// Publishes to the broker at `url` as the source `name`.
    pub(super) fn start(url: &str, name: &str) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../clients/web/dashboard/feed");
        let process = Command::new(script)
            .args([url, name])
            .env("TW", binary().with_file_name("tw"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            // It says when the broker is gone, which is what the test wants.
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("the script can be run");
        Self(process)
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        // What it runs is of its group.
        let _ = Command::new("kill").args(["-TERM", "--", &format!("-{}", self.0.id())]).status();
        let _ = self.0.wait();
    }
}
