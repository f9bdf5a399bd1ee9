//! A work queue: a receipt for each SEND, an ACK for each MESSAGE, and one consumer for each of them.

use clap::Args;
use tidewire_client::Qos;

use super::arrivals::Arrivals;
use super::latency::DELIVERED;
use super::load::{Load, Plan};
use super::mark::{MESSAGES_MAX, PUBLISHERS_MAX};
use super::progress::Progress;
use super::publisher::Publisher;
use super::publishing::{FlowArgs, broker_to};
use super::raw::{Broker, Peer, Speech, Wanted};
use super::report::Report;
use super::subscriber::Subscriber;
use super::template::{Template, Terms};
use super::usage::Each;
use super::{BenchArgs, Failure};

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  tw bench queue -u stomp://127.0.0.1:61613 --producers 5 --consumers 20")]
pub(super) struct QueueArgs {
    /// Connections that send.
    #[arg(long, default_value = "10", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    producers: u32,
    /// Connections that receive.
    #[arg(long, default_value = "10", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    consumers: u32,
    /// Messages of each producer.
    #[arg(long, default_value = "50000", value_parser = clap::value_parser!(u64).range(1..=MESSAGES_MAX))]
    messages: u64,
    /// Bytes of each body; it begins with the message's number and its time.
    #[arg(long, default_value = "64", value_parser = clap::value_parser!(u32).range(16..=16_777_216))]
    payload: u32,
    /// Messages that a consumer may have unacknowledged.
    #[arg(long, default_value = "200", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    prefetch: u32,
    /// Messages that wait in the queue before the consumers come; the report counts them as foreign.
    #[arg(long, default_value = "0", value_parser = clap::value_parser!(u64).range(..=MESSAGES_MAX))]
    backlog: u64,
    /// The queue's name [default: one of this run].
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    flow: FlowArgs,
}

pub(super) fn run(args: &BenchArgs, scenario: &QueueArgs) -> Result<Report, Failure> {
    let broker = args.broker()?;
    if broker.wire.speech != Speech::Stomp {
        return Err(Failure::Other("queues are measured in STOMP: add --stomp, or use stomp://".to_owned()));
    }
    let name = scenario.name.clone().unwrap_or_else(|| format!("bench.{}", std::process::id()));
    let destination = format!("/queue/{name}");
    if scenario.backlog > 0 {
        // Numbered as nobody's, so that they are counted as foreign.
        let terms = terms(&broker, scenario);
        let peers = Peer::connect_guests(&broker, 1)?;
        let filler = producers(scenario, &destination, peers, PUBLISHERS_MAX, scenario.backlog, terms)?;
        Load::new(filler, Vec::new(), 7)?.run(plan(args, scenario.backlog, None))?;
    }
    let mut peers = Peer::connect_guests(&broker, scenario.consumers as usize)?;
    let wanted = Wanted::Acknowledged { prefetch: scenario.prefetch };
    for peer in &mut peers {
        // Messages may come before the receipt, and each is to be acknowledged: the load takes both.
        peer.put_subscribe(std::iter::once(destination.as_str()), 0, wanted);
        peer.link.flush()?;
    }
    let consumers = Subscriber::all(peers)?;
    let peers = Peer::connect_guests(&broker, scenario.producers as usize)?;
    let terms = Terms { copies: 1, ..terms(&broker, scenario) };
    let producers = producers(scenario, &destination, peers, 0, scenario.messages, terms)?;
    let mut load = Load::new(producers, consumers, scenario.flow.every())?;
    let total = u64::from(scenario.producers) * scenario.messages;
    let outcome = load.run(plan(args, total, args.pid))?;
    let mut arrivals = Arrivals::default();
    load.subscribers.iter().for_each(|consumer| arrivals.merge(&consumer.arrivals));
    let received = arrivals.received();
    let mut report = Report::default();
    report.add("scenario", "queue");
    broker_to(&mut report, &broker);
    report.add("payload_bytes", scenario.payload);
    report.add("producers", scenario.producers);
    report.add("consumers", scenario.consumers);
    report.add("backlog", scenario.backlog);
    outcome.add_publishes_to(&mut report, &load);
    report.add("messages", received);
    report.add("deliveries", outcome.in_all.received);
    report.add_measured("duration_s", outcome.took().as_secs_f64());
    report.add_rate("messages_per_s", received, outcome.took());
    report.add_rate("deliveries_per_s", received, outcome.took());
    outcome.delivered.add_to(&mut report, &DELIVERED);
    outcome.usage.add_to(&mut report, outcome.took(), received, &Each::MESSAGE);
    outcome.usage.add_each_to(&mut report, received, &Each::DELIVERY);
    outcome.add_wrong_to(&mut report, &load, received);
    Ok(report)
}

fn terms(broker: &Broker, scenario: &QueueArgs) -> Terms {
    let payload_bytes = scenario.payload;
    Terms { wire: broker.wire, qos: Qos::AtLeastOnce, retain: false, payload_bytes, copies: 0 }
}

/// One for each of `peers`, numbered from `first` on.
fn producers(
    scenario: &QueueArgs,
    destination: &str,
    peers: Vec<Peer>,
    first: u32,
    messages: u64,
    terms: Terms,
) -> Result<Vec<Publisher>, Failure> {
    let mut producers = Vec::new();
    for (peer, index) in peers.into_iter().zip(0..) {
        let window = scenario.flow.window.unwrap_or(100);
        let limits = scenario.flow.limits(index, scenario.producers, window, 1, messages);
        let template = Template::new(destination, terms)?;
        producers.push(Publisher::new(peer.into_link()?, first + index, vec![template], limits));
    }
    Ok(producers)
}

fn plan(args: &BenchArgs, total: u64, pid: Option<u32>) -> Plan {
    let progress = Progress::new(!args.json, Some(total), "messages");
    Plan { duration: None, warm_up: std::time::Duration::ZERO, pid, progress }
}
