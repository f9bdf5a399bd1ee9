//! A driver process, and the connections that it holds for us.

use std::collections::{HashMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::client::Library;

/// How long any answer may take. Generous, for a machine that is busy with other things; a healthy answer takes
/// milliseconds.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// One driver process. It is told to end when the last of its connections is dropped.
pub(crate) struct Driver {
    library: Library,
    process: Mutex<Child>,
    commands: Mutex<ChildStdin>,
    inboxes: Arc<Mutex<HashMap<String, Sender<Value>>>>,
    complaints: Arc<Mutex<String>>,
}

impl Driver {
    pub(crate) fn start(library: Library) -> Arc<Self> {
        let mut process = library
            .driver()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("{library:?}'s driver does not start ({error}): run `tests/foreign/install`")
            });
        let commands = process.stdin.take().expect("the pipe was asked for");
        let events = process.stdout.take().expect("the pipe was asked for");
        let complaints = process.stderr.take().expect("the pipe was asked for");
        let driver = Arc::new(Self {
            library,
            process: Mutex::new(process),
            commands: Mutex::new(commands),
            inboxes: Arc::default(),
            complaints: Arc::default(),
        });
        let inboxes = Arc::clone(&driver.inboxes);
        thread::spawn(move || deliver(BufReader::new(events), &inboxes));
        let text = Arc::clone(&driver.complaints);
        thread::spawn(move || keep(BufReader::new(complaints), &text));
        driver
    }

    /// A connection of that name, not yet connected to anything.
    pub(crate) fn connection(self: &Arc<Self>, name: &str) -> Connection {
        let (sender, events) = mpsc::channel();
        lock(&self.inboxes).insert(name.to_owned(), sender);
        Connection { driver: Arc::clone(self), name: name.to_owned(), events, messages: VecDeque::new() }
    }

    fn complaints(&self) -> String {
        lock(&self.complaints).clone()
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Either fails only when the process has ended already.
        let mut process = lock(&self.process);
        let _ = process.kill();
        let _ = process.wait();
    }
}

/// One of a driver's connections: commands in, events out.
pub(crate) struct Connection {
    driver: Arc<Driver>,
    name: String,
    events: Receiver<Value>,
    messages: VecDeque<Value>,
}

impl Connection {
    /// Gives the command and waits for its answer; messages that arrive meanwhile are kept for `message`.
    pub(crate) fn ask(&mut self, what: &str, mut command: Value, answer: &str) -> Result<Value, String> {
        command["do"] = what.into();
        command["as"] = self.name.as_str().into();
        let line = format!("{command}\n");
        lock(&self.driver.commands)
            .write_all(line.as_bytes())
            .map_err(|error| self.failure(&format!("takes no commands ({error})")))?;
        let deadline = Instant::now() + DEADLINE;
        loop {
            let event = self.event(deadline, answer)?;
            match event["event"].as_str() {
                Some(name) if name == answer => return Ok(event),
                Some("message") => self.messages.push_back(event),
                _ => return Err(self.failure(&format!("was to answer {answer:?} and said {event}"))),
            }
        }
    }

    /// The next message.
    pub(crate) fn message(&mut self) -> Result<Value, String> {
        if let Some(message) = self.messages.pop_front() {
            return Ok(message);
        }
        let event = self.event(Instant::now() + DEADLINE, "a message")?;
        if event["event"] == "message" {
            return Ok(event);
        }
        Err(self.failure(&format!("was to receive a message and said {event}")))
    }

    /// What is told before the connection is closed, messages apart, and how it closes at last.
    pub(crate) fn ending(&mut self) -> Result<Vec<Value>, String> {
        let deadline = Instant::now() + DEADLINE;
        let mut told = Vec::new();
        while told.last().is_none_or(|event: &Value| event["event"] != "closed") {
            let event = self.event(deadline, "the end")?;
            if event["event"] != "message" {
                told.push(event);
            }
        }
        Ok(told)
    }

    fn event(&self, deadline: Instant, wanted: &str) -> Result<Value, String> {
        self.events
            .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            .map_err(|error| self.failure(&format!("waited for {wanted}: {error}")))
    }

    fn failure(&self, what: &str) -> String {
        let complaints = self.driver.complaints();
        format!("{} of {:?} {what}\n{complaints}", self.name, self.driver.library)
    }
}

/// Hands each event to the connection that it names.
fn deliver(events: impl BufRead, inboxes: &Mutex<HashMap<String, Sender<Value>>>) {
    for line in events.lines().map_while(Result::ok) {
        let event: Value = serde_json::from_str(&line).expect("a driver writes JSON only");
        let inboxes = lock(inboxes);
        if let Some(inbox) = event["as"].as_str().and_then(|name| inboxes.get(name)) {
            // A connection that the test has done with is not interested any more.
            let _ = inbox.send(event);
        }
    }
    // Senders that go away tell every waiting connection at once that the driver has ended.
    lock(inboxes).clear();
}

fn keep(mut pipe: impl Read, text: &Mutex<String>) {
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = pipe.read(&mut buffer) {
        lock(text).push_str(&String::from_utf8_lossy(&buffer[..length]));
    }
}

/// The data is whole even when another thread has panicked with the lock held.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
