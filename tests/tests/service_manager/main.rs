//! The daemon under a service manager: sockets that it is given and that outlive it, readiness, reload, the watchdog, and
//! restarts under load. The manager is the test's own ([`manager`]), which does what `sd_notify(3)` and `sd_listen_fds(3)`
//! describe; and, where it can be run, systemd ([`systemd`]).

mod load;
mod manager;
mod systemd;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tidewire_tests::daemon::DEADLINE;

use self::load::Load;
use self::manager::Manager;
use self::systemd::Systemd;

/// Stops each of these threads, says so, and keeps them until it is killed. A signal would stop the whole process.
const FREEZER: &str = r#"
import ctypes, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long] * 4
SEIZE, INTERRUPT = 0x4206, 0x4207
for thread in map(int, sys.argv[1:]):
    for request in (SEIZE, INTERRUPT):
        if libc.ptrace(request, thread, 0, 0) != 0:
            sys.exit("ptrace: errno %d" % ctypes.get_errno())
print("frozen", flush=True)
sys.stdin.read()
"#;

/// Short, so that the test need not wait for long; a unit has half a minute.
const WATCHDOG: Duration = Duration::from_secs(2);

/// Freezes the threads of that name.
fn freeze(process: u32, name: &str) -> Child {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).expect("the process has threads");
    let ids = tasks.filter_map(|task| {
        let task = task.ok()?;
        let found = std::fs::read_to_string(task.path().join("comm")).ok()?;
        (found.trim_end() == name).then(|| task.file_name())
    });
    let mut command = Command::new("python3");
    command.args(["-c", FREEZER]).args(ids).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut freezer = command.spawn().expect("python3 is installed");
    let mut said = [0; 7];
    let output = freezer.stdout.as_mut().expect("the pipe was asked for");
    output.read_exact(&mut said).expect("a debugger may stop the test's own processes");
    assert_eq!(&said, b"frozen\n");
    freezer
}

#[test]
fn readiness_is_told_and_a_reload_with_what_came_of_it() {
    let manager = Manager::new("");
    let mut service = manager.start();
    let ready = service.hears("READY=1");
    assert!(ready.contains("STATUS=ready: 0 connections"), "{ready}");
    service.signal("-HUP");
    let reloading = service.hears("RELOADING=1");
    assert!(reloading.contains("MONOTONIC_USEC="), "{reloading}");
    let ready = service.hears("READY=1");
    assert!(!ready.contains("not reloaded"), "{ready}");
    manager.configure("[limits]\nconnection_max = 5\n");
    service.signal("-HUP");
    service.hears("RELOADING=1");
    let ready = service.hears("READY=1");
    assert!(ready.contains("not reloaded: ") && ready.contains("unknown key \"connection_max\""), "{ready}");
    service.signal("-TERM");
    let stopping = service.hears("STOPPING=1");
    assert!(stopping.contains("EXTEND_TIMEOUT_USEC="), "{stopping}");
    assert_eq!(service.ends(), Some(0));

    // As it is now, a start could only fail again: the unit says that such a one is not repeated.
    let mut service = manager.start();
    assert!(service.hears("STATUS=").contains("unknown key \"connection_max\""));
    assert_eq!(service.ends(), Some(78));
}

#[test]
fn a_stop_is_seen_by_load_balancers_and_a_second_signal_hastens_it() {
    let manager = Manager::new("[admin]\nbind = \"127.0.0.1:0\"\n[shutdown]\ntimeout = \"10m\"\n");
    let mut service = manager.start();
    service.hears("READY=1");
    service.daemon.says("ready");
    let admin = service.daemon.address("http");
    // One that does not close its end, and so is waited for.
    let _client = TcpStream::connect(manager.devices()).expect("the manager listens");
    service.daemon.signal("-TERM");
    service.hears("STOPPING=1");
    let mut asked = TcpStream::connect(admin).expect("the admin listener answers until the end");
    asked.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("it takes a request");
    let mut answer = String::new();
    asked.read_to_string(&mut answer).expect("it answers");
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("stopping"), "{answer}");
    service.signal("-TERM");
    service.daemon.says("stopping at once");
    assert_eq!(service.ends(), Some(0));
}

#[test]
fn a_broker_whose_serving_threads_stand_still_is_restarted() {
    is_restarted_when_frozen("tokio-rt-worker", |_| ());
}

