//! A page in headless Chromium, of those in `tests/foreign/pages/`.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use serde_json::Value;

/// An open page. Dropping it closes the browser.
pub(crate) struct Page {
    process: Child,
    /// The page is open as long as this is.
    standard_input: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Page {
    pub(crate) fn open(name: &str, argument: &Value) -> Self {
        Self::driven_by("page.mjs", name, argument)
    }

    /// One that this script of `tests/foreign/` opens and drives.
    pub(crate) fn driven_by(script: &str, name: &str, argument: &Value) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("foreign");
        let mut process = Command::new("node")
            .arg(folder.join(script))
            .args([name, &argument.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("no page opens ({error}): run `tests/foreign/install`"));
        let standard_input = process.stdin.take();
        let output = BufReader::new(process.stdout.take().expect("the pipe was asked for"));
        let (say, lines) = mpsc::channel();
        thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| say.send(line)));
        Self { process, standard_input, lines }
    }

    /// What the page says next, which is not that it has failed.
    pub(crate) fn says(&self) -> Value {
        let line = self.lines.recv_timeout(DEADLINE).expect("the page says something");
        let said: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("the page says {line}"));
        assert!(said["failed"].is_null(), "the page fails: {}", said["failed"].as_str().unwrap_or(&line));
        said
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.standard_input = None;
        // It fails only when the process has ended already.
        let _ = self.process.wait();
    }
}

/// A browser takes its time to start, on a machine that is busy with other things most of all.
const DEADLINE: Duration = Duration::from_secs(120);
