//! One MQTT connection with as little between packets and socket as possible.

use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tidewire_clients::mqtt::Version;
use tidewire_clients::transport::{Chunk, Driven, Protocol, Transport};
use tidewire_clients::{Error, Qos, Url};
use tidewire_protocols::mqtt::{
    Connect, Decoded, Disconnect, PACKET_SIZE_MAX, Packet, PacketId, Properties, Property, ReasonCode,
    Subscribe, SubscribeFiltersBuf, SubscribeOptions, decode,
};
use tokio::time::timeout;

pub(super) struct Peer {
    pub(super) transport: Transport,
    pub(super) version: Version,
    /// What the broker lets a client have unacknowledged.
    pub(super) receive_maximum: u16,
    input: BytesMut,
}

impl Peer {
    /// Connects with a clean start and without keep alive: a benchmark is never silent for long.
    pub(super) async fn connect(url: &Url, version: Version) -> Result<Self, Error> {
        let transport = Transport::connect(url, Protocol::Mqtt).await?;
        let mut peer = Self { transport, version, receive_maximum: u16::MAX, input: BytesMut::new() };
        let connect = Packet::Connect(Connect {
            version,
            clean_start: true,
            keep_alive: 0,
            properties: Properties::EMPTY,
            client_id: "",
            will: None,
            user_name: None,
            password: None,
        });
        let (reason, receive_maximum) = peer
            .ask(&connect, |packet| match packet {
                Packet::ConnAck(packet) => Some((packet.reason, receive_maximum(packet.properties))),
                _ => None,
            })
            .await?;
        if reason.is_error() {
            return Err(Error::Refused(reason.to_string()));
        }
        peer.receive_maximum = receive_maximum;
        Ok(peer)
    }

    pub(super) async fn subscribe(&mut self, filter: &str, qos: Qos) -> Result<(), Error> {
        let mut filters = SubscribeFiltersBuf::default();
        filters.push(filter, SubscribeOptions::new(qos));
        let subscribe = Packet::Subscribe(Subscribe {
            packet_id: PacketId::FIRST,
            properties: Properties::EMPTY,
            filters: filters.as_filters(),
        });
        let granted = self
            .ask(&subscribe, |packet| match packet {
                Packet::SubAck(packet) => packet.reasons().next(),
                _ => None,
            })
            .await?;
        if granted.as_u8() != qos.as_u8() {
            return Err(Error::Rejected {
                what: format!("to subscribe to {filter}"),
                reason: granted.to_string(),
            });
        }
        Ok(())
    }

    /// Sends what is queued and receives what has come; see [`packets`](Self::packets).
    pub(super) fn poll_drive(&mut self, context: &mut Context<'_>) -> Poll<Result<Driven, Error>> {
        self.transport
            .poll_drive(context, Some(&mut self.input))
            .map_err(|error| Error::Lost(error.to_string()))
    }

    /// Hands over each packet that has arrived whole.
    pub(super) fn packets(&mut self, mut handle: impl FnMut(&Packet<'_>)) -> Result<(), Error> {
        let mut at = 0;
        loop {
            let rest = self.input.get(at..).unwrap_or_default();
            match decode(self.version, PACKET_SIZE_MAX, rest)
                .map_err(|error| Error::Protocol(error.to_string()))?
            {
                Decoded::Packet { packet: Packet::Disconnect(packet), .. } => {
                    return Err(Error::EndedByBroker(packet.reason.to_string()));
                }
                Decoded::Packet { packet, size } => {
                    handle(&packet);
                    at += size;
                }
                Decoded::Incomplete { .. } => {
                    self.input.advance(at);
                    return Ok(());
                }
            }
        }
    }

    /// Says goodbye. The figures are taken by then, so a broker that does not answer is left.
    pub(super) async fn leave(mut self) {
        let disconnect = Disconnect { reason: ReasonCode::Success, properties: Properties::EMPTY };
        self.queue(&Packet::Disconnect(disconnect));
        let _ = timeout(LEAVE_TIMEOUT, self.transport.close()).await;
    }

    fn queue(&mut self, packet: &Packet<'_>) {
        let mut out = BytesMut::new();
        packet.encode(self.version, &mut out);
        self.transport.queue(Chunk::binary(out));
    }

    /// Sends a request and waits for its answer; nothing else is to come before it.
    async fn ask<T>(
        &mut self,
        request: &Packet<'_>,
        is_answer: impl Fn(&Packet<'_>) -> Option<T>,
    ) -> Result<T, Error> {
        self.queue(request);
        let answer = async {
            loop {
                let driven = std::future::poll_fn(|context| self.poll_drive(context)).await?;
                let mut answer = None;
                self.packets(|packet| answer = is_answer(packet))?;
                match (answer, driven) {
                    (Some(answer), _) => return Ok(answer),
                    (None, Driven::Ended) => return Err(Error::Lost("the broker closed it".to_owned())),
                    (None, _) => {}
                }
            }
        };
        let late = |_| Error::Lost(format!("no answer to a request in {} s", ANSWER_TIMEOUT.as_secs()));
        timeout(ANSWER_TIMEOUT, answer).await.map_err(late)?
    }
}

fn receive_maximum(properties: Properties<'_>) -> u16 {
    let maximum = properties.iter().find_map(|property| match property {
        Property::ReceiveMaximum(maximum) => Some(maximum.get()),
        _ => None,
    });
    maximum.unwrap_or(u16::MAX)
}

const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
const LEAVE_TIMEOUT: Duration = Duration::from_secs(1);
