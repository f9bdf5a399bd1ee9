//! Each metric moves with what it counts.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tidewire::config::{Config, ProtocolName};
use tidewire::memory::{Ceiling, Usage};
use tidewire_protocols::mqtt::Version;
use tidewire_tests::mqtt::{connect, publish, subscribe};
use tidewire_tests::peer::Wire;
use tidewire_tests::world::World;

use super::page::{Page, metric};

/// More than before, however much.
const MORE: f64 = f64::INFINITY;

/// Those that this conversation does not move, and who does.
const ELSEWHERE: [&str; 13] = [
    // By what `counters_of_rare_events_are_told` does.
    "tidewire_addresses_banned",
    "tidewire_compression_contexts",
    "tidewire_permits_total",
    "tidewire_panics_total",
    // With a collector: tests/tests/telemetry/export.rs.
    "tidewire_spans_dropped_total",
    "tidewire_spans_exported_total",
    // By the process: broker/src/process.rs.
    "process_cpu_seconds_total",
    "process_max_fds",
    "process_open_fds",
    "process_resident_memory_bytes",
    "process_start_time_seconds",
    "process_threads",
    "process_virtual_memory_bytes",
];

/// A world that is looked at after each thing that is done in it.
struct Watch {
    world: World,
    last: Page,
    moved: BTreeSet<String>,
}

impl Watch {
    fn new(change: impl FnOnce(&mut Config)) -> Self {
        let world = World::with(Wire::Ws, change);
        let last = Page::of(&world.broker);
        Self { world, last, moved: BTreeSet::new() }
    }

    /// Holds that what was just done has moved these so much.
    async fn moves(&mut self, what: &str, expected: &[(&str, f64)]) {
        self.world.settles().await;
        let now = Page::of(&self.world.broker);
        for (sample, expected) in expected {
            let before = self.last.samples.get(*sample).copied().unwrap_or_default();
            let after = *now.samples.get(*sample).unwrap_or_else(|| panic!("{what}: there is no {sample}"));
            let is_moved = if *expected == MORE { after > before } else { after - before == *expected };
            assert!(is_moved, "{what}: {sample} went from {before} to {after}, not by {expected}");
            self.moved.insert(metric(sample).to_owned());
        }
        self.last = now;
    }
}

struct Told(Arc<AtomicU64>);

impl Usage for Told {
    fn resident(&self) -> Option<u64> {
        Some(self.0.load(Ordering::Relaxed))
    }
}

#[tokio::test(start_paused = true)]
async fn each_metric_moves_with_what_it_counts() {
    let mut watch = Watch::new(|config| config.session.outbox_messages_max = 2);
    clients_come(&mut watch).await;
    messages_flow(&mut watch).await;
    messages_wait(&mut watch).await;
    somebody_is_refused(&mut watch).await;
    memory_runs_out(&mut watch).await;
    let announced = watch.last.types.keys();
    let is_moved = |name: &&String| {
        let moved = |suffix: &str| watch.moved.contains(&format!("{name}{suffix}"));
        moved("") || moved("_count") || ELSEWHERE.contains(&name.as_str())
    };
    let unmoved: Vec<_> = announced.filter(|name| !is_moved(name)).collect();
    assert_eq!(unmoved, ["tidewire_build_info", "tidewire_store_failing"], "stored.rs has the second");
}

