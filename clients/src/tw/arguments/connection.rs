//! Who connects, how, and over what.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tidewire_client::mqtt::Version;
use tidewire_client::{Protocol, Qos, Scheme};

use super::UsageError;
use super::address::{Address, AddressArgs};
use super::values::{Pair, Secret, parse_duration, parse_qos, parse_timeout, parse_version};

/// Everything about a connection.
#[derive(Args, Debug)]
#[command(next_help_heading = "Connection")]
pub(crate) struct ConnectionArgs {
    #[command(flatten)]
    pub(crate) address: AddressArgs,
    /// The version of MQTT: 3.1.1 or 5 [default: 5].
    #[arg(short = 'V', long = "mqtt-version", value_name = "VERSION", value_parser = parse_version)]
    pub(crate) version: Option<Version>,
    /// The client identifier; without it the broker chooses one.
    #[arg(short = 'i', long = "id", value_name = "CLIENT_ID")]
    pub(crate) client_id: Option<String>,
    #[command(flatten)]
    pub(crate) credentials: CredentialArgs,
    #[command(flatten)]
    pub(crate) tls: TlsArgs,
    /// A header of the WebSocket's upgrade, such as Origin=https://app.example; may be given again.
    #[arg(long, value_name = "NAME=VALUE", hide_short_help = true)]
    pub(crate) ws_header: Vec<Pair>,
    /// STOMP's virtual host [default: the URL's host].
    #[arg(long, value_name = "NAME", hide_short_help = true)]
    pub(crate) virtual_host: Option<String>,
    /// How often each side shows that it is there: MQTT's keep alive, STOMP's heart-beat [default: 60s, 10s].
    #[arg(short, long, value_name = "TIME", value_parser = parse_duration, hide_short_help = true)]
    pub(crate) keep_alive: Option<Duration>,
    /// Keep the session when the connection ends, for an hour or as long as -x says; needs -i. mosquitto's -c.
    #[arg(long, requires = "client_id", hide_short_help = true)]
    pub(crate) persistent: bool,
    /// How long the session outlives the connection [default: not at all; an hour with --persistent].
    #[arg(short = 'x', long, value_name = "TIME", value_parser = parse_duration, hide_short_help = true)]
    pub(crate) session_expiry: Option<Duration>,
    /// Connect again when the connection is lost, and go on trying where there is no broker yet.
    #[arg(long, hide_short_help = true)]
    pub(crate) reconnect: bool,
    /// End when the connection is lost. That is how `pub` and `request` do it unless told otherwise.
    #[arg(long, conflicts_with = "reconnect", hide_short_help = true)]
    pub(crate) no_reconnect: bool,
    /// How long connecting may take [default: 10s].
    #[arg(long, value_name = "TIME", value_parser = parse_timeout, hide_short_help = true)]
    pub(crate) connect_timeout: Option<Duration>,
    #[command(flatten)]
    pub(crate) will: WillArgs,
    /// Say on standard error what happens: connected, subscribed, published, lost.
    #[arg(short, long, hide_short_help = true)]
    pub(crate) debug: bool,
}

/// The proof of who connects. Where none is given, the variables TW_PASSWORD and TW_TOKEN are looked at.
#[derive(Args, Debug)]
pub(crate) struct CredentialArgs {
    /// The password of -u USER; TW_PASSWORD hides it from others.
    ///
    /// Other users of this machine can see a command line. --password-file and the variable TW_PASSWORD hide it.
    #[arg(short = 'P', long, visible_alias = "pw", value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) password: Option<Secret>,
    /// A file with the password; its last line end is not part of it.
    #[arg(long, value_name = "FILE", conflicts_with = "password", hide_short_help = true)]
    pub(crate) password_file: Option<PathBuf>,
    /// A token, such as a JSON Web Token, instead of a password; better in TW_TOKEN.
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["password", "password_file"], hide_short_help = true)]
    pub(crate) token: Option<Secret>,
    /// A file with the token, which is read again at each connect.
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["password", "password_file", "token"],
        hide_short_help = true
    )]
    pub(crate) token_file: Option<PathBuf>,
}

