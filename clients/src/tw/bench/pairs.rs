//! Publishers to connected subscribers: what a broker's path from one client to another costs.
//!
//! Each subscriber has a topic of its own. Publishers are dealt to them in turn; where there are fewer publishers than
//! subscribers, each publishes to several topics by turns. Payloads are numbered, so that what is lost, doubled or out
//! of order shows. A publisher has a window of messages that are not acknowledged, and stays within a bound ahead of what
//! has been received, so that a broker that keeps up has no reason to drop.

use std::time::Duration;

use clap::Args;
use tidewire_clients::Qos;

use super::BenchArgs;
use super::load::{Load, Outcome, STALL};
use super::publisher::{Limits, Pace, Publisher};
use super::raw::{Peer, Standing};
use super::report::Report;
use super::subscriber::Subscriber;
use super::template::{MESSAGES_MAX, PUBLISHERS_MAX, Template, Terms};
use crate::tw::Failure;
use crate::tw::arguments::parse_qos;

#[derive(Args, Debug)]
pub(super) struct PairsArgs {
    /// So many publishers, and as many subscribers.
    #[arg(long, default_value = "10", value_parser = clap::value_parser!(u32).range(1..=PUBLISHERS_MAX.into()))]
    pairs: u32,
    /// Subscribers, where there are not as many as publishers.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=PUBLISHERS_MAX.into()))]
    subscribers: Option<u32>,
    /// Subscribe with sessions that outlive their connection. They are removed at the end.
    #[arg(long)]
    persistent: bool,
    #[command(flatten)]
    publishing: PublishingArgs,
}

/// How is published, in every scenario.
#[derive(Args, Debug)]
pub(super) struct PublishingArgs {
    /// Messages of each publisher.
    #[arg(long, default_value = "50000", value_parser = clap::value_parser!(u64).range(1..=MESSAGES_MAX))]
    messages: u64,
    /// Publish for so many seconds instead.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400), conflicts_with = "messages")]
    pub(super) duration: Option<u64>,
    /// QoS of publishers and subscribers: 0, 1 or 2.
    #[arg(short, long, default_value = "0", value_parser = parse_qos)]
    pub(super) qos: Qos,
    /// Bytes of each payload; the first eight are the message's number.
    #[arg(long, default_value = "64", value_parser = clap::value_parser!(u32).range(8..=16_777_216))]
    payload: u32,
    /// Messages of each publisher that may wait for their acknowledgement, as far as the broker allows it; at QoS 0,
    /// for their delivery [default: 100, at QoS 0 500].
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=32_000))]
    window: Option<u16>,
    /// Messages that a publisher may be ahead of its subscriber [default: 10 windows, at QoS 0 one].
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    ahead: Option<u64>,
    /// Messages a second of all publishers together, each at its own time however late the broker is. Latency counts
    /// from that time [default: as fast as the window allows].
    #[arg(long, value_name = "MESSAGES", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    rate: Option<u32>,
}

pub(super) fn run(args: &BenchArgs, scenario: &PairsArgs) -> Result<Report, Failure> {
    let subscribers = scenario.subscribers.unwrap_or(scenario.pairs);
    let run = std::process::id();
    let topics: Vec<_> = (0..subscribers).map(|index| format!("bench/{run}/{index}")).collect();
    let client_id = |index: usize| format!("tw-bench-{run}-{index}");
    let mut connected = Vec::new();
    for (index, topic) in topics.iter().enumerate() {
        let client_id = client_id(index);
        let standing = if scenario.persistent { Standing::Resident(&client_id) } else { Standing::Guest };
        let mut peer = Peer::connect(&args.url, args.version, standing)?;
        peer.subscribe(topic, scenario.publishing.qos)?;
        connected.push(Subscriber::new(peer.into_link()?));
    }
    let publishers = scenario.publishing.connect(args, scenario.pairs, &topics)?;
    let mut load = Load::new(publishers, connected, args.pid)?;
    let outcome = load.run(scenario.publishing.duration())?;
    let report = report(args, scenario, &load, &outcome);
    if scenario.persistent {
        for index in 0..topics.len() {
            Peer::forget(&args.url, args.version, &client_id(index))?;
        }
    }
    Ok(report)
}

