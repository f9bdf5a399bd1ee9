//! Publishers and subscribers in pairs, each pair on a topic of its own: what a broker's path from one client to
//! another costs.
//!
//! Each payload begins with the message's number, so that the subscriber can tell what is lost, doubled or out of
//! order. The publisher stays at most a window ahead of its subscriber, so that a broker that keeps up has no reason
//! to drop; at QoS 1 a message also stays in the window until it is acknowledged.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::{BufMut, BytesMut};
use clap::Args;
use tidewire_clients::mqtt::Version;
use tidewire_clients::transport::{Chunk, Driven};
use tidewire_clients::{Error, Qos};
use tidewire_protocols::mqtt::{Ack, Packet, PacketId, Properties, Publish};
use tidewire_protocols::topic::TopicNameBuf;
use tokio::task::JoinSet;
use tokio::time::{Sleep, sleep};

use super::BenchArgs;
use super::peer::Peer;
use super::process::cpu_time;
use super::report::Report;
use super::tally::Tally;
use crate::tw::Failure;

#[derive(Args, Debug)]
pub(super) struct PairsArgs {
    /// Publishers, each with a subscriber of its own.
    #[arg(long, default_value = "10", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pairs: u32,
    /// Messages of each publisher.
    #[arg(long, default_value = "50000", value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    messages: u64,
    /// QoS of publishers and subscribers: 0 or 1.
    #[arg(short, long, default_value = "0", value_parser = parse_qos)]
    qos: Qos,
    /// Bytes of each payload; the first eight are the message's number.
    #[arg(long, default_value = "64", value_parser = clap::value_parser!(u32).range(8..=16_777_216))]
    payload: u32,
    /// Messages that a publisher may be ahead [default: 500 at QoS 0, 100 at QoS 1].
    #[arg(long, value_parser = clap::value_parser!(u16).range(2..=32_000))]
    window: Option<u16>,
}

pub(super) async fn run(args: &BenchArgs, scenario: &PairsArgs) -> Result<Report, Failure> {
    let mut pairs = Vec::new();
    for number in 0..scenario.pairs {
        pairs.push(Pair::connect(args, scenario, number).await?);
    }
    let cpu_before = args.pid.map(cpu_time).transpose()?;
    let start = Instant::now();
    let mut tasks: JoinSet<_> = pairs.into_iter().map(Pair::run).collect();
    let mut ran = Vec::new();
    while let Some(outcome) = tasks.join_next().await {
        ran.push(outcome.map_err(|error| Failure::Other(format!("a pair broke off: {error}")))??);
    }
    let cpu_after = args.pid.map(cpu_time).transpose()?;
    let end = ran.iter().map(|pair| pair.last_received).max().unwrap_or(start);
    let cpu = cpu_before.zip(cpu_after).map(|(before, after)| after.saturating_sub(before));
    let report = report(args, scenario, &ran, end.saturating_duration_since(start), cpu);
    for pair in ran {
        pair.publisher.leave().await;
        pair.subscriber.leave().await;
    }
    Ok(report)
}

struct Pair {
    publisher: Peer,
    subscriber: Peer,
    template: Template,
    messages: u64,
    window: u64,
    /// Whether messages are acknowledged: QoS 1.
    is_acknowledged: bool,
    sent: u64,
    acknowledged: u64,
    tally: Tally,
    last_received: Instant,
}

impl Pair {
    async fn connect(args: &BenchArgs, scenario: &PairsArgs, number: u32) -> Result<Self, Failure> {
        let topic = TopicNameBuf::parse(format!("bench/pairs/{number}"))
            .map_err(|error| Failure::Other(error.to_string()))?;
        let mut subscriber = Peer::connect(&args.url, args.version).await?;
        subscriber.subscribe(topic.as_str(), scenario.qos).await?;
        let publisher = Peer::connect(&args.url, args.version).await?;
        let is_acknowledged = scenario.qos != Qos::AtMostOnce;
        let window = match (scenario.window, is_acknowledged) {
            (Some(window), _) => window,
            (None, false) => 500,
            (None, true) => 100,
        };
        let window = if is_acknowledged { window.min(publisher.receive_maximum) } else { window };
        Ok(Self {
            template: Template::new(args.version, &topic, scenario.qos, scenario.payload),
            publisher,
            subscriber,
            messages: scenario.messages,
            window: window.into(),
            is_acknowledged,
            sent: 0,
            acknowledged: 0,
            tally: Tally::new(scenario.messages),
            last_received: Instant::now(),
        })
    }

