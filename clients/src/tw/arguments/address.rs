//! Where the broker is: a URL, or the letters of mosquitto's programs.

use std::path::PathBuf;

use clap::Args;
use tidewire_client::{Scheme, Url};

use super::UsageError;

/// The options that say where the broker is. `-u` is a URL here and a user name for mosquitto's programs: a URL has `://`
/// and a user name has not, so that both can be meant.
#[derive(Args, Debug, Default)]
pub(crate) struct AddressArgs {
    /// The broker's URL [default: ws://127.0.0.1:8080/], or the user's name.
    ///
    /// The schemes of URLs are ws, mqtt and stomp, over TLS wss, mqtts and stomps, and on a Unix socket mqtt+unix:///PATH and the
    /// like. What has no :// is the user name, as in mosquitto's programs; -u may be given for each.
    #[arg(short = 'u', value_name = "URL|USER")]
    either: Vec<String>,
    /// The broker's URL, as with -u.
    #[arg(long, value_name = "URL", hide_short_help = true)]
    url: Option<String>,
    /// Who connects, as with -u, whatever the name looks like.
    #[arg(long, value_name = "USER", hide_short_help = true)]
    username: Option<String>,
    /// Instead of a URL: the host, over TCP.
    #[arg(short = 'h', long, value_name = "HOST")]
    host: Option<String>,
    /// Instead of a URL: the port [default: 1883, in STOMP 61613].
    ///
    /// The defaults over TLS are 8883 and 61614. With these, or with any option of TLS, the connection is made over TLS.
    #[arg(short, long, value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// Instead of a URL: the path of a Unix socket.
    #[arg(long, value_name = "PATH", hide_short_help = true, conflicts_with_all = ["host", "port"])]
    unix: Option<PathBuf>,
    /// Speak STOMP 1.2 where the URL leaves it open.
    ///
    /// A topic a/b stands for the destination /topic/a/b, and what begins with / is a destination as it is, such as
    /// /queue/jobs.
    #[arg(long)]
    stomp: bool,
}

/// What the options come to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) url: Url,
    pub(crate) user_name: Option<String>,
    pub(crate) is_stomp: bool,
}

impl AddressArgs {
    /// Puts them together. `is_tls` is whether an option asks for TLS.
    ///
    /// # Errors
    ///
    /// Options that are each right say different things together.
    pub(crate) fn resolve(&self, is_tls: bool) -> Result<Address, UsageError> {
        let (url, user_name) = self.named()?;
        let url = match url {
            Some(url) if self.host.is_some() || self.port.is_some() || self.unix.is_some() => {
                return UsageError::new(format!("{url} says where to connect: leave out -h, -p and --unix"));
            }
            Some(url) => url,
            None => self.put_together(is_tls)?,
        };
        let is_stomp = self.stomp || url.scheme().plain() == Scheme::Stomp;
        if is_stomp && url.scheme().plain() == Scheme::Mqtt {
            return UsageError::new("--stomp does not go with an mqtt:// URL: use stomp:// or ws://");
        }
        if is_tls && !url.scheme().is_tls() {
            return UsageError::new(format!(
                "{url} is without TLS, and an option of TLS is given: begin the URL with {}s://",
                url.scheme()
            ));
        }
        Ok(Address { url, user_name, is_stomp })
    }

    /// The URL and the user name, if they are given.
    fn named(&self) -> Result<(Option<Url>, Option<String>), UsageError> {
        let parse = |option: &str, given: &str| -> Result<Url, UsageError> {
            given.parse().map_err(|error| UsageError(format!("{option} {}: {error}", shown(given))))
        };
        let mut url = self.url.as_deref().map(|given| parse("--url", given)).transpose()?;
        let mut user_name = self.username.clone();
        for given in &self.either {
            if given.contains("://") {
                if url.replace(parse("-u", given)?).is_some() {
                    return UsageError::new("-u: one URL is enough");
                }
            } else if is_bare_address(given) {
                return UsageError::new(format!(
                    "-u {given}: a URL begins with ws://, mqtt:// or stomp://; for a name with a colon: --username"
                ));
            } else if user_name.replace(given.clone()).is_some() {
                return UsageError::new("-u: one user name is enough");
            }
        }
        Ok((url, user_name))
    }

    /// From host, port and socket, in the way of mosquitto's programs.
    fn put_together(&self, is_tls: bool) -> Result<Url, UsageError> {
        let plain = if self.stomp { Scheme::Stomp } else { Scheme::Mqtt };
        let secure = if self.stomp { Scheme::Stomps } else { Scheme::Mqtts };
        let is_tls = is_tls || self.port == Some(secure.default_port());
        let scheme = if is_tls { secure } else { plain };
        let text = match (&self.unix, &self.host, self.port) {
            (Some(path), ..) => format!("{plain}+unix://{}", path.display()),
            (None, None, None) if is_tls => format!("{scheme}://localhost"),
            (None, None, None) => DEFAULT_URL.to_owned(),
            (None, host, port) => {
                let host = host.as_deref().unwrap_or("localhost");
                let port = port.unwrap_or(scheme.default_port());
                match host.contains(':') {
                    true => format!("{scheme}://[{host}]:{port}"),
                    false => format!("{scheme}://{host}:{port}"),
                }
            }
        };
        text.parse().map_err(|error| UsageError(format!("{text}: {error}")))
    }
}

/// A text that is no URL, without what may be a password or a token in it.
fn shown(text: &str) -> String {
    let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
    let rest = rest.rsplit_once('@').map_or_else(|| rest.to_owned(), |(_, host)| format!("…@{host}"));
    match rest.split_once('?') {
        Some((path, _)) => format!("{scheme}://{path}?…"),
        None => format!("{scheme}://{rest}"),
    }
}

/// Whether a text looks like `host:port`, whose writer has meant a URL.
fn is_bare_address(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
}

/// Where `tidewire serve` listens by default.
pub(crate) const DEFAULT_URL: &str = "ws://127.0.0.1:8080/";
