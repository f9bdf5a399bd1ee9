//! The clients' process: it is told what has become of the broker, and tells what has become of its messages.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long any answer of a round may take. The process has narrower limits of its own, and says which was passed.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// Dropping it kills the process.
pub(crate) struct Load {
    process: Child,
    commands: ChildStdin,
    answers: Receiver<Value>,
}

impl Load {
    pub(crate) fn start(seed: u64, ports: [u16; 3]) -> Self {
        let mut process = python("load.py")
            .arg(seed.to_string())
            .args(ports.map(|port| port.to_string()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python can be run");
        let commands = process.stdin.take().expect("the pipe was asked for");
        let lines = BufReader::new(process.stdout.take().expect("the pipe was asked for")).lines();
        let (say, answers) = mpsc::channel();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let answer = serde_json::from_str(&line).expect("it writes JSON only");
                if say.send(answer).is_err() {
                    break;
                }
            }
        });
        Self { process, commands, answers }
    }

    pub(crate) fn tell(&mut self, command: &str) {
        writeln!(self.commands, "{command}").expect("the clients' process listens");
    }

    /// Waits for that answer. That the load has begun may not have been waited for.
    pub(crate) fn hear(&self, wanted: &str, within: Duration) -> Value {
        let deadline = Instant::now() + within;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let answer = self.answers.recv_timeout(left);
            let answer =
                answer.unwrap_or_else(|error| panic!("no {wanted:?} from the clients' process: {error}"));
            match answer["is"].as_str() {
                Some(is) if is == wanted => return answer,
                Some("loaded") => {}
                _ => panic!("the clients' process breaks off: {}", answer["why"].as_str().unwrap_or("why?")),
            }
        }
    }
}

/// Python with the clients' libraries, about to run that program.
pub(crate) fn python(program: &str) -> Command {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = directory.join("foreign/.venv/bin/python");
    assert!(python.exists(), "the foreign clients are not installed: run `tests/foreign/install`");
    let mut command = Command::new(python);
    command.arg(directory.join("crash").join(program));
    command
}

impl Drop for Load {
    fn drop(&mut self) {
        // Either fails only when the process has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
