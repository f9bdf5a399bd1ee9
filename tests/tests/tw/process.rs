//! A running `tw`.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use tidewire_tests::binary::binary;

/// How long any answer may take. Generous, for a machine that is busy with other things.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// A `tw` that runs beside the test. Dropping it kills the process.
pub(crate) struct Running {
    process: Child,
    lines: Receiver<Vec<u8>>,
    errors: Receiver<String>,
    /// Of the errors, what was waited for already.
    heard: String,
}

/// How a `tw` has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: Option<i32>,
    pub(crate) output: Vec<u8>,
    pub(crate) errors: String,
}

impl Running {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::start_with_input(arguments, b"")
    }

    pub(crate) fn start_with_input(arguments: &[&str], input: &[u8]) -> Self {
        let mut process = command(arguments).stdin(Stdio::piped()).spawn().expect("tw can be run");
        let mut stdin = process.stdin.take().expect("the pipe was asked for");
        let input = input.to_vec();
        // A program that does not read its input closes the pipe; that is its business.
        thread::spawn(move || stdin.write_all(&input));
        process.into()
    }

    /// The next line of the output, with its end.
    pub(crate) fn line(&self) -> String {
        let line = self.lines.recv_timeout(DEADLINE).expect("tw writes a line in time");
        String::from_utf8(line).expect("the line is text")
    }

    /// Waits for a line of standard error with these words that was not heard before.
    pub(crate) fn says(&mut self, words: &str) {
        loop {
            match self.errors.recv_timeout(DEADLINE) {
                Ok(line) => self.heard.push_str(&line),
                Err(error) => panic!("{error}: tw does not say {words:?}, but {}", self.heard),
            }
            if self.heard.lines().last().is_some_and(|line| line.contains(words)) {
                return;
            }
        }
    }

    pub(crate) fn process_id(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn interrupt(&self) {
        let pid = self.process.id().to_string();
        let status = Command::new("kill").args(["-INT", &pid]).status().expect("kill can be run");
        assert!(status.success());
    }

    /// Waits for the end.
    pub(crate) fn end(mut self) -> Ended {
        // Both pipes end with the process, so waiting for it afterwards takes no time.
        let mut errors = std::mem::take(&mut self.heard);
        loop {
            match self.errors.recv_timeout(DEADLINE) {
                Ok(line) => errors.push_str(&line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("tw does not end in time; it has said {errors}"),
            }
        }
        let output = self.lines.iter().flatten().collect();
        let status = self.process.wait().expect("the process can be waited for").code();
        Ended { status, output, errors }
    }
}

/// Takes over a process; a pipe that the test has taken before counts as ended.
impl From<Child> for Running {
    fn from(mut process: Child) -> Self {
        let stdout = process.stdout.take();
        let stderr = process.stderr.take().expect("the pipe was asked for");
        let (line_sender, lines) = mpsc::channel();
        thread::spawn(move || {
            let mut stdout = BufReader::new(stdout?);
            let mut line = Vec::new();
            while let Ok(1..) = stdout.read_until(b'\n', &mut line) {
                line_sender.send(std::mem::take(&mut line)).ok()?;
            }
            Some(())
        });
        let (error_sender, errors) = mpsc::channel();
        thread::spawn(move || {
            let mut stderr = BufReader::new(stderr);
            let mut line = String::new();
            // What is no text is a failure of its own: the test sees the beginning.
            while let Ok(1..) = stderr.read_line(&mut line) {
                error_sender.send(std::mem::take(&mut line)).ok()?;
            }
            Some(())
        });
        Self { process, lines, errors, heard: String::new() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Either fails only when the process has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Runs `tw` to its end.
pub(crate) fn tw(arguments: &[&str]) -> Ended {
    Running::start(arguments).end()
}

/// Runs `tw` to its end, and expects success without a word on standard error.
pub(crate) fn tw_succeeds(arguments: &[&str]) -> Vec<u8> {
    Running::start(arguments).end().success()
}

impl Ended {
    pub(crate) fn success(self) -> Vec<u8> {
        assert_eq!((self.status, self.errors.as_str()), (Some(0), ""), "{self:?}");
        self.output
    }
}

/// `tw` with pipes for its output and errors.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(tw_binary());
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Beside the broker's.
fn tw_binary() -> PathBuf {
    let tw = binary().with_file_name("tw");
    assert!(tw.is_file(), "there is no {}: run `cargo build --release --workspace --bins`", tw.display());
    tw
}
