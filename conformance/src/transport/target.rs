//! The broker's address, as the command line gives it.

use std::fmt;

/// How the protocol's bytes travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `tcp`, `mqtt`, `stomp`.
    Tcp,
    /// `tls`, `mqtts`, `stomps`.
    Tls,
    /// `ws`.
    WebSocket,
    /// `wss`.
    SecureWebSocket,
}

impl Scheme {
    /// Whether TLS is underneath.
    pub fn is_secure(self) -> bool {
        matches!(self, Scheme::Tls | Scheme::SecureWebSocket)
    }

    /// Whether bytes travel in WebSocket frames.
    pub fn is_web_socket(self) -> bool {
        matches!(self, Scheme::WebSocket | Scheme::SecureWebSocket)
    }
}

/// Where the broker is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// How bytes travel.
    pub scheme: Scheme,
    /// A name or an address, without brackets.
    pub host: String,
    /// The port; by the scheme's name where the URL has none.
    pub port: u16,
    /// The WebSocket request's path.
    pub path: String,
    /// The scheme as written: `mqtt` and `stomp` say what is spoken there.
    pub name: String,
}

impl Target {
    /// Reads `scheme://host[:port][/path]`.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn parse(url: &str) -> Result<Target, String> {
        let (name, rest) =
            url.split_once("://").ok_or_else(|| format!("{url}: a URL starts with ws://, tcp://, …"))?;
        let (scheme, default_port) = match name {
            "tcp" | "mqtt" => (Scheme::Tcp, 1883),
            "stomp" => (Scheme::Tcp, 61613),
            "ws" => (Scheme::WebSocket, 80),
            "tls" | "mqtts" => (Scheme::Tls, 8883),
            "stomps" => (Scheme::Tls, 61614),
            "wss" => (Scheme::SecureWebSocket, 443),
            other => {
                let known = "tcp, tls, ws, wss, mqtt, mqtts, stomp or stomps";
                return Err(format!("{url}: the scheme is {known}, not {other}"));
            }
        };
        let (authority, path) = match rest.find('/') {
            Some(index) => rest.split_at(index),
            None => (rest, "/"),
        };
        let (host, port) =
            split_port(authority).ok_or_else(|| format!("{url}: the port is a number up to 65535"))?;
        if host.is_empty() {
            return Err(format!("{url}: the host is missing"));
        }
        Ok(Target {
            scheme,
            host: host.to_owned(),
            port: port.unwrap_or(default_port),
            path: path.to_owned(),
            name: name.to_owned(),
        })
    }

    /// `host:port` as an HTTP request names it; an IPv6 address needs brackets.
    pub fn authority(&self) -> String {
        let Target { host, port, .. } = self;
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.scheme.is_web_socket() { self.path.as_str() } else { "" };
        write!(formatter, "{}://{}{path}", self.name, self.authority())
    }
}

fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, after) = rest.split_once(']')?;
        return match after.strip_prefix(':') {
            Some(port) => Some((host, Some(port.parse().ok()?))),
            None => Some((host, None)),
        };
    }
    match authority.rsplit_once(':') {
        Some((host, port)) => Some((host, Some(port.parse().ok()?))),
        None => Some((authority, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::{Scheme, Target};

    #[test]
    fn urls_are_taken_apart() {
        let target = Target::parse("ws://127.0.0.1:8080/mqtt").unwrap();
        assert_eq!((target.scheme, &*target.host, target.port), (Scheme::WebSocket, "127.0.0.1", 8080));
        assert_eq!(target.path, "/mqtt");
        assert_eq!(target.to_string(), "ws://127.0.0.1:8080/mqtt");
        assert_eq!(Target::parse("mqtt://broker").unwrap().port, 1883);
        assert_eq!(Target::parse("stomp://broker/").unwrap().port, 61613);
        assert_eq!(Target::parse("wss://broker").unwrap().port, 443);
        assert_eq!(Target::parse("mqtts://broker").unwrap().scheme, Scheme::Tls);
        assert_eq!(Target::parse("tcp://[::1]:1884").unwrap().authority(), "[::1]:1884");
    }

    #[test]
    fn mistakes_are_named() {
        assert!(Target::parse("127.0.0.1:8080").unwrap_err().contains("starts with"));
        assert!(Target::parse("http://a").unwrap_err().contains("scheme"));
        assert!(Target::parse("ws://a:99999").unwrap_err().contains("port"));
        assert!(Target::parse("ws://:80").unwrap_err().contains("host"));
    }
}
