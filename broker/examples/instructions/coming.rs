//! Clients come over WebSocket, MQTT 5, and go: what serves a connection from its first byte to its last, over a pipe within
//! the process.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::BytesMut;
use tidewire::broker::Broker;
use tidewire::config::{ListenerConfig, ProtocolName, Transport};
use tidewire::net::serve_socket;
use tidewire_protocols::mqtt::{
    Connect, Packet, PacketId, Properties, Qos, Subscribe, SubscribeFiltersBuf, SubscribeOptions, Version,
};
use tidewire_protocols::topic::TopicName;
use tidewire_protocols::websocket::{Opcode, encode_head};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::runtime::Runtime;

use crate::client;
use crate::meter::{Meter, Scenario};
use crate::mqtt::{PAYLOAD, bytes_of, publish};

/// Clients that are there at a time.
const TOGETHER: usize = 50;
/// More than is ever on its way.
const PIPE_BYTES: usize = 4 * 1024;
const MASK: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];
const REQUEST: &[u8] = b"GET /mqtt HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n";

/// What counts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stay {
    /// From the request for an upgrade to CONNACK.
    UntilGreeted,
    /// On to SUBACK, a message to itself, DISCONNECT and the end.
    ToTheEnd,
}

/// See the module.
pub(crate) struct Coming {
    broker: Arc<Broker>,
    listener: ListenerConfig,
    stay: Stay,
    /// Sets timers, and drives nothing.
    runtime: Runtime,
}

/// One connection, and the client's end of it.
struct Visitor {
    near: DuplexStream,
    /// What is to be served, until it is.
    far: Option<(DuplexStream, ListenerConfig)>,
    served: Option<Pin<Box<dyn Future<Output = ()>>>>,
}

impl Coming {
    pub(crate) fn new(stay: Stay) -> Self {
        let listener =
            ListenerConfig::new("scenario", "127.0.0.1:8080", Transport::Ws, &[ProtocolName::Mqtt]);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        Self { broker: client::broker(), listener, stay, runtime: runtime.expect("it needs nothing") }
    }

    /// Has each client say what `say` says, which its connection handles; what it hears then is what `answer` holds for right.
    fn turn(
        &self,
        meter: Meter,
        visitors: &mut [Visitor],
        say: impl Fn(usize) -> Vec<u8>,
        answer: impl Fn(&[u8]) -> bool,
    ) {
        visitors.iter_mut().enumerate().for_each(|(number, visitor)| visitor.say(&say(number)));
        meter.run(|| {
            visitors.iter_mut().for_each(|visitor| visitor.serve(&self.broker));
            visitors.len()
        });
        for visitor in visitors {
            let heard = visitor.hear();
            assert!(answer(&heard), "{}", heard.escape_ascii());
        }
    }
}

impl Scenario for Coming {
    fn round(&mut self, meter: Meter) -> usize {
        let _entered = self.runtime.enter();
        let mut visitors: Vec<_> = (0..TOGETHER).map(|_| Visitor::new(&self.listener)).collect();
        self.turn(meter, &mut visitors, |_| REQUEST.to_vec(), |heard| heard.ends_with(b"\r\n\r\n"));
        self.turn(meter, &mut visitors, |_| framed(Opcode::Binary, &connect()), |heard| is_of(heard, 0x20));
        let meter = if self.stay == Stay::ToTheEnd { meter } else { Meter::Off };
        let topic = |number: usize| format!("plant/7/line/{number}/sensor/temp");
        let ask = |number: usize| framed(Opcode::Binary, &subscribe(&topic(number)));
        self.turn(meter, &mut visitors, ask, |heard| is_of(heard, 0x90));
        let say = |number: usize| {
            let mut bytes = BytesMut::new();
            publish(0, &topic(number), 0, &mut bytes);
            framed(Opcode::Binary, &bytes)
        };
        self.turn(meter, &mut visitors, say, |heard| heard.ends_with(&PAYLOAD));
        let is_close = |heard: &[u8]| heard.first() == Some(&0x88);
        self.turn(meter, &mut visitors, |_| framed(Opcode::Binary, &[0xE0, 0]), is_close);
        self.turn(meter, &mut visitors, |_| framed(Opcode::Close, &1000_u16.to_be_bytes()), <[u8]>::is_empty);
        assert!(visitors.iter().all(|visitor| visitor.served.is_none()), "they are gone");
        TOGETHER
    }

    /// Each is some tens of thousands of instructions.
    fn enough(&self) -> usize {
        1_000
    }
}

impl Visitor {
    fn new(listener: &ListenerConfig) -> Self {
        let (near, far) = tokio::io::duplex(PIPE_BYTES);
        Self { near, far: Some((far, listener.clone())), served: None }
    }

    /// As a socket's readiness would: begins what serves the connection, or goes on with it.
    fn serve(&mut self, broker: &Arc<Broker>) {
        if let Some((far, listener)) = self.far.take() {
            self.served = Some(Box::pin(serve_socket(Arc::clone(broker), listener, None, far.into())));
        }
        let mut cx = Context::from_waker(Waker::noop());
        if self.served.as_mut().is_some_and(|served| served.as_mut().poll(&mut cx).is_ready()) {
            self.served = None;
        }
    }

    fn say(&mut self, bytes: &[u8]) {
        let mut cx = Context::from_waker(Waker::noop());
        let written = Pin::new(&mut self.near).poll_write(&mut cx, bytes);
        assert!(matches!(written, Poll::Ready(Ok(size)) if size == bytes.len()), "the pipe has room");
    }

    fn hear(&mut self) -> Vec<u8> {
        let mut heard = vec![0; PIPE_BYTES];
        let mut buffer = ReadBuf::new(&mut heard);
        let mut cx = Context::from_waker(Waker::noop());
        let read = Pin::new(&mut self.near).poll_read(&mut cx, &mut buffer);
        assert!(!matches!(read, Poll::Ready(Err(_))), "pipes do not break");
        let size = buffer.filled().len();
        heard.truncate(size);
        heard
    }
}

/// Whether it is a WebSocket message with an MQTT packet of this kind.
fn is_of(heard: &[u8], kind: u8) -> bool {
    heard.len() > 2 && heard[0] == 0x82 && heard[2] & 0xF0 == kind
}

/// A frame as clients send them.
fn framed(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let mut frame = BytesMut::new();
    encode_head(opcode, false, payload.len(), &mut frame);
    frame[1] |= 0x80;
    frame.extend_from_slice(&MASK);
    frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame.to_vec()
}

/// The server names the client, as it does many.
fn connect() -> BytesMut {
    bytes_of(Packet::Connect(Connect {
        version: Version::V5,
        clean_start: true,
        keep_alive: 60,
        properties: Properties::EMPTY,
        client_id: "",
        will: None,
        user_name: None,
        password: None,
    }))
}

fn subscribe(topic: &str) -> BytesMut {
    assert!(TopicName::parse(topic).is_ok(), "it has no wildcard");
    let mut filters = SubscribeFiltersBuf::default();
    filters.push(topic, SubscribeOptions::new(Qos::AtMostOnce));
    let (packet_id, properties) = (PacketId::FIRST, Properties::EMPTY);
    bytes_of(Packet::Subscribe(Subscribe { packet_id, properties, filters: filters.as_filters() }))
}
