//! Retained messages, and a client that subscribes to all of them.

use std::time::{Duration, Instant};

use clap::Args;
use tidewire_client::Qos;

use super::arrivals::Arrivals;
use super::deliveries::Deliveries;
use super::load::{Load, Plan, receive};
use super::pace::Limits;
use super::progress::Progress;
use super::publisher::Publisher;
use super::publishing::broker_to;
use super::raw::{Broker, Peer, Poller, Standing, Wanted};
use super::report::Report;
use super::subscriber::Subscriber;
use super::template::{Template, Terms};
use super::usage::{Each, Meter, Usage};
use super::{BenchArgs, Failure};
use crate::tw::arguments::parse_qos;

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  tw bench retained --messages 10000")]
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
    let broker = args.mqtt_broker()?;
    let mut report = Report::default();
    report.add("scenario", "retained");
    broker_to(&mut report, &broker);
    report.add("qos", scenario.qos.as_u8());
    report.add("payload_bytes", scenario.payload);
    if !scenario.existing {
        let mut load = Load::new(vec![publisher(&broker, scenario, scenario.payload)?], Vec::new(), 7)?;
        let outcome = load.run(plan(args, scenario))?;
        outcome.add_publishes_to(&mut report, &load);
        if outcome.is_stalled {
            report.set_fault("not all retained messages were acknowledged".to_owned());
            return Ok(report);
        }
    }
    let mut rounds = Vec::new();
    for _ in 0..scenario.rounds {
        rounds.push(Round::run(args, &broker, scenario)?);
    }
    if !scenario.keep {
        let publishers = vec![publisher(&broker, scenario, 0)?];
        Load::new(publishers, Vec::new(), 7)?.run(plan(args, scenario))?;
    }
    add_rounds(&mut report, scenario, rounds);
    Ok(report)
}

fn plan(args: &BenchArgs, scenario: &RetainedArgs) -> Plan {
    let progress = Progress::new(!args.json, Some(scenario.messages.into()), "messages");
    Plan { duration: None, warm_up: Duration::ZERO, pid: None, progress }
}

fn add_rounds(report: &mut Report, scenario: &RetainedArgs, mut rounds: Vec<Round>) {
    rounds.sort_by_key(|round| round.took);
    let median = &rounds[rounds.len() / 2];
    let received = median.arrivals.received();
    let least = rounds.iter().map(|round| round.arrivals.received()).min().unwrap_or_default();
    let lost = u64::from(scenario.messages).saturating_sub(least);
    report.add("messages", received);
    report.add_measured("duration_s", median.took.as_secs_f64());
    report.add_rate("messages_per_s", received, median.took);
    median.usage.add_to(report, median.took, received, &Each::MESSAGE);
    report.add("lost", lost);
    report.add("duplicates", rounds.iter().map(|round| round.arrivals.duplicates()).sum::<u64>());
    report.add("foreign", median.arrivals.foreign());
    if lost > 0 {
        report.set_fault(format!("{lost} retained messages did not arrive"));
    }
}

/// Publishes all messages once; without a payload, that removes them.
fn publisher(broker: &Broker, scenario: &RetainedArgs, payload_bytes: u32) -> Result<Publisher, Failure> {
    let peer = Peer::connect(broker, Standing::Guest)?;
    let terms = Terms { wire: broker.wire, qos: Qos::AtLeastOnce, retain: true, payload_bytes, copies: 0 };
    let topics = (0..scenario.messages)
        .map(|index| Template::new(&format!("bench/retained/{}/{index}", index % 100), terms))
        .collect::<Result<_, _>>()?;
    let window = peer.receive_maximum.min(1000).into();
    let limits = Limits { window, ahead: u64::MAX, messages: scenario.messages.into(), pace: None };
    Ok(Publisher::new(peer.into_link()?, 0, topics, limits).numbered_by_message())
}

struct Round {
    took: Duration,
    arrivals: Arrivals,
    usage: Usage,
}

impl Round {
    fn run(args: &BenchArgs, broker: &Broker, scenario: &RetainedArgs) -> Result<Self, Failure> {
        let mut peer = Peer::connect(broker, Standing::Guest)?;
        let filter = std::iter::once(scenario.filter.as_str());
        peer.put_subscribe(filter, 0, Wanted::Qos(scenario.qos));
        let mut subscriber = Subscriber::new(peer.into_link()?);
        let mut poller = Poller::new()?;
        poller.add(&subscriber.link, 0)?;
        let meter = Meter::start(args.pid)?;
        let mut nobody = Deliveries::new(0, 1);
        let begin = Instant::now();
        let (mut took, mut ready) = (Duration::ZERO, Vec::new());
        poller.flush(&mut subscriber.link, 0)?;
        while subscriber.arrivals.received() < scenario.messages.into() && begin.elapsed() - took < IDLE {
            poller.wait(IDLE, &mut ready)?;
            if !ready.is_empty() && receive(&mut subscriber.link)? {
                subscriber.handle(&mut nobody)?;
                took = begin.elapsed();
            }
            poller.flush(&mut subscriber.link, 0)?;
        }
        Ok(Self { took, arrivals: subscriber.arrivals, usage: meter.stop()? })
    }
}

const IDLE: Duration = Duration::from_secs(2);