async fn clients_come(watch: &mut Watch) {
    let alice = watch.world.client("alice").await;
    let labels = r#"{protocol="mqtt",version="5.0",transport="ws",tls="false"}"#;
    watch
        .moves(
            "a client comes",
            &[
                (&format!("tidewire_clients{labels}"), 1.0),
                (&format!("tidewire_clients_logged_in_total{labels}"), 1.0),
                ("tidewire_clients_highest", 1.0),
                (r#"tidewire_connections{state="connected"}"#, 1.0),
                ("tidewire_connections_opened_total", 1.0),
                (r#"tidewire_sessions{state="connected"}"#, 1.0),
                (r#"tidewire_received_bytes_total{protocol="mqtt"}"#, MORE),
                (r#"tidewire_sent_bytes_total{protocol="mqtt"}"#, MORE),
                ("tidewire_turn_seconds_count", MORE),
            ],
        )
        .await;
    let silent = watch.world.connect(ProtocolName::Mqtt).await;
    watch.moves("a connection says nothing", &[(r#"tidewire_connections{state="greeting"}"#, 1.0)]).await;
    drop((alice, silent));
    watch
        .moves(
            "both go",
            &[
                (&format!("tidewire_clients{labels}"), -1.0),
                (&format!("tidewire_clients_logged_in_total{labels}"), 0.0),
                ("tidewire_clients_highest", 0.0),
                (r#"tidewire_connections{state="connected"}"#, -1.0),
                (r#"tidewire_connections{state="greeting"}"#, -1.0),
                (r#"tidewire_sessions{state="connected"}"#, -1.0),
            ],
        )
        .await;
    for (version, name) in [(Version::V31, "3.1"), (Version::V311, "3.1.1")] {
        let client = watch.world.client_with(connect("bob").in_version(version), false).await;
        let labels = format!(r#"{{protocol="mqtt",version="{name}",transport="ws",tls="false"}}"#);
        watch.moves(name, &[(&format!("tidewire_clients{labels}"), 1.0)]).await;
        drop(client);
        watch.moves(name, &[(&format!("tidewire_clients{labels}"), -1.0)]).await;
    }
    for version in ["1.0", "1.1", "1.2"] {
        let mut client = watch.world.stomp().await;
        client.connects(version).await;
        let labels = format!(r#"{{protocol="stomp",version="{version}",transport="ws",tls="false"}}"#);
        watch.moves(version, &[(&format!("tidewire_clients{labels}"), 1.0)]).await;
    }
}

async fn messages_flow(watch: &mut Watch) {
    let (mut alice, mut bob) = (watch.world.client("alice").await, watch.world.client("bob").await);
    let mut carol = watch.world.stomp().await;
    carol.connects("1.2").await;
    watch.moves("clients come", &[]).await;
    bob.subscribes(subscribe("t/+", 2)).await;
    carol.says("SUBSCRIBE\nid:s\ndestination:/topic/t/a\nreceipt:r\n\n^").await.hears_receipt("r").await;
    watch.moves("they subscribe", &[("tidewire_subscriptions", 2.0)]).await;
    alice.publishes(publish("t/a", "hello").qos1(1)).await;
    let sample =
        |name: &str, protocol: &str, qos: u8| format!("{name}{{protocol=\"{protocol}\",qos=\"{qos}\"}}");
    watch
        .moves(
            "one publishes",
            &[
                (&sample("tidewire_messages_received_total", "mqtt", 1), 1.0),
                (&sample("tidewire_payload_received_bytes_total", "mqtt", 1), 5.0),
                (&sample("tidewire_messages_received_total", "mqtt", 0), 0.0),
                (&sample("tidewire_messages_sent_total", "mqtt", 1), 1.0),
                (&sample("tidewire_payload_sent_bytes_total", "mqtt", 1), 5.0),
                (&sample("tidewire_messages_sent_total", "stomp", 1), 1.0),
                (&sample("tidewire_payload_sent_bytes_total", "stomp", 1), 5.0),
                ("tidewire_deliveries_total", 2.0),
            ],
        )
        .await;
    carol.says("SEND\ndestination:/topic/t/b\nqos:2\nreceipt:r\n\nhey^").await.next().await;
    watch
        .moves(
            "one sends",
            &[
                (&sample("tidewire_messages_received_total", "stomp", 2), 1.0),
                (&sample("tidewire_payload_received_bytes_total", "stomp", 2), 3.0),
                (&sample("tidewire_messages_sent_total", "mqtt", 2), 1.0),
                (r#"tidewire_received_bytes_total{protocol="stomp"}"#, MORE),
                (r#"tidewire_sent_bytes_total{protocol="stomp"}"#, MORE),
            ],
        )
        .await;
    for _ in 0..300 {
        alice.says(publish("elsewhere", "")).await;
        watch.world.settles().await;
    }
    let expected = [
        (sample("tidewire_messages_received_total", "mqtt", 0), 300.0),
        (sample("tidewire_payload_received_bytes_total", "mqtt", 0), 0.0),
        ("tidewire_deliveries_total".to_owned(), 0.0),
        ("tidewire_route_seconds_count".to_owned(), MORE),
    ];
    let expected: Vec<_> = expected.iter().map(|(sample, by)| (sample.as_str(), *by)).collect();
    watch.moves("many publish to nobody", &expected).await;
}

async fn messages_wait(watch: &mut Watch) {
    let broker = Arc::clone(&watch.world.broker);
    tokio::spawn(async move { broker.run_probe().await });
    let mut alice = watch.world.client("alice").await;
    watch.moves("somebody looks every second", &[("tidewire_task_late_seconds_count", 1.0)]).await;
    alice.publishes(publish("kept", "hello").retained().qos1(1)).await;
    watch
        .moves("one is retained", &[("tidewire_retained_messages", 1.0), ("tidewire_retained_bytes", MORE)])
        .await;
    alice.publishes(publish("kept", "").retained().qos1(1)).await;
    watch.moves("and cleared", &[("tidewire_retained_messages", -1.0)]).await;
    assert_eq!(watch.last.samples["tidewire_retained_bytes"], 0.0);
    alice.publishes(publish("$queue/jobs", "work").qos1(2)).await;
    watch
        .moves(
            "one waits in a queue",
            &[("tidewire_queues", 1.0), ("tidewire_queue_messages", 1.0), ("tidewire_queue_bytes", MORE)],
        )
        .await;
    watch.world.passes(Duration::from_secs(30)).await;
    watch.moves("it waits on", &[("tidewire_queue_oldest_message_age_seconds", 30.0)]).await;
    let mut worker = watch.world.stomp().await;
    worker.connects("1.2").await;
    worker.says("SUBSCRIBE\nid:s\ndestination:/queue/jobs\nack:client\n\n^").await;
    let job = worker.hears_message("work").await;
    let id = job.header("ack").expect("it is to be acknowledged").to_owned();
    watch
        .moves(
            "a worker has it",
            &[
                (r#"tidewire_messages_sent_total{protocol="stomp",qos="1"}"#, 1.0),
                ("tidewire_queue_messages", 0.0),
                ("tidewire_queue_oldest_message_age_seconds", -30.0),
            ],
        )
        .await;
    worker.says(&format!("NACK\nid:{id}\nreceipt:n\n\n^")).await;
    worker.next().await;
    worker.says("DISCONNECT\nreceipt:d\n\n^").await;
    watch.moves("it does not want it", &[("tidewire_queue_messages", 0.0)]).await;
    alice.publishes(publish("$queue/short", "x").qos1(3).with(expiring(1))).await;
    watch.world.passes(Duration::from_secs(3)).await;
    watch
        .moves("one expires", &[("tidewire_dead_letters_total", 1.0), ("tidewire_queue_messages", 1.0)])
        .await;
    let mut dave = watch.world.client_with(connect("dave").expiry(60), false).await;
    dave.subscribes(subscribe("o", 1)).await;
    drop(dave);
    watch.moves("one leaves", &[(r#"tidewire_sessions{state="disconnected"}"#, 1.0)]).await;
    for packet_id in 4..=6 {
        alice.publishes(publish("o", "x").qos1(packet_id)).await;
    }
    watch
        .moves(
            "much waits",
            &[
                (r#"tidewire_messages_dropped_total{reason="outbox_full"}"#, 1.0),
                ("tidewire_outbox_messages_highest", 2.0),
                ("tidewire_outbox_highest_bytes", MORE),
            ],
        )
        .await;
    watch.world.passes(Duration::from_secs(61)).await;
    watch
        .moves(
            "and does not come back",
            &[
                ("tidewire_sessions_expired_total", 1.0),
                (r#"tidewire_sessions{state="disconnected"}"#, -1.0),
                ("tidewire_subscriptions", -1.0),
            ],
        )
        .await;
}

fn expiring(secs: u32) -> tidewire_protocols::mqtt::Property<'static> {
    tidewire_protocols::mqtt::Property::MessageExpiryInterval(secs)
}

async fn somebody_is_refused(watch: &mut Watch) {
    let mut peer = watch.world.connect(ProtocolName::Mqtt).await;
    peer.send(&[0xf0, 0xff, 0xff, 0xff, 0xff, 0xff]).await;
    watch
        .moves(
            "one talks nonsense",
            &[
                (r#"tidewire_refusals_total{reason="malformed"}"#, 1.0),
                (r#"tidewire_received_bytes_total{protocol="none"}"#, 6.0),
            ],
        )
        .await;
}

async fn memory_runs_out(watch: &mut Watch) {
    let mut alice = watch.world.client("alice").await;
    let resident = Arc::new(AtomicU64::new(0));
    let (broker, told) = (Arc::clone(&watch.world.broker), Told(Arc::clone(&resident)));
    let ceiling = Ceiling::choose(Some(1_000), None).expect("it is not 0");
    tokio::spawn(async move { broker.watch_memory(ceiling, told).await });
    watch.moves("all is well", &[("tidewire_memory_short", 0.0)]).await;
    resident.store(950, Ordering::Relaxed);
    watch.world.passes(Duration::from_secs(1)).await;
    alice.says(publish("t", "x")).await;
    watch
        .moves(
            "memory runs out",
            &[
                ("tidewire_memory_short", 1.0),
                ("tidewire_memory_shortages_total", 1.0),
                ("tidewire_publishers_held", 1.0),
            ],
        )
        .await;
}

/// What these count is for other tests to show: the counters are moved by hand.
#[tokio::test(start_paused = true)]
async fn counters_of_rare_events_are_told() {
    let mut watch = Watch::new(|_| ());
    let counters = &watch.world.broker.counters;
    for counter in [&counters.banned, &counters.deflate_contexts, &counters.panics] {
        counter.add(1);
    }
    counters.permits_judged.add(2);
    counters.permits_remembered.add(3);
    watch
        .moves(
            "by hand",
            &[
                ("tidewire_addresses_banned", 1.0),
                ("tidewire_compression_contexts", 1.0),
                ("tidewire_panics_total", 1.0),
                (r#"tidewire_permits_total{answer="judged"}"#, 2.0),
                (r#"tidewire_permits_total{answer="remembered"}"#, 3.0),
            ],
        )
        .await;
}
