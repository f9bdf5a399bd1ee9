//! The masking of a client's payload. (RFC 6455, section 5.3)

/// Masks or unmasks `bytes`, which begin `offset` bytes into their frame's payload.
pub(super) fn apply_mask(bytes: &mut [u8], mut mask: [u8; 4], offset: u64) {
    mask.rotate_left((offset % 4) as usize);
    // A loop over words of 16 bytes, which compilers turn into vector instructions.
    let keys = u128::from_ne_bytes(std::array::from_fn(|index| mask[index % 4]));
    let (words, rest) = bytes.as_chunks_mut::<16>();
    for chunk in words {
        *chunk = (u128::from_ne_bytes(*chunk) ^ keys).to_ne_bytes();
    }
    apply_to_rest(rest, mask);
}

/// Unmasks a whole payload, and returns whether it is ASCII: while the bytes are at hand, that is seen for little.
pub(super) fn unmask_text(bytes: &mut [u8], mask: [u8; 4]) -> bool {
    let keys: [u8; STEP] = std::array::from_fn(|index| mask[index % 4]);
    let mut seen = [0; STEP];
    let (steps, rest) = bytes.as_chunks_mut::<STEP>();
    // Byte by byte, so that compilers see two vectors in each step.
    for step in steps {
        for ((byte, key), seen) in step.iter_mut().zip(keys).zip(&mut seen) {
            *byte ^= key;
            *seen |= *byte;
        }
    }
    let seen = seen.as_chunks().0.iter().fold(0, |all, seen| all | u64::from_ne_bytes(*seen));
    (seen | apply_to_rest(rest, mask)) & NOT_ASCII == 0
}

const STEP: usize = 32;
/// The bits of a word that ASCII leaves at 0.
const NOT_ASCII: u64 = 0x8080_8080_8080_8080;

/// Does the same to what is left, and returns all bits that are set in it, wherever in a word.
#[inline]
fn apply_to_rest(bytes: &mut [u8], mask: [u8; 4]) -> u64 {
    let keys = u32::from_ne_bytes(mask);
    let long = u64::from(keys) << 32 | u64::from(keys);
    let mut seen = 0;
    let (words, rest) = bytes.as_chunks_mut();
    for chunk in words {
        let plain = u64::from_ne_bytes(*chunk) ^ long;
        *chunk = plain.to_ne_bytes();
        seen |= plain;
    }
    let (half, rest) = rest.as_chunks_mut();
    for chunk in half {
        let plain = u32::from_ne_bytes(*chunk) ^ keys;
        *chunk = plain.to_ne_bytes();
        seen |= u64::from(plain);
    }
    for (byte, key) in rest.iter_mut().zip(mask) {
        *byte ^= key;
        seen |= u64::from(*byte);
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::{apply_mask, unmask_text};

    #[test]
    fn every_offset_and_length_is_masked_byte_by_byte() {
        let mask = [0x11, 0x22, 0x44, 0x88];
        for offset in 0..8_u64 {
            for length in 0..70_usize {
                let plain: Vec<u8> = (0..length).map(|index| index as u8).collect();
                let mut masked = plain.clone();
                apply_mask(&mut masked, mask, offset);
                let key = |index: usize| mask[(offset as usize + index) % 4];
                assert!(masked.iter().enumerate().all(|(index, byte)| *byte == plain[index] ^ key(index)));
            }
        }
    }

    #[test]
    fn a_byte_that_is_not_ascii_is_seen_wherever_it_is() {
        let mask = [0x91, 0x22, 0xC4, 0x88];
        for length in 0..70 {
            let mut bytes = vec![b'x'; length];
            apply_mask(&mut bytes, mask, 0);
            assert!(unmask_text(&mut bytes.clone(), mask), "{length}");
            for at in 0..length {
                let mut bytes = bytes.clone();
                bytes[at] ^= 0x80;
                assert!(!unmask_text(&mut bytes, mask), "{at} of {length}");
                assert_eq!(bytes[at], b'x' | 0x80);
            }
        }
    }
}
