//! What goes wrong with a conversation, in its packets and in its bytes.

use crate::seeds::Conversation;
use tidewire_tests::random::Random;

/// Mutates the conversation up to six times, and returns its bytes and how often. `other` is what is spliced in.
/// Mostly its CONNECT is spared, since without it little happens.
pub(crate) fn mutate(random: &mut Random, mut packets: Conversation, other: &Conversation) -> (Vec<u8>, u64) {
    let spared = if random.percent(80) { packets.remove(0) } else { Vec::new() };
    let count = random.below(7);
    let of_packets = random.below(count + 1);
    for _ in 0..of_packets {
        mutate_packets(random, &mut packets, other);
    }
    let mut bytes = packets.concat();
    for _ in of_packets..count {
        mutate_bytes(random, &mut bytes, other);
    }
    ([spared, bytes].concat(), count as u64)
}

fn mutate_packets(random: &mut Random, packets: &mut Conversation, other: &Conversation) {
    if packets.is_empty() {
        packets.push(random.pick(other));
    }
    let (first, second) = (random.below(packets.len()), random.below(packets.len()));
    match random.below(6) {
        0 => packets.swap(first, second),
        1 => packets.insert(first, packets[second].clone()),
        2 => drop(packets.remove(first)),
        3 => packets.insert(first, random.pick(other)),
        4 => {
            let behind = random.below(other.len());
            packets.truncate(first);
            packets.extend_from_slice(&other[behind..]);
        }
        _ => change_length(random, &mut packets[first]),
    }
}

/// Gives the fixed header another remaining length: a little more or less, or far too much.
fn change_length(random: &mut Random, packet: &mut Vec<u8>) {
    let Some(length) = packet.get_mut(1) else { return };
    match random.below(4) {
        0 => *length = length.wrapping_add(1),
        1 => *length = length.wrapping_sub(1),
        2 => *length = random.byte(),
        _ => drop(packet.splice(1..2, [0xFF, 0xFF, 0xFF, random.byte()])),
    }
}

/// Mutates bytes of any kind.
pub(crate) fn mutate_bytes(random: &mut Random, bytes: &mut Vec<u8>, other: &Conversation) {
    if bytes.is_empty() {
        bytes.push(random.byte());
    }
    let position = random.below(bytes.len());
    let length = (1 + random.below(8)).min(bytes.len() - position);
    match random.below(7) {
        0 | 1 => bytes[position] ^= 1 << random.below(8),
        2 => bytes[position] = random.pick(&[0, 1, 0x7F, 0x80, 0xFF]),
        3 => {
            let inserted = random.bytes(length);
            bytes.splice(position..position, inserted);
        }
        4 => drop(bytes.drain(position..position + length)),
        5 => bytes.truncate(position),
        _ => {
            let spliced = other.concat();
            bytes.truncate(position);
            bytes.extend_from_slice(&spliced[random.below(spliced.len())..]);
        }
    }
}
