//! A client, from its connection to its first message.
//!
//! ```text
//!   open ──▶ secure ──▶ ask_upgrade ──▶ introduce ──▶ welcome
//!   TCP      TLS        WebSocket       CONNECT       CONNACK, CONNECTED
//! ```
//!
//! Clients that connect together take each step together, so that the broker has all of them in hand at once.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tidewire_client::Error;
use tidewire_client::mqtt::Version;
use tidewire_protocols::mqtt::{Connect, Packet, PropertiesBuf, Property};

use super::broker::{Broker, Speech};
use super::handshake;
use super::link::{Link, Received};
use super::socket;
use super::stomp;
use super::tls::Tls;

/// A connection that blocks.
#[derive(Debug)]
pub(in super::super) struct Peer {
    pub(in super::super) link: Link,
    /// What the broker lets a client have unacknowledged.
    pub(in super::super) receive_maximum: u16,
    /// Whether the broker had a session.
    pub(in super::super) is_session_present: bool,
    /// Of the upgrade.
    key: String,
}

/// As whom to connect. In STOMP everybody is a guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Standing {
    /// As nobody in particular; nothing is left behind.
    Guest,
    /// With a session that outlives the connection, as it was left.
    Resident(String),
    /// As the same, to have what is stored discarded.
    Former(String),
}

impl Peer {
    /// Connects without keep alive: a benchmark is never silent for long.
    pub(in super::super) fn connect(broker: &Broker, standing: Standing) -> Result<Self, Error> {
        let mut connected = Self::connect_group(broker, 0, vec![standing])?;
        connected.pop().ok_or_else(|| Error::Lost("it was never there".to_owned()))
    }

    /// Connects `count` guests, a group at a time.
    pub(in super::super) fn connect_guests(broker: &Broker, count: usize) -> Result<Vec<Self>, Error> {
        Self::connect_all(broker, vec![Standing::Guest; count])
    }

    /// Connects everybody, a group at a time.
    pub(in super::super) fn connect_all(
        broker: &Broker,
        standings: Vec<Standing>,
    ) -> Result<Vec<Self>, Error> {
        let mut connected = Vec::with_capacity(standings.len());
        let mut standings = standings.into_iter();
        loop {
            let group: Vec<_> = standings.by_ref().take(TOGETHER).collect();
            if group.is_empty() {
                return Ok(connected);
            }
            let first = connected.len();
            connected.append(&mut Self::connect_group(broker, first, group)?);
        }
    }

    /// Connects all at once; `first` is the number of the first among all.
    pub(in super::super) fn connect_group(
        broker: &Broker,
        first: usize,
        group: Vec<Standing>,
    ) -> Result<Vec<Self>, Error> {
        let indices = first..first + group.len();
        let mut peers = indices.map(|index| Self::open(broker, index)).collect::<Result<Vec<_>, _>>()?;
        if broker.tls.is_some() {
            peers.iter_mut().try_for_each(|peer| peer.secure(broker))?;
        }
        if broker.wire.is_websocket {
            peers.iter_mut().try_for_each(|peer| peer.ask_upgrade(broker))?;
            peers.iter_mut().try_for_each(|peer| peer.take_upgrade(broker))?;
        }
        for (peer, standing) in peers.iter_mut().zip(group) {
            peer.introduce(broker, standing)?;
        }
        peers.iter_mut().try_for_each(Self::welcome)?;
        Ok(peers)
    }

    /// Has the broker discard a session.
    pub(in super::super) fn forget(broker: &Broker, client_id: String) -> Result<(), Error> {
        Self::connect(broker, Standing::Former(client_id))?.leave()
    }

    fn open(broker: &Broker, index: usize) -> Result<Self, Error> {
        let mut socket = socket::open(broker, index)?;
        let tls = match &broker.tls {
            None => None,
            Some(config) => {
                let mut tls = Tls::new(config, broker.url.host()).map_err(|error| failed(broker, error))?;
                tls.flush(&mut socket).map_err(|error| failed(broker, error))?;
                Some(tls)
            }
        };
        let link = Link::new(socket, tls, broker.wire);
        Ok(Self { link, receive_maximum: u16::MAX, is_session_present: false, key: handshake::key(index) })
    }

    fn secure(&mut self, broker: &Broker) -> Result<(), Error> {
        let Link { tls, socket, .. } = &mut self.link;
        tls.as_mut().map_or(Ok(()), |tls| tls.shake_hands(socket)).map_err(|error| failed(broker, error))
    }

