//! WebSocket written by hand, since no library would write it wrongly.

use crate::mutate::mutate_bytes;
use crate::seeds::Conversation;
use tidewire_tests::random::Random;

/// The request for an upgrade; one in eight is mutated.
pub(crate) fn upgrade(random: &mut Random, other: &Conversation) -> Vec<u8> {
    let subprotocol = random.pick(&["mqtt", "mqtt", "mqtt", "mqtt, v12.stomp", "mqttv3.1"]);
    let mut request = format!(
        "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: {subprotocol}\r\n\r\n"
    )
    .into_bytes();
    if random.percent(12) {
        for _ in 0..=random.below(3) {
            mutate_bytes(random, &mut request, other);
        }
    }
    request
}

/// The bytes as WebSocket frames: cut anywhere, continued, with control frames between; one connection in four makes
/// mistakes.
pub(crate) fn frames(random: &mut Random, bytes: &[u8], other: &Conversation) -> Vec<u8> {
    let is_faulty = random.percent(25);
    let mut out = Vec::new();
    let mut rest = bytes;
    let mut is_continued = false;
    while !rest.is_empty() {
        let largest = random.pick(&[1, 7, 200, 5_000, 70_000]);
        let (piece, remaining) = rest.split_at((1 + random.below(largest)).min(rest.len()));
        rest = remaining;
        let is_final = rest.is_empty() || random.percent(70);
        let opcode = if is_continued { 0 } else { 2 };
        frame(random, opcode, is_final, piece, is_faulty, &mut out);
        is_continued = !is_final;
        if random.percent(10) {
            let (opcode, payload) = (random.pick(&[9, 10]), random.bytes(4));
            frame(random, opcode, true, &payload, is_faulty, &mut out);
        }
        if out.len() > 4 * bytes.len() + 4_096 {
            break; // one byte a frame is slow to no purpose
        }
    }
    if random.percent(30) {
        frame(random, 8, true, &1000_u16.to_be_bytes(), is_faulty, &mut out);
    }
    if is_faulty && random.percent(50) {
        mutate_bytes(random, &mut out, other);
    }
    out
}

fn frame(
    random: &mut Random,
    opcode: u8,
    is_final: bool,
    payload: &[u8],
    is_faulty: bool,
    out: &mut Vec<u8>,
) {
    let mut fault = |percent| is_faulty && random.percent(percent);
    let mut first = opcode | if is_final { 0x80 } else { 0 };
    if fault(5) {
        first ^= 0x40; // a reserved bit
    }
    if fault(5) {
        first = first & 0xF0 | 0x01; // text, where bytes were to come
    }
    let mask_bit = if fault(5) { 0 } else { 0x80 };
    let length = if fault(5) { payload.len() + 1 } else { payload.len() };
    out.push(first);
    match (u8::try_from(length), u16::try_from(length)) {
        _ if fault(2) => {
            out.push(mask_bit | 127);
            out.extend_from_slice(&u64::MAX.to_be_bytes());
        }
        (Ok(short @ ..=125), _) => out.push(mask_bit | short),
        (_, Ok(medium)) => {
            out.push(mask_bit | 126);
            out.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            out.push(mask_bit | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    let mask = random.bytes(4);
    if mask_bit != 0 {
        out.extend_from_slice(&mask);
        out.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    } else {
        out.extend_from_slice(payload);
    }
}
