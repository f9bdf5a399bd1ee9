//! Connections over WebSocket as the daemon serves them, each task polled by hand, with pipes where it has sockets: masked
//! frames come in, frames go out. One client publishes, others receive.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use bytes::BytesMut;
use tidewire::broker::Broker;
use tidewire::connection::{Protocol, Serving, serve};
use tidewire::net::{Framing, Socket, Stream, WebSocketTerms};
use tidewire::session::Link;
use tidewire_protocols::websocket::{Decoder, Opcode, encode_head};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::runtime::{self, Runtime};

use crate::client;
use crate::meter::{Meter, Scenario};
use crate::{mqtt, stomp};

/// Messages that arrive together: what a read brings from a client that is some hundred messages ahead.
const BATCH: usize = 200;
/// What a pipe holds: all that a round brings.
const PIPE_BYTES: usize = 256 * 1024;
/// What a WebSocket message may hold.
const MESSAGE_SIZE_MAX: usize = 1 << 20;
const MASK: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];

/// What is spoken, and how it is framed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spoken {
    /// MQTT 5 at QoS 0, all packets in one frame.
    Mqtt,
    /// The same with a frame for each packet, as MQTT.js writes.
    MqttInFrames,
    /// STOMP 1.2: a frame in each text message.
    Stomp,
}

/// See the module.
pub(crate) struct Exchange {
    spoken: Spoken,
    /// Has the timers that connections set.
    runtime: Runtime,
    publisher: Served,
    subscribers: Vec<Served>,
    batch: Vec<u8>,
}

/// A connection, and the client's end of it.
struct Served {
    serving: Serving,
    pipe: DuplexStream,
}

impl Exchange {
    pub(crate) fn new(spoken: Spoken, subscribers: usize) -> Self {
        let broker = client::broker();
        let runtime = runtime::Builder::new_current_thread().enable_time().build().expect("a runtime begins");
        let entered = runtime.enter();
        let subscribers = (0..subscribers).map(|number| spoken.subscriber(&broker, number)).collect();
        let publisher = spoken.connect(&broker, "publisher");
        drop(entered);
        Self { spoken, runtime, publisher, subscribers, batch: spoken.batch() }
    }
}

impl Scenario for Exchange {
    fn round(&mut self, meter: Meter) -> usize {
        let Self { spoken, runtime, publisher, subscribers, batch } = self;
        let _entered = runtime.enter();
        publisher.send(batch);
        meter.run(|| {
            publisher.poll();
            subscribers.iter_mut().for_each(Served::poll);
            subscribers.len()
        });
        assert!(publisher.receive().is_empty(), "nothing is answered, and nothing was refused");
        for subscriber in &mut *subscribers {
            assert_eq!(spoken.messages(subscriber.receive()), BATCH, "every message is delivered");
        }
        BATCH * subscribers.len()
    }
}

impl Spoken {
    fn connect(self, broker: &Arc<Broker>, name: &str) -> Served {
        let make = match self {
            Self::Mqtt | Self::MqttInFrames => mqtt::protocol,
            Self::Stomp => stomp::protocol,
        };
        let greeting = match self {
            Self::Mqtt | Self::MqttInFrames => mqtt::greeting(name).to_vec(),
            Self::Stomp => stomp::GREETING.to_vec(),
        };
        let mut served = Served::new(broker, make, self == Self::Stomp);
        served.ask(&self.framed(&greeting));
        assert!(!served.receive().is_empty(), "the greeting is answered");
        served
    }

    fn subscriber(self, broker: &Arc<Broker>, number: usize) -> Served {
        let mut subscriber = self.connect(broker, &format!("subscriber-{number}"));
        let subscribe = match self {
            Self::Mqtt | Self::MqttInFrames => mqtt::subscribe_to_all(0).to_vec(),
            Self::Stomp => stomp::SUBSCRIBE.to_vec(),
        };
        subscriber.ask(&self.framed(&subscribe));
        assert_eq!(subscriber.receive().is_empty(), self == Self::Stomp, "MQTT answers it");
        subscriber
    }

