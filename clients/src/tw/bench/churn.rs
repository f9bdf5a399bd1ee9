//! Clients that come and go: connect, subscribe, publish to themselves, receive it, and leave.
//!
//! Several threads, each with its share of the clients: while one waits for its answers, another asks, so that the broker is
//! never waited for by all.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use tidewire_client::Qos;

use super::latency::Latency;
use super::progress::Progress;
use super::publishing::broker_to;
use super::raw::{Broker, Peer, Standing, Wanted};
use super::report::Report;
use super::template::{Template, Terms};
use super::usage::{Each, Meter};
use super::{BenchArgs, Failure, mark};

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  tw bench churn --together 20 --duration 30")]
pub(super) struct ChurnArgs {
    /// Clients that are there at a time.
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
    let mut progress = Progress::new(!args.json, scenario.duration.is_none().then_some(loops), "clients");
    let meter = Meter::start(args.pid)?;
    let (begun, done) = (AtomicU64::new(0), AtomicU64::new(0));
    let latency = thread::scope(|scope| {
        let work = |share| {
            let (broker, begun, done) = (&broker, &begun, &done);
            let is_late = || meter.elapsed() >= duration;
            move || Churn { broker, begun, done, loops }.run(share, is_late)
        };
        let threads: Vec<_> =
            shares(scenario.together).into_iter().map(|share| scope.spawn(work(share))).collect();
        while threads.iter().any(|thread| !thread.is_finished()) {
            thread::sleep(Duration::from_millis(10));
            progress.show(meter.elapsed(), || done.load(Ordering::Relaxed));
        }
        threads.into_iter().try_fold(Latency::new(1), |mut all, thread| {
            let broken = |_| Failure::Other("clients broke off".to_owned());
            all.merge(&thread.join().map_err(broken)??);
            Ok::<_, Failure>(all)
        })
    })?;
    progress.finish();
    let done = done.into_inner();
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

/// What the threads share.
struct Churn<'a> {
    broker: &'a Broker,
    /// Clients that have begun, and that are gone again.
    begun: &'a AtomicU64,
    done: &'a AtomicU64,
    loops: u64,
}

impl Churn<'_> {
    /// Has `share` clients at a time come and go until there were enough or it is late; returns how long they took.
    fn run(self, share: u32, is_late: impl Fn() -> bool) -> Result<Latency, Failure> {
        let mut latency = Latency::new(1);
        while !is_late() {
            let first = self.begun.fetch_add(share.into(), Ordering::Relaxed);
            let count = self.loops.saturating_sub(first).min(share.into());
            if count == 0 {
                break;
            }
            let begin = Instant::now();
            turn(self.broker, first as usize, count as usize)?;
            latency.record(u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX));
            self.done.fetch_add(count, Ordering::Relaxed);
        }
        Ok(latency)
    }
}

/// Of so many clients, each thread's.
fn shares(clients: u32) -> Vec<u32> {
    let threads = clients.min(THREADS_MAX);
    (0..threads).map(|index| (clients + index) / threads).collect()
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

/// More would only wake more often, each for less.
const THREADS_MAX: u32 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_share_the_clients() {
        for (clients, expected) in [(1, vec![1]), (3, vec![1; 3]), (10, vec![2, 2, 3, 3])] {
            assert_eq!(shares(clients), expected);
        }
        assert_eq!(shares(999).iter().sum::<u32>(), 999);
    }
}