    /// Runs until everything has arrived and is acknowledged, or nothing moves any more.
    async fn run(mut self) -> Result<Self, Error> {
        let mut stalled = pin!(sleep(STALL_TIMEOUT));
        while !self.is_done() {
            self.fill();
            if poll_fn(|context| self.poll_step(context, stalled.as_mut())).await? == Step::Stalled {
                if self.last_received.elapsed() >= STALL_TIMEOUT {
                    break;
                }
                stalled.set(sleep(STALL_TIMEOUT));
            }
        }
        Ok(self)
    }

    fn is_done(&self) -> bool {
        self.tally.is_complete() && (!self.is_acknowledged || self.acknowledged == self.messages)
    }

    /// Queues as many messages as the window has room for, in one write, once that is half the window.
    fn fill(&mut self) {
        let settled = match self.is_acknowledged {
            true => self.tally.next().min(self.acknowledged),
            false => self.tally.next(),
        };
        let left = self.messages - self.sent;
        let room = self.window.saturating_sub(self.sent - settled).min(left);
        if room == 0 || room < left.min(self.window / 2) || self.publisher.transport.unsent() > 0 {
            return;
        }
        let mut batch =
            BytesMut::with_capacity(self.template.len() * usize::try_from(room).unwrap_or_default());
        for number in self.sent..self.sent + room {
            self.template.put(number, &mut batch);
        }
        self.sent += room;
        self.publisher.transport.queue(Chunk::binary(batch));
    }

    /// Ready when anything has happened on either connection.
    fn poll_step(
        &mut self,
        context: &mut Context<'_>,
        stalled: Pin<&mut Sleep>,
    ) -> Poll<Result<Step, Error>> {
        let published = self.publisher.poll_drive(context)?;
        let received = self.subscriber.poll_drive(context)?;
        match published {
            Poll::Ready(Driven::Received) => self.handle_published()?,
            Poll::Ready(Driven::Ended) => return Poll::Ready(Err(closed())),
            Poll::Ready(Driven::Sent) | Poll::Pending => {}
        }
        match received {
            Poll::Ready(Driven::Received) => self.handle_received()?,
            Poll::Ready(Driven::Ended) => return Poll::Ready(Err(closed())),
            Poll::Ready(Driven::Sent) | Poll::Pending => {}
        }
        match published.is_ready() || received.is_ready() {
            true => Poll::Ready(Ok(Step::Moved)),
            false => stalled.poll(context).map(|()| Ok(Step::Stalled)),
        }
    }

    fn handle_published(&mut self) -> Result<(), Error> {
        let mut acknowledged = 0;
        self.publisher.packets(|packet| acknowledged += u64::from(matches!(packet, Packet::PubAck(_))))?;
        self.acknowledged += acknowledged;
        Ok(())
    }

    fn handle_received(&mut self) -> Result<(), Error> {
        let (version, tally) = (self.subscriber.version, &mut self.tally);
        let mut acknowledgements = BytesMut::new();
        self.subscriber.packets(|packet| {
            let Packet::Publish(publish) = packet else { return };
            match publish.payload.first_chunk() {
                Some(number) => tally.record(u64::from_be_bytes(*number)),
                None => tally.record_foreign(),
            }
            if let Some(packet_id) = publish.packet_id {
                Packet::PubAck(Ack::success(packet_id)).encode(version, &mut acknowledgements);
            }
        })?;
        if !acknowledgements.is_empty() {
            self.subscriber.transport.queue(Chunk::binary(acknowledgements));
        }
        self.last_received = Instant::now();
        Ok(())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Moved,
    Stalled,
}

/// A PUBLISH that is written once and then copied, with another number and packet identifier.
struct Template {
    packet: BytesMut,
    payload_at: usize,
    /// None at QoS 0.
    packet_id_at: Option<usize>,
}

impl Template {
    fn new(version: Version, topic: &TopicNameBuf, qos: Qos, payload_bytes: u32) -> Self {
        let payload = vec![b'x'; payload_bytes as usize];
        let packet_id = (qos != Qos::AtMostOnce).then_some(PacketId::FIRST);
        let publish = Publish {
            dup: false,
            qos,
            retain: false,
            topic: Some(topic.as_name()),
            packet_id,
            properties: Properties::EMPTY,
            payload: &payload,
        };
        let mut packet = BytesMut::new();
        publish.encode(version, &mut packet);
        let payload_at = packet.len() - payload.len();
        // In MQTT 5 the empty list of properties, one byte, stands between them.
        let packet_id_at = packet_id.map(|_| payload_at - 2 - usize::from(version.is_v5()));
        Self { packet, payload_at, packet_id_at }
    }

