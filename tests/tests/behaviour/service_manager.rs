//! What the service manager that has started the broker is told, over a socket like systemd's.

use std::os::unix::net::UnixDatagram;
use std::sync::Arc;
use std::time::Duration;

use tidewire::broker::{Broker, Drain};
use tidewire::config::Config;
use tidewire::counters::{Protocol, Tally};
use tidewire::message::Qos;
use tidewire::service_manager::{Environment, ServiceManager};
use tidewire_tests::world::broker_of;

/// A manager's end.
struct Manager {
    socket: UnixDatagram,
    manager: Arc<ServiceManager>,
    broker: Arc<Broker>,
    _folder: tempfile::TempDir,
}

fn manager() -> Manager {
    let folder = tempfile::tempdir().expect("a temporary directory can be made");
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket can be bound there");
    socket.set_nonblocking(true).expect("it can be asked without waiting");
    let environment = Environment { notify_socket: Some(path.into()), ..Environment::default() };
    let manager = Arc::new(ServiceManager::new(&environment));
    let broker = Arc::new(broker_of(Config::default()));
    Manager { socket, manager, broker, _folder: folder }
}

impl Manager {
    /// Holds that this was told since it was asked last, one datagram each, `\n` at the ends of lines as `|`.
    fn hears(&self, expected: &[&str]) {
        let mut buffer = [0; 4096];
        let mut heard = Vec::new();
        while let Ok(size) = self.socket.recv(&mut buffer) {
            heard.push(String::from_utf8_lossy(&buffer[..size]).replace('\n', "|"));
        }
        assert_eq!(heard, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_life_is_told_from_start_to_end() {
    let heard = manager();
    let Manager { manager, broker, .. } = &heard;
    manager.opening();
    manager.recovering("segment 2 of 5");
    heard.hears(&[
        "EXTEND_TIMEOUT_USEC=600000000|STATUS=recovering the store|",
        "EXTEND_TIMEOUT_USEC=30000000|STATUS=recovering the store: segment 2 of 5|",
    ]);
    manager.ready(broker).expect("no watchdog is asked for");
    heard.hears(&["READY=1|STATUS=ready: 0 connections|"]);
    let report = tokio::spawn({
        let (manager, broker) = (Arc::clone(manager), Arc::clone(broker));
        async move { manager.report(&broker).await }
    });
    let link = broker.new_link("test");
    tokio::task::yield_now().await;
    let mut tally = Tally::default();
    (0..70).for_each(|_| tally.note_received(Protocol::Mqtt, Qos::AtMostOnce, 1));
    broker.counters.add_tally(&tally);
    tokio::time::sleep(Duration::from_secs(11)).await;
    heard.hears(&["STATUS=ready: 1 connection, 7 messages/s|"]);
    tokio::time::sleep(Duration::from_secs(30)).await;
    heard.hears(&["STATUS=ready: 1 connection, 0 messages/s|"]);
    manager.stopping(broker);
    heard.hears(&["STOPPING=1|EXTEND_TIMEOUT_USEC=30000000|STATUS=draining: 1 connection left|"]);
    let timeout = Duration::from_millis(2_500);
    broker.drain(Drain { timeout, spread: Duration::ZERO, restart: false }).await;
    // The status is the same: only time is asked for.
    heard.hears(&["EXTEND_TIMEOUT_USEC=30000000|"; 3]);
    broker.remove_link(&link);
    report.abort();
    manager.flushing();
    heard.hears(&["EXTEND_TIMEOUT_USEC=30000000|STATUS=flushing the store|"]);
}

#[tokio::test(start_paused = true)]
async fn what_a_reload_was_refused_for_is_told_until_one_succeeds() {
    let heard = manager();
    let Manager { manager, broker, socket, .. } = &heard;
    manager.reloading();
    let mut buffer = [0; 4096];
    let size = socket.recv(&mut buffer).expect("it was told");
    let said = std::str::from_utf8(&buffer[..size]).expect("it is text");
    assert!(
        said.starts_with("RELOADING=1\nMONOTONIC_USEC=") && said.ends_with("\nSTATUS=reloading\n"),
        "{said}"
    );
    manager.reloaded(broker, Some("tidewire.toml:2:1: unknown key\n    alow = []".to_owned()));
    heard.hears(&[
        "READY=1|STATUS=ready: 0 connections; not reloaded: tidewire.toml:2:1: unknown key     alow = []|",
    ]);
    manager.reloaded(broker, None);
    heard.hears(&["READY=1|STATUS=ready: 0 connections|"]);
}

#[tokio::test(start_paused = true)]
async fn a_drain_without_a_stop_asks_for_no_time() {
    let heard = manager();
    let Manager { manager, broker, .. } = &heard;
    broker.end_all_links();
    let report = manager.report(broker);
    let _ = tokio::time::timeout(Duration::from_secs(5), report).await;
    heard.hears(&["STATUS=draining: 0 connections left|"]);
}
