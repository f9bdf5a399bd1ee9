//! The command line.
//!
//! Whoever knows mosquitto's programs finds their letters. Two of them are spoken for: `-u` is a URL as well as a user name,
//! which a `://` tells apart, and `-c` is a count, so that a session that persists is `--persistent`.

mod address;
mod connection;
mod output;
mod payload;
mod publish;
mod request;
mod subscribe;
#[cfg(test)]
mod tests;
mod values;

use std::ffi::OsString;

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgAction, CommandFactory, Parser, Subcommand};
use tidewire_client::Protocol;
use tidewire_protocols::topic::{TopicFilter, TopicName};

pub(crate) use self::address::DEFAULT_URL;
pub(crate) use self::connection::{ConnectionArgs, CredentialArgs};
pub(crate) use self::output::OutputArgs;
pub(crate) use self::payload::PayloadArgs;
pub(crate) use self::publish::PubArgs;
pub(crate) use self::request::{ReplyArgs, RequestArgs};
pub(crate) use self::subscribe::SubArgs;
pub(crate) use self::values::{Secret, parse_qos, parse_version};
use super::bench::BenchArgs;
use super::manual::Action;

/// Talks to a message broker: MQTT and STOMP, over WebSocket, TCP and TLS.
#[derive(Debug, Parser)]
#[command(name = "tw", version, disable_help_flag = true, max_term_width = 100, after_help = EXAMPLES)]
pub(crate) struct Cli {
    /// Show what is needed often.
    #[arg(id = "help", long = "help", action = ArgAction::HelpShort, global = true, display_order = 900)]
    _help: Option<bool>,
    /// Show everything.
    #[arg(id = "help_all", long = "help-all", action = ArgAction::HelpLong, global = true, display_order = 901)]
    _help_all: Option<bool>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Publish messages: from the command line, a file, or standard input as one or line by line.
    Pub(Box<PubArgs>),
    /// Subscribe, and write what arrives to standard output.
    Sub(Box<SubArgs>),
    /// Publish a request, and write its answer to standard output.
    Request(Box<RequestArgs>),
    /// Answer requests, each by the same text or by what a command makes of it.
    Reply(Box<ReplyArgs>),
    /// Measure a broker.
    Bench(BenchArgs),
    #[command(flatten)]
    Manual(Action),
}

impl Cli {
    /// Reads the command line. Does not return where help or the version is asked for, or something is wrong.
    pub(crate) fn read() -> Self {
        Self::try_read(std::env::args_os()).unwrap_or_else(|error| error.exit())
    }

    /// The same from these words.
    ///
    /// # Errors
    ///
    /// Help, the version, or what is wrong.
    pub(crate) fn try_read(words: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let cli = Self::try_parse_from(words).map_err(with_tip)?;
        cli.check().map_err(|UsageError(wrong)| Self::command().error(ErrorKind::ArgumentConflict, wrong))?;
        Ok(cli)
    }

    /// Checks what clap cannot: which arguments suit the protocol.
    fn check(&self) -> Result<(), UsageError> {
        match &self.command {
            Command::Pub(args) => args.check(),
            Command::Sub(args) => args.check(),
            Command::Request(args) => args.check(),
            Command::Reply(args) => args.check(),
            Command::Bench(_) | Command::Manual(_) => Ok(()),
        }
    }
}

/// What is wrong with arguments that are each right.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct UsageError(pub(crate) String);

impl UsageError {
    fn new<T>(wrong: impl Into<String>) -> Result<T, Self> {
        Err(Self(wrong.into()))
    }
}

/// Says to those who know mosquitto's programs what stands in for `-c` without a number.
fn with_tip(mut error: clap::Error) -> clap::Error {
    let is_about_count = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(argument)) => argument.starts_with("--count") || argument == "-c",
        _ => false,
    };
    if is_about_count && matches!(error.kind(), ErrorKind::InvalidValue | ErrorKind::UnknownArgument) {
        let tip = StyledStr::from("-c wants a number of messages; for a session that persists: --persistent");
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip]));
    }
    error
}

/// A topic to publish to. STOMP's destinations are for the broker to judge.
fn check_topic(topic: &str, protocol: Protocol) -> Result<(), UsageError> {
    match protocol {
        Protocol::Stomp => Ok(()),
        Protocol::Mqtt5 | Protocol::Mqtt311 => {
            TopicName::parse(topic).map(drop).map_err(|error| UsageError(format!("-t {topic:?}: {error}")))
        }
    }
}

/// The same for a filter.
fn check_filter(filter: &str, protocol: Protocol) -> Result<(), UsageError> {
    match protocol {
        Protocol::Stomp => Ok(()),
        Protocol::Mqtt5 | Protocol::Mqtt311 => TopicFilter::parse(filter)
            .map(drop)
            .map_err(|error| UsageError(format!("-t {filter:?}: {error}"))),
    }
}

const EXAMPLES: &str = "Examples:
  tw sub -t 'rooms/#' -v
  tw pub -t rooms/kitchen -m 'the kettle is on'
  tw request -t svc/add -m '2 3'
Exit status:
  0  fine
  1  the broker refused, or the connection failed
  2  wrong usage
  3  timed out, or too little was received";
