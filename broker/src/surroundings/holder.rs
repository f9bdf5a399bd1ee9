//! Which program listens on a port, as far as Linux lets this process know. (`proc_net(5)`, `proc_pid_fd(5)`)

use std::fs;

/// The state of a socket that listens, in `/proc/net/tcp`.
const LISTEN: &str = "0A";

/// A process.
#[derive(Debug)]
pub(super) struct Holder {
    /// Its program's name, up to 15 bytes of it.
    pub(super) name: String,
    /// Its number.
    pub(super) process: u32,
}

/// Who listens on that port, whatever the address; `None` where nobody does, or another user's process.
pub(super) fn holder(port: u16) -> Option<Holder> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|path| fs::read_to_string(path).unwrap_or_default());
    let links: Vec<_> = tables
        .iter()
        .flat_map(|table| listening(table, port))
        .map(|inode| format!("socket:[{inode}]"))
        .collect();
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let process =
        processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()).find(|process| {
            let files = fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
            let mut targets = files.filter_map(|file| fs::read_link(file.path()).ok());
            targets
                .any(|target| target.to_str().is_some_and(|target| links.iter().any(|link| link == target)))
        })?;
    let name = fs::read_to_string(format!("/proc/{process}/comm")).ok()?.trim().to_owned();
    Some(Holder { name, process })
}

/// The inodes of the sockets that listen on it, in a table such as `/proc/net/tcp`.
fn listening(table: &str, port: u16) -> impl Iterator<Item = &str> {
    let suffix = format!(":{port:04X}");
    table.lines().filter_map(move |line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let (local, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
        (local.ends_with(&suffix) && *state == LISTEN).then_some(*inode)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
                     0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0\n   \
                     1: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0\n";
        assert_eq!(listening(table, 8080).collect::<Vec<_>>(), ["4711"]);
        assert_eq!(listening(table, 8081).count(), 0);
    }
}
