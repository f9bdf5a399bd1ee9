//! Clients that come and go: connect, subscribe, publish to themselves, receive it, and leave.

use std::time::{Duration, Instant};

use clap::Args;
use tidewire_clients::Qos;

use super::latency::Latency;
use super::progress::Progress;
use super::publishing::broker_to;
use super::raw::{Broker, Peer, Standing, Wanted};
use super::report::Report;
use super::template::{Template, Terms};
use super::usage::{Each, Meter};
use super::{BenchArgs, Failure, mark};

#[derive(Args, Debug)]
pub(super) struct ChurnArgs {
    /// Clients that take each step together.
    #[arg(long, default_value = "10", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    together: u32,
    /// Clients in all.
    #[arg(long, default_value = "20000", value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    loops: u64,
    /// Go on for so many seconds instead.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400), conflicts_with = "loops")]
    duration: Option<u64>,
}

pub(super) fn run(args: &BenchArgs, scenario: &ChurnArgs) -> Result<Report, Failure> {
    let broker = args.broker()?;
    let loops = if scenario.duration.is_some() { u64::MAX } else { scenario.loops };
    let duration = scenario.duration.map_or(Duration::MAX, Duration::from_secs);
    let mut progress = Progress::new(args, scenario.duration.is_none().then_some(loops), "clients");
    let mut latency = Latency::new(1);
    let meter = Meter::start(args.pid)?;
    let mut done = 0;
    while done < loops && meter.elapsed() < duration {
        let count = (loops - done).min(scenario.together.into());
        let begin = Instant::now();
        turn(&broker, done as usize, count as usize)?;
        latency.record(u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX));
        done += count;
        progress.show(meter.elapsed(), || done);
    }
    progress.finish();
    let usage = meter.stop()?;
    let mut report = Report::default();
    report.add("scenario", "churn");
    broker_to(&mut report, &broker);
    report.add("together", scenario.together);
    report.add("loops", done);
    report.add_measured("duration_s", usage.took.as_secs_f64());
    report.add_rate("loops_per_s", done, usage.took);
    latency.add_to(&mut report, &["turn_p50_ms", "turn_p99_ms", "turn_p999_ms", "turn_max_ms"]);
    usage.add_to(&mut report, usage.took, done, &Each::LOOP);
    Ok(report)
}

/// Has `count` clients come and go; `first` is the number of the first one.
pub(super) fn turn(broker: &Broker, first: usize, count: usize) -> Result<(), Failure> {
    let mut peers = Peer::connect_group(broker, first, vec![Standing::Guest; count])?;
    let run = std::process::id();
    let topic = |index: usize| broker.name(&format!("bench/{run}/churn/{}", first + index));
    let wanted = Wanted::Qos(Qos::AtMostOnce);
    Peer::subscribe_all(&mut peers, wanted, topic)?;
    for (index, peer) in peers.iter_mut().enumerate() {
        let qos = Qos::AtMostOnce;
        let terms = Terms { wire: broker.wire, qos, retain: false, payload_bytes: 64, copies: 1 };
        let number = mark::Number { publisher: 0, sequence: index as u64 };
        Template::new(&topic(index), terms)?.put(number, 0, 0, peer.link.output());
        peer.link.flush()?;
    }
    peers.iter_mut().try_for_each(Peer::await_message)?;
    Peer::leave_all(peers)?;
    Ok(())
}
