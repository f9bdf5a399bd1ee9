//! What WebSocket costs: decoding a read's worth of frames, inflating, deflating, unmasking, encoding heads.

use std::hint::black_box;
use std::io::{self, Read, Write};
use std::ops::ControlFlow;

use bytes::BytesMut;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tidewire_protocols::websocket::deflate::{
    Agreed, Deflater, Policy, TRAILER, deflate, encode_stored, negotiate,
};
use tidewire_protocols::websocket::{Decoder, Event, Opcode, encode_head};
use tungstenite::WebSocket;
use tungstenite::protocol::{Role, WebSocketConfig};

/// What one read brings.
const READ_SIZE: usize = 64 * 1024;
const LIMIT: usize = 1 << 20;
const MASK: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];

fn decode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("websocket/decode_64_kib");
    for opcode in [Opcode::Binary, Opcode::Text] {
        for size in [20, 100, 1024, READ_SIZE] {
            let one = frame(opcode, false, &json(size));
            let count = (READ_SIZE / one.len()).max(1);
            let stream = one.repeat(count);
            let mut decoder = Decoder::new(LIMIT, None);
            let mut input = stream.clone();
            group.throughput(Throughput::ElementsAndBytes {
                elements: count as u64,
                bytes: stream.len() as u64,
            });
            group.bench_function(BenchmarkId::new(format!("{opcode:?}"), size), |bencher| {
                // The input is copied each time, as a read copies it: decoding unmasks it in place.
                bencher.iter(|| {
                    input.copy_from_slice(&stream);
                    decode_all(&mut decoder, black_box(&mut input))
                });
            });
            if opcode == Opcode::Binary {
                group.bench_function(BenchmarkId::new("tungstenite", size), |bencher| {
                    bencher.iter(|| decode_with_tungstenite(black_box(&stream), count));
                });
            }
        }
    }
    let stream = vec![1_u8; READ_SIZE];
    let mut input = stream.clone();
    group.throughput(Throughput::Bytes(READ_SIZE as u64));
    group.bench_function("copying_alone", |bencher| {
        bencher.iter(|| {
            input.copy_from_slice(black_box(&stream));
            input.len()
        });
    });
    group.finish();
}

fn unmask(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("websocket/unmask");
    for size in [1024, READ_SIZE] {
        // A frame of which nothing but payload comes: all that is done to it is unmasking.
        let mut head = frame(Opcode::Binary, false, &[]);
        head.truncate(1);
        head.push(0x80 | 127);
        head.extend((1_u64 << 62).to_be_bytes());
        head.extend(MASK);
        let mut decoder = Decoder::new(usize::MAX, None);
        decode_all(&mut decoder, &mut head);
        let mut input = vec![1; size];
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
            bencher.iter(|| decode_all(&mut decoder, black_box(&mut input)));
        });
    }
    group.finish();
}

fn inflate(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("websocket/inflate");
    for takeover in [false, true] {
        for size in [187, 1024] {
            let mut deflater = Deflater::new(6, 15);
            // Each message is deflated on its own, so that it can come again and again.
            let payload = deflater.deflate_message(&json(size));
            let stream = frame(Opcode::Text, true, &payload);
            let mut decoder = Decoder::new(LIMIT, Some(&agreed(takeover)));
            let mut input = stream.clone();
            group.throughput(Throughput::Bytes(size as u64));
            let name = if takeover { "with_context" } else { "without_context" };
            group.bench_function(BenchmarkId::new(name, size), |bencher| {
                bencher.iter(|| {
                    input.copy_from_slice(&stream);
                    decode_all(&mut decoder, black_box(&mut input))
                });
            });
        }
    }
    group.finish();
}

/// The names end with the size that comes of it.
fn deflate_shared(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("websocket/deflate");
    for size in [187, 256, 1024, 4096] {
        let bytes = json(size);
        group.throughput(Throughput::Bytes(size as u64));
        for level in [1, 3, 6, 9] {
            let deflated = deflate(level, 15, &bytes).len() - TRAILER.len();
            group.bench_function(format!("{size}_at_level_{level}_to_{deflated}"), |bencher| {
                bencher.iter(|| deflate(level, 15, black_box(&bytes)));
            });
        }
        let deflated = deflate(6, 9, &bytes).len() - TRAILER.len();
        group.bench_function(format!("{size}_at_level_6_with_9_bits_to_{deflated}"), |bencher| {
            bencher.iter(|| deflate(6, 9, black_box(&bytes)));
        });
        let mut deflater = Deflater::new(6, 15);
        deflater.deflate_message(&bytes);
        group.bench_function(format!("{size}_at_level_6_with_context"), |bencher| {
            bencher.iter(|| deflater.deflate_message(black_box(&bytes)));
        });
    }
    group.finish();
}

fn encode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("websocket/encode");
    let mut out = BytesMut::with_capacity(4096);
    for size in [100, 1000, 100_000] {
        group.bench_function(BenchmarkId::new("head", size), |bencher| {
            bencher.iter(|| {
                out.clear();
                encode_head(Opcode::Binary, false, black_box(size), &mut out);
                out.len()
            });
        });
    }
    let bytes = json(100);
    group.bench_function("stored_100", |bencher| {
        bencher.iter(|| {
            out.clear();
            encode_stored(black_box(&bytes), &mut out);
            out.len()
        });
    });
    group.finish();
}

/// How many bytes were handed on.
fn decode_all(decoder: &mut Decoder, input: &mut [u8]) -> usize {
    let mut total = 0;
    let used = decoder.decode(input, &mut |event| {
        if let Event::Data { bytes, .. } = event {
            total += bytes.len();
        }
        ControlFlow::Continue(())
    });
    assert!(used.is_ok());
    total
}

fn decode_with_tungstenite(stream: &[u8], count: usize) -> usize {
    let config = WebSocketConfig::default().read_buffer_size(READ_SIZE);
    let mut socket = WebSocket::from_raw_socket(Input(stream), Role::Server, Some(config));
    (0..count).filter_map(|_| socket.read().ok()).map(|message| message.len()).sum()
}

/// A socket that is read only: nothing here needs an answer.
struct Input<'a>(&'a [u8]);

impl Read for Input<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Input<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn frame(opcode: Opcode, is_compressed: bool, payload: &[u8]) -> Vec<u8> {
    let mut out = BytesMut::new();
    encode_head(opcode, is_compressed, payload.len(), &mut out);
    out[1] |= 0x80;
    out.extend_from_slice(&MASK);
    out.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, key)| byte ^ key));
    out.to_vec()
}

fn agreed(context_takeover: bool) -> Agreed {
    let policy = Policy { context_takeover, window_bits: 15 };
    match negotiate(["permessage-deflate"].into_iter(), &policy) {
        Ok(Some(agreed)) => agreed,
        other => unreachable!("the offer is good: {other:?}"),
    }
}

/// Measurements as devices send them, cut at `size`.
fn json(size: usize) -> Vec<u8> {
    let mut text =
        String::from("{\"device\":\"plant-7/line-3/boiler-12\",\"firmware\":\"4.11.2\",\"readings\":[");
    let mut state = 12_345_u32;
    while text.len() < size {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (kind, value) =
            (["celsius", "bar", "rpm"][(state >> 30) as usize % 3], f64::from(state >> 12) / 1024.0);
        text += &format!("{{\"kind\":\"{kind}\",\"value\":{value:.2},\"at\":{},\"ok\":true}},", state >> 2);
    }
    text.truncate(size);
    text.into_bytes()
}

criterion_group!(benches, decode, unmask, inflate, deflate_shared, encode);
criterion_main!(benches);
