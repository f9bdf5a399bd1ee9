//! Connections that do nothing: what each takes of the broker's memory, and what it costs to let it in.
//!
//! Memory is what is resident of the broker's process; the kernel's share of its sockets is not in it.

use std::time::Duration;

use clap::Args;
use tidewire_client::Qos;

use super::progress::Progress;
use super::publishing::broker_to;
use super::raw::{Broker, Peer, Standing, TOGETHER, Wanted};
use super::report::Report;
use super::usage::{Each, Meter};
use super::{BenchArgs, Failure};

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  tw bench idle --count 20000 --hold 60 --pid $(pidof tidewire)")]
pub(super) struct IdleArgs {
    /// Connections.
    #[arg(long, default_value = "10000", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    count: u32,
    /// Have each subscribe to a topic of its own.
    #[arg(long)]
    subscribe: bool,
    /// Keep them for so many seconds, and report what that costs.
    #[arg(long, value_name = "SECONDS", default_value = "0", value_parser = clap::value_parser!(u64).range(0..=86_400))]
    hold: u64,
}

pub(super) fn run(args: &BenchArgs, scenario: &IdleArgs) -> Result<Report, Failure> {
    let broker = args.broker()?;
    let count = scenario.count as usize;
    // Some connections before the first measurement make what the broker has once.
    let mut connected = connect(&broker, scenario, 0..WARM_UP, None)?;
    std::thread::sleep(SETTLE);
    let meter = Meter::start(args.pid)?;
    let mut progress = Progress::new(!args.json, Some(scenario.count.into()), "connections");
    connected.append(&mut connect(
        &broker,
        scenario,
        WARM_UP..WARM_UP + count,
        Some((&meter, &mut progress)),
    )?);
    let took = meter.elapsed();
    progress.finish();
    let usage = meter.stop_settled(SETTLE)?;
    let mut report = Report::default();
    report.add("scenario", "idle");
    broker_to(&mut report, &broker);
    report.add("connections", scenario.count);
    report.add("subscribe", scenario.subscribe);
    report.add_measured("duration_s", took.as_secs_f64());
    report.add_rate("connections_per_s", scenario.count.into(), took);
    usage.add_to(&mut report, took, scenario.count.into(), &Each::CONNECTION);
    usage.add_growth_to(&mut report, scenario.count.into(), "broker_resident_kib_per_connection");
    if scenario.hold > 0 {
        let meter = Meter::start(args.pid)?;
        std::thread::sleep(Duration::from_secs(scenario.hold));
        let held = meter.stop()?;
        report.add_measured("held_s", held.took.as_secs_f64());
        held.add_broker_cpu_to(&mut report, "broker_cpu_held_s");
    }
    drop(connected);
    Ok(report)
}

/// Connects those with the numbers `range`, a group at a time.
fn connect(
    broker: &Broker,
    scenario: &IdleArgs,
    range: std::ops::Range<usize>,
    mut shown: Option<(&Meter, &mut Progress)>,
) -> Result<Vec<Peer>, Failure> {
    let run = std::process::id();
    let mut connected = Vec::with_capacity(range.len());
    for first in range.clone().step_by(TOGETHER) {
        let group = vec![Standing::Guest; TOGETHER.min(range.end - first)];
        let mut peers = Peer::connect_group(broker, first, group)?;
        if scenario.subscribe {
            let topic = |index| broker.name(&format!("bench/{run}/idle/{}", first + index));
            Peer::subscribe_all(&mut peers, Wanted::Qos(Qos::AtMostOnce), topic)?;
        }
        connected.append(&mut peers);
        if let Some((meter, progress)) = &mut shown {
            progress.show(meter.elapsed(), || connected.len() as u64);
        }
    }
    Ok(connected)
}

const WARM_UP: usize = 200;
/// Until nothing more happens.
const SETTLE: Duration = Duration::from_secs(1);