impl PublishingArgs {
    /// Connects `count` publishers to `topics`.
    pub(super) fn connect(
        &self,
        args: &BenchArgs,
        count: u32,
        topics: &[String],
    ) -> Result<Vec<Publisher>, Failure> {
        let terms =
            Terms { version: args.version, qos: self.qos, retain: false, payload_bytes: self.payload };
        let mut publishers = Vec::new();
        for number in 0..count {
            let peer = Peer::connect(&args.url, args.version, Standing::Guest)?;
            let limits = self.limits(number, count, peer.receive_maximum);
            let own = topics_of(number as usize, count as usize, topics);
            let templates = own.map(|topic| Template::new(topic, terms)).collect::<Result<_, _>>()?;
            publishers.push(Publisher::new(peer.into_link()?, number, templates, self.qos, limits));
        }
        Ok(publishers)
    }

    pub(super) fn duration(&self) -> Option<Duration> {
        self.duration.map(Duration::from_secs)
    }

    fn limits(&self, number: u32, count: u32, receive_maximum: u16) -> Limits {
        let is_acknowledged = self.qos != Qos::AtMostOnce;
        let window = self.window.unwrap_or(if is_acknowledged { 100 } else { 500 });
        let (window, ahead) = match is_acknowledged {
            true => (window.min(receive_maximum).into(), 10 * u64::from(window)),
            false => (u64::from(window), window.into()),
        };
        let pace = self.rate.map(|rate| Pace {
            first: Duration::from_secs(1) * number / rate,
            interval: Duration::from_secs(1) * count / rate,
        });
        let messages = if self.duration.is_some() { MESSAGES_MAX } else { self.messages };
        Limits { window, ahead: self.ahead.unwrap_or(ahead), messages, pace }
    }

    /// Adds what was asked for.
    pub(super) fn add_to(&self, report: &mut Report, args: &BenchArgs) {
        report.add("url", args.url.to_string());
        report.add("mqtt_version", args.version.to_string());
        report.add("qos", self.qos.as_u8());
        report.add("payload_bytes", self.payload);
        if let Some(rate) = self.rate {
            report.add("asked_per_s", rate);
        }
    }
}

/// Dealt in turn: several publishers to a topic, or several topics to a publisher.
fn topics_of(number: usize, publishers: usize, topics: &[String]) -> impl Iterator<Item = &String> {
    topics.iter().skip(number % topics.len()).step_by(publishers.min(topics.len()).max(1)).take(
        match publishers >= topics.len() {
            true => 1,
            false => topics.len(),
        },
    )
}

fn report(args: &BenchArgs, scenario: &PairsArgs, load: &Load, outcome: &Outcome) -> Report {
    let received = load.sum_arrivals(|arrivals| arrivals.received());
    let lost = load.sum(|publisher| publisher.sent).saturating_sub(received);
    let seconds = outcome.delivered_within.as_secs_f64().max(f64::MIN_POSITIVE);
    let mut report = Report::default();
    report.add("scenario", "pairs");
    scenario.publishing.add_to(&mut report, args);
    report.add("pairs", scenario.pairs);
    report.add("subscribers", load.subscribers.len());
    report.add("persistent", scenario.persistent);
    outcome.add_publishes_to(&mut report, load);
    report.add("messages", received);
    report.add_measured("duration_s", seconds);
    report.add("messages_per_s", (received as f64 / seconds).round());
    outcome.add_usage_to(&mut report, received);
    report.add("lost", lost);
    report.add("duplicates", load.sum_arrivals(|arrivals| arrivals.duplicates()));
    report.add("out_of_order", load.sum_arrivals(|arrivals| arrivals.out_of_order()));
    report.add("foreign", load.sum_arrivals(|arrivals| arrivals.foreign()));
    if outcome.is_stalled {
        let seconds = STALL.as_secs();
        let unacknowledged = load.sum(|publisher| publisher.sent - publisher.acknowledged);
        report.set_fault(format!(
            "nothing moved for {seconds} s: {lost} messages not received, {unacknowledged} not acknowledged; \
             if the broker drops what waits, raise its limits or lower --window and --ahead"
        ));
    }
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_topic_has_a_publisher_and_every_publisher_a_topic() {
        for (publishers, topics, dealt) in [
            (3, 3, vec![vec!["0"], vec!["1"], vec!["2"]]),
            (3, 2, vec![vec!["0"], vec!["1"], vec!["0"]]),
            (2, 5, vec![vec!["0", "2", "4"], vec!["1", "3"]]),
        ] {
            let topics: Vec<_> = (0..topics).map(|index| index.to_string()).collect();
            for (number, expected) in dealt.iter().enumerate() {
                let own: Vec<_> = topics_of(number, publishers, &topics).collect();
                assert_eq!(own, *expected, "{number} of {publishers}");
            }
        }
    }
}
