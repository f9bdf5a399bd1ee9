//! The installed unit, started as systemd would start it, which does not run here. What is played, and how:
//!
//! * the user, no capability and no new privileges by setpriv; the umask; `$STATE_DIRECTORY` and its like;
//! * the state directory, which `DynamicUser=` has in `/var/lib/private`: there the service alone sees through that folder's
//!   lock, here everybody may pass;
//! * `$NOTIFY_SOCKET`, on which the test listens.
//!
//! What is not: the sandbox (`units.rs` looks at it), credentials, sockets that are passed.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixDatagram;

use tidewire_tests::daemon::{DEADLINE, Daemon};

use crate::machine::Machine;
use crate::units::settings;

/// The service while it runs.
pub(crate) struct Service {
    pub(crate) daemon: Daemon,
    notify: UnixDatagram,
}

/// What systemd does before it starts the broker.
const PREPARE: &str = "
mkdir -p /var/lib/private/tidewire
chown tidewire:tidewire /var/lib/private/tidewire
chmod 700 /var/lib/private/tidewire
[ -L /var/lib/tidewire ] || ln -s private/tidewire /var/lib/tidewire";

impl Service {
    /// Starts what the unit names; it may not be ready yet.
    pub(crate) fn start(machine: &Machine) -> Self {
        let unit = machine.done("cat /usr/lib/systemd/system/tidewire.service");
        let setting = |name: &str| settings(&unit, name)[0].to_owned();
        assert_eq!(
            [setting("User"), setting("StateDirectory"), setting("UMask")],
            ["tidewire", "tidewire", "0077"]
        );
        machine.done(PREPARE);
        let path = machine.shared().join("notify");
        // Left by one that ran before.
        let _ = fs::remove_file(&path);
        let notify = UnixDatagram::bind(&path).expect("the socket can be bound");
        notify.set_read_timeout(Some(DEADLINE)).expect("a deadline can be set");
        for (path, mode) in [(machine.shared(), 0o755), (path, 0o666)] {
            fs::set_permissions(path, Permissions::from_mode(mode)).expect("they are ours");
        }
        let mut command = machine.command("env");
        command.args(["NOTIFY_SOCKET=/shared/notify", "STATE_DIRECTORY=/var/lib/tidewire"]);
        command.args(["CONFIGURATION_DIRECTORY=/etc/tidewire", "RUNTIME_DIRECTORY=/run/tidewire"]);
        command.args(["setpriv", "--reuid=tidewire", "--regid=tidewire", "--clear-groups"]);
        command.args(["--no-new-privs", "--inh-caps=-all", "--bounding-set=-all"]);
        command.args(["sh", "-c", &format!("umask 0077; exec {}", setting("ExecStart"))]);
        Self { daemon: Daemon::start(command), notify }
    }

    /// Waits until it has told the service manager this line.
    pub(crate) fn tells(&self, line: &str) {
        let mut told = String::new();
        let mut datagram = [0; 4096];
        while let Ok(length) = self.notify.recv(&mut datagram) {
            let text = String::from_utf8_lossy(&datagram[..length]);
            if text.lines().any(|told| told == line) {
                return;
            }
            told.push_str(&text);
        }
        panic!("{line} is not among what the service manager was told:\n{told}\n{}", self.daemon.heard());
    }

    /// Stops it as systemd would.
    pub(crate) fn stop(mut self) {
        self.daemon.signal("-TERM");
        self.tells("STOPPING=1");
        assert!(self.daemon.ends().success(), "{}", self.daemon.heard());
    }
}
