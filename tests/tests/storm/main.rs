//! The release binary in a storm of mutated packet streams: no panic, no hang, memory flat, nobody else disturbed.
//!
//! * `seeds`: valid conversations; `mutate` and `web_socket`: what becomes of them; `hostile`: who sends that, and how
//! * `control`: clients that behave, and are served as if nothing were
//! * `attacks`: what is done to WebSocket on purpose
//! * `watch`: memory and descriptors of the broker's process
//!
//! It blows for five seconds. `TIDEWIRE_STORM_SECONDS`, `TIDEWIRE_STORM_CONNECTIONS` and `TIDEWIRE_STORM_SEED` change
//! that; a longer storm's account is shown with `--nocapture`. Each case follows from the seed and its number, but for
//! its timing.

mod attacks;
#[path = "../foreign/broker.rs"]
#[allow(dead_code, reason = "shared with the other tests of the release binary, which ask for more")]
mod broker;
mod control;
mod hostile;
mod mutate;
mod seeds;
mod watch;
mod web_socket;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use tidewire_client::{MqttOptions, Options, Protocol, Qos, State, Subscription, Url, connect};
use tidewire_protocols::mqtt::{Property, Version};
use tidewire_tests::mqtt::{Say, connect as connect_words, publish};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{interval, timeout};

use crate::broker::Broker;
use crate::control::{DEADLINE, enter, pair, sweeper, visitor};
use crate::hostile::Storm;
use crate::seeds::{CLIENTS, Corpus, client_id};
use crate::watch::{Sample, Watch, is_flat, plateaus};

/// What hostile clients may rightly make the broker hold is small and passes soon.
const SETTINGS: &str = r#"
[log]
level = "warn"
[session]
expiry_max = "2s"
outbox_messages_max = 500
outbox_bytes_max = "256KiB"
[limits]
packet_size_max = "64KiB"
connect_timeout = "2s"
[mqtt]
server_keep_alive_max = "20s"
"#;
/// Shorter storms do not get past the warming up.
const JUDGED_FROM_SECONDS: u64 = 60;
/// What no storm with these settings may take.
const RESIDENT_KIB_MAX: u64 = 512 * 1024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_hurt_in_a_storm() {
    let seconds = setting("SECONDS").unwrap_or(5);
    let seed = setting("SEED").unwrap_or_else(seed_of_now);
    say(&format!("seed {seed} (TIDEWIRE_STORM_SEED replays it), {seconds} s"));
    let mut broker = Broker::configured(SETTINGS, &[]);
    let mut watch = Watch::new(broker.process_id());
    let before = watch.look();
    let storm = Arc::new(Storm {
        seed,
        mqtt: broker.mqtt(),
        websocket: broker.websocket(),
        corpus: Corpus::read(),
        is_over: AtomicBool::new(false),
        cases: AtomicU64::new(0),
        mutations: AtomicU64::new(0),
        packets: AtomicU64::new(0),
        bytes: AtomicU64::new(0),
    });
    let counts: [Arc<AtomicU64>; 3] = std::array::from_fn(|_| Arc::default());
    let mut everybody = control_clients(&broker, &storm, &counts);
    for _ in 0..setting("CONNECTIONS").unwrap_or(48) {
        let storm = Arc::clone(&storm);
        everybody.spawn(async move { storm.rage().await });
    }

    let mut clock = interval(Duration::from_secs(1));
    clock.tick().await;
    for second in 1..=seconds {
        tokio::select! {
            _ = clock.tick() => report(watch.look(), second, &storm),
            Some(ended) = everybody.join_next() => {
                ended.expect("nobody fails");
                panic!("somebody left before the storm was over");
            }
        }
    }
    storm.is_over.store(true, Ordering::Relaxed);
    while let Some(ended) =
        timeout(2 * DEADLINE, everybody.join_next()).await.expect("everybody ends in time")
    {
        ended.expect("nobody fails");
    }

    watch.await_descriptors(before.descriptors, DEADLINE).await;
    sessions_have_ended(&broker).await;
    let after = watch.look();
    let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
    let plateaus = plateaus(&watch.samples);
    let [arrived, visits, swept] = counts.each_ref().map(|count| load(count));
    say(&format!(
        "{} connections, {} packets, {} mutations, {} bytes; {arrived} control messages, {visits} visits, \
         {swept} retained messages swept; resident {} KiB before, {plateaus:?} in both halves, {} KiB after",
        load(&storm.cases),
        load(&storm.packets),
        load(&storm.mutations),
        load(&storm.bytes),
        before.resident_kib,
        after.resident_kib
    ));
    assert!(load(&storm.mutations) > 100 && arrived > 100 && visits > 5, "it was hardly a storm");
    assert!(broker.terminate().success(), "the broker stops in order");
    let log = broker.log();
    assert!(!log.to_lowercase().contains("panic"), "the broker panicked (seed {seed}):\n{log}");
    let peak = watch.samples.iter().map(|sample| sample.resident_kib).max().unwrap_or_default();
    assert!(peak < RESIDENT_KIB_MAX, "the broker took {peak} KiB");
    assert!(seconds < JUDGED_FROM_SECONDS || is_flat(plateaus), "memory grows: {plateaus:?} KiB");
}

