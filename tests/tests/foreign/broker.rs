//! A broker of its own for a test: the release binary on free ports, with a data directory that goes with it.

use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tidewire_tests::binary::{WITHOUT_ADMIN, binary};

/// A running broker. Dropping it kills the process; its log is shown when the test has failed.
pub(crate) struct Broker {
    process: Child,
    ports: Ports,
    log: Arc<Log>,
    directory: TempDir,
}

impl Broker {
    /// Starts the broker and returns once every listener accepts connections.
    pub(crate) fn start() -> Self {
        Self::configured("", &[])
    }

    /// The same with these settings, as text of its configuration, and these files beside that.
    pub(crate) fn configured(settings: &str, files: &[PathBuf]) -> Self {
        // The ports are free when they are chosen; another process may be quicker than the broker, though.
        match Self::try_start(settings, files).or_else(|_| Self::try_start(settings, files)) {
            Ok(broker) => broker,
            Err(log) => panic!("the broker does not start; its log:\n{log}"),
        }
    }

    pub(crate) fn websocket_url(&self) -> String {
        format!("ws://{}/", self.ports.websocket)
    }

    pub(crate) fn mqtt(&self) -> SocketAddr {
        self.ports.mqtt
    }

    pub(crate) fn mqtt_url(&self) -> String {
        format!("mqtt://{}", self.ports.mqtt)
    }

    pub(crate) fn stomp_url(&self) -> String {
        format!("stomp://{}", self.ports.stomp)
    }

    pub(crate) fn websocket(&self) -> SocketAddr {
        self.ports.websocket
    }

    pub(crate) fn stomp(&self) -> SocketAddr {
        self.ports.stomp
    }

    /// A file beside its configuration.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// What the process has written.
    pub(crate) fn log(&self) -> String {
        self.log.text()
    }

    /// The first line of the log that has all these words; waits until it is there.
    pub(crate) fn says(&self, words: &[&str]) -> String {
        self.log.await_line(words).unwrap_or_else(|| panic!("the broker does not say {words:?}"))
    }

    /// Asks the process to stop, and waits until it has; its status is there to be judged.
    pub(crate) fn terminate(&mut self) -> ExitStatus {
        self.signal("-TERM");
        self.process.wait().expect("a child can be waited for")
    }

    /// Asks the process to read its configuration again.
    pub(crate) fn reload(&self) {
        self.signal("-HUP");
    }

    fn signal(&self, name: &str) {
        let asked = Command::new("kill").args([name, &self.process.id().to_string()]).status();
        assert!(asked.is_ok_and(|status| status.success()), "the broker has ended before it was asked to");
    }

    fn try_start(settings: &str, files: &[PathBuf]) -> Result<Self, String> {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let ports = Ports::free();
        let configuration = directory.path().join("tidewire.toml");
        let text = ports.configuration(&directory.path().join("data"), settings);
        std::fs::write(&configuration, text).expect("a temporary directory can be written to");
        for file in files {
            let name = file.file_name().expect("a file has a name");
            std::fs::copy(file, directory.path().join(name)).expect("the file can be copied");
        }
        let mut process = Command::new(binary())
            .args(["serve", "--config"])
            .arg(&configuration)
            .envs(WITHOUT_ADMIN)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the broker's binary can be run");
        let log = Arc::new(Log::default());
        let (written, lines) = mpsc::channel();
        collect(process.stdout.take(), &log, written.clone());
        collect(process.stderr.take(), &log, written);
        let mut broker = Self { process, ports, log, directory };
        if broker.await_listeners(&lines) { Ok(broker) } else { Err(broker.stop()) }
    }

    /// Tries all ports again whenever the log has grown (or a moment has passed); false when the process has ended.
    fn await_listeners(&self, lines: &Receiver<()>) -> bool {
        let deadline = Instant::now() + START_DEADLINE;
        while Instant::now() < deadline {
            if self.ports.all().iter().all(|port| TcpStream::connect(port).is_ok()) {
                return true;
            }
            if lines.recv_timeout(Duration::from_millis(20)) == Err(RecvTimeoutError::Disconnected) {
                return false;
            }
        }
        false
    }

