//! `sd_notify(3)`: lines in a datagram to the socket that `NOTIFY_SOCKET` names.
//!
//! ```text
//!   datagram = 1*( NAME "=" value LF )          READY=1 LF STATUS=ready: 12 connections LF
//! ```

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Longest status, in bytes: one line of `systemctl status`.
const STATUS_BYTES_MAX: usize = 512;
/// How long a manager that does not read may hold us up.
const SEND_TIMEOUT: Duration = Duration::from_secs(1);

/// What the manager is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State<'a> {
    /// Clients are served, or a reload is over.
    Ready,
    /// A reload begins, now.
    Reloading,
    /// The stop begins.
    Stopping,
    /// What is being done, for people.
    Status(&'a str),
    /// A start or stop goes on, and may take so much longer than it might from now on.
    ExtendTimeout(Duration),
    /// The process is alive.
    Watchdog,
}

impl State<'_> {
    fn write(self, datagram: &mut String) {
        match self {
            Self::Ready => datagram.push_str("READY=1\n"),
            Self::Reloading => {
                // Of the clock that the manager compares it with, so that an earlier READY is not taken for the end of it.
                let now = clock_gettime(ClockId::Monotonic);
                let micros = now.tv_sec * 1_000_000 + now.tv_nsec / 1_000;
                datagram.push_str(&format!("RELOADING=1\nMONOTONIC_USEC={micros}\n"));
            }
            Self::Stopping => datagram.push_str("STOPPING=1\n"),
            Self::Status(text) => {
                datagram.push_str("STATUS=");
                datagram.push_str(&one_line(text));
                datagram.push('\n');
            }
            Self::ExtendTimeout(time) => {
                datagram.push_str(&format!("EXTEND_TIMEOUT_USEC={}\n", time.as_micros()));
            }
            Self::Watchdog => datagram.push_str("WATCHDOG=1\n"),
        }
    }
}

/// A line end in what a configuration's fault says would begin another field.
fn one_line(text: &str) -> String {
    let text = &text[..text.floor_char_boundary(STATUS_BYTES_MAX)];
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

/// The way to the manager.
#[derive(Debug)]
pub struct Notifier {
    socket: UnixDatagram,
    address: SocketAddr,
}

impl Notifier {
    /// To this address: a path, or `@` and a name that is no file's (an abstract one).
    ///
    /// # Errors
    ///
    /// It is neither, or too long, or the system gives no socket.
    pub fn new(address: &OsStr) -> io::Result<Self> {
        let address = match address.as_bytes() {
            [b'/', ..] => SocketAddr::from_pathname(address)?,
            [b'@', name @ ..] if !name.is_empty() => SocketAddr::from_abstract_name(name)?,
            _ => return Err(io::Error::other("it is neither a path nor an abstract name")),
        };
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(SEND_TIMEOUT))?;
        Ok(Self { socket, address })
    }

    /// Another one to the same address.
    ///
    /// # Errors
    ///
    /// The system gives no socket.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self { socket: self.socket.try_clone()?, address: self.address.clone() })
    }

    /// Tells all of it at once.
    ///
    /// # Errors
    ///
    /// Nobody listens there, or does not read.
    pub fn send(&self, states: &[State<'_>]) -> io::Result<()> {
        let mut datagram = String::new();
        states.iter().for_each(|state| state.write(&mut datagram));
        self.socket.send_to_addr(datagram.as_bytes(), &self.address).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(socket: &UnixDatagram) -> String {
        let mut buffer = [0; 4096];
        let size = socket.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..size].to_vec()).unwrap()
    }

    #[test]
    fn each_state_has_its_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        let notifier = Notifier::new(path.as_os_str()).unwrap();
        for (states, lines) in [
            (&[State::Ready][..], "READY=1\n"),
            (&[State::Ready, State::Status("12 connections")], "READY=1\nSTATUS=12 connections\n"),
            (
                &[State::Stopping, State::ExtendTimeout(Duration::from_millis(2_500))],
                "STOPPING=1\nEXTEND_TIMEOUT_USEC=2500000\n",
            ),
            (&[State::Watchdog], "WATCHDOG=1\n"),
            (&[State::Status("a fault\nREADY=1\r\n")], "STATUS=a fault READY=1  \n"),
        ] {
            notifier.send(states).unwrap();
            assert_eq!(heard(&socket), lines);
        }
        notifier.send(&[State::Status(&"ä".repeat(STATUS_BYTES_MAX))]).unwrap();
        assert_eq!(heard(&socket), format!("STATUS={}\n", "ä".repeat(STATUS_BYTES_MAX / 2)));
    }

    #[test]
    fn a_reload_says_when_it_began() {
        let name = format!("tidewire-notify-{}", std::process::id());
        let socket = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        let notifier = Notifier::new(format!("@{name}").as_ref()).unwrap();
        let micros = || {
            notifier.send(&[State::Reloading]).unwrap();
            let said = heard(&socket);
            let micros =
                said.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").and_then(|rest| rest.strip_suffix('\n'));
            micros.unwrap().parse::<u64>().unwrap()
        };
        let (first, second) = (micros(), micros());
        let uptime = std::fs::read_to_string("/proc/uptime").unwrap();
        let uptime: f64 = uptime.split(' ').next().unwrap().parse().unwrap();
        assert!(first < second && (first as f64 / 1e6 - uptime).abs() < 60.0, "{first} {second} {uptime}");
    }

    #[test]
    fn other_addresses_are_refused() {
        for address in ["", "@", "relative", "vsock:2:1234"] {
            assert!(Notifier::new(address.as_ref()).is_err(), "{address}");
        }
        let nobody = Notifier::new("/nowhere/notify".as_ref()).unwrap();
        assert!(nobody.send(&[State::Ready]).is_err());
    }
}
