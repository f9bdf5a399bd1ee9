//! `tw bench`: one module for each scenario, and what they share.
//!
//! Scenarios bring their own way with packets instead of the library's client: a benchmark must cost less than what it
//! measures, and it says how much. They count what is lost, doubled or out of order, because a broker that drops is fast.

mod arrivals;
mod churn;
mod deliveries;
mod drain;
mod fanout;
mod idle;
mod latency;
mod load;
mod mark;
mod mixed;
mod offline;
mod outcome;
mod pace;
mod pairs;
mod process;
mod publisher;
mod publishing;
mod queue;
mod raw;
mod report;
mod retained;
mod subscriber;
mod tally;
mod template;
mod usage;
mod wildcard;

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use tidewire_client::mqtt::Version;
use tidewire_client::{Scheme, Url};

use self::raw::{Broker, Speech, Trust};
use self::report::Report;
use super::arguments::{DEFAULT_URL, parse_version};
use super::{Failure, progress};

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES, next_display_order = 100)]
pub(crate) struct BenchArgs {
    /// The broker's URL.
    ///
    /// ws://HOST:PORT/PATH, mqtt://HOST:PORT or stomp://HOST:PORT, and over TLS wss://, mqtts:// and stomps://.
    #[arg(short, long, value_name = "URL", default_value = DEFAULT_URL, global = true)]
    pub(crate) url: Url,
    /// The version of MQTT: 3.1.1 or 5.
    #[arg(short = 'V', long = "mqtt-version", value_name = "VERSION", default_value = "5", value_parser = parse_version, global = true)]
    version: Version,
    /// Speak STOMP 1.2 where the URL leaves it open.
    ///
    /// A topic a/b is /topic/a/b then.
    #[arg(long, global = true)]
    stomp: bool,
    /// In STOMP, write topics with dots, and * for one level, as RabbitMQ has them.
    #[arg(long, global = true, hide_short_help = true)]
    dots: bool,
    /// STOMP's host header.
    #[arg(long, value_name = "NAME", default_value = "/", global = true, hide_short_help = true)]
    host: String,
    /// MQTT's keep alive, which some brokers demand. Nothing is sent to keep it: it must last for the run.
    #[arg(long, value_name = "SECONDS", default_value_t = 0, global = true, hide_short_help = true)]
    keep_alive: u16,
    /// Over WebSocket, send each MQTT packet in a message of its own, as some clients do [default: what goes together].
    ///
    /// STOMP's frames are always sent so.
    #[arg(long, global = true, hide_short_help = true)]
    single: bool,
    /// The authorities whose certificates are believed, in PEM.
    #[arg(long, alias = "cafile", value_name = "FILE", conflicts_with = "insecure", global = true)]
    ca: Option<PathBuf>,
    /// Believe every certificate.
    #[arg(long, global = true)]
    insecure: bool,
    /// Over TLS, take up earlier sessions again, as clients that come back do [default: full handshakes].
    #[arg(long, global = true, hide_short_help = true)]
    resume: bool,
    /// The broker's process, here: report its CPU time and memory.
    #[arg(long, global = true)]
    pid: Option<u32>,
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
    /// One topic with many subscribers.
    Fanout(fanout::FanoutArgs),
    /// Many subscriptions, with and without wildcards, of which each message matches one.
    Wildcard(wildcard::WildcardArgs),
    /// Connections that do nothing.
    Idle(idle::IdleArgs),
    /// Clients that connect, subscribe, publish, receive and leave.
    Churn(churn::ChurnArgs),
    /// A realistic mixture: telemetry to collectors, news to many, commands, clients that come and go.
    Mixed(mixed::MixedArgs),
    /// STOMP: a work queue; a receipt for each SEND, an ACK for each MESSAGE.
    Queue(queue::QueueArgs),
    /// Publishers to sessions whose clients are away; the sessions stay for `drain`.
    Offline(offline::OfflineArgs),
    /// Those clients come back and take everything.
    Drain(drain::DrainArgs),
    /// Retained messages, and a client that subscribes to all of them.
    Retained(retained::RetainedArgs),
}

impl BenchArgs {
    /// What is measured.
    fn broker(&self) -> Result<Broker, Failure> {
        if self.url.socket().is_some() {
            return Err(Failure::Other(format!("{}: what is measured is reached by TCP", self.url)));
        }
        let is_stomp = self.stomp || self.url.scheme().plain() == Scheme::Stomp;
        let speech = if is_stomp { Speech::Stomp } else { Speech::Mqtt(self.version) };
        let trust = Trust { ca: self.ca.clone(), is_anyone: self.insecure, is_resuming: self.resume };
        let mut broker = Broker::new(&self.url, speech, &trust)?;
        broker.virtual_host.clone_from(&self.host);
        broker.is_dotted = self.dots;
        broker.wire.is_single = self.single;
        broker.keep_alive = self.keep_alive;
        Ok(broker)
    }

    /// What is measured, for scenarios that only MQTT has.
    fn mqtt_broker(&self) -> Result<Broker, Failure> {
        let broker = self.broker()?;
        match broker.wire.speech {
            Speech::Mqtt(_) => Ok(broker),
            Speech::Stomp => Err(Failure::Other("STOMP has no such thing: leave --stomp out".to_owned())),
        }
    }
}

pub(super) fn run(args: &BenchArgs) -> Result<(), Failure> {
    raw::raise_open_files_limit();
    let report = match &args.scenario {
        Scenario::Pairs(scenario) => pairs::run(args, scenario),
        Scenario::Fanout(scenario) => fanout::run(args, scenario),
        Scenario::Wildcard(scenario) => wildcard::run(args, scenario),
        Scenario::Idle(scenario) => idle::run(args, scenario),
        Scenario::Churn(scenario) => churn::run(args, scenario),
        Scenario::Mixed(scenario) => mixed::run(args, scenario),
        Scenario::Queue(scenario) => queue::run(args, scenario),
        Scenario::Offline(scenario) => offline::run(args, scenario),
        Scenario::Drain(scenario) => drain::run(args, scenario),
        Scenario::Retained(scenario) => retained::run(args, scenario),
    }?;
    write(&report, args.json).map_err(Failure::Output)?;
    match report.fault() {
        None => Ok(()),
        Some(fault) => Err(Failure::Other(fault)),
    }
}

fn write(report: &Report, as_json: bool) -> io::Result<()> {
    let mut output = io::stdout().lock();
    match as_json {
        true => writeln!(output, "{}", report.to_json())?,
        false => write!(output, "{}", report.to_table())?,
    }
    output.flush()
}

const EXAMPLES: &str = "Examples:
  tw bench pairs --pairs 50 -q 1
  tw bench fanout -u mqtt://127.0.0.1 --subscribers 1000 --json
Exit status: 0 all that was sent came, 1 something was lost or failed, 2 wrong usage.";
