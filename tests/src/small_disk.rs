//! A file system in memory that is soon full.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

/// See the module. It goes when it is dropped.
pub struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// One of that many MiB.
    pub fn of(mib: usize) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={mib}m"), "tidewire-test"])
            .arg(dir.path())
            .status();
        assert!(mounted.is_ok_and(|status| status.success()), "this test mounts a file system, as root");
        Self(dir)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Takes all the room that is left.
    pub fn fill(&self) -> PathBuf {
        let path = self.path().join("somebody-else");
        let _ = File::create(&path).and_then(|mut file| std::io::copy(&mut std::io::repeat(1), &mut file));
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}
