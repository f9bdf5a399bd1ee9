//! The command line.

use clap::{ArgAction, Args, Parser, Subcommand};
use tidewire_client::mqtt::Version;
use tidewire_client::{Error, Qos, Scheme, Url};

use super::bench::BenchArgs;
use super::manual::Action;

/// Talks to a message broker: MQTT and STOMP, over WebSocket and TCP.
#[derive(Debug, Parser)]
#[command(name = "tw", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Publish messages: one from the command line, or standard input as one or line by line.
    Pub(PubArgs),
    /// Subscribe, and write what arrives to standard output.
    Sub(SubArgs),
    /// Measure a broker.
    Bench(BenchArgs),
    #[command(flatten)]
    Manual(Action),
}

/// Where to connect, and as whom.
#[derive(Args, Debug)]
pub(crate) struct ConnectionArgs {
    /// The broker: ws://HOST:PORT/PATH, mqtt://HOST:PORT or stomp://HOST:PORT.
    #[arg(short, long, value_name = "URL", default_value = DEFAULT_URL)]
    pub(crate) url: Url,
    /// Speak STOMP 1.2 where the URL leaves it open. TOPIC a/b means /topic/a/b then; what begins with / is a
    /// destination as it is.
    #[arg(long)]
    pub(crate) stomp: bool,
    /// The client identifier; without it the broker chooses one.
    #[arg(short = 'i', long = "id", value_name = "CLIENT_ID")]
    pub(crate) client_id: Option<String>,
    /// The version of MQTT: 3.1.1 or 5.
    #[arg(short = 'V', long = "mqtt-version", value_name = "VERSION", value_parser = parse_version)]
    pub(crate) version: Option<Version>,
}

#[derive(Args, Debug)]
pub(crate) struct PubArgs {
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
    /// Where to publish.
    #[arg(short, long)]
    pub(crate) topic: String,
    /// The payload; without it and without -l, standard input is the payload.
    #[arg(short, long, value_name = "TEXT", conflicts_with = "lines", allow_hyphen_values = true)]
    pub(crate) message: Option<String>,
    /// Publish each line of standard input as a message.
    #[arg(short, long)]
    pub(crate) lines: bool,
    /// 0: at most once, 1: at least once, 2: exactly once.
    #[arg(short, long, default_value = "0", value_parser = parse_qos)]
    pub(crate) qos: Qos,
    /// Let the broker keep the message for later subscribers.
    #[arg(short, long)]
    pub(crate) retain: bool,
}

#[derive(Args, Debug)]
pub(crate) struct SubArgs {
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
    /// What to subscribe to; may be given again. + stands for one level, # at the end for all that follow.
    #[arg(short, long = "topic", value_name = "FILTER", required = true, action = ArgAction::Append)]
    pub(crate) topics: Vec<String>,
    /// The highest QoS at which to receive [default: 0]. STOMP does not ask.
    #[arg(short, long, value_parser = parse_qos)]
    pub(crate) qos: Option<Qos>,
    /// Write the topic before the payload.
    #[arg(short, long)]
    pub(crate) verbose: bool,
    /// Write each message as a JSON object on a line of its own.
    #[arg(long, conflicts_with = "verbose")]
    pub(crate) json: bool,
    /// End after so many messages.
    #[arg(short, long, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
}

impl Cli {
    /// Checks what clap cannot: which arguments suit the protocol.
    pub(crate) fn check(&self) -> Result<(), UsageError> {
        match &self.command {
            Command::Pub(args) => {
                args.connection.check()?;
                let wrong = |error| UsageError(format!("-t {:?}: {error}", args.topic));
                match args.connection.spoken() {
                    Spoken::Mqtt(_) => check_topic(&args.topic).map_err(wrong),
                    Spoken::Stomp => Ok(()),
                }
            }
            Command::Sub(args) => {
                args.connection.check()?;
                match (args.connection.spoken(), args.qos) {
                    (Spoken::Stomp, Some(_)) => Err(UsageError(
                        "-q does not go with STOMP: its subscribers do not choose a QoS".to_owned(),
                    )),
                    _ => Ok(()),
                }
            }
            Command::Bench(_) | Command::Manual(_) => Ok(()),
        }
    }
}

/// What is wrong with arguments that are each right.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct UsageError(pub(crate) String);

/// What the arguments ask to speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spoken {
    Mqtt(Version),
    Stomp,
}

impl ConnectionArgs {
    pub(crate) fn spoken(&self) -> Spoken {
        match self.stomp || self.url.scheme() == Scheme::Stomp {
            true => Spoken::Stomp,
            false => Spoken::Mqtt(self.version.unwrap_or(Version::V5)),
        }
    }