#[test]
fn a_broker_whose_committer_stands_still_is_restarted() {
    // Retained, it has to be stored.
    is_restarted_when_frozen("committer", |manager| {
        let mut client = TcpStream::connect(manager.devices()).expect("the manager listens");
        client.write_all(b"CONNECT\naccept-version:1.2\nhost:h\n\n\0").expect("the broker reads");
        let mut head = [0; 9];
        client.read_exact(&mut head).expect("the broker answers");
        assert_eq!(&head, b"CONNECTED");
        let send = b"SEND\ndestination:/topic/t\nretain:true\nreceipt:1\n\nx\0";
        client.write_all(send).expect("the broker reads");
        // Gone before it is handled, it would not be.
        client.set_read_timeout(Some(WATCHDOG / 4)).expect("the timeout is not zero");
        let mut rest = Vec::new();
        let _ = client.read_to_end(&mut rest);
        assert!(!String::from_utf8_lossy(&rest).contains("RECEIPT"), "it could not be stored");
    });
}

fn is_restarted_when_frozen(threads: &str, disturb: impl FnOnce(&Manager)) {
    let mut manager = Manager::new("");
    manager.watchdog = Some(WATCHDOG);
    let mut service = manager.start();
    service.hears("READY=1");
    service.hears("WATCHDOG=1");
    service.hears("WATCHDOG=1");
    let mut freezer = freeze(service.daemon.id(), threads);
    disturb(&manager);
    // What was said before is no sign of life any more; from the last one on the manager waits for so long and no longer.
    while service.hears_within("WATCHDOG=1", WATCHDOG) {
        assert!(service.started.elapsed() < DEADLINE, "it says that it is alive");
    }
    service.signal("-ABRT");
    // Whoever traces a thread is told of its end before anybody else.
    freezer.kill().expect("it waits for that");
    freezer.wait().expect("it is ours");
    assert_eq!(service.ends(), None, "it ends by the signal");
    let mut again = manager.start();
    again.hears("READY=1");
    again.hears("WATCHDOG=1");
    assert!(TcpStream::connect(manager.devices()).is_ok());
}

/// Sockets outlive the process that serves them: while there is none, the system keeps the connections.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn restarts_under_load_refuse_nobody_and_lose_nothing_that_was_acknowledged() {
    let manager = Manager::new("[shutdown]\ntimeout = \"5s\"\nspread = \"200ms\"\n");
    let mut service = manager.start();
    service.hears("READY=1");
    let load = Load::start([manager.browsers(), manager.devices()]).await;
    for signal in ["-TERM", "-USR2", "-TERM"] {
        load.goes_on().await;
        service.signal(signal);
        service.hears("STOPPING=1");
        assert_eq!(tokio::task::block_in_place(|| service.ends()), Some(0));
        service = manager.start();
        tokio::task::block_in_place(|| service.hears("READY=1"));
    }
    load.goes_on().await;
    let told = load.stops_and_has_everything().await;
    println!("{told}; the manager was the test's own, not systemd");
}

/// The same, and a watchdog that strikes under load, by systemd's own hand.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn systemd_starts_reloads_restarts_and_watches() {
    let mut systemd = match Systemd::start() {
        Ok(systemd) => systemd,
        Err(missing) => {
            println!("left out, since systemd could not be run here: {missing}");
            return;
        }
    };
    systemd.does("start", true);
    assert!(systemd.shows("StatusText").starts_with("ready: "), "start waits for READY=1");
    let load = Load::start(systemd.addresses()).await;
    for restart in 0..2 {
        load.goes_on().await;
        tokio::task::block_in_place(|| systemd.does("restart", true));
        assert_eq!(systemd.shows("Result").trim_end(), "success", "restart {restart}");
    }
    load.goes_on().await;
    tokio::task::block_in_place(|| {
        let mut freezer = freeze(systemd.process(), "tokio-rt-worker");
        systemd.comes_to_show("SubState", "stop-watchdog");
        freezer.kill().expect("it waits for that");
        freezer.wait().expect("it is ours");
        systemd.comes_to_show("NRestarts", "1");
        systemd.comes_to_show("StatusText", "ready: ");
    });
    load.goes_on().await;
    println!("{}; the manager was systemd, as a user's instance", load.stops_and_has_everything().await);

    systemd.configure("[limits]\nconnection_max = 5\n");
    systemd.does("reload", true);
    systemd.comes_to_show("StatusText", "not reloaded: ");
    systemd.does("restart", false);
    assert_eq!(systemd.shows("ExecMainStatus").trim_end(), "78");
    assert_eq!(systemd.shows("SubState").trim_end(), "failed", "it is not tried again");
}
