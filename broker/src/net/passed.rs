//! Sockets that systemd has bound and passes to the process that it starts. (`sd_listen_fds(3)`)

use std::io;

use listenfd::ListenFd;
use tokio::net::{TcpListener, UnixListener};

use super::bind::Acceptor;

/// The sockets that this process was given and that nobody has taken yet.
#[derive(Default)]
pub struct Passed {
    sockets: Option<ListenFd>,
    /// The name of each; the empty one where it has been taken.
    names: Vec<String>,
}

impl Passed {
    /// Those of the environment: `LISTEN_FDS` many, for the process `LISTEN_PID`, named by `LISTEN_FDNAMES`. To be
    /// called once, before any thread is started: it takes the variables away.
    pub fn from_environment() -> Self {
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let sockets = ListenFd::from_env();
        let mut names: Vec<_> = names.split(':').map(str::to_owned).collect();
        // What systemd itself calls a socket without a name.
        names.resize(sockets.len(), "unknown".to_owned());
        Self { sockets: Some(sockets), names }
    }

    /// Takes every socket of that name: a unit may have one for each family of addresses.
    ///
    /// # Errors
    ///
    /// When there is none, or one is not what connections come out of.
    pub(super) fn take(&mut self, name: &str) -> io::Result<Vec<Acceptor>> {
        let indices: Vec<_> = (0..self.names.len()).filter(|index| self.names[*index] == name).collect();
        if indices.is_empty() {
            return Err(io::Error::other(match self.names.is_empty() {
                true => "this process was given no sockets: start it by a systemd socket unit".to_owned(),
                false => {
                    let names = self.left().join(", ");
                    format!("no socket of that name is among those that were given (LISTEN_FDNAMES): {names}")
                }
            }));
        }
        indices.into_iter().map(|index| self.take_at(index)).collect()
    }

    /// The names of those that nobody has taken.
    pub fn left(&self) -> Vec<&str> {
        self.names.iter().map(String::as_str).filter(|name| !name.is_empty()).collect()
    }

    fn take_at(&mut self, index: usize) -> io::Result<Acceptor> {
        let sockets = self.sockets.as_mut().ok_or(io::ErrorKind::NotFound)?;
        let acceptor = match sockets.take_unix_listener(index) {
            Ok(Some(listener)) => {
                listener.set_nonblocking(true)?;
                Acceptor::Unix { listener: UnixListener::from_std(listener)?, _file: None }
            }
            _ => {
                let listener = sockets.take_tcp_listener(index)?.ok_or(io::ErrorKind::NotFound)?;
                listener.set_nonblocking(true)?;
                Acceptor::tcp(TcpListener::from_std(listener)?)?
            }
        };
        self.names[index].clear();
        Ok(acceptor)
    }
}
