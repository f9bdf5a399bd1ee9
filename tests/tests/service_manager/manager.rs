//! What plays the service manager: it binds the sockets, gives them to each process that it starts, and hears what that says.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tidewire_tests::binary::{WITHOUT_ADMIN, binary};
use tidewire_tests::daemon::{DEADLINE, Daemon};

/// Gives its input and output, which are sockets, to the process that it becomes, as systemd does: from number 3 on, with
/// that process's own number in the variables that are for it alone.
const LAUNCHER: &str = r#"
exec 3<&0 4<&1 </dev/null >/dev/null
export LISTEN_PID=$$ WATCHDOG_PID=$$
exec "$@"
"#;

/// Both listeners by the names of their sockets.
pub(crate) const LISTENERS: &str = r#"
[[listeners]]
name = "ws"
bind = "systemd:browsers"
transport = "ws"
protocols = ["mqtt", "stomp"]
[[listeners]]
name = "tcp"
bind = "systemd:devices"
transport = "tcp"
protocols = ["mqtt", "stomp"]
[auth]
anonymous = true
"#;

/// See the module.
pub(crate) struct Manager {
    folder: TempDir,
    browsers: TcpListener,
    devices: TcpListener,
    notified: UnixDatagram,
    /// How long a service may be silent.
    pub(crate) watchdog: Option<Duration>,
}

impl Manager {
    /// For a broker with this in its configuration besides the listeners.
    pub(crate) fn new(more: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory can be made");
        let listener = || TcpListener::bind("127.0.0.1:0").expect("a port of the loopback address is free");
        let notified =
            UnixDatagram::bind(folder.path().join("notify")).expect("a socket can be bound in the directory");
        let manager = Self { browsers: listener(), devices: listener(), notified, folder, watchdog: None };
        manager.configure(more);
        manager
    }

    /// Writes the configuration anew.
    pub(crate) fn configure(&self, more: &str) {
        let file = self.folder.path().join("tidewire.toml");
        std::fs::write(file, format!("{LISTENERS}{more}")).expect("the directory can be written to");
    }

    /// Where WebSocket is spoken.
    pub(crate) fn browsers(&self) -> SocketAddr {
        self.browsers.local_addr().expect("a listener has an address")
    }

    /// Where the protocols are spoken without it.
    pub(crate) fn devices(&self) -> SocketAddr {
        self.devices.local_addr().expect("a listener has an address")
    }

    /// Starts the broker; what an earlier process has told is forgotten.
    pub(crate) fn start(&self) -> Service<'_> {
        self.notified.set_nonblocking(true).expect("a socket can be asked without waiting");
        while self.notified.recv(&mut [0]).is_ok() {}
        self.notified.set_nonblocking(false).expect("a socket can be waited for");
        let given =
            |listener: &TcpListener| OwnedFd::from(listener.try_clone().expect("a socket can be had twice"));
        let mut command = Command::new("sh");
        command
            .args(["-c", LAUNCHER, "launcher"])
            .arg(binary())
            .args(["serve", "--config", "tidewire.toml"])
            .current_dir(self.folder.path())
            .envs([("LISTEN_FDS", "2"), ("LISTEN_FDNAMES", "browsers:devices")])
            .env("NOTIFY_SOCKET", self.folder.path().join("notify"))
            .stdin(given(&self.browsers))
            .stdout(given(&self.devices));
        let file = std::fs::read_to_string(self.folder.path().join("tidewire.toml"));
        if !file.is_ok_and(|text| text.contains("[admin]")) {
            command.envs(WITHOUT_ADMIN);
        }
        if let Some(interval) = self.watchdog {
            command.env("WATCHDOG_USEC", interval.as_micros().to_string());
        }
        Service { manager: self, daemon: Daemon::start_with(command), started: Instant::now() }
    }
}

/// A process that the manager has started.
pub(crate) struct Service<'m> {
    manager: &'m Manager,
    /// The process.
    pub(crate) daemon: Daemon,
    /// When it was started.
    pub(crate) started: Instant,
}

impl Service<'_> {
    /// Waits for a datagram with a line that begins so, and returns all of it.
    pub(crate) fn hears(&mut self, line: &str) -> String {
        self.heard(line, DEADLINE).unwrap_or_else(|| panic!("{line:?} was not told"))
    }

    /// Whether such a one comes in that time.
    pub(crate) fn hears_within(&mut self, line: &str, time: Duration) -> bool {
        self.heard(line, time).is_some()
    }

    fn heard(&mut self, line: &str, time: Duration) -> Option<String> {
        let deadline = Instant::now() + time;
        let mut buffer = [0; 4096];
        loop {
            let left = deadline.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
            self.manager.notified.set_read_timeout(Some(left)).expect("the timeout is not zero");
            match self.manager.notified.recv(&mut buffer) {
                Ok(size) => {
                    let told = String::from_utf8_lossy(&buffer[..size]).into_owned();
                    if told.lines().any(|found| found.starts_with(line)) {
                        return Some(told);
                    }
                }
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) => panic!("the socket cannot be read: {error}"),
            }
        }
    }

    /// Sends a signal, as `-HUP`.
    pub(crate) fn signal(&self, name: &str) {
        self.daemon.signal(name);
    }

    /// Waits for its end; the exit code, or none where a signal has ended it.
    pub(crate) fn ends(&mut self) -> Option<i32> {
        self.daemon.ends().code()
    }
}
