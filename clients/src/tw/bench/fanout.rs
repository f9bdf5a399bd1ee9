//! One topic with many subscribers: what each further copy of a message costs.
//!
//! Each publisher has a topic, and each topic its subscribers. A publisher stays within a bound ahead of what its
//! subscribers have received on average.

use clap::Args;

use super::load::Load;
use super::publishing::PublishingArgs;
use super::raw::{Peer, Wanted};
use super::report::Report;
use super::subscriber::Subscriber;
use super::usage::Each;
use super::{BenchArgs, Failure};

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  tw bench fanout --subscribers 1000 --messages 500")]
pub(super) struct FanoutArgs {
    /// Publishers, each to a topic of its own.
    #[arg(long, default_value = "1", value_parser = clap::value_parser!(u32).range(1..=1000))]
    publishers: u32,
    /// Subscribers of each topic.
    #[arg(long, default_value = "500", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    subscribers: u32,
    #[command(flatten)]
    publishing: PublishingArgs,
}

pub(super) fn run(args: &BenchArgs, scenario: &FanoutArgs) -> Result<Report, Failure> {
    let broker = args.broker()?;
    let FanoutArgs { publishers, subscribers, publishing } = scenario;
    publishing.check(&broker)?;
    let run = std::process::id();
    let topics: Vec<_> = (0..*publishers).map(|index| broker.name(&format!("bench/{run}/{index}"))).collect();
    let mut peers = Peer::connect_guests(&broker, *publishers as usize * *subscribers as usize)?;
    let wanted = Wanted::Qos(publishing.qos);
    Peer::subscribe_all(&mut peers, wanted, |index| topics[index % topics.len()].clone())?;
    let connected = Subscriber::all(peers)?;
    let window = publishing.flow.window.unwrap_or(AHEAD);
    let mut connected_publishers = publishing.connect(&broker, *publishers, *subscribers, &topics)?;
    for publisher in &mut connected_publishers {
        publisher.stay_within(publishing.flow.ahead.unwrap_or(window.into()));
    }
    let mut load = Load::new(connected_publishers, connected, publishing.flow.every())?;
    let outcome = load.run(publishing.plan(args, *publishers, *subscribers))?;
    let mut report = Report::default();
    report.add("scenario", "fanout");
    publishing.add_to(&mut report, &broker);
    report.add("publishers", *publishers);
    report.add("subscribers", *subscribers);
    outcome.add_publishes_to(&mut report, &load);
    outcome.add_deliveries_to(&mut report, &load);
    report.add("deliveries", outcome.counted.received);
    report.add_rate("deliveries_per_s", outcome.counted.received, outcome.delivered_within);
    outcome.usage.add_each_to(&mut report, outcome.counted.received, &Each::DELIVERY);
    Ok(report)
}

/// Messages that a publisher may be ahead of its subscribers.
const AHEAD: u16 = 100;
