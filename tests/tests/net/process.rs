//! The daemon itself: SIGHUP, and sockets that it is given.

use std::process::Command;

use tidewire_tests::authority::{Authority, Folder};
use tidewire_tests::binary::{WITHOUT_ADMIN, binary};
use tidewire_tests::daemon::{Daemon, address};
use tidewire_tests::mqtt::connect;
use tidewire_tests::users::password_line;
use tokio::net::TcpStream;

use crate::client::{Client, connects, pings};

/// Gives the sockets that it binds to the process that it becomes, as systemd does; says their addresses at first.
const LAUNCHER: &str = r#"
import os, socket, sys
names = sys.argv[1].split(":")
kept = []
for index, name in enumerate(names):
    listener = socket.create_server(("127.0.0.1", 0))
    print("given", name, "%s:%d" % listener.getsockname(), file=sys.stderr, flush=True)
    kept.append(os.dup(listener.fileno()))
    kept.append(listener)
for index in range(len(names)):
    os.dup2(kept[2 * index], 3 + index)
    os.set_inheritable(3 + index, True)
os.environ.update(LISTEN_FDS=str(len(names)), LISTEN_FDNAMES=sys.argv[1], LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[2], sys.argv[2:])
"#;

/// Runs it without what all daemons would share.
pub(crate) fn start(mut command: Command) -> Daemon {
    command.envs(WITHOUT_ADMIN);
    Daemon::start(command)
}

const SECURE: &str = r#"
[[listeners]]
name = "secure"
bind = "127.0.0.1:0"
transport = "tcp"
protocols = ["mqtt"]
[listeners.tls]
cert = "server.pem"
key = "server.key"
"#;

#[tokio::test]
async fn sighup_reloads_certificates_and_drops_nobody() {
    let (authority, folder) = (Authority::new("root"), Folder::new());
    let leaf = authority.server(&["localhost"]);
    folder.serves(&leaf);
    let file = folder.write("tidewire.toml", SECURE);
    let mut command = Command::new(binary());
    command.arg("serve").arg("--config").arg(file).current_dir(folder.path(""));
    let mut daemon = start(command);
    let address = address(&daemon.says("listening on mqtts://"));
    daemon.says("ready");
    let shown = || async {
        let stream = TcpStream::connect(address).await.expect("the daemon accepts");
        let stream = Client::new(&authority).speaks(stream).await;
        stream.get_ref().1.peer_certificates().expect("a server shows one")[0].clone()
    };
    let stream = TcpStream::connect(address).await.expect("the daemon accepts");
    let mut old = Client::new(&authority).speaks(stream).await;
    assert_eq!(connects(&mut old, connect("old")).await, Some(0));

    folder.write("server.key", "no key");
    daemon.signal("-HUP");
    let said = daemon.says("not reloaded, what was before stays: ");
    assert!(
        said.contains("tidewire.toml:9:1") && said.contains("server.key: no private key is in it"),
        "{said}"
    );
    assert_eq!(shown().await, leaf.der);

    let renewed = authority.server(&["localhost"]);
    folder.serves(&renewed);
    daemon.signal("-HUP");
    daemon.says("reloaded: ");
    assert_eq!(shown().await, renewed.der);
    pings(&mut old).await;
    drop(old);
    daemon.signal("-TERM");
    daemon.says("stopped");
}

#[test]
fn check_reports_an_expired_certificate_and_serve_warns_of_it() {
    let (authority, folder) = (Authority::new("root"), Folder::new());
    let expired = |params: &mut rcgen::CertificateParams| params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    folder.serves(&authority.issue(&["localhost"], expired));
    let file = folder.write("tidewire.toml", SECURE);
    for (options, code) in [(&[][..], 0), (&["--strict"], 1)] {
        let mut check = Command::new(binary());
        check.args(["check", "--no-bind", "--config"]).arg(&file).args(options);
        let check = check.output().expect("it can be run");
        assert_eq!(check.status.code(), Some(code), "{options:?}");
        let said = String::from_utf8_lossy(&check.stderr);
        assert!(said.contains("tidewire.toml:8:1: ") && said.contains("expired on Jan  1"), "{said}");
    }
    let mut command = Command::new(binary());
    command.arg("serve").arg("--config").arg(file).current_dir(folder.path(""));
    let mut daemon = start(command);
    assert!(daemon.says("WARN").contains("expired on Jan  1"));
    daemon.says("ready");
}

