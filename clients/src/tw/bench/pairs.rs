//! Publishers to connected subscribers: what a broker's path from one client to another costs.
//!
//! Each subscriber has a topic of its own. Publishers are dealt to them in turn; where there are fewer publishers than
//! subscribers, each publishes to several topics by turns. Payloads are numbered, so that what is lost, doubled or out
//! of order shows. A publisher has a window of messages that are not acknowledged, and stays within a bound ahead of what
//! has been received, so that a broker that keeps up has no reason to drop.

use clap::Args;

use super::load::Load;
use super::mark::PUBLISHERS_MAX;
use super::publishing::PublishingArgs;
use super::raw::{Peer, Speech, Standing, Wanted};
use super::report::Report;
use super::subscriber::Subscriber;
use super::{BenchArgs, Failure};

#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  tw bench pairs --pairs 50 -q 1\n  tw bench pairs -u stomp://127.0.0.1:61613 --duration 10 --warm-up 2"
)]
pub(super) struct PairsArgs {
    /// So many publishers, and as many subscribers.
    #[arg(long, default_value = "10", value_parser = clap::value_parser!(u32).range(1..=PUBLISHERS_MAX.into()))]
    pairs: u32,
    /// Subscribers, where there are not as many as publishers.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=PUBLISHERS_MAX.into()))]
    subscribers: Option<u32>,
    /// Subscribe with sessions that outlive their connection. They are removed at the end. MQTT only.
    #[arg(long)]
    persistent: bool,
    #[command(flatten)]
    publishing: PublishingArgs,
}

pub(super) fn run(args: &BenchArgs, scenario: &PairsArgs) -> Result<Report, Failure> {
    let broker = args.broker()?;
    let publishing = &scenario.publishing;
    publishing.check(&broker)?;
    if scenario.persistent && broker.wire.speech == Speech::Stomp {
        return Err(Failure::Other("--persistent: sessions are MQTT's".to_owned()));
    }
    let subscribers = scenario.subscribers.unwrap_or(scenario.pairs) as usize;
    let run = std::process::id();
    let topics: Vec<_> = (0..subscribers).map(|index| broker.name(&format!("bench/{run}/{index}"))).collect();
    let client_id = |index: usize| format!("tw-bench-{run}-{index}");
    let standing = |index| match scenario.persistent {
        true => Standing::Resident(client_id(index)),
        false => Standing::Guest,
    };
    let mut peers = Peer::connect_all(&broker, (0..subscribers).map(standing).collect())?;
    Peer::subscribe_all(&mut peers, Wanted::Qos(publishing.qos), |index| topics[index].clone())?;
    let connected = Subscriber::all(peers)?;
    let publishers = publishing.connect(&broker, scenario.pairs, 1, &topics)?;
    let mut load = Load::new(publishers, connected, publishing.flow.every())?;
    let outcome = load.run(publishing.plan(args, scenario.pairs, 1))?;
    let mut report = Report::default();
    report.add("scenario", "pairs");
    publishing.add_to(&mut report, &broker);
    report.add("pairs", scenario.pairs);
    report.add("subscribers", load.subscribers.len());
    report.add("persistent", scenario.persistent);
    outcome.add_publishes_to(&mut report, &load);
    outcome.add_deliveries_to(&mut report, &load);
    if scenario.persistent {
        drop(load);
        (0..subscribers).try_for_each(|index| Peer::forget(&broker, client_id(index)))?;
    }
    Ok(report)
}
