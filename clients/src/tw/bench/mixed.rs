//! A realistic mixture, in fixed proportions of each device's messages, twenty of which are one round:
//!
//! ```text
//!  messages  QoS  bytes  to
//!  14 (70 %)  0      64  telemetry: bench/RUN/K/DEVICE/telemetry, of which collector K has bench/RUN/K/+/telemetry
//!   4 (20 %)  1      64  events:    bench/RUN/K/DEVICE/event, of which another collector has bench/RUN/K/+/event
//!   1  (5 %)  1    1024  news:      bench/RUN/news/K, which ten listeners have
//!   1  (5 %)  2    1024  command:   bench/RUN/command/DEVICE, which one other client has
//! ```
//!
//! K is the device's number modulo 4. Four collectors for a hundred devices are a fan-in of 25, the news a fan-out of 10,
//! and beside them clients come and go. In STOMP, which has no QoS, from 1 on there is a receipt.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use tidewire_client::Qos;

use super::load::Load;
use super::mark::{MESSAGES_MAX, PUBLISHERS_MAX};
use super::publisher::Publisher;
use super::publishing::{FlowArgs, broker_to};
use super::raw::{Broker, Peer, Wanted};
use super::report::Report;
use super::subscriber::Subscriber;
use super::template::{Template, Terms};
use super::usage::Each;
use super::{BenchArgs, Failure, churn, load, progress};

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  tw bench mixed --devices 200 --rate 20000 --duration 60")]
pub(super) struct MixedArgs {
    /// Devices, each of which publishes all kinds of messages.
    #[arg(long, default_value = "100", value_parser = clap::value_parser!(u32).range(1..=PUBLISHERS_MAX.into()))]
    devices: u32,
    /// Clients that come and go each second, besides.
    #[arg(long, default_value = "20", value_parser = clap::value_parser!(u32).range(0..=1000))]
    churn: u32,
    /// Messages of each device.
    #[arg(long, default_value = "10000", value_parser = clap::value_parser!(u64).range(1..=MESSAGES_MAX))]
    messages: u64,
    /// Publish for so many seconds instead, behind the warm-up.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400), conflicts_with = "messages")]
    duration: Option<u64>,
    /// Seconds at the begin that are not measured.
    #[arg(long, value_name = "SECONDS", default_value = "0", value_parser = clap::value_parser!(u64).range(0..=3600))]
    warm_up: u64,
    #[command(flatten)]
    flow: FlowArgs,
}

pub(super) fn run(args: &BenchArgs, scenario: &MixedArgs) -> Result<Report, Failure> {
    let broker = args.broker()?;
    let subscribers = subscribers(&broker, scenario.devices)?;
    let publishers = devices(&broker, scenario)?;
    let mut load = Load::new(publishers, subscribers, scenario.flow.every())?;
    let messages = u64::from(scenario.devices) * scenario.messages;
    let plan = load::Plan {
        duration: scenario.duration.map(Duration::from_secs),
        warm_up: Duration::from_secs(scenario.warm_up),
        pid: args.pid,
        progress: progress::Progress::new(
            !args.json,
            scenario.duration.is_none().then_some(messages * DELIVERIES_OF_ROUND / ROUND),
            "deliveries",
        ),
    };
    let is_over = AtomicBool::new(false);
    // Churn takes turns of its own, so that a handshake holds up nobody's messages.
    let (outcome, came) = std::thread::scope(|scope| {
        let churning = scope.spawn(|| come_and_go(&broker, scenario.churn, &is_over));
        let outcome = load.run(plan);
        is_over.store(true, Ordering::Relaxed);
        (outcome, churning.join())
    });
    let outcome = outcome?;
    let came = came.map_err(|_| Failure::Other("the clients that come and go broke off".to_owned()))??;
    let mut report = Report::default();
    report.add("scenario", "mixed");
    broker_to(&mut report, &broker);
    report.add("devices", scenario.devices);
    report.add("subscribers", load.subscribers.len());
    report.add("came_and_gone", came);
    if let Some(rate) = scenario.flow.rate {
        report.add("asked_per_s", rate);
    }
    outcome.add_publishes_to(&mut report, &load);
    report.add_rate("published_per_s", outcome.counted.sent, outcome.took());
    outcome.usage.add_each_to(&mut report, outcome.counted.sent, &Each::PUBLISHED);
    outcome.add_deliveries_to(&mut report, &load);
    Ok(report)
}

