//! The daemon as a process, and what it says.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// A process and what it says. Dropping it kills the process.
pub struct Daemon {
    process: Child,
    lines: Receiver<String>,
    heard: Vec<String>,
}

impl Daemon {
    /// Runs what is to become a daemon.
    pub fn start(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::null());
        Self::start_with(command)
    }

    /// The same with the input and output that the command has.
    pub fn start_with(mut command: Command) -> Self {
        let mut process = command.stderr(Stdio::piped()).spawn().expect("the program can be run");
        let stderr = BufReader::new(process.stderr.take().expect("the pipe was asked for"));
        let (say, lines) = mpsc::channel();
        thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|line| say.send(line)));
        Self { process, lines, heard: Vec::new() }
    }

    /// Waits for a line with these words that was not heard before, and returns what stands behind them.
    pub fn says(&mut self, words: &str) -> String {
        let deadline = Instant::now() + DEADLINE;
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => self.heard.push(line),
                Err(error) => panic!("{error}: {words:?} is not among\n{}", self.heard.join("\n")),
            }
            if let Some((_, rest)) = self.heard.last().and_then(|line| line.split_once(words)) {
                return rest.to_owned();
            }
        }
    }

    /// What stands behind these words in the first line that has them among those that were heard.
    pub fn has_said(&self, words: &str) -> &str {
        let rest = self.heard.iter().find_map(|line| Some(line.split_once(words)?.1));
        rest.unwrap_or_else(|| panic!("{words:?} is not among\n{}", self.heard()))
    }

    /// All lines that were heard.
    pub fn heard(&self) -> String {
        self.heard.join("\n")
    }

    /// The address of the listener that it has said to speak this.
    pub fn address(&self, scheme: &str) -> SocketAddr {
        address(self.has_said(&format!("listening on {scheme}://")))
    }

    /// The process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Sends a signal, as `-HUP`.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args([name, &self.process.id().to_string()]).status();
        assert!(status.is_ok_and(|status| status.success()), "the signal is delivered");
    }

    /// Waits for its end, and hears what it says until then.
    pub fn ends(&mut self) -> ExitStatus {
        // The pipe ends with the process.
        while let Ok(line) = self.lines.recv_timeout(DEADLINE) {
            self.heard.push(line);
        }
        self.process.wait().expect("the process is ours")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Either fails only when the process has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The address at the beginning of what was said.
pub fn address(said: &str) -> SocketAddr {
    said.split([' ', ',']).next().and_then(|text| text.parse().ok()).expect("an address is said")
}
