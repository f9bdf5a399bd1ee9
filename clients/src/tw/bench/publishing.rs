//! How is published: what the scenarios with publishers share.

use std::time::Duration;

use clap::Args;
use tidewire_client::Qos;

use super::load::Plan;
use super::mark::MESSAGES_MAX;
use super::pace::{Limits, Pace};
use super::progress::Progress;
use super::publisher::Publisher;
use super::raw::{Broker, Peer, Speech};
use super::report::Report;
use super::template::{Template, Terms};
use super::{BenchArgs, Failure};
use crate::tw::arguments::parse_qos;

/// How much of what, and how fast.
#[derive(Args, Debug)]
pub(super) struct PublishingArgs {
    /// Messages of each publisher.
    #[arg(long, default_value = "50000", value_parser = clap::value_parser!(u64).range(1..=MESSAGES_MAX))]
    pub(super) messages: u64,
    /// Publish for so many seconds instead, behind the warm-up.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400), conflicts_with = "messages")]
    duration: Option<u64>,
    /// Seconds at the begin that are not measured.
    #[arg(long, value_name = "SECONDS", default_value = "0", value_parser = clap::value_parser!(u64).range(0..=3600))]
    warm_up: u64,
    /// QoS of publishers and subscribers: 0, 1 or 2. In STOMP, 1 asks for a receipt of each message.
    #[arg(short, long, default_value = "0", value_parser = parse_qos)]
    pub(super) qos: Qos,
    /// Bytes of each payload; the first 8 are the message's number, the next 8 its time. In STOMP, 16 each.
    #[arg(long, default_value = "64", value_parser = clap::value_parser!(u32).range(8..=16_777_216))]
    pub(super) payload: u32,
    #[command(flatten)]
    pub(super) flow: FlowArgs,
}

/// How fast.
#[derive(Args, Debug)]
pub(super) struct FlowArgs {
    /// Messages of each publisher on their way at a time [default: 100, at QoS 0 500].
    ///
    /// They wait for their acknowledgement, as far as the broker allows it; at QoS 0 for their delivery.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=32_000))]
    pub(super) window: Option<u16>,
    /// Messages that a publisher may be ahead of its subscriber [default: 10 windows, at QoS 0 one].
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) ahead: Option<u64>,
    /// Messages a second of all publishers together [default: as many as the window allows].
    ///
    /// Each has its own time, however late the broker is, and latency counts from that time.
    #[arg(long, value_name = "MESSAGES", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub(super) rate: Option<u32>,
}

impl FlowArgs {
    /// Of the publisher `number` of `count`. Without [`ahead`](Self::ahead) it is `ahead` windows.
    pub(super) fn limits(&self, number: u32, count: u32, window: u16, ahead: u64, messages: u64) -> Limits {
        Limits {
            window: window.into(),
            ahead: self.ahead.unwrap_or(ahead * u64::from(window)),
            messages,
            pace: self.rate.map(|rate| Pace::new(number, count, rate)),
        }
    }

    /// One of how many latencies is kept: with a pace there is time for all. Not a divisor of a window, which would
    /// always look at the same places in it.
    pub(super) fn every(&self) -> u32 {
        if self.rate.is_some() { 1 } else { 7 }
    }
}

impl PublishingArgs {
    /// Refuses what the protocol does not have.
    pub(super) fn check(&self, broker: &Broker) -> Result<(), Failure> {
        match broker.wire.speech {
            Speech::Stomp if self.qos == Qos::ExactlyOnce => {
                Err(Failure::Other("-q 2: STOMP has no such thing".to_owned()))
            }
            Speech::Stomp if self.payload < 16 => {
                Err(Failure::Other("--payload: in STOMP the number takes 16 bytes".to_owned()))
            }
            _ => Ok(()),
        }
    }

    /// Connects `count` publishers, each to its topics; `copies` subscribers receive each message.
    pub(super) fn connect(
        &self,
        broker: &Broker,
        count: u32,
        copies: u32,
        topics: &[String],
    ) -> Result<Vec<Publisher>, Failure> {
        let peers = Peer::connect_guests(broker, count as usize)?;
        let mut publishers = Vec::with_capacity(peers.len());
        for (peer, number) in peers.into_iter().zip(0..) {
            let limits = self.limits(number, count, peer.receive_maximum);
            let own = topics_of(number as usize, count as usize, topics);
            let templates = own
                .map(|topic| Template::new(topic, self.terms(broker, copies)))
                .collect::<Result<_, _>>()?;
            publishers.push(Publisher::new(peer.into_link()?, number, templates, limits));
        }
        Ok(publishers)
    }

    /// What all messages have in common.
    pub(super) fn terms(&self, broker: &Broker, copies: u32) -> Terms {
        let (wire, qos, payload_bytes) = (broker.wire, self.qos, self.payload);
        Terms { wire, qos, retain: false, payload_bytes, copies }
    }

    /// Of the publisher `number` of `count`, to whom the broker allows `receive_maximum` unacknowledged messages.
    pub(super) fn limits(&self, number: u32, count: u32, receive_maximum: u16) -> Limits {
        let messages = self.messages_max();
        match self.qos {
            Qos::AtMostOnce => {
                let window = self.flow.window.unwrap_or(500);
                self.flow.limits(number, count, window, 1, messages)
            }
            _ => {
                let window = self.flow.window.unwrap_or(100).min(receive_maximum);
                self.flow.limits(number, count, window, 10, messages)
            }
        }
    }

    /// How many messages each publisher has.
    pub(super) fn messages_max(&self) -> u64 {
        if self.duration.is_some() { MESSAGES_MAX } else { self.messages }
    }

    /// How to run; `count` publishers make `copies` deliveries of each message.
    pub(super) fn plan(&self, args: &BenchArgs, count: u32, copies: u32) -> Plan {
        let total = u64::from(count) * self.messages * u64::from(copies);
        let total = if self.duration.is_some() { None } else { Some(total) };
        Plan {
            duration: self.duration.map(Duration::from_secs),
            warm_up: Duration::from_secs(self.warm_up),
            pid: args.pid,
            progress: Progress::new(!args.json, total, "messages"),
        }
    }

    /// Adds what was asked for.
    pub(super) fn add_to(&self, report: &mut Report, broker: &Broker) {
        broker_to(report, broker);
        report.add("qos", self.qos.as_u8());
        report.add("payload_bytes", self.payload);
        if let Some(rate) = self.flow.rate {
            report.add("asked_per_s", rate);
        }
    }
}

/// Adds where was measured, and in which protocol.
pub(super) fn broker_to(report: &mut Report, broker: &Broker) {
    report.add("url", broker.url.to_string());
    match broker.wire.speech {
        Speech::Mqtt(version) => report.add("mqtt_version", version.to_string()),
        Speech::Stomp => report.add("stomp_version", "1.2"),
    }
}

/// Dealt in turn: several publishers to a topic, or several topics to a publisher.
pub(super) fn topics_of(
    number: usize,
    publishers: usize,
    topics: &[String],
) -> impl Iterator<Item = &String> {
    topics.iter().skip(number % topics.len()).step_by(publishers.min(topics.len()).max(1)).take(
        match publishers >= topics.len() {
            true => 1,
            false => topics.len(),
        },
    )
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
