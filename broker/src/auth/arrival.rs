//! What is known of a client before and in its CONNECT.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// How a connection came: what the network's layer knows of it before its protocol has said a word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arrival {
    /// Where the client is, as far as proxies that are trusted tell; none on a Unix socket.
    pub address: Option<IpAddr>,
    /// The name of the listener.
    pub listener: Arc<str>,
    /// The user that the client's certificate names; TLS has verified it.
    pub certified: Option<Arc<str>>,
    /// A token that came with the upgrade.
    pub token: Option<Token>,
    /// Whether whoever runs the broker has come, by the admin listener, and has proved there that it may: no rules hold for
    /// it, and nothing else is asked.
    pub is_operator: bool,
}

/// A bearer token (RFC 6750). It never shows in logs.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(Box<str>);

impl Token {
    /// Takes one as it came.
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Token({} bytes)", self.0.len())
    }
}

/// What a client says of itself when it connects. It owns all of it: the answer may take a while.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// How it came.
    pub arrival: Arrival,
    /// MQTT's User Name, STOMP's `login`.
    pub user_name: Option<Box<str>>,
    /// MQTT's Password, STOMP's `passcode`.
    pub password: Option<Box<[u8]>>,
    /// The client identifier; empty where the client leaves it to the server.
    pub client_id: Box<str>,
    /// The time, in seconds since the Unix epoch.
    pub now_secs: u64,
}

/// Passwords belong into no log.
impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = formatter.debug_struct("Credentials");
        fields.field("user_name", &self.user_name).field("client_id", &self.client_id);
        fields.field("has_password", &self.password.is_some()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_show_in_no_log() {
        let arrival = Arrival { token: Some(Token::new("eyJtoken")), ..Arrival::default() };
        let credentials = Credentials {
            arrival,
            user_name: Some("ann".into()),
            password: Some(b"pencil"[..].into()),
            client_id: "c".into(),
            now_secs: 0,
        };
        let text = format!("{credentials:?} {:?}", credentials.arrival);
        assert!(text.contains("ann") && text.contains("Token(8 bytes)"), "{text}");
        assert!(!text.contains("pencil") && !text.contains("112, 101") && !text.contains("eyJ"), "{text}");
    }
}
