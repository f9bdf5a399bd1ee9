//! A Debian machine to install packages on: what `tests/foreign/install` has made with debootstrap, seen through an overlay
//! that goes with the test, and with a network of its own, so that every port is free.
//!
//! What it is not: systemd does not run in it. Whoever needs root says so: making one takes it.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::{done, outcome, root};

/// Folders of the host that the machine sees at `/shared`, and of the overlay.
const SHARED: &str = "shared";

/// It lives as long as the process that holds its mounts and its network.
pub(crate) struct Machine {
    holder: Child,
    directory: TempDir,
}

/// Mounts the machine of `$2` over the folder of `$1`, and stays.
const HOLD: &str = "
mount -t overlay overlay -o lowerdir=\"$1\",upperdir=\"$2/upper\",workdir=\"$2/work\" \"$2/root\"
mount -t proc proc \"$2/root/proc\"
mkdir \"$2/root/shared\"
mount --bind \"$2/shared\" \"$2/root/shared\"
ip link set lo up
echo up
exec sleep infinity";

impl Machine {
    /// One on which nothing was installed yet.
    pub(crate) fn start() -> Self {
        let debian = root().join("tests/foreign/.debian");
        let is_made = debian.join(".installed").is_file();
        assert!(is_made, "there is no {}: run tests/foreign/install", debian.display());
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        for folder in ["upper", "work", "root", SHARED] {
            fs::create_dir(directory.path().join(folder)).expect("a temporary directory can be written to");
        }
        let mut holder = as_root("unshare")
            .args(["--mount", "--net", "bash", "-ec", HOLD, "bash"])
            .args([&debian, directory.path()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare is there");
        let mut said = String::new();
        let stdout = holder.stdout.take().expect("the pipe was asked for");
        BufReader::new(stdout).read_line(&mut said).expect("it says something, or ends");
        assert_eq!(said, "up\n", "the machine can be made: that takes root, and overlays");
        Self { holder, directory }
    }

    /// A program of the machine, as its root. It becomes the process that is started.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = as_root("nsenter");
        command.args(["--mount", "--net", "--target", &self.holder.id().to_string(), "chroot"]);
        command.arg(self.directory.path().join("root"));
        command.args(["/usr/bin/env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", program]);
        command
    }

    /// What these lines of a shell print, which are to succeed.
    pub(crate) fn done(&self, lines: &str) -> String {
        done(self.command("sh").args(["-ec", lines]))
    }

    /// What they print, and whether they succeed.
    pub(crate) fn outcome(&self, lines: &str) -> (String, bool) {
        outcome(self.command("sh").args(["-ec", lines]))
    }

    /// What it sees at `/shared`.
    pub(crate) fn shared(&self) -> PathBuf {
        self.directory.path().join(SHARED)
    }

    /// Copies a file to `/shared`.
    pub(crate) fn take(&self, file: &Path) {
        let name = file.file_name().expect("a file has a name");
        fs::copy(file, self.shared().join(name)).expect("a file can be copied");
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // Its mounts end with it, and the folder can go.
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

/// Runs as root: nothing else can mount.
fn as_root(program: &str) -> Command {
    let is_root = done(Command::new("id").arg("-u")) == "0\n";
    let mut words = if is_root { vec![program] } else { vec!["sudo", "-n", program] };
    let mut command = Command::new(words.remove(0));
    command.args(words);
    command
}
