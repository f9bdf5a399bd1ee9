//! Unix sockets, and the files by which they are found.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Type};
use tokio::net::UnixListener;

use crate::config::Mode;

/// Who may connect where nothing else is said: the owner and the group.
const MODE: Mode = Mode(0o660);

/// The file of a socket that we have bound; removed when this is dropped.
pub(super) struct SocketFile {
    path: PathBuf,
    /// Device and number: a file that somebody else has put in its place is not ours to remove.
    identity: (u64, u64),
}

/// Binds a socket. A file that an earlier process has left there is removed; one that somebody listens on is not.
///
/// # Errors
///
/// When somebody listens there already, something else has that name, or the system does not let us.
pub(super) fn bind(path: &Path, mode: Option<Mode>, backlog: u32) -> io::Result<(UnixListener, SocketFile)> {
    remove_stale(path)?;
    // Under another name at first, so that nobody can connect before the permissions are right.
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    remove_stale(&new)?;
    let socket = socket2::Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::unix(&new)?)?;
    fs::set_permissions(&new, fs::Permissions::from_mode(mode.unwrap_or(MODE).0))?;
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    let listener = UnixListener::from_std(socket.into())?;
    fs::rename(&new, path)?;
    let metadata = fs::symlink_metadata(path)?;
    let file = SocketFile { path: path.to_owned(), identity: (metadata.dev(), metadata.ino()) };
    Ok((listener, file))
}

/// Removes a socket's file that nobody listens on any more.
fn remove_stale(path: &Path) -> io::Result<()> {
    let metadata = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    if !metadata.file_type().is_socket() {
        return Err(io::Error::other("there is a file of that name, which is no socket"));
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Ok(_) => Err(io::Error::from(io::ErrorKind::AddrInUse)),
        Err(error) => Err(error),
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let is_ours = fs::symlink_metadata(&self.path)
            .is_ok_and(|metadata| (metadata.dev(), metadata.ino()) == self.identity);
        if is_ours && let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "the socket's file could not be removed");
        }
    }
}
