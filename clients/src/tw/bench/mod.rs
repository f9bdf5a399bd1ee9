//! `tw bench`: one module for each scenario, and what they share.
//!
//! Scenarios bring their own way with packets instead of the library's client: a benchmark must cost less than what it
//! measures. They count what is lost, doubled or out of order, because a broker that drops is fast.

mod drain;
mod latency;
mod load;
mod offline;
mod pairs;
mod process;
mod publisher;
mod raw;
mod report;
mod retained;
mod stomp;
mod subscriber;
mod tally;
mod template;

use std::io::{self, Write};

use clap::{Args, Subcommand};
use tidewire_clients::Url;
use tidewire_clients::mqtt::Version;

use self::report::Report;
use super::Failure;
use super::arguments::{DEFAULT_URL, parse_version};

#[derive(Args, Debug)]
pub(crate) struct BenchArgs {
    /// The broker: ws://HOST:PORT/PATH or mqtt://HOST:PORT.
    #[arg(short, long, value_name = "URL", default_value = DEFAULT_URL, global = true)]
    pub(crate) url: Url,
    /// The version of MQTT: 3.1.1 or 5.
    #[arg(short = 'V', long = "mqtt-version", value_name = "VERSION", default_value = "5", value_parser = parse_version, global = true)]
    version: Version,
    /// The broker's process on this machine: report the CPU time that each message takes it, and its memory.
    #[arg(long, global = true)]
    pid: Option<u32>,
    /// Threads of this program for STOMP: 1 or 2. MQTT has one.
    #[arg(long, default_value = "1", value_parser = clap::value_parser!(u8).range(1..=2), global = true)]
    threads: u8,
    /// Write one JSON object instead of a table.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    scenario: Scenario,
}

#[derive(Debug, Subcommand)]
enum Scenario {
    /// Publishers to connected subscribers, each subscriber with a topic of its own.
    Pairs(pairs::PairsArgs),
    /// Publishers to sessions whose clients are away; the sessions stay for `drain`.
    Offline(offline::OfflineArgs),
    /// Those clients come back and take everything.
    Drain(drain::DrainArgs),
    /// Retained messages, and a client that subscribes to all of them.
    Retained(retained::RetainedArgs),
    /// STOMP: topics, a fan-out, or a work queue.
    Stomp(stomp::StompArgs),
}

pub(super) fn run(args: &BenchArgs) -> Result<(), Failure> {
    let report = match &args.scenario {
        Scenario::Pairs(scenario) => pairs::run(args, scenario),
        Scenario::Offline(scenario) => offline::run(args, scenario),
        Scenario::Drain(scenario) => drain::run(args, scenario),
        Scenario::Retained(scenario) => retained::run(args, scenario),
        Scenario::Stomp(scenario) => runtime(args.threads)?.block_on(stomp::run(args, scenario)),
    }?;
    write(&report, args.json).map_err(Failure::Output)?;
    match report.fault() {
        None => Ok(()),
        Some(fault) => Err(Failure::Other(fault)),
    }
}

fn runtime(threads: u8) -> Result<tokio::runtime::Runtime, Failure> {
    let builder = match threads {
        1 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    let mut builder = builder;
    builder
        .worker_threads(threads.into())
        .enable_all()
        .build()
        .map_err(|error| Failure::Other(format!("cannot start: {error}")))
}

fn write(report: &Report, as_json: bool) -> io::Result<()> {
    let mut output = io::stdout().lock();
    match as_json {
        true => writeln!(output, "{}", report.to_json())?,
        false => write!(output, "{}", report.to_table())?,
    }
    output.flush()
}
