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

    /// Takes the first socket of that name.
    ///
    /// # Errors
    ///
    /// When there is none, or it is not one that connections come out of.
    pub(super) fn take(&mut self, name: &str) -> io::Result<Acceptor> {
        let index = self.names.iter().position(|passed| passed == name);
        let (Some(index), Some(sockets)) = (index, &mut self.sockets) else {
            return Err(io::Error::other(match self.names.is_empty() {
                true => "this process was given no sockets: start it by a systemd socket unit".to_owned(),
                false => {
                    let names = self.names.join(", ");
                    format!(
                        "no socket of that name is left of those that were given (LISTEN_FDNAMES): {names}"
                    )
                }
            }));
        };
        let acceptor = match sockets.take_unix_listener(index) {
            Ok(Some(listener)) => {
                listener.set_nonblocking(true)?;
                Acceptor::Unix { listener: UnixListener::from_std(listener)?, _file: None }
            }
            _ => {
                let listener = sockets.take_tcp_listener(index)?;
                let listener =
                    listener.ok_or_else(|| io::Error::other("the socket has been taken already"))?;
                listener.set_nonblocking(true)?;
                Acceptor::Tcp(TcpListener::from_std(listener)?)
            }
        };
        self.names[index].clear();
        Ok(acceptor)
    }
}
