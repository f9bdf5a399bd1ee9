//! The package for Debian: what lintian says of it, and its life on a machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::machine::Machine;
use crate::service::Service;
use crate::units::settings;
use crate::{PROGRAMS, done, program, root};

/// Makes packages of the programs under test.
struct Packager(TempDir);

impl Packager {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let release = directory.path().join("release");
        fs::create_dir(&release).expect("a temporary directory can be written to");
        for name in PROGRAMS {
            // One without symbols, since they are in no package: those of a debug build take minutes to compress.
            done(Command::new("strip").arg("-o").arg(release.join(name)).arg(program(name)));
        }
        Self(directory)
    }

    /// The package of this version.
    fn package(&self, version: &str) -> PathBuf {
        let mut command = Command::new(root().join("broker/packaging/deb"));
        command.args(["--no-build", "--fast", "--version", version]).env("CARGO_TARGET_DIR", self.0.path());
        let said = done(&mut command);
        Path::new(said.lines().last().expect("it names the package")).to_owned()
    }
}

/// What is installed, among the rest.
const INSTALLED: [&str; 12] = [
    "/etc/tidewire/tidewire.toml",
    "/usr/bin/tidewire",
    "/usr/bin/tw",
    "/usr/lib/systemd/system/tidewire-mqtt.socket",
    "/usr/lib/systemd/system/tidewire.service",
    "/usr/share/bash-completion/completions/tidewire",
    "/usr/share/doc/tidewire/changelog.gz",
    "/usr/share/doc/tidewire/copyright",
    "/usr/share/doc/tidewire/examples/alerts.yml",
    "/usr/share/doc/tidewire/install.md",
    "/usr/share/man/man1/tidewire-serve.1.gz",
    "/usr/share/zsh/vendor-completions/_tw",
];

/// Where systemd sees that the service starts with the machine.
const ENABLED: &str = "/etc/systemd/system/multi-user.target.wants/tidewire.service";

#[test]
fn lintian_finds_nothing() {
    let packager = Packager::new();
    let mut lintian = Command::new("lintian");
    // The package is no answer to a bug of Debian's.
    lintian.args(["--fail-on=error,warning", "--suppress-tags=initial-upload-closes-no-bugs"]);
    done(lintian.args(["--allow-root", "--no-cfg"]).arg(packager.package("1.2.3-1")));
}

#[test]
fn it_is_installed_runs_is_upgraded_and_goes() {
    let packager = Packager::new();
    let machine = Machine::start();
    for version in ["0.0.1-1", "0.0.2-1"] {
        machine.take(&packager.package(version));
    }
    let [installing, users, backing_up, restoring] = documented();
    installs(&machine, &installing);
    machine.done(&format!("cd /shared; echo 'correct horse' > password\n{users}"));
    assert_eq!(machine.done("stat --format '%U:%G %a' /etc/tidewire/users"), "root:tidewire 640\n");
    runs(&machine);
    machine.done(&format!("cd /shared\n{backing_up}"));
    machine.done(&format!("cd /shared\n{restoring}"));
    refuses_a_wrong_configuration(&machine);
    is_upgraded(&machine);
    goes(&machine);
}

/// The `sh` blocks of docs/install.md. Those that are `bash` there take a systemd that runs.
fn documented() -> [String; 4] {
    let text = fs::read_to_string(root().join("docs/install.md")).expect("the document is there");
    let blocks = text.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let blocks: Vec<_> = blocks.map(str::to_owned).collect();
    blocks.try_into().expect("install, users, back up, restore")
}

fn installs(machine: &Machine, documented: &str) {
    let text = machine
        .done(&format!("mkdir /root/first; cd /root/first; cp /shared/*_0.0.1-1_*.deb .\n{documented}"));
    assert!(text.contains("no fault found"), "{text}");
    for file in INSTALLED {
        machine.done(&format!("[ -s {file} ] || {{ echo {file}; exit 1; }}"));
    }
    assert_eq!(
        machine.done("dpkg-query --show --showformat='${Status} ${Version}' tidewire"),
        "install ok installed 0.0.1-1"
    );
    // What is one of these stays as the administrator has it through upgrades.
    let conffiles = machine.done("dpkg-query --show --showformat='${Conffiles}' tidewire");
    assert!(conffiles.lines().any(|line| line.starts_with(" /etc/tidewire/tidewire.toml ")), "{conffiles}");
    machine.done(&format!("test -L {ENABLED}"));
    // Whether a socket is systemd's to bind is for who runs the machine to say.
    assert_eq!(machine.done("find /etc/systemd -name '*.socket'"), "");
    let user = machine.done("getent passwd tidewire");
    assert!(user.trim().ends_with(":/var/lib/tidewire:/usr/sbin/nologin"), "{user}");
}

fn runs(machine: &Machine) {
    let service = Service::start(machine);
    service.tells("READY=1");
    machine.done("tw pub -t kept -m 'from before' -q 1 -r");
    assert_eq!(machine.done("tidewire ctl reload"), "reloaded\n");
    service.daemon.signal("-HUP");
    service.tells("RELOADING=1");
    service.tells("READY=1");
    service.stop();
    assert_eq!(machine.done("stat --format '%U %a' /var/lib/tidewire/"), "tidewire 700\n");
}

fn refuses_a_wrong_configuration(machine: &Machine) {
    machine.done("echo 'colour = 1' >> /etc/tidewire/tidewire.toml");
    let mut service = Service::start(machine);
    let code = service.daemon.ends().code().map(|code| code.to_string());
    let unit = machine.done("cat /usr/lib/systemd/system/tidewire.service");
    assert_eq!(
        code.as_deref(),
        Some(settings(&unit, "RestartPreventExitStatus")[0]),
        "{}",
        service.daemon.heard()
    );
    machine.done("sed -i '$d' /etc/tidewire/tidewire.toml");
}

/// What somebody has changed, what is stored and what is not enabled stays as it is.
fn is_upgraded(machine: &Machine) {
    // As systemctl disables it.
    machine.done(&format!("echo '# ours' >> /etc/tidewire/tidewire.toml; rm {ENABLED}"));
    machine.done("dpkg --install /shared/tidewire_0.0.2-1_*.deb");
    assert_eq!(machine.done("dpkg-query --show --showformat='${Version}' tidewire"), "0.0.2-1");
    assert_eq!(machine.done("tail -n 1 /etc/tidewire/tidewire.toml"), "# ours\n");
    let (text, is_enabled) = machine.outcome(&format!("test -L {ENABLED}"));
    assert!(!is_enabled, "{text}");
    let service = Service::start(machine);
    service.tells("READY=1");
    assert_eq!(machine.done("tw sub -t kept -c 1"), "from before\n");
    service.stop();
}

fn goes(machine: &Machine) {
    machine.done("dpkg --remove tidewire");
    machine.done(
        "[ ! -e /usr/bin/tidewire ] && [ -e /etc/tidewire/tidewire.toml ] && [ -e /var/lib/tidewire/ ]",
    );
    // What the administrator has put there is his.
    machine.done("dpkg --purge tidewire");
    machine.done("rm /etc/tidewire/users && rmdir /etc/tidewire && rm -r /root/first");
    let left =
        machine.done("find / -xdev -path /proc -prune -o -path /shared -prune -o -name '*tidewire*' -print");
    assert_eq!(left, "");
    let (user, is_there) = machine.outcome("getent passwd tidewire || getent group tidewire");
    assert!(!is_there, "{user}");
}
