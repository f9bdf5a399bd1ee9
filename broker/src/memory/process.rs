//! What Linux says about the process's memory and its bounds.

use std::fs;
use std::path::{Component, Path};

use tokio::runtime::Handle;

use super::{Usage, allocator};

/// The process itself. What is resident includes the program's text.
#[derive(Clone, Debug)]
pub struct Process {
    /// Where the threads are that serve clients.
    pub runtime: Handle,
}

impl Usage for Process {
    fn resident(&self) -> Option<u64> {
        // The second number counts resident pages. (proc_pid_statm(5))
        let statm = fs::read_to_string("/proc/self/statm").ok()?;
        let pages: u64 = statm.split(' ').nth(1)?.parse().ok()?;
        pages.checked_mul(rustix::param::page_size() as u64)
    }

    fn give_back(&self) {
        allocator::tidy_all(&self.runtime);
    }
}

/// Bytes that the process may have: the machine's memory, or what its control groups allow, if that is less. `None` where
/// the system says nothing.
pub fn available() -> Option<u64> {
    available_below(Path::new("/"))
}

/// The same on a system whose files lie there.
fn available_below(root: &Path) -> Option<u64> {
    machine(root).into_iter().chain(control_groups(root)).min()
}

/// The machine's memory. (proc_meminfo(5))
fn machine(root: &Path) -> Option<u64> {
    let text = fs::read_to_string(root.join("proc/meminfo")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
}

/// The limit of every control group that the process is in. (cgroups(7))
fn control_groups(root: &Path) -> Vec<u64> {
    let text = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let lines = text.lines().filter_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        Some((fields.next()?, fields.next()?))
    });
    lines.flat_map(|(controllers, group)| limits_of(root, controllers, group)).collect()
}

/// The limits of `group` and of those that it lies in; the least of them counts. In a container, the group's own folder may
/// be missing, and what is at the top be the container's.
fn limits_of(root: &Path, controllers: &str, group: &str) -> Vec<u64> {
    // Version 2 has one hierarchy, whose controllers are not named.
    let (folder, file) = match controllers {
        "" => ("sys/fs/cgroup", "memory.max"),
        names if names.split(',').any(|name| name == "memory") => {
            ("sys/fs/cgroup/memory", "memory.limit_in_bytes")
        }
        _ => return Vec::new(),
    };
    // The group of a process outside of the container's own begins with "/..": those are not to be seen.
    let parts = Path::new(group).components().filter(|part| matches!(part, Component::Normal(_)));
    let group: &Path = &parts.collect::<std::path::PathBuf>();
    let limit = |group: &Path| {
        let text = fs::read_to_string(root.join(folder).join(group).join(file)).ok()?;
        // Where there is none it is "max", or a number beyond all memory.
        text.trim().parse().ok()
    };
    group.ancestors().filter_map(limit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    #[tokio::test]
    async fn a_process_is_resident_and_within_its_bounds() {
        let process = Process { runtime: Handle::current() };
        let (resident, available) = (process.resident().unwrap(), available().unwrap());
        assert!(resident > 1 << 20 && resident < available, "{resident} of {available} bytes");
    }

    #[test]
    fn the_least_bound_counts() {
        let v2 = |text: &'static str| ("sys/fs/cgroup/a/b/memory.max", text);
        let v2_parent = |text: &'static str| ("sys/fs/cgroup/a/memory.max", text);
        let v2_top = |text: &'static str| ("sys/fs/cgroup/memory.max", text);
        let v1 = |text: &'static str| ("sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", text);
        let v1_top = |text: &'static str| ("sys/fs/cgroup/memory/memory.limit_in_bytes", text);
        for (name, own, files, expected) in [
            ("no groups", "", vec![], 8 * GIB),
            ("no limit", "0::/a/b\n", vec![v2("max\n")], 8 * GIB),
            ("a limit", "0::/a/b\n", vec![v2("1073741824\n")], GIB),
            ("more than there is", "0::/a/b\n", vec![v2("99999999999999\n")], 8 * GIB),
            ("a parent's", "0::/a/b\n", vec![v2("max\n"), v2_parent("2147483648\n")], 2 * GIB),
            ("a container's", "0::/\n", vec![v2_top("1073741824\n")], GIB),
            ("from outside", "0::/../a/b\n", vec![v2_top("1073741824\n")], GIB),
            ("version 1", "4:memory:/a/b\n3:cpu:/c\n", vec![v1("1073741824\n")], GIB),
            ("with others", "4:cpu,memory:/a/b\n", vec![v1("1073741824\n")], GIB),
            ("another controller", "4:cpu:/a/b\n", vec![v1("1073741824\n")], 8 * GIB),
            ("a folder that is not there", "4:memory:/docker/x\n", vec![v1_top("1073741824\n")], GIB),
            ("no limit in version 1", "4:memory:/a/b\n", vec![v1("9223372036854771712\n")], 8 * GIB),
            ("no number", "0::/a/b\n", vec![v2("many\n")], 8 * GIB),
        ] {
            let root = tempfile::tempdir().unwrap();
            let meminfo = ("proc/meminfo", "MemTotal:        8388608 kB\nMemFree:  1 kB\n");
            for (path, text) in files.into_iter().chain([meminfo, ("proc/self/cgroup", own)]) {
                let path = root.path().join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            assert_eq!(available_below(root.path()), Some(expected), "{name}");
        }
        assert_eq!(available_below(tempfile::tempdir().unwrap().path()), None);
    }
}