/// A pair for each QoS on each transport, a visitor on each, and the sweeper.
fn control_clients(broker: &Broker, storm: &Arc<Storm>, counts: &[Arc<AtomicU64>; 3]) -> JoinSet<()> {
    let mut everybody = JoinSet::new();
    let urls =
        [("tcp", broker.mqtt_url(), Protocol::Mqtt5), ("ws", broker.websocket_url(), Protocol::Mqtt311)];
    let [arrived, visits, swept] = counts.each_ref().map(Arc::clone);
    for (wire, url, protocol) in urls {
        let url: Url = url.parse().expect("the broker has an address");
        for qos in [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce] {
            let (storm, url, arrived) = (Arc::clone(storm), url.clone(), Arc::clone(&arrived));
            let name = format!("{wire}-qos-{}", qos.as_u8());
            everybody.spawn(async move { pair(&storm.is_over, &name, &url, protocol, qos, &arrived).await });
        }
        let (storm, visits) = (Arc::clone(storm), Arc::clone(&visits));
        let name = format!("{wire}-visitor");
        everybody.spawn(async move { visitor(&storm.is_over, &name, &url, &visits).await });
    }
    let (storm, url) = (Arc::clone(storm), broker.mqtt_url().parse().expect("the broker has an address"));
    everybody.spawn(async move { sweeper(&storm.is_over, &url, &swept).await });
    everybody
}

/// Holds that none of the hostile sessions is left. One that was made after all of them, and for as long as any, says
/// when: its will is published when it ends.
async fn sessions_have_ended(broker: &Broker) {
    let url: Url = broker.mqtt_url().parse().expect("the broker has an address");
    let witness = enter(&url, Protocol::Mqtt5, "witness").await;
    let wills = Subscription::new("last/will", Qos::AtMostOnce);
    let mut messages = witness.subscribe(wills).await.expect("it may subscribe");
    let last = connect_words("last")
        .expiry(u32::MAX)
        .will_with(publish("last/will", "gone"), &[Property::WillDelayInterval(u32::MAX)]);
    let mut stream = TcpStream::connect(broker.mqtt()).await.expect("the broker accepts");
    stream.write_all(&last.bytes(Version::V5)).await.expect("the broker listens");
    stream.read_u8().await.expect("the broker answers");
    drop(stream);
    let will = timeout(DEADLINE, messages.next()).await.expect("the last session ends in time");
    assert_eq!(will.map(|will| will.into_message().topic).as_deref(), Some("last/will"));
    for number in 0..CLIENTS {
        let client_id = client_id(number);
        let mqtt = MqttOptions { clean_start: false, ..MqttOptions::default() };
        let options = Options::default().with_client_id(&*client_id).with_mqtt(mqtt);
        let client = connect(&url, options).await.expect("the broker accepts");
        let state = client.state().borrow().clone();
        assert!(
            matches!(state, State::Connected { session_present: false }),
            "the session of {client_id} has not ended: {state:?}"
        );
        client.disconnect().await.expect("the broker is there");
    }
}

fn report(sample: Sample, second: u64, storm: &Storm) {
    if second.is_multiple_of(10) {
        let cases = storm.cases.load(Ordering::Relaxed);
        let Sample { resident_kib, descriptors, .. } = sample;
        say(&format!(
            "{} s: resident {resident_kib} KiB, {descriptors} descriptors, {cases} connections so far",
            sample.second
        ));
    }
}

fn setting(name: &str) -> Option<u64> {
    let value = std::env::var(format!("TIDEWIRE_STORM_{name}")).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("TIDEWIRE_STORM_{name} is a number, not {value:?}")))
}

fn seed_of_now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::from(since.subsec_nanos()) ^ since.as_secs() << 20
}

#[expect(clippy::print_stderr, reason = "the seed and the account are for the reader of the test")]
fn say(text: &str) {
    eprintln!("storm: {text}");
}
