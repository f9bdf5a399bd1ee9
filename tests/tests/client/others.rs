//! Other people's brokers, each with folders and ports of its own: Debian's mosquitto and RabbitMQ.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A broker that runs. Dropping it ends its processes.
pub(crate) struct OtherBroker {
    processes: Vec<Child>,
    folder: TempDir,
    /// For MQTT or STOMP over TCP, and over WebSocket.
    tcp: u16,
    websocket: u16,
}

impl OtherBroker {
    /// MQTT 3.1.1 and 5 over TCP and WebSocket, with a session's messages kept while it is away.
    pub(crate) fn mosquitto() -> Self {
        let mut broker = Self::new();
        // As root it would become a user who may not read what it is given here.
        let configuration = format!(
            "user root\nallow_anonymous true\npersistence false\nmax_queued_messages 0\nlistener {} 127.0.0.1\n\
             listener {} 127.0.0.1\nprotocol websockets\n",
            broker.tcp, broker.websocket
        );
        let file = broker.write("mosquitto.conf", &configuration);
        let mut command = Command::new(program("/usr/sbin/mosquitto"));
        command.arg("-c").arg(file);
        broker.spawn(command);
        broker.await_ports();
        broker
    }

    /// STOMP over TCP and WebSocket, by its own plugins.
    pub(crate) fn rabbitmq() -> Self {
        let mut broker = Self::new();
        let [names, distribution, amqp] = free_ports();
        broker.write(
            "rabbitmq.conf",
            &format!(
                "listeners.tcp.1 = 127.0.0.1:{amqp}\nstomp.listeners.tcp.1 = 127.0.0.1:{}\n\
                 web_stomp.tcp.ip = 127.0.0.1\nweb_stomp.tcp.port = {}\n\
                 web_stomp.ws_frame = binary\n\
                 stomp.default_user = guest\nstomp.default_pass = guest\n",
                broker.tcp, broker.websocket
            ),
        );
        broker.write("plugins", "[rabbitmq_stomp,rabbitmq_web_stomp].");
        // Erlang's name service would be started as a daemon, and stay.
        let mut name_service = Command::new("epmd");
        name_service.args(["-port", &names.to_string()]);
        broker.spawn(name_service);
        let mut command = Command::new(program("/usr/lib/rabbitmq/bin/rabbitmq-server"));
        for (variable, _) in std::env::vars().filter(|(variable, _)| variable.starts_with("RABBITMQ_")) {
            command.env_remove(variable);
        }
        let folder = broker.folder.path().to_owned();
        command
            .env("HOME", &folder)
            .env("ERL_EPMD_PORT", names.to_string())
            .env("RABBITMQ_NODENAME", format!("tests{names}@localhost"))
            .env("RABBITMQ_DIST_PORT", distribution.to_string())
            .env("RABBITMQ_MNESIA_BASE", folder.join("mnesia"))
            .env("RABBITMQ_LOG_BASE", folder.join("logs"))
            .env("RABBITMQ_CONFIG_FILE", folder.join("rabbitmq.conf"))
            .env("RABBITMQ_PID_FILE", folder.join("pid"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", folder.join("plugins"));
        broker.spawn(command);
        broker.await_ports();
        broker
    }

    /// `mqtt` or `stomp` over TCP.
    pub(crate) fn tcp_url(&self, scheme: &str) -> String {
        format!("{scheme}://127.0.0.1:{}", self.tcp)
    }

    pub(crate) fn websocket_url(&self, path: &str) -> String {
        format!("ws://127.0.0.1:{}{path}", self.websocket)
    }

    fn new() -> Self {
        let [tcp, websocket] = free_ports();
        let folder = tempfile::tempdir().expect("a temporary directory can be made");
        Self { processes: Vec::new(), folder, tcp, websocket }
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, text).expect("a temporary directory can be written to");
        path
    }

    /// In a group of processes of its own, so that all that it starts ends with it.
    fn spawn(&mut self, mut command: Command) {
        let log = fs::File::options().create(true).append(true).open(self.folder.path().join("log"));
        let log = log.expect("a temporary directory can be written to");
        let errors = log.try_clone().expect("a file can be opened twice");
        command.process_group(0).stdin(Stdio::null()).stdout(log).stderr(errors);
        let name = command.get_program().to_owned();
        let process = command.spawn();
        self.processes.push(process.unwrap_or_else(|error| panic!("{}: {error}", name.display())));
    }

    /// The end of what it has written, to its output or into files of its own.
    fn log(&self) -> String {
        let own = fs::read_dir(self.folder.path().join("logs")).into_iter().flatten().flatten();
        let files = own.map(|entry| entry.path()).chain([self.folder.path().join("log")]);
        let texts = files.map(|file| fs::read(file).unwrap_or_default());
        let ends = texts.map(|text| {
            String::from_utf8_lossy(&text[text.len().saturating_sub(LOG_BYTES_MAX)..]).into_owned()
        });
        ends.collect::<Vec<_>>().join("\n")
    }

    fn await_ports(&mut self) {
        let deadline = Instant::now() + START_DEADLINE;
        let is_open = |port: u16| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok();
        while ![self.tcp, self.websocket].into_iter().all(is_open) {
            let has_ended = self.processes.iter_mut().any(|process| !matches!(process.try_wait(), Ok(None)));
            if has_ended || Instant::now() > deadline {
                panic!("the broker does not start; its log:\n{}", self.log());
            }
            thread::sleep(POLL);
        }
    }
}

impl Drop for OtherBroker {
    #[expect(clippy::print_stderr, reason = "the log of a broker is for the reader of a failed test")]
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("the broker's log:\n{}", self.log());
        }
        for process in self.processes.iter_mut().rev() {
            // It fails only when all of them have ended already.
            let group = format!("-{}", process.id());
            let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
            let _ = process.wait();
        }
    }
}

/// Where Debian has it.
fn program(path: &'static str) -> &'static Path {
    let path = Path::new(path);
    assert!(path.exists(), "{} is not installed: run `tests/foreign/install`", path.display());
    path
}

/// All are held until all are known: a port that is given back may be the next one that is given out.
fn free_ports<const COUNT: usize>() -> [u16; COUNT] {
    let held: [TcpListener; COUNT] = std::array::from_fn(|_| {
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port of the loopback address is free")
    });
    held.map(|listener| listener.local_addr().expect("a listener has an address").port())
}

/// RabbitMQ takes its time, the more so on a machine that is busy.
const START_DEADLINE: Duration = Duration::from_secs(180);
/// Of a log, in the report of a failure.
const LOG_BYTES_MAX: usize = 8 * 1024;
/// A port that opens tells nobody.
const POLL: Duration = Duration::from_millis(50);