/// Whom to trust, and what to show.
#[derive(Args, Debug)]
pub(crate) struct TlsArgs {
    /// TLS: whose certificates are believed, in PEM [default: the system's].
    #[arg(long, value_name = "FILE")]
    pub(crate) cafile: Option<PathBuf>,
    /// TLS: the certificate to show, in PEM.
    #[arg(long, value_name = "FILE", requires = "key", hide_short_help = true)]
    pub(crate) cert: Option<PathBuf>,
    /// TLS: the key of --cert, in PEM.
    #[arg(long, value_name = "FILE", requires = "cert", hide_short_help = true)]
    pub(crate) key: Option<PathBuf>,
    /// TLS: believe every certificate. Whoever sits in between reads and changes everything.
    #[arg(long, conflicts_with = "cafile", hide_short_help = true)]
    pub(crate) insecure: bool,
    /// TLS: the name in the broker's certificate [default: the URL's host].
    #[arg(long, value_name = "NAME", hide_short_help = true)]
    pub(crate) server_name: Option<String>,
}

/// What the broker publishes if the connection breaks. MQTT only.
#[derive(Args, Debug)]
pub(crate) struct WillArgs {
    /// MQTT: where the broker publishes if the connection breaks.
    #[arg(long, value_name = "TOPIC", hide_short_help = true)]
    pub(crate) will_topic: Option<String>,
    /// MQTT: what it publishes then [default: nothing].
    #[arg(
        long,
        value_name = "TEXT",
        requires = "will_topic",
        allow_hyphen_values = true,
        hide_short_help = true
    )]
    pub(crate) will_payload: Option<String>,
    /// MQTT: the QoS of that [default: 0].
    #[arg(long, value_name = "QOS", requires = "will_topic", value_parser = parse_qos, hide_short_help = true)]
    pub(crate) will_qos: Option<Qos>,
    /// MQTT: let the broker keep that for later subscribers.
    #[arg(long, requires = "will_topic", hide_short_help = true)]
    pub(crate) will_retain: bool,
}

impl TlsArgs {
    /// Whether any of them is given.
    fn is_wanted(&self) -> bool {
        let Self { cafile, cert, key, insecure, server_name } = self;
        cafile.is_some() || cert.is_some() || key.is_some() || *insecure || server_name.is_some()
    }
}

impl ConnectionArgs {
    /// Where to connect, and as whom.
    ///
    /// # Errors
    ///
    /// As [`AddressArgs::resolve`].
    pub(crate) fn address(&self) -> Result<Address, UsageError> {
        self.address.resolve(self.tls.is_wanted())
    }

    /// What is spoken at the address.
    pub(crate) fn protocol(&self, address: &Address) -> Protocol {
        match (address.is_stomp, self.version) {
            (true, _) => Protocol::Stomp,
            (false, Some(Version::V5) | None) => Protocol::Mqtt5,
            (false, Some(_)) => Protocol::Mqtt311,
        }
    }

    /// Checks what clap cannot: which options suit each other, and the protocol.
    ///
    /// # Errors
    ///
    /// What does not go together, and what to do about it.
    pub(crate) fn check(&self) -> Result<Protocol, UsageError> {
        let address = self.address()?;
        let protocol = self.protocol(&address);
        if !self.ws_header.is_empty() && address.url.scheme().plain() != Scheme::Ws {
            return UsageError::new(
                "--ws-header is for WebSocket's upgrade: begin the URL with ws:// or wss://",
            );
        }
        if protocol == Protocol::Mqtt311 && self.session_expiry.is_some() {
            return UsageError::new(
                "-x is MQTT 5's: with -V 3.1.1 a session that is --persistent has no end",
            );
        }
        if self.credentials.password.is_some() && address.user_name.is_none() {
            return UsageError::new("-P is the password of a user: say which one with -u USER");
        }
        let stomp_only = [("--virtual-host", self.virtual_host.is_some())];
        let mqtt_only = [
            ("-V", self.version.is_some()),
            ("--persistent", self.persistent),
            ("-x", self.session_expiry.is_some()),
            ("--will-topic", self.will.will_topic.is_some()),
        ];
        let (foreign, owner): (&[_], _) = match protocol {
            Protocol::Stomp => (&mqtt_only, "MQTT"),
            Protocol::Mqtt5 | Protocol::Mqtt311 => (&stomp_only, "STOMP"),
        };
        match foreign.iter().find(|(_, is_given)| *is_given) {
            Some((option, _)) => UsageError::new(format!("{option} is {owner}'s alone: leave it out")),
            None => Ok(protocol),
        }
    }
}
