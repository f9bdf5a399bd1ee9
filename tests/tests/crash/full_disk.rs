//! The release binary on a disk that is full for a while, with paho's client: what was acknowledged before, meanwhile
//! and afterwards is there after a kill.

use std::process::{Command, Stdio};

use tidewire_tests::random::Random;
use tidewire_tests::small_disk::SmallDisk;

use crate::daemon::Daemon;
use crate::load::python;

/// MiB of the disk: a few segments of the journal.
const DISK_MIB: usize = 200;

#[test]
fn a_full_disk_loses_nothing_and_service_resumes() {
    let disk = SmallDisk::of(DISK_MIB);
    let mut daemon = Daemon::new(disk.path(), "always", &mut Random::new(1, 1));
    daemon.start();
    let acknowledged = run(python("full_disk.py").arg("publish").args(arguments(&daemon, &disk)));
    daemon.kill();
    daemon.start();
    let received = run(python("full_disk.py").arg("receive").args(arguments(&daemon, &disk)));
    let missing: Vec<_> =
        acknowledged.lines().filter(|number| !received.lines().any(|one| one == *number)).collect();
    assert!(acknowledged.lines().count() > 100, "hardly anything was acknowledged: {acknowledged}");
    assert_eq!(missing, [""; 0], "acknowledged and lost");
}

fn arguments(daemon: &Daemon, disk: &SmallDisk) -> [String; 2] {
    [daemon.ports()[1].to_string(), disk.path().display().to_string()]
}

fn run(command: &mut Command) -> String {
    let output = command.stderr(Stdio::inherit()).output().expect("python can be run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
