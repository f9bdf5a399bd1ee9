//! Retained messages, and a client that subscribes to all of them.

use std::time::{Duration, Instant};

use clap::Args;
use tidewire_clients::Qos;

use super::BenchArgs;
use super::load::{Load, receive};
use super::process::{cpu_time, resident_kib};
use super::publisher::{Limits, Publisher};
use super::raw::{Peer, Poller, Standing};
use super::report::Report;
use super::subscriber::{Arrivals, Subscriber};
use super::template::{Template, Terms};
use crate::tw::Failure;
use crate::tw::arguments::parse_qos;

#[derive(Args, Debug)]
pub(super) struct RetainedArgs {
    /// Retained messages, each with a topic of its own.
    #[arg(long, default_value = "100000", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    messages: u32,
    /// Bytes of each payload.
    #[arg(long, default_value = "64", value_parser = clap::value_parser!(u32).range(8..=16_777_216))]
    payload: u32,
    /// QoS of the subscription. They are published at QoS 1.
    #[arg(short, long, default_value = "0", value_parser = parse_qos)]
    qos: Qos,
    /// What is subscribed to.
    #[arg(long, default_value = "#")]
    filter: String,
    /// Subscriptions, one after the other: the median is reported.
    #[arg(long, default_value = "3", value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Leave the messages in the broker.
    #[arg(long)]
    keep: bool,
    /// Publish nothing: an earlier run has left them with --keep.
    #[arg(long)]
    existing: bool,
}

pub(super) fn run(args: &BenchArgs, scenario: &RetainedArgs) -> Result<Report, Failure> {
    let mut report = Report::default();
    report.add("scenario", "retained");
    report.add("url", args.url.to_string());
    report.add("mqtt_version", args.version.to_string());
    report.add("qos", scenario.qos.as_u8());
    report.add("payload_bytes", scenario.payload);
    if !scenario.existing {
        let mut load = Load::new(vec![publisher(args, scenario, scenario.payload)?], Vec::new(), args.pid)?;
        let outcome = load.run(None)?;
        outcome.add_publishes_to(&mut report, &load);
        if outcome.is_stalled {
            report.set_fault("not all retained messages were acknowledged".to_owned());
            return Ok(report);
        }
    }
    let mut rounds = Vec::new();
    for _ in 0..scenario.rounds {
        rounds.push(Round::run(args, scenario)?);
    }
    if !scenario.keep {
        Load::new(vec![publisher(args, scenario, 0)?], Vec::new(), None)?.run(None)?;
    }
    add_rounds(&mut report, args, scenario, rounds);
    Ok(report)
}

fn add_rounds(report: &mut Report, args: &BenchArgs, scenario: &RetainedArgs, mut rounds: Vec<Round>) {
    rounds.sort_by_key(|round| round.took);
    let median = &rounds[rounds.len() / 2];
    let (received, seconds) = (median.arrivals.received(), median.took.as_secs_f64().max(f64::MIN_POSITIVE));
    let least = rounds.iter().map(|round| round.arrivals.received()).min().unwrap_or_default();
    let lost = u64::from(scenario.messages).saturating_sub(least);
    report.add("messages", received);
    report.add_measured("duration_s", seconds);
    report.add("messages_per_s", (received as f64 / seconds).round());
    report.add_cpu(median.cpu, seconds, received, "broker_cpu_us_per_message");
    if let Some((now, most)) = args.pid.and_then(resident_kib) {
        report.add("broker_resident_kib", now);
        report.add("broker_resident_most_kib", most);
    }
    report.add("lost", lost);
    report.add("duplicates", rounds.iter().map(|round| round.arrivals.duplicates()).sum::<u64>());
    report.add("foreign", median.arrivals.foreign());
    if lost > 0 {
        report.set_fault(format!("{lost} retained messages did not arrive"));
    }
}

/// Publishes all messages once; without a payload, that removes them.
fn publisher(args: &BenchArgs, scenario: &RetainedArgs, payload_bytes: u32) -> Result<Publisher, Failure> {
    let peer = Peer::connect(&args.url, args.version, Standing::Guest)?;
    let terms = Terms { version: args.version, qos: Qos::AtLeastOnce, retain: true, payload_bytes };
    let topics = (0..scenario.messages)
        .map(|index| Template::new(&format!("bench/retained/{}/{index}", index % 100), terms))
        .collect::<Result<_, _>>()?;
    let window = peer.receive_maximum.min(1000).into();
    let limits = Limits { window, ahead: u64::MAX, messages: scenario.messages.into(), pace: None };
    Ok(Publisher::new(peer.into_link()?, 0, topics, Qos::AtLeastOnce, limits).numbered_by_message())
}

struct Round {
    took: Duration,
    arrivals: Arrivals,
    cpu: Option<Duration>,
}

impl Round {
    fn run(args: &BenchArgs, scenario: &RetainedArgs) -> Result<Self, Failure> {
        let mut peer = Peer::connect(&args.url, args.version, Standing::Guest)?;
        peer.put_subscribe(&scenario.filter, scenario.qos);
        let mut subscriber = Subscriber::new(peer.into_link()?);
        let mut poller = Poller::new()?;
        poller.add(&subscriber.link, 0)?;
        let cpu_before = args.pid.map(cpu_time).transpose()?;
        let begin = Instant::now();
        let (mut took, mut ready) = (Duration::ZERO, Vec::new());
        poller.flush(&mut subscriber.link, 0)?;
        while subscriber.arrivals.received() < scenario.messages.into() && begin.elapsed() - took < IDLE {
            poller.wait(IDLE, &mut ready)?;
            if !ready.is_empty() && receive(&mut subscriber.link)? {
                subscriber.handle(&mut [])?;
                took = begin.elapsed();
            }
            poller.flush(&mut subscriber.link, 0)?;
        }
        let cpu_after = args.pid.map(cpu_time).transpose()?;
        let cpu = cpu_before.zip(cpu_after).map(|(before, after)| after.saturating_sub(before));
        Ok(Self { took, arrivals: subscriber.arrivals, cpu })
    }
}

const IDLE: Duration = Duration::from_secs(2);
