//! The arguments of `tw request` and `tw reply`.

use std::ffi::OsString;
use std::num::NonZeroU64;
use std::time::Duration;

use clap::Args;
use tidewire_client::{Protocol, Qos};

use super::UsageError;
use super::connection::ConnectionArgs;
use super::output::OutputArgs;
use super::payload::{PayloadArgs, PropertyArgs};
use super::values::{parse_count, parse_qos, parse_timeout};

#[derive(Args, Debug)]
#[command(after_help = REQUEST_EXAMPLES)]
pub(crate) struct RequestArgs {
    /// Where somebody answers requests.
    #[arg(short, long)]
    pub(crate) topic: String,
    #[command(flatten)]
    pub(crate) payload: PayloadArgs,
    /// The QoS of the request: 0, 1 or 2.
    #[arg(short, long, default_value = "1", value_parser = parse_qos)]
    pub(crate) qos: Qos,
    #[command(flatten)]
    pub(crate) properties: PropertyArgs,
    /// How long to wait for the answer (exit status 3).
    #[arg(short = 'W', long, value_name = "TIME", default_value = "5s", value_parser = parse_timeout)]
    pub(crate) timeout: Duration,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

#[derive(Args, Debug)]
#[command(after_help = REPLY_EXAMPLES)]
pub(crate) struct ReplyArgs {
    /// Where requests come in; $share/GROUP/TOPIC shares them with others.
    #[arg(short, long)]
    pub(crate) topic: String,
    #[command(flatten)]
    pub(crate) payload: PayloadArgs,
    /// Run this for each request, which is its standard input; what it writes is the answer.
    ///
    /// It runs without a shell, one request after the other. TW_TOPIC is the request's topic. As with $(…) of a shell the last
    /// line end of its output is left out. Where it fails there is no answer, and what it says on standard error is seen.
    #[arg(last = true, value_name = "COMMAND", conflicts_with = "PayloadArgs")]
    pub(crate) command: Vec<OsString>,
    /// The highest QoS at which requests come: 0, 1 or 2 [default: 1]. STOMP does not ask.
    #[arg(short, long, value_parser = parse_qos)]
    pub(crate) qos: Option<Qos>,
    #[command(flatten)]
    pub(crate) properties: PropertyArgs,
    /// End after so many requests.
    #[arg(short, long, visible_short_alias = 'C', value_parser = parse_count)]
    pub(crate) count: Option<NonZeroU64>,
    /// How long a command may take for an answer; it is killed then.
    #[arg(short = 'W', long, value_name = "TIME", default_value = "30s", value_parser = parse_timeout)]
    pub(crate) timeout: Duration,
    /// Keep the last line end of a command's output.
    #[arg(long, requires = "command", hide_short_help = true)]
    pub(crate) keep_line_end: bool,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

impl RequestArgs {
    /// Checks what clap cannot.
    pub(super) fn check(&self) -> Result<(), UsageError> {
        let protocol = self.connection.check()?;
        check_protocol(protocol)?;
        super::check_topic(&self.topic, protocol)?;
        self.properties.properties(protocol).map(drop)
    }
}

impl ReplyArgs {
    /// Checks what clap cannot.
    pub(super) fn check(&self) -> Result<(), UsageError> {
        let protocol = self.connection.check()?;
        check_protocol(protocol)?;
        super::check_filter(&self.topic, protocol)?;
        let PayloadArgs { message, file, stdin_file, null_message } = &self.payload;
        let has_answer = message.is_some() || file.is_some() || *stdin_file || *null_message;
        if self.command.is_empty() && !has_answer {
            return UsageError::new("what to answer: give -m TEXT, -f FILE, or behind -- a command");
        }
        if protocol == Protocol::Stomp && self.qos.is_some() {
            return UsageError::new("-q does not go with STOMP: its subscribers do not choose a QoS");
        }
        self.properties.properties(protocol).map(drop)
    }
}

fn check_protocol(protocol: Protocol) -> Result<(), UsageError> {
    match protocol {
        Protocol::Mqtt311 => {
            UsageError::new("MQTT 3.1.1 has no response topic, which answers need: leave out -V 3.1.1")
        }
        Protocol::Mqtt5 | Protocol::Stomp => Ok(()),
    }
}

const REQUEST_EXAMPLES: &str = "Examples:
  tw request -t svc/add -m '2 3'
  tw request -h broker.example -t svc/report -f query.json --timeout 1m --json
Exit status: 0 answered, 1 refused or failed, 2 wrong usage, 3 no answer in time.";

const REPLY_EXAMPLES: &str = "Examples:
  tw reply -t svc/ping -m pong
  tw reply -t svc/add -- awk '{ print $1 + $2 }'
Exit status: 0 fine, or interrupted; 1 refused or failed; 2 wrong usage.";
