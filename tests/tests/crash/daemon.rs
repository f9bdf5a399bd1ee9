//! The broker's process, which is killed, and started again on the same data directory and ports.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tidewire_tests::binary::{WITHOUT_ADMIN, binary};

use tidewire_tests::random::Random;

const SIGKILL: i32 = 9;
/// The end of all patience; a slow start that is still a start is for the report.
const START_DEADLINE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(1);

/// Dropping it kills the process.
pub(crate) struct Daemon {
    configuration: PathBuf,
    log: PathBuf,
    /// WebSocket, MQTT, STOMP.
    ports: [u16; 3],
    process: Option<Child>,
    starts: Vec<Duration>,
}

impl Daemon {
    pub(crate) fn new(directory: &Path, sync: &str, random: &mut Random) -> Self {
        let ports = free_ports(random);
        let configuration = directory.join("tidewire.toml");
        let text = configuration_of(&directory.join("data"), sync, ports);
        std::fs::write(&configuration, text).expect("a temporary directory can be written to");
        Self { configuration, log: directory.join("log"), ports, process: None, starts: Vec::new() }
    }

    pub(crate) fn ports(&self) -> [u16; 3] {
        self.ports
    }

    /// How long each start has taken until all ports answered.
    pub(crate) fn starts(&self) -> &[Duration] {
        &self.starts
    }

    /// Lines of the log that should not be there, with the number of the start.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let log = std::fs::read(&self.log).expect("the log is there");
        let log = String::from_utf8_lossy(&log).into_owned();
        let mut start = "";
        let mut complaints = Vec::new();
        for line in log.lines() {
            if line.starts_with("== ") {
                start = line;
            }
            let lower = line.to_lowercase();
            if lower.contains("panic") || lower.contains("damaged") {
                complaints.push(format!("{start}: {line}"));
            }
        }
        complaints
    }

    /// Starts the process and returns when all its ports answer.
    pub(crate) fn start(&mut self) {
        let started = Instant::now();
        self.spawn();
        for port in self.ports {
            while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
                let process = self.process.as_mut().expect("it was started");
                let status = process.try_wait().expect("a child can be waited for");
                assert!(status.is_none(), "the broker does not start ({status:?}):\n{}", self.tail());
                assert!(started.elapsed() < START_DEADLINE, "the broker is not ready:\n{}", self.tail());
                sleep(POLL);
            }
        }
        self.starts.push(started.elapsed());
    }

    /// Starts the process, no more.
    pub(crate) fn spawn(&mut self) {
        assert!(self.process.is_none(), "the one before was killed");
        let mut log = self.open_log();
        writeln!(log, "== after start {}", self.starts.len()).expect("the log can be written to");
        let process = Command::new(binary())
            .args(["serve", "--config"])
            .arg(&self.configuration)
            .envs(WITHOUT_ADMIN)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file can be opened twice"))
            .stderr(log)
            .spawn()
            .expect("the broker's binary can be run");
        self.process = Some(process);
    }

    /// SIGKILL, which must be what ends it.
    pub(crate) fn kill(&mut self) {
        let mut process = self.process.take().expect("it was started");
        // When it fails the status says why.
        let _ = process.kill();
        let status = process.wait().expect("a child can be waited for");
        assert_eq!(
            status.signal(),
            Some(SIGKILL),
            "the broker ended by itself, with {status}:\n{}",
            self.tail()
        );
    }

    fn open_log(&self) -> File {
        OpenOptions::new().create(true).append(true).open(&self.log).expect("the log can be opened")
    }

    fn tail(&self) -> String {
        let log = std::fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log).into_owned();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            // Either fails only when the process has ended already.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// Ports that are not given out to clients, as those that the system chooses are: while the broker is down, a client
/// could have its port, or a connection to it could reach itself.
fn free_ports(random: &mut Random) -> [u16; 3] {
    let held: [TcpListener; 3] = std::array::from_fn(|_| {
        let mut tries = (0..1000).map(|_| {
            let port = 20_000 + u16::try_from(random.below(10_000)).unwrap_or_default();
            TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        });
        tries.find_map(Result::ok).expect("a port below the system's range is free")
    });
    held.map(|listener| listener.local_addr().expect("a listener has an address").port())
}

/// Limits are out of the way: what is dropped because of them is not lost by a crash.
fn configuration_of(data: &Path, sync: &str, [websocket, mqtt, stomp]: [u16; 3]) -> String {
    format!(
        r#"data_dir = "{}"

[[listeners]]
name = "websocket"
bind = "127.0.0.1:{websocket}"
transport = "ws"
protocols = ["mqtt", "stomp"]

[[listeners]]
name = "mqtt"
bind = "127.0.0.1:{mqtt}"
transport = "tcp"
protocols = ["mqtt"]

[[listeners]]
name = "stomp"
bind = "127.0.0.1:{stomp}"
transport = "tcp"
protocols = ["stomp"]

[storage]
sync = "{sync}"
[session]
outbox_messages_max = 10000000
outbox_bytes_max = "8GiB"
[queues]
deliveries_max = 1000000
"#,
        data.display()
    )
}