/// Collectors of telemetry and of events, listeners to the news, and receivers of commands.
fn subscribers(broker: &Broker, devices: u32) -> Result<Vec<Subscriber>, Failure> {
    let run = std::process::id();
    let mut wanted = Vec::new();
    for group in 0..GROUPS {
        wanted.push((format!("bench/{run}/{group}/+/telemetry"), Qos::AtMostOnce));
        wanted.push((format!("bench/{run}/{group}/+/event"), Qos::AtLeastOnce));
        for _ in 0..LISTENERS {
            wanted.push((format!("bench/{run}/news/{group}"), Qos::AtLeastOnce));
        }
    }
    for device in 0..devices {
        wanted.push((format!("bench/{run}/command/{device}"), Qos::ExactlyOnce));
    }
    let mut peers = Peer::connect_guests(broker, wanted.len())?;
    for (peer, (topic, qos)) in peers.iter_mut().zip(&wanted) {
        peer.subscribe(&broker.name(topic), Wanted::Qos(*qos))?;
    }
    Subscriber::all(peers)
}

fn devices(broker: &Broker, scenario: &MixedArgs) -> Result<Vec<Publisher>, Failure> {
    let (run, count) = (std::process::id(), scenario.devices);
    let mut publishers = Vec::new();
    for (peer, device) in Peer::connect_guests(broker, count as usize)?.into_iter().zip(0..) {
        let group = device % GROUPS;
        let mut templates = Vec::new();
        for kind in round() {
            let (topic, qos, payload_bytes, copies) = match kind {
                Kind::Telemetry => (format!("{group}/{device}/telemetry"), Qos::AtMostOnce, 64, 1),
                Kind::Event => (format!("{group}/{device}/event"), Qos::AtLeastOnce, 64, 1),
                Kind::News => (format!("news/{group}"), Qos::AtLeastOnce, 1024, LISTENERS),
                Kind::Command => (format!("command/{device}"), Qos::ExactlyOnce, 1024, 1),
            };
            let terms = Terms { wire: broker.wire, qos, retain: false, payload_bytes, copies };
            templates.push(Template::new(&broker.name(&format!("bench/{run}/{topic}")), terms)?);
        }
        let window = scenario.flow.window.unwrap_or(WINDOW).min(peer.receive_maximum);
        let messages = if scenario.duration.is_some() { MESSAGES_MAX } else { scenario.messages };
        let limits = scenario.flow.limits(device, count, window, 2, messages);
        publishers.push(Publisher::new(peer.into_link()?, device, templates, limits).numbered_by_message());
    }
    Ok(publishers)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Telemetry,
    Event,
    News,
    Command,
}

/// Each fifth message is something else than telemetry, or nearly so.
fn round() -> [Kind; ROUND as usize] {
    std::array::from_fn(|at| match at {
        3 | 7 | 12 | 16 => Kind::Event,
        9 => Kind::News,
        19 => Kind::Command,
        _ => Kind::Telemetry,
    })
}

/// Returns how many clients came and went, so many in a second.
fn come_and_go(broker: &Broker, each_second: u32, is_over: &AtomicBool) -> Result<u64, Failure> {
    let (begin, mut came) = (Instant::now(), 0);
    while each_second > 0 && !is_over.load(Ordering::Relaxed) {
        churn::turn(broker, came as usize, 1)?;
        came += 1;
        let due = Duration::from_secs(1) * came / each_second;
        std::thread::sleep(due.saturating_sub(begin.elapsed()).min(Duration::from_millis(100)));
    }
    Ok(came.into())
}

const GROUPS: u32 = 4;
const LISTENERS: u32 = 10;
const WINDOW: u16 = 40;
const ROUND: u64 = 20;
/// All but the news have one.
const DELIVERIES_OF_ROUND: u64 = ROUND - 1 + LISTENERS as u64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_has_the_proportions_that_are_promised() {
        let count = |kind| round().into_iter().filter(|each| *each == kind).count();
        let counts = [Kind::Telemetry, Kind::Event, Kind::News, Kind::Command].map(count);
        assert_eq!(counts, [14, 4, 1, 1]);
    }
}
