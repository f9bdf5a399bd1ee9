//! Many subscriptions: what they cost, and what it costs to find the one that a message matches.
//!
//! ```text
//! kind    filter of the i-th            topic that it alone matches
//! exact   bench/RUN/exact/i             bench/RUN/exact/i
//! plus    bench/+/plus/i                bench/RUN/plus/i
//! hash    bench/RUN/hash/i/#            bench/RUN/hash/i/value
//! mixed   one of the three, by turns
//! ```

use std::time::Duration;

use clap::{Args, ValueEnum};

use super::load::Load;
use super::publisher::Publisher;
use super::publishing::{PublishingArgs, topics_of};
use super::raw::{Broker, Peer, Wanted};
use super::report::Report;
use super::subscriber::Subscriber;
use super::template::Template;
use super::usage::{Each, Meter, Usage};
use super::{BenchArgs, Failure};

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  tw bench wildcard --filters 100000 --kind plus")]
pub(super) struct WildcardArgs {
    /// Subscriptions in all.
    #[arg(long, default_value = "100000", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    filters: u32,
    /// Connections that share them, by turns. By default a prime number: where every tenth filter is published to, a round
    /// one would let few connections receive, and much travel together.
    #[arg(long, default_value = "101", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    subscribers: u32,
    /// What they look like.
    #[arg(long, value_enum, default_value = "mixed")]
    kind: Kind,
    /// Different topics that are published to, each of which matches one subscription.
    #[arg(long, default_value = "10000", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    topics: u32,
    /// Connections that publish.
    #[arg(long, default_value = "1", value_parser = clap::value_parser!(u32).range(1..=1000))]
    publishers: u32,
    /// Filters in each SUBSCRIBE; one connection has up to ten of those on the way.
    #[arg(long, default_value = "100", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    together: u32,
    #[command(flatten)]
    publishing: PublishingArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    Exact,
    Plus,
    Hash,
    Mixed,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Plus => "plus",
            Self::Hash => "hash",
            Self::Mixed => "mixed",
        }
    }

    /// The filter of the subscription `index`, and the topic that it matches.
    fn pair(self, run: u32, index: u32) -> (String, String) {
        match (self, index % 3) {
            (Self::Exact, _) | (Self::Mixed, 0) => {
                let topic = format!("bench/{run}/exact/{index}");
                (topic.clone(), topic)
            }
            (Self::Plus, _) | (Self::Mixed, 1) => {
                (format!("bench/+/plus/{index}"), format!("bench/{run}/plus/{index}"))
            }
            (Self::Hash, _) | (Self::Mixed, _) => {
                (format!("bench/{run}/hash/{index}/#"), format!("bench/{run}/hash/{index}/value"))
            }
        }
    }
}

pub(super) fn run(args: &BenchArgs, scenario: &WildcardArgs) -> Result<Report, Failure> {
    let broker = args.broker()?;
    let publishing = &scenario.publishing;
    publishing.check(&broker)?;
    let mut peers = Peer::connect_guests(&broker, scenario.subscribers as usize)?;
    let subscribed = subscribe_all(args, scenario, &broker, &mut peers)?;
    let publishers = connect_publishers(scenario, &broker)?;
    let subscribers = Subscriber::all(peers)?;
    let mut load = Load::new(publishers, subscribers, publishing.flow.every())?;
    let outcome = load.run(publishing.plan(args, scenario.publishers, 1))?;
    let mut report = Report::default();
    report.add("scenario", "wildcard");
    publishing.add_to(&mut report, &broker);
    report.add("filters", scenario.filters);
    report.add("kind", scenario.kind.name());
    report.add("subscribers", scenario.subscribers);
    report.add("topics", scenario.topics.min(scenario.filters));
    report.add("publishers", scenario.publishers);
    report.add_measured("subscribe_s", subscribed.took.as_secs_f64());
    report.add_rate("subscriptions_per_s", scenario.filters.into(), subscribed.took);
    subscribed.add_each_to(&mut report, scenario.filters.into(), &Each::SUBSCRIPTION);
    subscribed.add_growth_to(&mut report, scenario.filters.into(), "broker_resident_kib_per_subscription");
    outcome.add_publishes_to(&mut report, &load);
    outcome.add_deliveries_to(&mut report, &load);
    Ok(report)
}