    /// What the publisher sends in a round.
    fn batch(self) -> Vec<u8> {
        let packet = |number| {
            let mut packet = BytesMut::new();
            mqtt::publish(number, mqtt::TOPICS[0], 0, &mut packet);
            packet
        };
        let numbers = 0..BATCH;
        match self {
            Self::Mqtt => self.framed(&numbers.flat_map(packet).collect::<Vec<_>>()),
            Self::MqttInFrames => numbers.flat_map(|number| self.framed(&packet(number))).collect(),
            Self::Stomp => numbers.flat_map(|_| self.framed(stomp::send(0, "").as_bytes())).collect(),
        }
    }

    /// A client's frame.
    fn framed(self, payload: &[u8]) -> Vec<u8> {
        let mut frame = BytesMut::new();
        encode_head(self.opcode(), false, payload.len(), &mut frame);
        frame[1] |= 0x80;
        frame.extend_from_slice(&MASK);
        frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, key)| byte ^ key));
        frame.to_vec()
    }

    fn opcode(self) -> Opcode {
        match self {
            Self::Mqtt | Self::MqttInFrames => Opcode::Binary,
            Self::Stomp => Opcode::Text,
        }
    }

    /// How many messages a subscriber has been sent, all of them whole.
    fn messages(self, frames: Vec<u8>) -> usize {
        let (mut rest, mut count) = (&frames[..], 0);
        while let Some((payload, others)) = self.first_payload(rest) {
            count += match self {
                Self::Mqtt | Self::MqttInFrames => mqtt::count(payload),
                Self::Stomp => usize::from(stomp::is_message(payload)),
            };
            rest = others;
        }
        assert!(rest.is_empty(), "whole frames are written");
        count
    }

    /// The payload of the first frame, and what stands behind it.
    fn first_payload(self, frames: &[u8]) -> Option<(&[u8], &[u8])> {
        let [first, second, behind @ ..] = frames else { return None };
        let mut expected = BytesMut::new();
        encode_head(self.opcode(), false, 0, &mut expected);
        assert_eq!(*first, expected[0], "it is a whole message");
        let (length, behind) = match (*second, behind) {
            (126, [high, low, behind @ ..]) => (u16::from_be_bytes([*high, *low]).into(), behind),
            (short @ ..126, behind) => (short.into(), behind),
            _ => return None,
        };
        behind.split_at_checked(length)
    }
}

impl Served {
    fn new(
        broker: &Arc<Broker>,
        make: fn(Arc<Broker>, Arc<Link>) -> Box<dyn Protocol>,
        takes_text: bool,
    ) -> Self {
        let link = broker.new_link("a scenario");
        link.set_framed_in_place();
        let (near, far) = tokio::io::duplex(PIPE_BYTES);
        let terms = WebSocketTerms {
            decoder: Decoder::new(MESSAGE_SIZE_MAX, None).joining(),
            framing: Framing::default(),
            unread: BytesMut::new(),
            ping_interval: None,
        };
        let stream = Stream::web_socket(Socket::from(far), terms, takes_text, broker.now().instant);
        let protocol = make(Arc::clone(broker), Arc::clone(&link));
        let serving = serve(Arc::clone(broker), stream, protocol, link);
        Self { serving, pipe: near }
    }

    fn send(&mut self, bytes: &[u8]) {
        let written = Pin::new(&mut self.pipe).poll_write(&mut context(), bytes);
        assert!(
            written.map(|written| written.ok() == Some(bytes.len())).is_ready(),
            "the pipe has room for it"
        );
    }

    /// Sends something that nobody else hears of.
    fn ask(&mut self, bytes: &[u8]) {
        self.send(bytes);
        self.poll();
    }

    /// Has the connection do what it can: it would be woken for the rest.
    fn poll(&mut self) {
        let polled = Pin::new(&mut self.serving).poll(&mut context());
        assert!(polled.is_pending(), "the connection goes on");
    }

    /// What has come since this was called last.
    fn receive(&mut self) -> Vec<u8> {
        let mut buffer = vec![0; PIPE_BYTES];
        let mut buffer = ReadBuf::new(&mut buffer);
        let _ = Pin::new(&mut self.pipe).poll_read(&mut context(), &mut buffer);
        buffer.filled().to_vec()
    }
}

fn context() -> Context<'static> {
    Context::from_waker(Waker::noop())
}
