//! What `tidewire check` looks at outside the configuration and the files it names: whether the store's directory can be
//! used, and whether what listeners bind is free.

mod holder;

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;

use rustix::fs::{Access, access, statvfs};
use tidewire::config::{Bind, Config};

use self::holder::{Holder, holder};

/// Every fault, each with its key. Without `binds`, addresses are left alone.
pub(super) fn faults(config: &Config, binds: bool) -> Vec<(String, String)> {
    let mut faults = Vec::new();
    if let Some(options) = config.storage.options() {
        let room = options.segment_bytes * options.segments_max as u64;
        faults.extend(directory_fault(&config.data_dir, room).map(|text| ("data_dir".to_owned(), text)));
    }
    if !binds {
        return faults;
    }
    let listeners = config.listeners.iter().enumerate();
    let listeners =
        listeners.map(|(index, listener)| (format!("listeners[{index}].bind"), listener.bind.as_str()));
    let admin =
        (!config.admin.bind.is_empty()).then(|| ("admin.bind".to_owned(), config.admin.bind.as_str()));
    for (key, bind) in listeners.chain(admin) {
        let fault = match Bind::parse(bind) {
            Some(Bind::Ip(address)) => address_fault(address),
            Some(Bind::Unix(path)) => socket_fault(&path),
            Some(Bind::Systemd(name)) => passed_fault(&name, std::env::var("LISTEN_FDNAMES").ok().as_deref()),
            None => None,
        };
        faults.extend(fault.map(|text| (key, text)));
    }
    faults
}

/// What keeps a store out of a directory that is there or has to be made, and wants to have so many bytes in it.
fn directory_fault(path: &Path, room: u64) -> Option<String> {
    let shown = path.display();
    // Where it is not there yet, it will be made in the first one above that is.
    let nearest = path.ancestors().find(|ancestor| ancestor.as_os_str().is_empty() || ancestor.exists())?;
    let nearest = if nearest.as_os_str().is_empty() { Path::new(".") } else { nearest };
    if !nearest.is_dir() {
        return Some(format!("{shown}: {} is no directory", nearest.display()));
    }
    if let Err(error) = access(nearest, Access::WRITE_OK | Access::EXEC_OK) {
        let what = if nearest == path { "cannot be written to" } else { "cannot be made" };
        return Some(format!("{shown} {what} by this user: {}: {error}", nearest.display()));
    }
    let free = statvfs(nearest).map(|stat| stat.f_bavail.saturating_mul(stat.f_frsize)).unwrap_or(u64::MAX);
    let is_small = free < room && nearest != path;
    is_small.then(|| {
        format!(
            "{shown}: {} MiB are free there, and the journal alone may take {} MiB (storage.journal_bytes_max)",
            free >> 20,
            room >> 20
        )
    })
}

/// What keeps an address from being bound, unless it is a broker that runs: that is as a rule the one whose configuration
/// this is.
fn address_fault(address: SocketAddr) -> Option<String> {
    let error = TcpListener::bind(address).err()?;
    match error.kind() {
        io::ErrorKind::AddrInUse => match holder(address.port()) {
            Some(Holder { name, .. }) if is_broker(&name) => None,
            Some(Holder { name, process }) => {
                Some(format!("{address} is taken by {name} (process {process})"))
            }
            None => Some(format!("{address} is taken by another program, which `ss -ltnp` shows to root")),
        },
        io::ErrorKind::PermissionDenied => Some(format!(
            "{address} cannot be bound by this user: ports below 1024 take CAP_NET_BIND_SERVICE, or a socket of \
             systemd (\"systemd:NAME\"); --no-bind leaves addresses out"
        )),
        io::ErrorKind::AddrNotAvailable => Some(format!("{address}: this machine has no such address")),
        _ => Some(format!("{address} cannot be bound: {error}")),
    }
}

fn is_broker(name: &str) -> bool {
    name == env!("CARGO_PKG_NAME")
}

/// What keeps a Unix socket from being made.
fn socket_fault(path: &Path) -> Option<String> {
    let shown = path.display();
    let directory = path.parent()?;
    if !directory.is_dir() {
        return Some(format!("{shown}: {} is no directory: make it first", directory.display()));
    }
    if let Err(error) = access(directory, Access::WRITE_OK | Access::EXEC_OK) {
        return Some(format!("{shown} cannot be made by this user: {}: {error}", directory.display()));
    }
    let kind = fs::symlink_metadata(path).ok()?.file_type();
    (!kind.is_socket()).then(|| format!("{shown} is there, and no socket: it is not replaced"))
}

/// What is wrong with the name of a passed socket, where this process was given some.
fn passed_fault(name: &str, given: Option<&str>) -> Option<String> {
    let given = given?;
    let is_given = given.split(':').any(|given| given == name);
    (!is_given).then(|| format!("no socket \"{name}\" is among those that were passed: {given}"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn a_directory_is_there_or_can_be_made_and_has_room() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        for (path, room, words) in [
            (folder.path().to_owned(), 1, None),
            (folder.path().join("new/er"), 1, None),
            (folder.path().join("new"), u64::MAX, Some("MiB are free there")),
            // What is in use already takes room of its own.
            (folder.path().to_owned(), u64::MAX, None),
            (file.clone(), 1, Some("is no directory")),
            (file.join("below"), 1, Some("is no directory")),
        ] {
            let fault = directory_fault(&path, room);
            match words {
                Some(words) => {
                    assert!(fault.as_ref().is_some_and(|fault| fault.contains(words)), "{path:?}: {fault:?}");
                }
                None => assert_eq!(fault, None, "{path:?}"),
            }
        }
    }

    #[test]
    fn who_holds_a_port_is_named() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let fault = address_fault(address).unwrap();
        let own = format!("is taken by {}", fs::read_to_string("/proc/self/comm").unwrap().trim());
        assert!(
            fault.contains(&own) && fault.contains(&format!("(process {})", std::process::id())),
            "{fault}"
        );
        drop(taken);
        assert_eq!(address_fault(address), None);
        assert!(address_fault("192.0.2.1:1".parse().unwrap()).unwrap().contains("no such address"));
        assert!(is_broker("tidewire") && !is_broker("tidewire-x"));
    }

    #[test]
    fn a_socket_has_a_directory_and_replaces_sockets_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (socket, file) = (folder.path().join("a.sock"), folder.path().join("file"));
        assert_eq!(socket_fault(&socket), None);
        let _listener = UnixListener::bind(&socket).unwrap();
        assert_eq!(socket_fault(&socket), None);
        fs::write(&file, "").unwrap();
        assert!(socket_fault(&file).unwrap().contains("no socket"));
        assert!(socket_fault(&folder.path().join("none/a.sock")).unwrap().contains("make it first"));
    }

    #[test]
    fn a_passed_socket_has_the_name() {
        assert_eq!(passed_fault("ws", None), None);
        assert_eq!(passed_fault("ws", Some("mqtt:ws")), None);
        assert!(passed_fault("ws", Some("mqtt:wss")).unwrap().contains("mqtt:wss"));
    }
}