    fn check(&self) -> Result<(), UsageError> {
        let wrong = |text: &str| Err(UsageError(text.to_owned()));
        if self.url.scheme().is_tls() {
            return Err(UsageError(Error::TlsUnavailable(self.url.clone()).to_string()));
        }
        match (self.spoken(), self.url.scheme(), self.version) {
            (Spoken::Stomp, Scheme::Mqtt, _) => {
                wrong("--stomp does not go with an mqtt:// URL: use stomp:// or ws://")
            }
            (Spoken::Stomp, _, Some(_)) => {
                wrong("-V is a version of MQTT, and STOMP is to be spoken: leave it out")
            }
            _ => Ok(()),
        }
    }
}

pub(crate) fn parse_version(text: &str) -> Result<Version, &'static str> {
    match text {
        "3.1.1" | "311" | "4" => Ok(Version::V311),
        "5" | "5.0" => Ok(Version::V5),
        _ => Err("the versions of MQTT are 3.1.1 and 5"),
    }
}

pub(crate) fn parse_qos(text: &str) -> Result<Qos, &'static str> {
    text.parse().ok().and_then(Qos::from_u8).ok_or("QoS is 0, 1 or 2")
}

fn check_topic(topic: &str) -> Result<(), String> {
    tidewire_protocols::topic::TopicName::parse(topic).map(|_| ()).map_err(|error| error.to_string())
}

/// Where `tidewire serve` listens by default.
pub(crate) const DEFAULT_URL: &str = "ws://127.0.0.1:8080/";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<Cli, String> {
        let cli = Cli::try_parse_from(line.split(' ')).map_err(|error| error.to_string())?;
        cli.check().map_err(|UsageError(wrong)| wrong)?;
        Ok(cli)
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn pub_with_everything() {
        let cli = parse("tw pub -u mqtt://broker -t a/b -m -1 -q 2 -r -i me -V 3.1.1").unwrap();
        let Command::Pub(args) = cli.command else { panic!("{cli:?}") };
        assert_eq!(args.connection.url.to_string(), "mqtt://broker:1883");
        assert_eq!(args.connection.spoken(), Spoken::Mqtt(Version::V311));
        assert_eq!(args.connection.client_id.as_deref(), Some("me"));
        assert_eq!((args.topic.as_str(), args.message.as_deref()), ("a/b", Some("-1")));
        assert_eq!((args.qos, args.retain, args.lines), (Qos::ExactlyOnce, true, false));
    }

    #[test]
    fn defaults() {
        let cli = parse("tw sub -t a -t b/#").unwrap();
        let Command::Sub(args) = cli.command else { panic!("{cli:?}") };
        assert_eq!(args.connection.url.to_string(), DEFAULT_URL);
        assert_eq!(args.connection.spoken(), Spoken::Mqtt(Version::V5));
        assert_eq!(args.topics, ["a", "b/#"]);
        assert_eq!((args.qos, args.count, args.verbose, args.json), (None, None, false, false));
    }

    #[test]
    fn a_stomp_url_speaks_stomp() {
        let cli = parse("tw sub -u stomp://broker -t /queue/jobs").unwrap();
        let Command::Sub(args) = cli.command else { panic!("{cli:?}") };
        assert_eq!(args.connection.spoken(), Spoken::Stomp);
    }

    #[test]
    fn wrong_usage_says_what_is_wrong() {
        for (line, wrong) in [
            ("tw pub -t a/# -m x", "does not contain + or #"),
            ("tw pub -t a -m x -l", "cannot be used with"),
            ("tw pub -m x", "--topic"),
            ("tw pub -t a -q 3", "QoS is 0, 1 or 2"),
            ("tw pub -t a -V 3", "3.1.1 and 5"),
            ("tw pub -t a -u broker:1883", "ws://, mqtt:// or stomp://"),
            ("tw pub -t a -u wss://broker/", "TLS is not available yet"),
            ("tw pub -t a -u mqtt://broker --stomp", "--stomp does not go with"),
            ("tw sub -t a --stomp -V 5", "-V is a version of MQTT"),
            ("tw sub -t a --stomp -q 1", "-q does not go with STOMP"),
            ("tw sub", "--topic"),
            ("tw sub -t a -c 0", "0 is not in"),
            ("tw sub -t a -v --json", "cannot be used with"),
            ("tw bench", "subcommand"),
            ("tw bench pairs -q 3", "QoS is 0, 1 or 2"),
            ("tw bench pairs --messages 1 --duration 1", "cannot be used with"),
            ("tw bench pairs --payload 7", "7 is not in"),
        ] {
            let said = parse(line).expect_err(line);
            assert!(said.contains(wrong), "{line}: {said}");
        }
    }

    #[test]
    fn what_a_scenario_shares_may_stand_on_either_side_of_its_name() {
        for line in ["tw bench -u mqtt://broker pairs", "tw bench pairs -u mqtt://broker"] {
            let Command::Bench(args) = parse(line).unwrap().command else { panic!("{line}") };
            assert_eq!(args.url.to_string(), "mqtt://broker:1883", "{line}");
        }
    }
}
