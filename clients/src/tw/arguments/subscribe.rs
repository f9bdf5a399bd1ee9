//! The arguments of `tw sub`.

use std::num::{NonZeroU16, NonZeroU64};
use std::time::Duration;

use clap::{ArgAction, Args, ValueEnum};
use tidewire_client::{Acknowledge, Protocol, Qos, RetainHandling, Subscription};

use super::UsageError;
use super::connection::ConnectionArgs;
use super::output::OutputArgs;
use super::values::{Pair, parse_count, parse_qos, parse_timeout};

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SubArgs {
    /// What to subscribe to; may be given again. + is any one level, # all that follow.
    #[arg(short, long = "topic", value_name = "FILTER", required = true, action = ArgAction::Append)]
    pub(crate) topics: Vec<String>,
    /// The highest QoS at which to receive [default: 0]. STOMP does not ask.
    #[arg(short, long, value_parser = parse_qos)]
    pub(crate) qos: Option<Qos>,
    /// End after so many messages.
    ///
    /// mosquitto_sub has -C for it, which is taken as well; its -c, for a session that persists, is --persistent here.
    #[arg(short, long, visible_short_alias = 'C', value_parser = parse_count)]
    pub(crate) count: Option<NonZeroU64>,
    /// End after this time; exit status 3 if nothing came, or less than -c.
    #[arg(short = 'W', long, value_name = "TIME", value_parser = parse_timeout)]
    pub(crate) timeout: Option<Duration>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    /// Leave out what was retained before.
    #[arg(short = 'R', long, hide_short_help = true)]
    pub(crate) no_retained: bool,
    #[command(flatten)]
    pub(crate) stomp: StompArgs,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

/// What only STOMP's SUBSCRIBE says.
#[derive(Args, Debug, Default)]
pub(crate) struct StompArgs {
    /// STOMP: when a message counts as done with.
    ///
    /// auto: when it is sent. client, the default, and client-individual: when it is written to standard output.
    #[arg(long, value_name = "MODE", hide_short_help = true)]
    pub(crate) ack: Option<AckMode>,
    /// STOMP: only messages whose headers are so, such as "colour = 'red' AND weight > 10".
    #[arg(long, value_name = "CONDITION", hide_short_help = true)]
    pub(crate) selector: Option<String>,
    /// STOMP: how many messages may be unacknowledged.
    #[arg(long, value_name = "COUNT", hide_short_help = true)]
    pub(crate) prefetch: Option<NonZeroU16>,
    /// STOMP: a subscription of this name, which outlives the connection; needs -i.
    #[arg(long, value_name = "NAME", requires = "client_id", hide_short_help = true)]
    pub(crate) durable: Option<String>,
    /// STOMP: a header of SUBSCRIBE, such as exclusive=true; may be given again.
    #[arg(long, value_name = "NAME=VALUE", hide_short_help = true)]
    pub(crate) header: Vec<Pair>,
}

/// STOMP's ack modes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AckMode {
    Auto,
    Client,
    ClientIndividual,
}

impl SubArgs {
    /// Checks what clap cannot.
    pub(super) fn check(&self) -> Result<(), UsageError> {
        let protocol = self.connection.check()?;
        self.topics.iter().try_for_each(|filter| super::check_filter(filter, protocol))?;
        match protocol {
            Protocol::Stomp if self.qos.is_some() => {
                UsageError::new("-q does not go with STOMP: its subscribers do not choose a QoS")
            }
            Protocol::Stomp if self.stomp.durable.is_some() && self.topics.len() > 1 => {
                UsageError::new("--durable NAME is of one subscription: give one -t")
            }
            Protocol::Mqtt311 if self.no_retained => {
                UsageError::new("-R asks the broker for it, which MQTT 3.1.1 cannot: leave out -V 3.1.1")
            }
            Protocol::Mqtt311 | Protocol::Mqtt5 => match self.stomp.given() {
                Some(option) => UsageError::new(format!("{option} is STOMP's alone: leave it out")),
                None => Ok(()),
            },
            Protocol::Stomp => Ok(()),
        }
    }

    /// What to ask the broker for.
    pub(crate) fn subscriptions(&self) -> Vec<Subscription> {
        self.topics.iter().map(|filter| self.subscription(filter)).collect()
    }

    fn subscription(&self, filter: &str) -> Subscription {
        let StompArgs { ack, selector, prefetch, durable, header } = &self.stomp;
        let mut subscription = Subscription::new(filter, self.qos.unwrap_or(Qos::AtMostOnce))
            .with_acknowledge(ack.map_or(Acknowledge::default(), AckMode::acknowledge));
        if self.no_retained {
            subscription = subscription.with_retain_handling(RetainHandling::DoNotSend);
        }
        if let Some(condition) = selector {
            subscription = subscription.with_header("selector", condition);
        }
        if let Some(messages) = prefetch {
            subscription = subscription.with_prefetch(*messages);
        }
        if let Some(name) = durable {
            subscription = subscription.with_durable(name);
        }
        header
            .iter()
            .fold(subscription, |subscription, Pair { name, value }| subscription.with_header(name, value))
    }
}

impl AckMode {
    fn acknowledge(self) -> Acknowledge {
        match self {
            Self::Auto => Acknowledge::OnDelivery,
            Self::Client => Acknowledge::Automatic,
            Self::ClientIndividual => Acknowledge::Manual,
        }
    }
}

impl StompArgs {
    /// The first of them that is given.
    fn given(&self) -> Option<&'static str> {
        let Self { ack, selector, prefetch, durable, header } = self;
        let given = [
            ("--ack", ack.is_some()),
            ("--selector", selector.is_some()),
            ("--prefetch", prefetch.is_some()),
            ("--durable", durable.is_some()),
            ("--header", !header.is_empty()),
        ];
        given.into_iter().find_map(|(option, is_given)| is_given.then_some(option))
    }
}

const EXAMPLES: &str = "Examples:
  tw sub -t 'rooms/#' -v
  tw sub -h broker.example -t 'lamps/+' -q 1 --json -c 10 -W 30s
  tw sub -u ws://127.0.0.1:8080/ --stomp -t /queue/jobs --ack client-individual
Exit status: 0 fine, or interrupted; 1 refused or failed; 2 wrong usage; 3 too little came in time.";
