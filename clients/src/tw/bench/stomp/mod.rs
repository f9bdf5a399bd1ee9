//! STOMP under load: topics in pairs, one topic to many, and a work queue with receipts and acknowledgements.
//!
//! A producer is never more than a window of messages ahead of what has been received (and, on a queue, of its
//! receipts), so that no broker has a reason to drop. Every message has a number in its body, by which what is lost or
//! doubled is found.

mod load;
mod peer;

use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use tidewire_clients::Error;
use tokio::task::JoinSet;

use self::load::{Consumer, Group, Producer};
use super::BenchArgs;
use super::process::cpu_time;
use super::report::Report;
use crate::tw::Failure;

#[derive(Args, Debug)]
pub(super) struct StompArgs {
    /// What is measured.
    #[arg(value_enum)]
    kind: Kind,
    /// Connections that send: in pairs, as many as receive; in a fan-out there is one.
    #[arg(long, default_value = "10", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    producers: u32,
    /// Connections that receive from the queue, or that the fan-out goes to.
    #[arg(long, default_value = "10", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    consumers: u32,
    /// Messages of each producer.
    #[arg(long, default_value = "50000", value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    messages: u64,
    /// Bytes of each body; it begins with the message's number.
    #[arg(long, default_value = "64", value_parser = clap::value_parser!(u32).range(16..=16_777_216))]
    payload: u32,
    /// Messages that a producer may be ahead.
    #[arg(long, default_value = "100", value_parser = clap::value_parser!(u64).range(1..=100_000))]
    window: u64,
    /// CONNECT's host header.
    #[arg(long, default_value = "/")]
    host: String,
    /// Messages that wait in the queue before the consumers come.
    #[arg(long, default_value = "0")]
    backlog: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Each producer has a topic and a subscriber of its own.
    Pairs,
    /// One producer, and as many subscribers of one topic as there are consumers.
    Fanout,
    /// One queue; a receipt for each SEND, an ACK (client-individual) for each MESSAGE.
    Queue,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Pairs => "pairs",
            Self::Fanout => "fanout",
            Self::Queue => "queue",
        }
    }
}

pub(super) async fn run(args: &BenchArgs, scenario: &StompArgs) -> Result<Report, Failure> {
    let (groups, mut tasks) = start(args, scenario).await?;
    let cpu_before = args.pid.map(cpu_time).transpose()?;
    let begin = Instant::now();
    groups.iter().for_each(|group| group.begin());
    while let Some(outcome) = tasks.join_next().await {
        outcome.map_err(|error| Failure::Other(format!("a connection broke off: {error}")))??;
    }
    let cpu = match (cpu_before, args.pid) {
        (Some(before), Some(pid)) => Some(cpu_time(pid)?.saturating_sub(before)),
        _ => None,
    };
    let end = groups.iter().filter_map(|group| group.last_received()).max().unwrap_or(begin);
    Ok(report(args, scenario, &groups, end.saturating_duration_since(begin), cpu))
}

type Running = JoinSet<Result<(), Error>>;

/// Connects and subscribes everybody; they wait for [`Group::begin`].
async fn start(args: &BenchArgs, scenario: &StompArgs) -> Result<(Vec<Arc<Group>>, Running), Failure> {
    let mut tasks = JoinSet::new();
    let mut groups = Vec::new();
    let (count, producers, consumers) = match scenario.kind {
        Kind::Pairs => (scenario.producers, 1, 1),
        Kind::Fanout => (1, 1, scenario.consumers),
        Kind::Queue => (1, scenario.producers, scenario.consumers),
    };
    let is_queue = scenario.kind == Kind::Queue;
    // What an earlier run has left must not come to this one.
    let run = std::process::id();
    for number in 0..count {
        let destination = match is_queue {
            true => format!("/queue/bench.{run}"),
            false => format!("/topic/bench.{run}.{number}"),
        };
        let copies = if is_queue { 1 } else { u64::from(consumers) };
        let sent = u64::from(producers) * scenario.messages;
        let group = Arc::new(Group::new(sent, copies, u64::from(producers) * scenario.window));
        if scenario.backlog > 0 {
            Producer::connect(args, scenario, &destination, &group, 0).await?.fill(scenario.backlog).await?;
        }
        for _ in 0..consumers {
            let consumer = Consumer::connect(args, scenario, &destination, &group).await?;
            tasks.spawn(consumer.run());
        }
        for number in 0..producers {
            let first = u64::from(number) * scenario.messages;
            let producer = Producer::connect(args, scenario, &destination, &group, first).await?;
            tasks.spawn(producer.run(scenario.messages, is_queue));
        }
        groups.push(group);
    }
    Ok((groups, tasks))
}

fn report(
    args: &BenchArgs,
    scenario: &StompArgs,
    groups: &[Arc<Group>],
    duration: Duration,
    cpu: Option<Duration>,
) -> Report {
    let sum = |figure: fn(&Group) -> u64| groups.iter().map(|group| figure(group)).sum::<u64>();
    let received = sum(Group::received);
    // Of a backlog some have come besides.
    let lost = sum(Group::expected).saturating_sub(received);
    let seconds = duration.as_secs_f64().max(f64::MIN_POSITIVE);
    let mut report = Report::default();
    report.add("scenario", format!("stomp {}", scenario.kind.name()));
    report.add("url", args.url.to_string());
    report.add("payload_bytes", scenario.payload);
    report.add("deliveries", received);
    report.add_measured("duration_s", seconds);
    report.add("deliveries_per_s", (received as f64 / seconds).round());
    report.add_cpu(cpu, seconds, received, "broker_cpu_us_per_delivery");
    report.add("lost", lost);
    report.add("doubled_or_foreign", sum(Group::wrong));
    if lost > 0 {
        report.set_fault(format!(
            "nothing moved for {} s: {lost} messages lost",
            load::STALL_TIMEOUT.as_secs()
        ));
    }
    report
}
