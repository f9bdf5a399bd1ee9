//! Whose word is taken for where a client comes from.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::de::{Deserializer, Error, Unexpected};
use serde::{Deserialize, Serialize, Serializer};

use super::Network;

/// One entry of `trusted_proxies`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrustedProxy {
    /// `"10.0.0.0/8"`, or a single address, `"::1"`.
    Network(Network),
    /// `"unix"`: whoever can reach a Unix socket.
    Unix,
}

impl TrustedProxy {
    /// Whether this entry is for a peer; one on a Unix socket has no address.
    pub fn is_for(self, peer: Option<IpAddr>) -> bool {
        match (self, peer) {
            (Self::Network(network), Some(address)) => network.contains(address),
            (Self::Unix, None) => true,
            _ => false,
        }
    }
}

/// The header in which proxies say where a client comes from. Only one is believed, because a proxy that sets the one
/// hands on what a client has written into the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`, a list of addresses.
    #[default]
    XForwardedFor,
    /// `Forwarded`, of RFC 7239.
    Forwarded,
}

impl FromStr for TrustedProxy {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if text == "unix" {
            return Ok(Self::Unix);
        }
        text.parse().map(Self::Network)
    }
}

impl fmt::Display for TrustedProxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(network) => network.fmt(formatter),
            Self::Unix => formatter.write_str("unix"),
        }
    }
}

impl Serialize for TrustedProxy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TrustedProxy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let expected = &"a network such as \"10.0.0.0/8\", an address such as \"::1\", or \"unix\"";
        text.parse().map_err(|()| D::Error::invalid_value(Unexpected::Str(&text), expected))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_a_network_an_address_or_unix() {
        let is_for = |entry: &str, peer: Option<&str>| {
            let entry: TrustedProxy = entry.parse().unwrap();
            entry.is_for(peer.map(|peer| peer.parse().unwrap()))
        };
        assert!(is_for("10.0.0.0/8", Some("10.255.0.1")));
        assert!(is_for("10.0.0.0/8", Some("::ffff:10.0.0.1")), "as a socket for both families shows it");
        assert!(!is_for("10.0.0.0/8", Some("11.0.0.1")));
        assert!(!is_for("10.0.0.0/8", Some("::1")));
        assert!(is_for("::1", Some("::1")));
        assert!(is_for("unix", None) && !is_for("unix", Some("::1")) && !is_for("::1", None));
        for text in ["10.0.0.0/8", "::1", "unix"] {
            assert_eq!(text.parse::<TrustedProxy>().unwrap().to_string(), text);
        }
        assert!("example.com".parse::<TrustedProxy>().is_err());
    }
}
