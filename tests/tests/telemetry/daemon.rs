//! The program exports, and goes on to until it has stopped.

use std::process::Command;

use tidewire_protocols::mqtt::Version;
use tidewire_tests::binary::binary;
use tidewire_tests::daemon::{DEADLINE, Daemon};
use tidewire_tests::mqtt::{Say as _, connect, publish};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::collector::Collector;

/// The longest that a spans may wait, so that the stop alone sends it.
const SETTINGS: [&str; 4] =
    ["admin.bind=", "storage.sync=memory", "telemetry.sample=1.0", "telemetry.interval=1h"];

#[tokio::test(flavor = "multi_thread")]
async fn what_was_published_before_the_stop_is_exported_before_the_end() {
    let collector = Collector::start().await;
    let folder = tempfile::tempdir().expect("a temporary directory can be made");
    let listeners =
        "[[listeners]]\nname = \"a\"\nbind = \"127.0.0.1:0\"\ntransport = \"tcp\"\nprotocols = [\"mqtt\"]\n";
    let file = folder.path().join("tidewire.toml");
    std::fs::write(&file, listeners).expect("a temporary directory can be written to");
    let mut command = Command::new(binary());
    command.args(["serve", "--config"]).arg(&file).current_dir(folder.path());
    let endpoint = format!("telemetry.otlp_endpoint={}", collector.endpoint());
    for setting in SETTINGS.iter().copied().chain([endpoint.as_str()]) {
        command.args(["--set", setting]);
    }
    let mut daemon = Daemon::start(command);
    assert_eq!(daemon.says("spans go to "), format!("{}/v1/traces", collector.endpoint()));
    daemon.says("ready");
    let mut client = TcpStream::connect(daemon.address("mqtt")).await.expect("it accepts");
    let words = [connect("alice").bytes(Version::V5), publish("t", "m").qos1(1).bytes(Version::V5)].concat();
    client.write_all(&words).await.expect("it is taken");
    let mut heard = Vec::new();
    // PUBACK is the last: No matching subscribers.
    while !heard.ends_with(&[0x40, 3, 0, 1, 0x10]) {
        let read = timeout(DEADLINE, client.read_buf(&mut heard)).await.expect("it comes");
        assert!(read.is_ok_and(|read| read > 0), "{heard:02x?}");
    }
    assert_eq!(collector.server.count(), 0);
    daemon.signal("-TERM");
    assert!(daemon.ends().success(), "{}", daemon.heard());
    let spans = collector.sees(2).await;
    assert_eq!((spans[0].name.as_str(), spans[1].name.as_str()), ("publish t", "route t"));
}
