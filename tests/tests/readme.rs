//! The README's commands work as written: they are taken from it, run, and held to what it says they do.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the workspace").to_owned()
}

/// The lines of the README's `sh` blocks.
fn commands() -> Vec<String> {
    let text = fs::read_to_string(root().join("README.md")).expect("the README is there");
    let blocks = text.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.flat_map(str::lines).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// Ends the process, and what it started, when the test does.
struct Running(Child);

impl Running {
    fn start(command: &str, arguments: &[&str]) -> Self {
        let mut words = command.split_whitespace();
        let program = words.next().expect("a command has a program");
        // The README's arguments contain quotes, for a shell; here they are told apart by it as well.
        let line = format!("exec {program} {} \"$@\"", words.collect::<Vec<_>>().join(" "));
        let child = Command::new("bash")
            .args(["-c", &line, "bash"])
            .args(arguments)
            .current_dir(root())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        Self(child.expect("bash is there"))
    }

    /// Reads lines of its standard error until one contains `what`.
    fn await_log(&mut self, what: &str) {
        let stderr = self.0.stderr.take().expect("standard error is piped");
        let mut lines = BufReader::new(stderr).lines();
        let mut seen = Vec::new();
        let found = lines.by_ref().map_while(Result::ok).any(|line| {
            let found = line.contains(what);
            seen.push(line);
            found
        });
        assert!(found, "{what} was never said:\n{}", seen.join("\n"));
        // Goes on reading, so that the process never waits for a reader.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a browser gets that opens this path.
fn page(port: u16, path: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the broker accepts");
    let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("the request is taken");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the answer is text, and ends");
    answer
}

#[test]
fn a_first_conversation() {
    let commands = commands();
    let [run, test, listen, speak, prove] = commands.as_slice() else {
        panic!("the README has other commands: {commands:?}")
    };
    // This very test is run by it.
    assert_eq!(test, "bash tests/run");
    let port = {
        let free = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        free.local_addr().expect("it has an address").port()
    };
    let listener = format!(
        "listeners=[{{ name = \"ws\", bind = \"127.0.0.1:{port}\", transport = \"ws\", protocols = [\"mqtt\", \"stomp\"] }}]"
    );
    let mut broker = Running::start(run, &["--set", &listener, "--set", "admin.bind="]);
    broker.await_log("ready");
    let chat = page(port, "/demo/chat/");
    assert!(chat.starts_with("HTTP/1.1 200 ") && chat.contains("<html"), "{chat}");
    let url = format!("ws://127.0.0.1:{port}/");
    // Nobody can see from outside when the listener has subscribed, so what is said is retained.
    let speaker = Running::start(speak, &["-u", &url, "-r"]).finish();
    assert!(speaker.is_empty(), "{speaker}");
    let heard = Running::start(listen, &["-u", &url, "-c", "1"]).finish();
    assert_eq!(heard, "rooms/kitchen the kettle is on\n");
    let prove = prove.replace("ws://127.0.0.1:8080/", &url);
    let report = Running::start(&prove, &["--case", "still_serves"]).finish();
    assert!(report.contains("2 passed, 0 failed"), "{report}");
}

impl Running {
    /// Waits for it to succeed, and returns what it printed.
    fn finish(mut self) -> String {
        let mut printed = String::new();
        let mut complaint = String::new();
        self.0
            .stdout
            .take()
            .expect("standard output is piped")
            .read_to_string(&mut printed)
            .expect("it is UTF-8");
        self.0
            .stderr
            .take()
            .expect("standard error is piped")
            .read_to_string(&mut complaint)
            .expect("it is UTF-8");
        let status = self.0.wait().expect("it ends");
        assert!(status.success(), "{status}: {complaint}");
        printed
    }
}
