//! systemd itself, as a user's instance in namespaces of its own: it needs none of the machine's, and its processes end with
//! it. Where namespaces, the cgroup file system or systemd are not to be had, the test says so and leaves this out.

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tidewire_tests::binary::binary;
use tidewire_tests::daemon::DEADLINE;

use crate::manager::LISTENERS;

/// Mounts what systemd expects, starts it, and then runs a line at a time.
const SCRIPT: &str = r#"
set -e
mount -t tmpfs none /run
mkdir -p /run/user/0 /run/systemd/system
mount -t tmpfs none /sys/fs/cgroup
mount -t cgroup2 none /sys/fs/cgroup
export XDG_RUNTIME_DIR=/run/user/0 XDG_CONFIG_HOME="$1"
/lib/systemd/systemd --user --log-target=null --unit=basic.target </dev/null >/dev/null 2>&1 &
set +e
while read -r line; do eval "$line" </dev/null 2>&1; echo "done $?"; done
"#;

/// `Type=notify-reload` is there since systemd 253.
const SERVICE: &str = "[Unit]
StartLimitIntervalSec=0
[Service]
Type=notify
ExecReload=/bin/kill -HUP $MAINPID
WatchdogSec=2s
Restart=on-failure
RestartPreventExitStatus=78
RestartKillSignal=SIGUSR2
Sockets=tidewire-browsers.socket tidewire-devices.socket
";

/// See the module.
pub(crate) struct Systemd {
    folder: TempDir,
    addresses: [SocketAddr; 2],
    shell: Child,
    say: ChildStdin,
    said: Lines<BufReader<ChildStdout>>,
}

impl Systemd {
    /// Starts it with the units of a broker; what is missing, where it cannot be had.
    pub(crate) fn start() -> Result<Self, String> {
        let folder = tempfile::tempdir().expect("a temporary directory can be made");
        let addresses = [free_address(), free_address()];
        let units = folder.path().join("systemd/user");
        std::fs::create_dir_all(&units).expect("the directory can be written to");
        let write = |name: &str, text: String| {
            std::fs::write(units.join(name), text).expect("the directory can be written to");
        };
        for (name, address) in ["browsers", "devices"].into_iter().zip(addresses) {
            let socket = format!(
                "[Socket]\nListenStream={address}\nFileDescriptorName={name}\nService=tidewire.service\n"
            );
            write(&format!("tidewire-{name}.socket"), socket);
        }
        let (binary, path) = (binary(), folder.path().display());
        write(
            "tidewire.service",
            format!(
                "{SERVICE}WorkingDirectory={path}\nExecStart={} serve --config {path}/tidewire.toml\n",
                binary.display()
            ),
        );
        let mut command = Command::new("unshare");
        command
            .args(["--pid", "--fork", "--mount", "--mount-proc", "--kill-child", "sh", "-c", SCRIPT, "sh"])
            .arg(folder.path());
        let started = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut shell = started.map_err(|error| format!("unshare: {error}"))?;
        let say = shell.stdin.take().expect("the pipe was asked for");
        let said = BufReader::new(shell.stdout.take().expect("the pipe was asked for")).lines();
        let mut systemd = Self { folder, addresses, shell, say, said };
        systemd.configure("");
        let deadline = Instant::now() + DEADLINE;
        // It has no socket of its own before that.
        while systemd.try_run("systemctl --user is-active basic.target")?.0 != 0 {
            if Instant::now() > deadline {
                return Err("its basic.target does not become active".to_owned());
            }
            std::thread::yield_now();
        }
        Ok(systemd)
    }

    /// Where WebSocket is spoken, and where the protocols are without it.
    pub(crate) fn addresses(&self) -> [SocketAddr; 2] {
        self.addresses
    }

    /// Writes the configuration anew.
    pub(crate) fn configure(&self, more: &str) {
        let file = self.folder.path().join("tidewire.toml");
        std::fs::write(file, format!("{LISTENERS}[admin]\nbind = \"\"\n{more}"))
            .expect("the directory can be written to");
    }

    /// Has it do this with the broker, which must succeed or fail as expected.
    pub(crate) fn does(&mut self, verb: &str, succeeds: bool) {
        let units = "tidewire-browsers.socket tidewire-devices.socket";
        let more = if verb == "start" { units } else { "" };
        let (code, said) = self.run(&format!("systemctl --user {verb} {more} tidewire.service"));
        assert_eq!(code == 0, succeeds, "{verb}: {said}");
    }

    /// What it knows of the broker.
    pub(crate) fn shows(&mut self, property: &str) -> String {
        self.run(&format!("systemctl --user show --value -p {property} tidewire.service")).1
    }

    /// Waits until that is so.
    pub(crate) fn comes_to_show(&mut self, property: &str, value: &str) {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let shown = self.shows(property);
            if shown.contains(value) {
                return;
            }
            assert!(Instant::now() < deadline, "{property} is {shown}, and not {value}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The broker's process, by the number that it has outside of the namespace.
    pub(crate) fn process(&self) -> u32 {
        let path = self.folder.path().display().to_string();
        let processes = std::fs::read_dir("/proc").expect("Linux has it").filter_map(Result::ok);
        let mut found = processes.filter_map(|process| {
            let command = std::fs::read_to_string(process.path().join("cmdline")).ok()?;
            let is_it = command.contains("\0serve\0") && command.contains(&path);
            is_it.then(|| process.file_name().to_str()?.parse().ok()).flatten()
        });
        found.next().expect("the broker runs")
    }

    fn run(&mut self, line: &str) -> (i32, String) {
        self.try_run(line).unwrap_or_else(|error| panic!("{line}: {error}"))
    }

    /// Its code, and what it has said.
    fn try_run(&mut self, line: &str) -> Result<(i32, String), String> {
        writeln!(self.say, "{line}").map_err(|error| format!("the namespace is gone: {error}"))?;
        let mut said = String::new();
        for line in self.said.by_ref() {
            let line = line.map_err(|error| error.to_string())?;
            if let Some(code) = line.strip_prefix("done ").and_then(|code| code.parse().ok()) {
                return Ok((code, said));
            }
            said += &line;
            said.push('\n');
        }
        Err("the namespaces, or what is mounted in them, cannot be had".to_owned())
    }
}

impl Drop for Systemd {
    fn drop(&mut self) {
        // All that runs in the namespace ends with it; either fails only when that has happened.
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}

/// Free at least a moment ago.
fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port of the loopback address is free");
    listener.local_addr().expect("a listener has an address")
}