/// A file whose listeners are all on loopback means that everybody may connect; those that are bound are others.
#[tokio::test]
async fn a_reload_opens_no_address_to_everybody_that_others_reach() {
    let folder = Folder::new();
    let text = |bind: &str, anonymous: &str| {
        format!(
            "[[listeners]]\nname = \"test\"\nbind = \"{bind}\"\ntransport = \"tcp\"\nprotocols = [\"mqtt\"]\n\
             [auth]\npassword_file = \"users\"\n{anonymous}"
        )
    };
    folder.write("users", &password_line("ann", "secret"));
    let file = folder.write("tidewire.toml", &text("0.0.0.0:0", "anonymous = false\n"));
    let mut command = Command::new(binary());
    command.arg("serve").arg("--config").arg(file).current_dir(folder.path(""));
    let mut daemon = start(command);
    let address = address(&daemon.says("listening on mqtt://"));
    daemon.says("ready");
    let anonymous = || async {
        let mut stream = TcpStream::connect(address).await.expect("the daemon accepts");
        connects(&mut stream, connect("anybody")).await
    };
    assert_eq!(anonymous().await, Some(0x87));

    folder.write("tidewire.toml", &text("127.0.0.1:0", ""));
    daemon.signal("-HUP");
    let said = daemon.says("not reloaded, what was before stays: ");
    assert!(said.contains("auth.anonymous: 0.0.0.0:0 ") && said.contains("say true"), "{said}");
    assert_eq!(anonymous().await, Some(0x87));

    folder.write("tidewire.toml", &text("127.0.0.1:0", "anonymous = true\n"));
    daemon.signal("-HUP");
    daemon.says("reloaded: ");
    assert_eq!(anonymous().await, Some(0));
}

#[tokio::test]
async fn sockets_of_systemd_are_taken_by_their_names() {
    let folder = Folder::new();
    let listener = |name: &str, passed: &str| {
        format!(
            "[[listeners]]\nname = \"{name}\"\nbind = \"systemd:{passed}\"\ntransport = \"tcp\"\nprotocols = [\"{name}\"]\n"
        )
    };
    let anonymous = "[auth]\nanonymous = true\n";
    let launch = |text: &str| {
        let file = folder.write("tidewire.toml", text);
        let mut command = Command::new("python3");
        command
            .args(["-c", LAUNCHER, "first:second:second:spare"])
            .arg(binary())
            .arg("serve")
            .arg("--config")
            .arg(file)
            .current_dir(folder.path(""));
        start(command)
    };
    let mut daemon =
        launch(&format!("{}{}{anonymous}", listener("stomp", "first"), listener("mqtt", "second")));
    let first = address(&daemon.says("given first "));
    let second = [address(&daemon.says("given second ")), address(&daemon.says("given second "))];
    assert!(daemon.says("a socket was passed that no listener takes").ends_with("name=\"spare\""));
    assert_eq!(address(&daemon.says("listening on stomp://")), first);
    let said = daemon.says("listening on mqtt://");
    assert!(said.starts_with(&format!("{}, {} (mqtt: MQTT)", second[0], second[1])), "{said}");
    daemon.says("ready");
    for address in second {
        let mut stream = TcpStream::connect(address).await.expect("the daemon accepts");
        assert_eq!(connects(&mut stream, connect("alice")).await, Some(0));
    }
    drop(daemon);

    let mut daemon = launch(&format!("{}{anonymous}", listener("mqtt", "third")));
    let said = daemon.says("cannot bind systemd:third: ");
    assert!(said.ends_with("(LISTEN_FDNAMES): first, second, second, spare"), "{said}");
}
