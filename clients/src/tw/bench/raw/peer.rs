//! A client, from its connection to its first message.

use std::io;
use std::net::TcpStream;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tidewire_clients::mqtt::Version;
use tidewire_clients::{Error, Qos, Scheme, Url};
use tidewire_protocols::mqtt::{
    Connect, Decoded, PACKET_SIZE_MAX, Packet, PacketId, Properties, PropertiesBuf, Property, Subscribe,
    SubscribeFiltersBuf, SubscribeOptions, decode,
};

use super::handshake::upgrade;
use super::link::{Link, Received};
use super::scan::Incoming;

#[derive(Debug)]
pub(in super::super) struct Peer {
    pub(in super::super) link: Link,
    /// What the broker lets a client have unacknowledged.
    pub(in super::super) receive_maximum: u16,
    /// Whether the broker had a session.
    pub(in super::super) is_session_present: bool,
}

/// As whom to connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Standing<'a> {
    /// As nobody in particular; nothing is left behind.
    Guest,
    /// With a session that outlives the connection, as it was left.
    Resident(&'a str),
    /// As the same, to have what is stored discarded.
    Former(&'a str),
}

impl Peer {
    /// Connects without keep alive: a benchmark is never silent for long.
    pub(in super::super) fn connect(
        url: &Url,
        version: Version,
        standing: Standing<'_>,
    ) -> Result<Self, Error> {
        let failed = |error: io::Error| Error::Connect { url: url.clone(), source: Arc::new(error) };
        let is_websocket = match url.scheme() {
            Scheme::Ws => true,
            Scheme::Mqtt => false,
            Scheme::Stomp => {
                return Err(Error::WrongScheme {
                    url: url.clone(),
                    protocol: "MQTT",
                    protocol_scheme: "mqtt",
                });
            }
        };
        let mut socket = TcpStream::connect((url.host(), url.port())).map_err(failed)?;
        socket.set_nodelay(true).map_err(failed)?;
        socket.set_read_timeout(Some(ANSWER_TIMEOUT)).map_err(failed)?;
        let received = if is_websocket { upgrade(&mut socket, url)? } else { Vec::new() };
        let link = Link::new(socket, is_websocket, version, &received);
        let mut peer = Self { link, receive_maximum: u16::MAX, is_session_present: false };
        peer.introduce(version, standing)?;
        Ok(peer)
    }

    /// Has the broker discard a session.
    pub(in super::super) fn forget(url: &Url, version: Version, client_id: &str) -> Result<(), Error> {
        Self::connect(url, version, Standing::Former(client_id))?.leave()
    }

    fn introduce(&mut self, version: Version, standing: Standing<'_>) -> Result<(), Error> {
        let mut properties = PropertiesBuf::default();
        let (client_id, clean_start) = match standing {
            Standing::Guest => ("", true),
            Standing::Resident(client_id) => (client_id, false),
            Standing::Former(client_id) => (client_id, true),
        };
        if version.is_v5() && !clean_start {
            properties.push(Property::SessionExpiryInterval(SESSION_EXPIRY_SECONDS));
        }
        self.put(&Packet::Connect(Connect {
            version,
            clean_start,
            keep_alive: 0,
            properties: properties.as_properties(),
            client_id,
            will: None,
            user_name: None,
            password: None,
        }));
        let (reason, is_present, maximum) = self.answer(|packet| match packet {
            Packet::ConnAck(packet) => {
                let maximum = packet.properties.iter().find_map(|property| match property {
                    Property::ReceiveMaximum(maximum) => Some(maximum.get()),
                    _ => None,
                });
                Some((packet.reason, packet.session_present, maximum.unwrap_or(u16::MAX)))
            }
            _ => None,
        })?;
        if reason.is_error() {
            return Err(Error::Refused(reason.to_string()));
        }
        (self.receive_maximum, self.is_session_present) = (maximum, is_present);
        Ok(())
    }

    /// Subscribes, and waits until that is granted.
    pub(in super::super) fn subscribe(&mut self, filter: &str, qos: Qos) -> Result<(), Error> {
        self.put_subscribe(filter, qos);
        let granted = self.answer(|packet| match packet {
            Packet::SubAck(packet) => packet.reasons().next(),
            _ => None,
        })?;
        if granted.as_u8() != qos.as_u8() {
            let (what, reason) = (format!("to subscribe to {filter}"), granted.to_string());
            return Err(Error::Rejected { what, reason });
        }
        Ok(())
    }

    /// Asks to subscribe, with what is flushed next.
    pub(in super::super) fn put_subscribe(&mut self, filter: &str, qos: Qos) {
        let mut filters = SubscribeFiltersBuf::default();
        filters.push(filter, SubscribeOptions::new(qos));
        self.put(&Packet::Subscribe(Subscribe {
            packet_id: PacketId::FIRST,
            properties: Properties::EMPTY,
            filters: filters.as_filters(),
        }));
    }

    fn put(&mut self, packet: &Packet<'_>) {
        let mut bytes = BytesMut::new();
        packet.encode(self.link.version, &mut bytes);
        self.link.output().extend_from_slice(&bytes);
    }

    /// From now on nothing blocks.
    pub(in super::super) fn into_link(self) -> Result<Link, Error> {
        self.link.socket.set_nonblocking(true).map_err(|error| Error::Lost(error.to_string()))?;
        Ok(self.link)
    }

    /// Ends the connection as a client should; the session stays.
    pub(in super::super) fn leave(mut self) -> Result<(), Error> {
        self.link.output().extend_from_slice(DISCONNECT);
        self.link.flush()?;
        // Until the broker has closed, so that what comes next finds it done.
        while matches!(self.link.receive(), Ok(Received::Something)) {}
        Ok(())
    }

    /// Sends what is to be sent and waits for its answer. Messages behind the answer stay for later.
    fn answer<T>(&mut self, is_answer: impl Fn(&Packet<'_>) -> Option<T>) -> Result<T, Error> {
        let version = self.link.version;
        self.link.flush()?;
        loop {
            let mut answer = None;
            self.link.packets(|packet, _| {
                if let Incoming::Other(bytes) = packet
                    && let Ok(Decoded::Packet { packet, .. }) = decode(version, PACKET_SIZE_MAX, bytes)
                {
                    answer = is_answer(&packet);
                }
                if answer.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })?;
            if let Some(answer) = answer {
                return Ok(answer);
            }
            match self.link.receive()? {
                Received::Something => {}
                Received::End => return Err(Error::Lost("the broker closed it".to_owned())),
                Received::Nothing => {
                    let seconds = ANSWER_TIMEOUT.as_secs();
                    return Err(Error::Lost(format!("no answer to a request in {seconds} s")));
                }
            }
        }
    }
}

const DISCONNECT: &[u8] = &[0xE0, 0];
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// A day: whatever a benchmark leaves behind goes away by itself.
const SESSION_EXPIRY_SECONDS: u32 = 86_400;
