//! The masking of a client's payload. (RFC 6455, section 5.3)

/// Masks or unmasks `bytes`, which begin `offset` bytes into their frame's payload.
pub(super) fn apply_mask(bytes: &mut [u8], mask: [u8; 4], offset: u64) {
    let mut turned = mask;
    turned.rotate_left((offset % 4) as usize);
    // A loop over words of 16 bytes, which compilers turn into vector instructions.
    let word = u128::from_ne_bytes(std::array::from_fn(|index| turned[index % 4]));
    let (words, rest) = bytes.as_chunks_mut::<16>();
    for chunk in words {
        *chunk = (u128::from_ne_bytes(*chunk) ^ word).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(turned.into_iter().cycle()) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::apply_mask;

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
}
