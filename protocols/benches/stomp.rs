//! What one STOMP frame costs: the decoding of a SEND and the encoding of a MESSAGE.

use std::hint::black_box;

use bytes::BytesMut;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tidewire_protocols::stomp::{Command, Decoded, Decoder, Frame, FrameWriter, Limits, Version};

const BODY: &[u8; 64] = b"{\"sensor\":\"boiler-7\",\"celsius\":71.25,\"at\":1767225600,\"ok\":true }";

const HEADERS: [(&str, &str); 4] = [
    ("destination", "/topic/plant/7/boiler/temperature"),
    ("content-type", "application/json"),
    ("receipt", "message-4711"),
    ("unit", "celsius"),
];

fn decode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("stomp/decode");
    let counted = send(|writer| writer.finish_with_body(BODY));
    let ended_by_nul = send(|mut writer| {
        writer.header("priority", "4");
        writer.finish();
    });
    let ended_by_nul = [&ended_by_nul[..ended_by_nul.len() - 1], BODY, b"\0"].concat();
    for (name, input) in [("send_counted", &counted[..]), ("send_ended_by_nul", &ended_by_nul)] {
        let mut decoder = Decoder::new(Limits::default());
        group.throughput(Throughput::Bytes(input.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| decode_frame(&mut decoder, black_box(input)).body.len());
        });
    }
    let mut decoder = Decoder::new(Limits::default());
    group.throughput(Throughput::Bytes(counted.len() as u64));
    group.bench_function("send_counted_and_read_headers", |bencher| {
        bencher.iter(|| {
            let frame = decode_frame(&mut decoder, black_box(&counted));
            frame.headers.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>()
        });
    });
    group.bench_function("send_counted_and_get_two_headers", |bencher| {
        bencher.iter(|| {
            let frame = decode_frame(&mut decoder, black_box(&counted));
            (frame.headers.get("destination"), frame.headers.get("transaction"))
        });
    });
    group.finish();
}

fn encode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("stomp/encode");
    let mut out = BytesMut::with_capacity(4096);
    group.bench_function("message", |bencher| {
        bencher.iter(|| {
            out.clear();
            let mut writer = FrameWriter::new(&mut out, Version::V12, Command::Message);
            writer.header("subscription", "sub-1").header_number("message-id", black_box(4711));
            for (name, value) in black_box(HEADERS) {
                writer.header(name, value);
            }
            writer.finish_with_body(black_box(BODY));
            out.len()
        });
    });
    let shared =
        b"destination:/topic/plant/7/boiler/temperature\ncontent-type:application/json\nunit:celsius\n";
    group.bench_function("message_with_raw_headers", |bencher| {
        bencher.iter(|| {
            out.clear();
            let mut writer = FrameWriter::new(&mut out, Version::V12, Command::Message);
            writer.header("subscription", "sub-1").header_number("message-id", black_box(4711));
            writer.raw_headers(black_box(shared));
            writer.finish_with_body(black_box(BODY));
            out.len()
        });
    });
    group.finish();
}

fn send(finish: impl FnOnce(FrameWriter<'_>)) -> BytesMut {
    let mut out = BytesMut::new();
    let mut writer = FrameWriter::new(&mut out, Version::V12, Command::Send);
    for (name, value) in HEADERS {
        writer.header(name, value);
    }
    finish(writer);
    out
}

fn decode_frame<'a>(decoder: &mut Decoder, input: &'a [u8]) -> Frame<'a> {
    match decoder.decode(input) {
        Ok(Decoded::Frame { frame, .. }) => frame,
        other => unreachable!("a whole frame was given: {other:?}"),
    }
}

criterion_group!(benches, decode, encode);
criterion_main!(benches);
