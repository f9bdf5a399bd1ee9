//! The arguments of `tw pub`.

use std::num::NonZeroU64;
use std::time::Duration;

use clap::Args;
use tidewire_client::Qos;

use super::UsageError;
use super::connection::ConnectionArgs;
use super::payload::{PayloadArgs, PropertyArgs};
use super::values::{parse_count, parse_duration, parse_qos, parse_timeout};

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct PubArgs {
    /// Where to publish; with --stomp, /queue/NAME is a queue.
    #[arg(short, long)]
    pub(crate) topic: String,
    #[command(flatten)]
    pub(crate) payload: PayloadArgs,
    /// Each line of standard input, or of -f FILE, is a message.
    #[arg(short, long, conflicts_with_all = ["message", "stdin_file", "null_message"])]
    pub(crate) lines: bool,
    /// 0: at most once, 1: at least once, 2: exactly once.
    #[arg(short, long, default_value = "0", value_parser = parse_qos)]
    pub(crate) qos: Qos,
    /// Let the broker keep the message for later subscribers; with -n it forgets what it has kept.
    #[arg(short, long)]
    pub(crate) retain: bool,
    /// Publish the payload so many times.
    #[arg(long, value_name = "COUNT", value_parser = parse_count, conflicts_with = "lines", hide_short_help = true)]
    pub(crate) repeat: Option<NonZeroU64>,
    /// What lies between those times [default: nothing].
    #[arg(long, value_name = "TIME", value_parser = parse_duration, requires = "repeat", hide_short_help = true)]
    pub(crate) repeat_delay: Option<Duration>,
    #[command(flatten)]
    pub(crate) properties: PropertyArgs,
    /// How long the broker may take to acknowledge everything (exit status 3).
    #[arg(short = 'W', long, value_name = "TIME", value_parser = parse_timeout)]
    pub(crate) timeout: Option<Duration>,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

impl PubArgs {
    /// Checks what clap cannot.
    pub(super) fn check(&self) -> Result<(), UsageError> {
        let protocol = self.connection.check()?;
        super::check_topic(&self.topic, protocol)?;
        self.properties.properties(protocol).map(drop)
    }
}

const EXAMPLES: &str = "Examples:
  tw pub -t rooms/kitchen -m 'the kettle is on' -r
  tw pub -h broker.example -p 8883 -u ann -t lamps/7 -m on -q 1
  seq 1000 | tw pub -u stomp://127.0.0.1:61613 -t /queue/jobs -l
Exit status: 0 all is acknowledged, 1 refused or failed, 2 wrong usage, 3 timed out.";