    fn len(&self) -> usize {
        self.packet.len()
    }

    fn put(&self, number: u64, out: &mut BytesMut) {
        let start = out.len();
        out.put_slice(&self.packet);
        let packet = &mut out[start..];
        packet[self.payload_at..][..8].copy_from_slice(&number.to_be_bytes());
        if let Some(at) = self.packet_id_at {
            packet[at..][..2].copy_from_slice(&packet_id(number).to_be_bytes());
        }
    }
}

/// 1 to 65,535, over and over: a window is less than half of that, so none is in use twice.
fn packet_id(number: u64) -> u16 {
    (number % 65_535) as u16 + 1
}

fn report(
    args: &BenchArgs,
    scenario: &PairsArgs,
    pairs: &[Pair],
    duration: Duration,
    cpu: Option<Duration>,
) -> Report {
    let sum = |figure: fn(&Pair) -> u64| pairs.iter().map(figure).sum::<u64>();
    let received = sum(|pair| pair.tally.received());
    let unsent = sum(|pair| pair.messages - pair.sent);
    let lost = sum(|pair| pair.sent) - received;
    let unacknowledged = sum(|pair| if pair.is_acknowledged { pair.sent - pair.acknowledged } else { 0 });
    let seconds = duration.as_secs_f64().max(f64::MIN_POSITIVE);
    let mut report = Report::default();
    report.add("scenario", "pairs");
    report.add("url", args.url.to_string());
    report.add("mqtt_version", args.version.to_string());
    report.add("qos", scenario.qos.as_u8());
    report.add("pairs", scenario.pairs);
    report.add("payload_bytes", scenario.payload);
    report.add("messages", received);
    report.add_measured("duration_s", seconds);
    report.add("messages_per_s", (received as f64 / seconds).round());
    report.add_cpu(cpu, seconds, received, "broker_cpu_us_per_message");
    report.add("lost", lost);
    report.add("duplicates", sum(|pair| pair.tally.duplicates()));
    report.add("out_of_order", sum(|pair| pair.tally.out_of_order()));
    report.add("foreign", sum(|pair| pair.tally.foreign()));
    if lost + unsent + unacknowledged > 0 {
        report.set_fault(format!(
            "nothing moved for {} s: {lost} messages lost, {unacknowledged} not acknowledged, {unsent} not sent",
            STALL_TIMEOUT.as_secs()
        ));
    }
    report
}

fn closed() -> Error {
    Error::Lost("the broker closed it".to_owned())
}

fn parse_qos(text: &str) -> Result<Qos, &'static str> {
    match text {
        "0" => Ok(Qos::AtMostOnce),
        "1" => Ok(Qos::AtLeastOnce),
        _ => Err("QoS is 0 or 1 here"),
    }
}

/// Messages that have not arrived by then do not come any more.
const STALL_TIMEOUT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use tidewire_protocols::mqtt::{Decoded, PACKET_SIZE_MAX, decode};

    use super::*;

    #[test]
    fn a_template_is_the_packet_with_its_numbers() {
        let topic = TopicNameBuf::parse("bench/pairs/7").unwrap();
        for (version, qos) in [Version::V311, Version::V5]
            .into_iter()
            .flat_map(|v| [(v, Qos::AtMostOnce), (v, Qos::AtLeastOnce)])
        {
            let template = Template::new(version, &topic, qos, 16);
            let mut out = BytesMut::new();
            template.put(65_535, &mut out);
            let Ok(Decoded::Packet { packet: Packet::Publish(publish), size }) =
                decode(version, PACKET_SIZE_MAX, &out)
            else {
                panic!("{version} {qos:?}: {out:?}");
            };
            assert_eq!(size, template.len());
            assert_eq!(publish.topic, Some(topic.as_name()));
            assert_eq!(publish.packet_id, (qos == Qos::AtLeastOnce).then_some(PacketId::FIRST));
            assert_eq!(publish.payload, [&65_535_u64.to_be_bytes()[..], b"xxxxxxxx"].concat());
        }
    }
}
