//! Bytes to packets, and WebSocket frames to bytes.

use std::hint::black_box;
use std::ops::ControlFlow;

use bytes::BytesMut;
use tidewire_protocols::mqtt::{self, Decoded, PACKET_SIZE_MAX, Packet, Version};
use tidewire_protocols::websocket::{Decoder, Event, Opcode, encode_head};

use crate::meter::{Meter, Scenario};
use crate::mqtt::{PAYLOAD, TOPICS, publish};

const PACKETS: usize = 10_000;
/// What one read brings.
const READ_BYTES: usize = 64 * 1024;
const MASK: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];

/// PUBLISHes of MQTT 5, one behind the other.
pub(crate) struct Packets(BytesMut);

impl Packets {
    pub(crate) fn new(qos: u8) -> Self {
        let mut bytes = BytesMut::new();
        (0..PACKETS).for_each(|number| publish(number, TOPICS[number % TOPICS.len()], qos, &mut bytes));
        Self(bytes)
    }
}

impl Scenario for Packets {
    fn round(&mut self, meter: Meter) -> usize {
        let payloads = meter.run(|| {
            let (mut rest, mut payloads) = (&self.0[..], 0);
            while let Ok(Decoded::Packet { packet, size }) =
                mqtt::decode(black_box(Version::V5), PACKET_SIZE_MAX, rest)
            {
                if let Packet::Publish(publish) = black_box(&packet) {
                    payloads += publish.payload.len();
                }
                rest = &rest[size..];
            }
            payloads
        });
        assert_eq!(payloads, PACKETS * PAYLOAD.len(), "every packet is decoded");
        PACKETS
    }
}

/// A read's worth of masked binary frames.
pub(crate) struct WebSocket {
    decoder: Decoder,
    frames: Vec<u8>,
    /// Where the frames are decoded, which unmasks them in place.
    input: Vec<u8>,
    payload_bytes: usize,
    count: usize,
}

impl WebSocket {
    pub(crate) fn new(payload_bytes: usize) -> Self {
        let mut frame = BytesMut::new();
        encode_head(Opcode::Binary, false, payload_bytes, &mut frame);
        frame[1] |= 0x80;
        frame.extend_from_slice(&MASK);
        frame.resize(frame.len() + payload_bytes, b'x');
        let count = READ_BYTES / frame.len();
        let frames = frame.repeat(count);
        let decoder = Decoder::new(READ_BYTES, None);
        Self { decoder, input: frames.clone(), frames, payload_bytes, count }
    }
}

impl Scenario for WebSocket {
    fn round(&mut self, meter: Meter) -> usize {
        self.input.copy_from_slice(&self.frames);
        let decoded = meter.run(|| decode(&mut self.decoder, &mut self.input));
        assert_eq!(decoded, self.count * self.payload_bytes, "every frame is handed on");
        self.count
    }
}

/// Reads in the midst of a frame without end: all that is done to them is unmasking.
pub(crate) struct Unmask {
    decoder: Decoder,
    input: Vec<u8>,
}

impl Unmask {
    pub(crate) fn new() -> Self {
        let mut head = vec![0x82, 0x80 | 127];
        head.extend((1_u64 << 62).to_be_bytes());
        head.extend(MASK);
        let mut decoder = Decoder::new(usize::MAX, None);
        assert_eq!(decode(&mut decoder, &mut head), 0, "no payload has come yet");
        Self { decoder, input: vec![b'x'; READ_BYTES] }
    }
}

impl Scenario for Unmask {
    fn round(&mut self, meter: Meter) -> usize {
        let decoded = meter.run(|| decode(&mut self.decoder, &mut self.input));
        assert_eq!(decoded, READ_BYTES, "all of it is handed on");
        READ_BYTES / 1024
    }
}

/// How many bytes were handed on.
fn decode(decoder: &mut Decoder, input: &mut [u8]) -> usize {
    let mut total = 0;
    let used = decoder.decode(black_box(input), &mut |event| {
        if let Event::Data { bytes, .. } = event {
            total += black_box(bytes).len();
        }
        ControlFlow::Continue(())
    });
    assert!(used.is_ok(), "the frames are well-formed");
    total
}
