//! What is measured: where it listens, and what is spoken there.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use rustls::ClientConfig;
use tidewire_client::mqtt::Version;
use tidewire_client::{Error, Scheme, Url};

use super::tls::{self, Trust};
use crate::tw::Failure;

/// A protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Speech {
    /// MQTT of a version.
    Mqtt(Version),
    /// STOMP 1.2.
    Stomp,
}

/// What bytes look like on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Wire {
    /// What is spoken.
    pub(in super::super) speech: Speech,
    /// Whether it travels in WebSocket frames.
    pub(in super::super) is_websocket: bool,
    /// Whether each MQTT packet is a WebSocket message of its own. STOMP's frames always are.
    pub(in super::super) is_single: bool,
}

/// See the module.
#[derive(Clone, Debug)]
pub(in super::super) struct Broker {
    /// As it was given.
    pub(in super::super) url: Url,
    /// How it is spoken to.
    pub(in super::super) wire: Wire,
    /// STOMP's `host` header.
    pub(in super::super) virtual_host: String,
    /// MQTT's, in seconds; 0 is none.
    pub(in super::super) keep_alive: u16,
    /// STOMP topics are written with dots, and `*` for `+`.
    pub(in super::super) is_dotted: bool,
    pub(super) address: SocketAddr,
    pub(super) tls: Option<Arc<ClientConfig>>,
}

impl Broker {
    /// Resolves the URL's host, and reads the certificates of `trust` where TLS is asked for.
    pub(in super::super) fn new(url: &Url, speech: Speech, trust: &Trust) -> Result<Self, Failure> {
        let wrong = |protocol, protocol_scheme| {
            Err(Failure::Client(Error::WrongScheme { url: url.clone(), protocol, protocol_scheme }))
        };
        let is_websocket = match (url.scheme().plain(), speech) {
            (Scheme::Ws, _) => true,
            (Scheme::Mqtt, Speech::Mqtt(_)) | (Scheme::Stomp, Speech::Stomp) => false,
            (_, Speech::Mqtt(_)) => return wrong("MQTT", "mqtt"),
            (_, Speech::Stomp) => return wrong("STOMP", "stomp"),
        };
        let failed = |error: io::Error| Error::Connect { url: url.clone(), source: Arc::new(error) };
        let mut addresses = (url.host(), url.port()).to_socket_addrs().map_err(failed)?;
        let address = addresses.next().ok_or_else(|| failed(io::ErrorKind::NotFound.into()))?;
        let tls = if url.scheme().is_tls() { Some(tls::config(trust)?) } else { None };
        Ok(Self {
            url: url.clone(),
            wire: Wire { speech, is_websocket, is_single: false },
            virtual_host: "/".to_owned(),
            keep_alive: 0,
            is_dotted: false,
            address,
            tls,
        })
    }

    /// A topic name or filter of MQTT as this broker takes it: in STOMP a destination.
    pub(in super::super) fn name(&self, topic: &str) -> String {
        match (self.wire.speech, self.is_dotted) {
            (Speech::Mqtt(_), _) => topic.to_owned(),
            (Speech::Stomp, false) => format!("/topic/{topic}"),
            (Speech::Stomp, true) => format!("/topic/{}", topic.replace('/', ".").replace('+', "*")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_a_destination_in_stomp() {
        let url: Url = "ws://127.0.0.1:1/".parse().unwrap();
        let mut broker = Broker::new(&url, Speech::Stomp, &Trust::default()).unwrap();
        assert_eq!(broker.name("a/+/#"), "/topic/a/+/#");
        broker.is_dotted = true;
        assert_eq!(broker.name("a/+/#"), "/topic/a.*.#");
        broker.wire.speech = Speech::Mqtt(Version::V5);
        assert_eq!(broker.name("a/+/#"), "a/+/#");
    }

    #[test]
    fn a_scheme_of_the_other_protocol_is_refused() {
        let url: Url = "stomps://127.0.0.1:1".parse().unwrap();
        let refused = Broker::new(&url, Speech::Mqtt(Version::V5), &Trust::default());
        assert!(refused.unwrap_err().to_string().contains("use mqtt://"));
    }
}
