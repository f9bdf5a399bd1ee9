//! What the broker's inner loops cost, in instructions: each scenario runs one of them, without sockets, threads or disk.
//! `tests/tests/instructions/` counts them under callgrind and compares with what they cost before; and callgrind shows
//! where they go:
//!
//! ```text
//! cargo build --release --workspace --bins --examples
//! valgrind --tool=callgrind --collect-atstart=no '--toggle-collect=*measured_part*' --callgrind-out-file=/tmp/profile \
//!     target/release/examples/instructions fan-out-to-500
//! callgrind_annotate /tmp/profile
//! ```
//!
//! Without a scenario it lists them, each with what it counts; with one it says how many of those were measured.

mod client;
mod codec;
mod coming;
mod matching;
mod meter;
mod mqtt;
mod stomp;
mod web_socket;

use std::io::{self, Write};

use self::coming::{Coming, Stay};
use self::matching::{Matching, Since};
use self::meter::{Meter, Scenario};
use self::web_socket::{Exchange, Spoken};

/// The daemon's own, so that what it costs is counted as well.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A scenario, ready to be run.
struct Entry {
    name: &'static str,
    /// One of what its rounds return.
    unit: &'static str,
    make: fn() -> Box<dyn Scenario>,
}

const SCENARIOS: [Entry; 25] = [
    Entry { name: "decode-qos-0", unit: "packet", make: || Box::new(codec::Packets::new(0)) },
    Entry { name: "decode-qos-1", unit: "packet", make: || Box::new(codec::Packets::new(1)) },
    Entry { name: "websocket", unit: "frame of 100 B", make: || Box::new(codec::WebSocket::new(100)) },
    Entry { name: "unmask", unit: "KiB", make: || Box::new(codec::Unmask::new()) },
    Entry { name: "match-cached", unit: "topic", make: || Box::new(Matching::new(Since::Nothing)) },
    Entry { name: "match-kept", unit: "topic", make: || Box::new(Matching::new(Since::ChangedElsewhere)) },
    Entry { name: "match", unit: "topic", make: || Box::new(Matching::new(Since::Changed)) },
    Entry { name: "match-once", unit: "topic", make: || Box::new(Matching::new(Since::Never)) },
    Entry { name: "publish-to-10-qos-0", unit: "delivery", make: || Box::new(mqtt::Publish::new(10, 0, 5)) },
    Entry { name: "publish-to-10-qos-1", unit: "delivery", make: || Box::new(mqtt::Publish::new(10, 1, 5)) },
    Entry { name: "publish-to-1-qos-1", unit: "delivery", make: || Box::new(mqtt::Publish::new(1, 1, 5)) },
    Entry { name: "fan-out-to-500", unit: "delivery", make: || Box::new(mqtt::Publish::new(500, 0, 5)) },
    Entry { name: "publish-one-topic", unit: "delivery", make: || Box::new(mqtt::Publish::new(1, 0, 1)) },
    Entry { name: "publish-by-rules", unit: "delivery", make: || Box::new(mqtt::Publish::by_rules()) },
    Entry { name: "lone-message", unit: "delivery", make: || Box::new(mqtt::Publish::alone(1)) },
    Entry { name: "lone-to-500", unit: "delivery", make: || Box::new(mqtt::Publish::alone(500)) },
    Entry { name: "connect", unit: "connection", make: || Box::new(Coming::new(Stay::UntilGreeted)) },
    Entry { name: "come-and-go", unit: "client", make: || Box::new(Coming::new(Stay::ToTheEnd)) },
    Entry { name: "stomp-publish-to-10", unit: "delivery", make: || Box::new(stomp::Send::new(10, 5)) },
    Entry { name: "stomp-one-head", unit: "delivery", make: || Box::new(stomp::Send::new(1, 1)) },
    Entry { name: "ws-mqtt", unit: "delivery", make: || Box::new(Exchange::new(Spoken::Mqtt, 1)) },
    Entry {
        name: "ws-mqtt-in-frames",
        unit: "delivery",
        make: || Box::new(Exchange::new(Spoken::MqttInFrames, 1)),
    },
    Entry { name: "ws-stomp", unit: "delivery", make: || Box::new(Exchange::new(Spoken::Stomp, 1)) },
    Entry { name: "ws-mqtt-to-500", unit: "delivery", make: || Box::new(Exchange::new(Spoken::Mqtt, 500)) },
    Entry { name: "ws-stomp-to-500", unit: "delivery", make: || Box::new(Exchange::new(Spoken::Stomp, 500)) },
];

/// Rounds that are not measured: maps, buffers and the allocator reach the size that they keep.
const WARM_UP_ROUNDS: usize = 3;

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    let Some(wanted) = std::env::args().nth(1) else {
        return SCENARIOS.iter().try_for_each(|entry| writeln!(out, "{}\t{}", entry.name, entry.unit));
    };
    let Some(entry) = SCENARIOS.iter().find(|entry| entry.name == wanted) else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("there is no scenario {wanted}")));
    };
    let mut scenario = (entry.make)();
    for _ in 0..WARM_UP_ROUNDS {
        scenario.round(Meter::Off);
    }
    let mut units = 0;
    while units < scenario.enough() {
        units += scenario.round(Meter::On);
    }
    writeln!(out, "{units}")
}
