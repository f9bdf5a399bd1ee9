//! Where a broker is and what is spoken there.
//!
//! ```text
//! url    = scheme "://" host [ ":" port ] [ path ]       path only with ws and wss; it may have a query
//!        | plain "+unix://" socket [ ":" path ]          a Unix socket; path only with ws
//! scheme = plain                                         default ports 80, 1883 and 61613
//!        | "wss" | "mqtts" | "stomps"                    over TLS: 443, 8883 and 61614
//! plain  = "ws" | "mqtt" | "stomp"
//! host   = name | IPv4 address | "[" IPv6 address "]"
//! socket = "/" file path without a colon
//! ```
//!
//! The form of Unix sockets is that of the npm package `ws`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

/// A broker's address. Its text and its debug form show `?…` for a query, which may hold a token.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Url(Arc<Parts>);

/// Shared, so that errors which name their address stay small.
#[derive(PartialEq, Eq, Hash)]
struct Parts {
    scheme: Scheme,
    /// Without the brackets of an IPv6 address.
    host: String,
    port: u16,
    /// Begins with a slash; empty where the scheme has none.
    path: String,
    /// Instead of host and port.
    socket: Option<PathBuf>,
}

impl Url {
    /// What is spoken there.
    pub fn scheme(&self) -> Scheme {
        self.0.scheme
    }

    /// The name or address, as the resolver takes it; `localhost` for a Unix socket.
    pub fn host(&self) -> &str {
        &self.0.host
    }

    /// The TCP port; 0 for a Unix socket.
    pub fn port(&self) -> u16 {
        self.0.port
    }

    /// The Unix socket, if it is one.
    pub fn socket(&self) -> Option<&Path> {
        self.0.socket.as_deref()
    }

    /// The path of a `ws` or `wss` URL with its query; empty for the others.
    pub fn path(&self) -> &str {
        &self.0.path
    }

    /// The whole URL, with what may be secret.
    pub(crate) fn full(&self) -> String {
        format!("{}{}", Base(self), self.path())
    }
}

impl FromStr for Url {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let (scheme, rest) = text.split_once("://").ok_or(UrlError::NoScheme)?;
        let (scheme, is_unix) = match scheme.to_ascii_lowercase().strip_suffix("+unix") {
            Some(plain) => (Scheme::parse(plain)?, true),
            None => (Scheme::parse(scheme)?, false),
        };
        if rest.contains(|character: char| character.is_whitespace() || character.is_control()) {
            return Err(UrlError::Space);
        }
        if is_unix {
            return parse_unix(scheme, rest);
        }
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(UrlError::UserInfo);
        }
        let (host, port) = split_port(authority)?;
        if host.is_empty() {
            return Err(UrlError::NoHost);
        }
        let port = match port {
            Some(digits) => parse_port(digits)?,
            None => scheme.default_port(),
        };
        let (host, path) = (host.to_owned(), check_path(scheme, path)?);
        Ok(Self(Arc::new(Parts { scheme, host, port, path, socket: None })))
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, query) = match self.path().split_once('?') {
            Some((path, _)) => (path, "?…"),
            None => (self.path(), ""),
        };
        match self.socket() {
            Some(_) if path.len() <= 1 && query.is_empty() => write!(f, "{}", Base(self)),
            Some(_) => write!(f, "{}:{path}{query}", Base(self)),
            None => write!(f, "{}{path}{query}", Base(self)),
        }
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Url({self})")
    }
}

/// What stands before the path.
struct Base<'a>(&'a Url);

impl fmt::Display for Base<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts { scheme, host, port, socket, .. } = &*self.0.0;
        match socket {
            Some(socket) => write!(f, "{scheme}+unix://{}", socket.display()),
            None if host.contains(':') => write!(f, "{scheme}://[{host}]:{port}"),
            None => write!(f, "{scheme}://{host}:{port}"),
        }
    }
}

/// What is spoken at a [`Url`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// WebSocket: MQTT or STOMP, as the client asks.
    Ws,
    /// MQTT over TCP.
    Mqtt,
    /// STOMP over TCP.
    Stomp,
    /// WebSocket over TLS.
    Wss,
    /// MQTT over TLS.
    Mqtts,
    /// STOMP over TLS.
    Stomps,
}