/// Each connection subscribes to every so-manieth filter.
fn subscribe_all(
    args: &BenchArgs,
    scenario: &WildcardArgs,
    broker: &Broker,
    peers: &mut [Peer],
) -> Result<Usage, Failure> {
    let wanted = Wanted::Qos(scenario.publishing.qos);
    let run = std::process::id();
    let meter = Meter::start(args.pid)?;
    let count = peers.len() as u32;
    // All connections take a step, so that the broker always has the next one's at hand.
    let step = scenario.together * ROUND_TRIPS;
    let each = scenario.filters.div_ceil(count);
    let mut progress =
        super::progress::Progress::new(!args.json, Some(scenario.filters.into()), "subscriptions");
    for from in (0..each).step_by(step as usize) {
        let mut asked = Vec::with_capacity(peers.len());
        for (peer, number) in peers.iter_mut().zip(0..) {
            let own = (from..each.min(from + step)).map(|turn| turn * count + number);
            let filters: Vec<_> = own
                .filter(|index| *index < scenario.filters)
                .map(|index| broker.name(&scenario.kind.pair(run, index).0))
                .collect();
            let mut packets = 0;
            for (chunk, first) in
                filters.chunks(scenario.together as usize).zip((from..).step_by(scenario.together as usize))
            {
                peer.put_subscribe(chunk.iter().map(String::as_str), first, wanted);
                packets += 1;
            }
            peer.link.flush()?;
            asked.push(packets);
        }
        for (peer, packets) in peers.iter_mut().zip(asked) {
            for _ in 0..packets {
                peer.await_granted("the filters", wanted)?;
            }
        }
        progress.show(meter.elapsed(), || u64::from(from) * u64::from(count));
    }
    progress.finish();
    meter.stop_settled(SETTLE)
}

fn connect_publishers(scenario: &WildcardArgs, broker: &Broker) -> Result<Vec<Publisher>, Failure> {
    let (publishing, count) = (&scenario.publishing, scenario.publishers);
    let run = std::process::id();
    let topics = scenario.topics.min(scenario.filters);
    let topics: Vec<_> = (0..topics)
        .map(|number| u64::from(number) * u64::from(scenario.filters) / u64::from(topics))
        .map(|index| broker.name(&scenario.kind.pair(run, index as u32).1))
        .collect();
    let mut publishers = Vec::new();
    for (peer, number) in Peer::connect_guests(broker, count as usize)?.into_iter().zip(0..) {
        let limits = publishing.limits(number, count, peer.receive_maximum);
        let templates = topics_of(number as usize, count as usize, &topics)
            .map(|topic| Template::new(topic, publishing.terms(broker, 1)))
            .collect::<Result<_, _>>()?;
        let publisher = Publisher::new(peer.into_link()?, number, templates, limits);
        // A subscriber has several of the topics.
        publishers.push(publisher.numbered_by_message());
    }
    Ok(publishers)
}

/// SUBSCRIBEs of one connection that are on the way together.
const ROUND_TRIPS: u32 = 10;
/// Memory is looked at when the broker has come to rest.
const SETTLE: Duration = Duration::from_millis(300);

#[cfg(test)]
mod tests {
    use tidewire_protocols::topic::{TopicFilter, TopicName};

    use super::*;

    #[test]
    fn each_topic_matches_one_filter() {
        for kind in [Kind::Exact, Kind::Plus, Kind::Hash, Kind::Mixed] {
            let pairs: Vec<_> = (0..30).map(|index| kind.pair(7, index)).collect();
            for (number, (_, topic)) in pairs.iter().enumerate() {
                let topic = TopicName::parse(topic).unwrap();
                let matching: Vec<_> = (0..pairs.len())
                    .filter(|index| TopicFilter::parse(&pairs[*index].0).unwrap().matches(topic))
                    .collect();
                assert_eq!(matching, [number], "{}", kind.name());
            }
        }
    }
}