    fn stop(&mut self) -> String {
        // Either fails only when the process has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
        self.log.text()
    }
}

impl Drop for Broker {
    #[expect(clippy::print_stderr, reason = "the log of a broker is for the reader of a failed test")]
    fn drop(&mut self) {
        let log = self.stop();
        if thread::panicking() {
            eprintln!("the broker's log:\n{log}");
        }
    }
}

struct Ports {
    websocket: SocketAddr,
    mqtt: SocketAddr,
    stomp: SocketAddr,
}

impl Ports {
    fn free() -> Self {
        // All are held until all are known: a port that is given back may be the next one that is given out.
        let held: [TcpListener; 3] = std::array::from_fn(|_| {
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port of the loopback address is free")
        });
        let [websocket, mqtt, stomp] =
            held.map(|listener| listener.local_addr().expect("a listener has an address"));
        Self { websocket, mqtt, stomp }
    }

    fn all(&self) -> [SocketAddr; 3] {
        [self.websocket, self.mqtt, self.stomp]
    }

    /// The listeners and these settings. Settings with listeners of their own have them at the usual ports of loopback,
    /// which the free ones take the place of.
    fn configuration(&self, data_directory: &Path, settings: &str) -> String {
        let Self { websocket, mqtt, stomp } = self;
        if settings.contains("[[listeners]]") {
            let settings = settings
                .replace("127.0.0.1:8080", &websocket.to_string())
                .replace("127.0.0.1:1883", &mqtt.to_string())
                .replace("127.0.0.1:61613", &stomp.to_string());
            return format!("data_dir = \"{}\"\n\n{settings}", data_directory.display());
        }
        let listeners = format!(
            r#"data_dir = "{}"

[[listeners]]
name = "websocket"
bind = "{websocket}"
transport = "ws"
protocols = ["mqtt", "stomp"]

[[listeners]]
name = "mqtt"
bind = "{mqtt}"
transport = "tcp"
protocols = ["mqtt"]

[[listeners]]
name = "stomp"
bind = "{stomp}"
transport = "tcp"
protocols = ["stomp"]

"#,
            data_directory.display()
        );
        listeners + settings
    }
}

/// What the process has written so far.
#[derive(Default)]
struct Log {
    text: Mutex<String>,
    grown: Condvar,
}

impl Log {
    fn text(&self) -> String {
        self.text.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn append(&self, line: &[u8]) {
        let mut text = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        text.push_str(&String::from_utf8_lossy(line));
        text.push('\n');
        self.grown.notify_all();
    }

    fn await_line(&self, words: &[&str]) -> Option<String> {
        let find = |text: &str| {
            text.lines().find(|line| words.iter().all(|word| line.contains(word))).map(str::to_owned)
        };
        let text = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.grown.wait_timeout_while(text, LINE_DEADLINE, |text| find(text).is_none());
        find(&waited.unwrap_or_else(PoisonError::into_inner).0)
    }
}

/// Appends what the process writes to the log, and tells of each line; the sender's end means the pipe's end.
fn collect(pipe: Option<impl Read + Send + 'static>, log: &Arc<Log>, written: Sender<()>) {
    let reader = BufReader::new(pipe.expect("the pipe was asked for"));
    let log = Arc::clone(log);
    thread::spawn(move || {
        for line in reader.split(b'\n').map_while(Result::ok) {
            log.append(&line);
            // Nobody listens any more once the broker is up.
            let _ = written.send(());
        }
    });
}

const START_DEADLINE: Duration = Duration::from_secs(20);
/// A line is written before what it tells of is answered, and read a moment later.
const LINE_DEADLINE: Duration = Duration::from_secs(10);