impl Scheme {
    /// The scheme as URLs write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ws => "ws",
            Self::Mqtt => "mqtt",
            Self::Stomp => "stomp",
            Self::Wss => "wss",
            Self::Mqtts => "mqtts",
            Self::Stomps => "stomps",
        }
    }

    /// The port of a URL that names none.
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Ws => 80,
            Self::Mqtt => 1883,
            Self::Stomp => 61613,
            Self::Wss => 443,
            Self::Mqtts => 8883,
            Self::Stomps => 61614,
        }
    }

    /// The same without TLS.
    pub const fn plain(self) -> Self {
        match self {
            Self::Ws | Self::Wss => Self::Ws,
            Self::Mqtt | Self::Mqtts => Self::Mqtt,
            Self::Stomp | Self::Stomps => Self::Stomp,
        }
    }

    /// Whether it is spoken over TLS.
    pub const fn is_tls(self) -> bool {
        matches!(self, Self::Wss | Self::Mqtts | Self::Stomps)
    }

    fn parse(text: &str) -> Result<Self, UrlError> {
        match text.to_ascii_lowercase().as_str() {
            "ws" => Ok(Self::Ws),
            "mqtt" => Ok(Self::Mqtt),
            "stomp" => Ok(Self::Stomp),
            "wss" => Ok(Self::Wss),
            "mqtts" => Ok(Self::Mqtts),
            "stomps" => Ok(Self::Stomps),
            _ => Err(UrlError::UnknownScheme(text.to_owned())),
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a text is no [`Url`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// There is no `://`.
    #[error("a URL begins with ws://, mqtt:// or stomp://, or with wss://, mqtts:// or stomps:// for TLS")]
    NoScheme,
    /// The scheme is none of ours.
    #[error("{0}:// is not spoken here: use ws://, mqtt:// or stomp://")]
    UnknownScheme(String),
    /// There is nothing between `://` and the port or the path.
    #[error("the URL names no host: write, for example, ws://127.0.0.1:8080/")]
    NoHost,
    /// What follows the colon is no port, or what follows a bracket is no colon.
    #[error("{0:?} is no port: a port is a number from 1 to 65535")]
    BadPort(String),
    /// More than one colon outside brackets.
    #[error("an IPv6 address stands in brackets, as in mqtt://[::1]:1883")]
    BareIpv6,
    /// `user:password@`.
    #[error("a URL carries no user name or password here: leave out what stands before the @")]
    UserInfo,
    /// `mqtt` and `stomp` have no path.
    #[error("{0}:// has no path: end the URL with the port")]
    Path(Scheme),
    /// `#…` means nothing to a broker.
    #[error("the URL contains a #: leave out what begins there")]
    Fragment,
    /// `+unix://` and no path from the root behind it.
    #[error("a Unix socket is named by its whole path, as in mqtt+unix:///run/tidewire/mqtt.sock")]
    NoSocket,
    /// TLS over a Unix socket.
    #[error("{0}+unix: there is no TLS over a Unix socket: use {plain}+unix", plain = .0.plain())]
    UnixTls(Scheme),
    /// A space or a control character.
    #[error("the URL contains a space or a control character: write spaces as %20")]
    Space,
}

/// What stands behind `+unix://`.
fn parse_unix(scheme: Scheme, rest: &str) -> Result<Url, UrlError> {
    if scheme.is_tls() {
        return Err(UrlError::UnixTls(scheme));
    }
    let (socket, path) = rest.split_once(':').unwrap_or((rest, ""));
    if !socket.starts_with('/') || socket.ends_with('/') {
        return Err(UrlError::NoSocket);
    }
    let path = check_path(scheme, path)?;
    let (host, socket) = ("localhost".to_owned(), Some(socket.into()));
    Ok(Url(Arc::new(Parts { scheme, host, port: 0, path, socket })))
}

/// `host:port`, `[host]:port`, or either without the port.
fn split_port(authority: &str) -> Result<(&str, Option<&str>), UrlError> {
    if let Some((host, rest)) = authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return match rest.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if rest.is_empty() => Ok((host, None)),
            None => Err(UrlError::BadPort(rest.to_owned())),
        };
    }
    match authority.split_once(':') {
        Some((_, port)) if port.contains(':') => Err(UrlError::BareIpv6),
        Some((host, port)) => Ok((host, Some(port))),
        None => Ok((authority, None)),
    }
}

fn parse_port(digits: &str) -> Result<u16, UrlError> {
    match digits.parse() {
        // `parse` would take a sign, too.
        Ok(port @ 1..) if digits.bytes().all(|digit| digit.is_ascii_digit()) => Ok(port),
        _ => Err(UrlError::BadPort(digits.to_owned())),
    }
}