    fn ask_upgrade(&mut self, broker: &Broker) -> Result<(), Error> {
        let request = handshake::request(broker, &self.key);
        self.link.output().extend_from_slice(request.as_bytes());
        self.link.flush()
    }

    fn take_upgrade(&mut self, broker: &Broker) -> Result<(), Error> {
        loop {
            let taken = handshake::take(self.link.received(), &self.key);
            let taken = taken.map_err(|detail| Error::Handshake { url: broker.url.clone(), detail })?;
            if let Some(taken) = taken {
                self.link.begin_frames(taken);
                return Ok(());
            }
            self.wait()?;
        }
    }

    fn introduce(&mut self, broker: &Broker, standing: Standing) -> Result<(), Error> {
        match broker.wire.speech {
            Speech::Mqtt(version) => self.put_connect(version, broker.keep_alive, &standing),
            Speech::Stomp => {
                let host = &broker.virtual_host;
                let connect = format!("CONNECT\naccept-version:1.2\nhost:{host}\nheart-beat:0,0\n\n\0");
                self.put_frame(&connect);
            }
        }
        self.link.flush()
    }

    fn put_connect(&mut self, version: Version, keep_alive: u16, standing: &Standing) {
        let mut properties = PropertiesBuf::default();
        let (client_id, clean_start) = match standing {
            Standing::Guest => ("", true),
            Standing::Resident(client_id) => (client_id.as_str(), false),
            Standing::Former(client_id) => (client_id.as_str(), true),
        };
        if version.is_v5() && !clean_start {
            properties.push(Property::SessionExpiryInterval(SESSION_EXPIRY_SECONDS));
        }
        let connect = Packet::Connect(Connect {
            version,
            clean_start,
            keep_alive,
            properties: properties.as_properties(),
            client_id,
            will: None,
            user_name: None,
            password: None,
        });
        self.put_packet(version, &connect);
    }

    pub(super) fn put_packet(&mut self, version: Version, packet: &Packet<'_>) {
        let mut bytes = BytesMut::new();
        packet.encode(version, &mut bytes);
        self.link.output().extend_from_slice(&bytes);
    }

    pub(super) fn put_frame(&mut self, frame: &str) {
        let is_websocket = self.link.wire.is_websocket;
        stomp::put(frame.as_bytes(), is_websocket, self.link.output());
    }

    /// From now on nothing blocks.
    pub(in super::super) fn into_link(self) -> Result<Link, Error> {
        self.link.socket.set_nonblocking(true).map_err(|error| Error::Lost(error.to_string()))?;
        Ok(self.link)
    }

    /// Ends the connection as a client should; the session stays.
    pub(in super::super) fn leave(mut self) -> Result<(), Error> {
        self.put_goodbye()?;
        self.await_end();
        Ok(())
    }

    /// The same for many.
    pub(in super::super) fn leave_all(mut peers: Vec<Self>) -> Result<(), Error> {
        peers.iter_mut().try_for_each(Self::put_goodbye)?;
        peers.into_iter().for_each(Self::await_end);
        Ok(())
    }

    /// Says that this client goes.
    pub(in super::super) fn put_goodbye(&mut self) -> Result<(), Error> {
        match self.link.wire.speech {
            Speech::Mqtt(_) => self.link.output().extend_from_slice(DISCONNECT),
            Speech::Stomp => self.put_frame("DISCONNECT\n\n\0"),
        }
        self.link.flush()
    }

    /// Waits until the broker has closed, so that what comes next finds it done.
    pub(in super::super) fn await_end(mut self) {
        while matches!(self.link.receive(), Ok(Received::Something)) {
            // What comes until then is of no interest, but it must not heap up.
            if self.link.packets(|_, _| ControlFlow::Continue(())).is_err() {
                return;
            }
        }
    }

    /// Waits for something.
    pub(super) fn wait(&mut self) -> Result<(), Error> {
        match self.link.receive()? {
            Received::Something => Ok(()),
            Received::End => Err(Error::Lost("the broker closed it".to_owned())),
            Received::Nothing => {
                let seconds = ANSWER_TIMEOUT.as_secs();
                Err(Error::Lost(format!("no answer to a request in {seconds} s")))
            }
        }
    }
}

fn failed(broker: &Broker, error: io::Error) -> Error {
    Error::Connect { url: broker.url.clone(), source: Arc::new(error) }
}

/// Clients that connect at once.
pub(in super::super) const TOGETHER: usize = 100;
const DISCONNECT: &[u8] = &[0xE0, 0];
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// A day: whatever a benchmark leaves behind goes away by itself.
const SESSION_EXPIRY_SECONDS: u32 = 86_400;
