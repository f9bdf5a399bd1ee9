//! What a connection begins with once its transport is settled: a stream and a protocol.

use std::sync::Arc;

use tidewire_protocols::websocket::deflate::{Agreed, Deflater, Policy};
use tidewire_protocols::websocket::{Decoder, Subprotocol};

use super::detect::Detect;
use super::framing::Framing;
use super::handshake::Agreement;
use super::site::spoken;
use super::{Socket, Stream, WebSocketTerms};
use crate::auth::Arrival;
use crate::broker::Broker;
use crate::config::{ListenerConfig, ProtocolName};
use crate::connection::Protocol;
use crate::message::Deflating;
use crate::mqtt::Mqtt;
use crate::session::Link;
use crate::stomp::Stomp;

/// Where and for whom.
pub(super) struct Begun<'a> {
    pub(super) broker: &'a Arc<Broker>,
    pub(super) listener: &'a ListenerConfig,
    pub(super) link: &'a Arc<Link>,
    /// How the client came.
    pub(super) arrival: Arrival,
}

impl Begun<'_> {
    /// A WebSocket that was agreed on; `unread` came behind the request.
    pub(super) fn web_socket(
        self,
        socket: Socket,
        agreement: &Agreement<Subprotocol>,
        unread: &[u8],
    ) -> (Stream, Box<dyn Protocol>) {
        let limits = &self.broker.config().limits;
        let decoder = Decoder::new(limits.web_socket_message_size_max(), agreement.deflate.as_ref());
        let terms = WebSocketTerms {
            // To MQTT and STOMP, where messages end means nothing.
            decoder: decoder.joining(),
            framing: self.framing(agreement.deflate),
            // Copied, however much it is: the buffer that it lies in would stay otherwise.
            unread: unread.into(),
            ping_interval: Some(limits.ping_interval.0).filter(|interval| !interval.is_zero()),
        };
        let now = self.broker.now().instant;
        let protocol = self.new_protocol(spoken(agreement.subprotocol));
        (Stream::web_socket(socket, terms, protocol.takes_text(), now), protocol)
    }

    /// A bare byte stream. Where two protocols are served, the first byte tells which; it may not have come yet.
    pub(super) fn choose(self, socket: Socket) -> (Stream, Box<dyn Protocol>) {
        let protocol = match self.listener.protocols.as_slice() {
            [only] => self.new_protocol(*only),
            _ => Box::new(Detect::new(Arc::clone(self.broker), Arc::clone(self.link), self.arrival)),
        };
        (Stream::plain(socket), protocol)
    }

    /// Messages are compressed by the connection where they refer to earlier ones, and else by whoever publishes, once
    /// for all.
    fn framing(&self, agreed: Option<Agreed>) -> Framing {
        let (Some(settings), Some(agreed)) = (self.listener.compression.0, agreed) else {
            self.link.set_framed_in_place();
            return Framing::default();
        };
        let (level, window_bits, size_min) = (settings.level, agreed.server_window_bits, settings.size_min.0);
        if agreed.server_context_takeover {
            let deflater = Deflater::new(level, window_bits);
            return Framing::with_context(deflater, size_min, Arc::clone(self.broker));
        }
        let size_min = u32::try_from(size_min).unwrap_or(u32::MAX);
        self.link.set_deflating(Deflating { level, window_bits, size_min });
        Framing::default()
    }

    fn new_protocol(self, name: ProtocolName) -> Box<dyn Protocol> {
        new_protocol(name, Arc::clone(self.broker), Arc::clone(self.link), self.arrival)
    }
}

/// What compression a connection may have now.
pub(super) fn compression_policy(broker: &Broker, listener: &ListenerConfig) -> Option<Policy> {
    let settings = listener.compression.0?;
    let contexts = broker.counters.deflate_contexts.value();
    Some(settings.policy(contexts < settings.context_takeover_connections_max as u64))
}

/// The protocol of that name, at its beginning.
pub(super) fn new_protocol(
    name: ProtocolName,
    broker: Arc<Broker>,
    link: Arc<Link>,
    arrival: Arrival,
) -> Box<dyn Protocol> {
    match name {
        ProtocolName::Mqtt => Box::new(Mqtt::new(broker, link, arrival)),
        ProtocolName::Stomp => Box::new(Stomp::new(broker, link, arrival)),
    }
}