fn check_path(scheme: Scheme, path: &str) -> Result<String, UrlError> {
    if path.contains('#') {
        return Err(UrlError::Fragment);
    }
    match (scheme.plain(), path) {
        (Scheme::Ws, path) if path.starts_with('/') => Ok(path.to_owned()),
        (Scheme::Ws, query) => Ok(format!("/{query}")),
        (_, "" | "/") => Ok(String::new()),
        _ => Err(UrlError::Path(scheme)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_url_leaves_out_is_filled_in() {
        for (text, full) in [
            ("ws://127.0.0.1:8080/", "ws://127.0.0.1:8080/"),
            ("ws://broker", "ws://broker:80/"),
            ("ws://broker?token=1", "ws://broker:80/?…"),
            ("WS://broker:9001/mqtt?a=b", "ws://broker:9001/mqtt?…"),
            ("mqtt://broker", "mqtt://broker:1883"),
            ("mqtt://broker:2883/", "mqtt://broker:2883"),
            ("stomp://broker", "stomp://broker:61613"),
            ("mqtt://[::1]", "mqtt://[::1]:1883"),
            ("wss://broker/mqtt", "wss://broker:443/mqtt"),
            ("mqtts://broker", "mqtts://broker:8883"),
            ("stomps://broker", "stomps://broker:61614"),
            ("ws://[::1]:8080/x", "ws://[::1]:8080/x"),
            ("mqtt+unix:///run/m.sock", "mqtt+unix:///run/m.sock"),
            ("ws+unix:///run/w.sock", "ws+unix:///run/w.sock"),
            ("WS+UNIX:///run/w.sock:/mqtt?a=b", "ws+unix:///run/w.sock:/mqtt?…"),
        ] {
            assert_eq!(text.parse::<Url>().map(|url| url.to_string()).as_deref(), Ok(full), "{text}");
        }
    }

    #[test]
    fn a_query_is_sent_and_not_shown() {
        let url: Url = "wss://broker/mqtt?access_token=secret".parse().unwrap();
        assert_eq!(url.full(), "wss://broker:443/mqtt?access_token=secret");
        assert!(!format!("{url} {url:?}").contains("secret"));
    }

    #[test]
    fn an_ipv6_host_has_no_brackets() {
        let url: Url = "mqtt://[::1]:1884".parse().unwrap();
        assert_eq!((url.host(), url.port()), ("::1", 1884));
    }

    #[test]
    fn a_unix_socket_has_neither_host_nor_port() {
        let url: Url = "ws+unix:///run/w.sock:/mqtt".parse().unwrap();
        assert_eq!(url.socket(), Some(Path::new("/run/w.sock")));
        assert_eq!((url.scheme(), url.host(), url.port(), url.path()), (Scheme::Ws, "localhost", 0, "/mqtt"));
        assert_eq!("mqtt://broker".parse::<Url>().unwrap().socket(), None);
    }

    #[test]
    fn what_is_no_url_says_why() {
        let bad_port = |text: &str| UrlError::BadPort(text.to_owned());
        for (text, error) in [
            ("broker:1883", UrlError::NoScheme),
            ("", UrlError::NoScheme),
            ("http://broker", UrlError::UnknownScheme("http".to_owned())),
            ("ws://", UrlError::NoHost),
            ("ws://:8080/", UrlError::NoHost),
            ("mqtt://broker:", bad_port("")),
            ("mqtt://broker:0", bad_port("0")),
            ("mqtt://broker:+1", bad_port("+1")),
            ("mqtt://broker:65536", bad_port("65536")),
            ("mqtt://[::1]1883", bad_port("1883")),
            ("mqtt://::1:1883", UrlError::BareIpv6),
            ("mqtt://me:secret@broker", UrlError::UserInfo),
            ("mqtt://broker/path", UrlError::Path(Scheme::Mqtt)),
            ("mqtts://broker/path", UrlError::Path(Scheme::Mqtts)),
            ("ws://broker/#here", UrlError::Fragment),
            ("ws://broker/a b", UrlError::Space),
            ("mqtt+unix://run/m.sock", UrlError::NoSocket),
            ("mqtt+unix://", UrlError::NoSocket),
            ("mqtts+unix:///run/m.sock", UrlError::UnixTls(Scheme::Mqtts)),
            ("mqtt+unix:///run/m.sock:/path", UrlError::Path(Scheme::Mqtt)),
            ("http+unix:///run/m.sock", UrlError::UnknownScheme("http".to_owned())),
        ] {
            assert_eq!(text.parse::<Url>(), Err(error), "{text}");
        }
    }
}
