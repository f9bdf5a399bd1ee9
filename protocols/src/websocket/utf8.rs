//! UTF-8 that is checked as it arrives, wherever it is cut. (RFC 6455, section 8.1)

/// The checking of one text message.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Utf8Check {
    /// The beginning of a character whose end has not come.
    partial: [u8; 4],
    partial_len: u8,
}

impl Utf8Check {
    /// Looks at the next bytes of the message; whether all so far may be UTF-8.
    pub(super) fn accept(&mut self, mut bytes: &[u8]) -> bool {
        while self.partial_len > 0 {
            let [first, rest @ ..] = bytes else { return true };
            bytes = rest;
            let length = usize::from(self.partial_len);
            self.partial[length] = *first;
            match std::str::from_utf8(&self.partial[..=length]) {
                Ok(_) => self.partial_len = 0,
                // A character has at most four bytes: with the fourth it is whole or wrong.
                Err(error) if error.error_len().is_none() => self.partial_len += 1,
                Err(_) => return false,
            }
        }
        match simdutf8::compat::from_utf8(bytes) {
            Ok(_) => true,
            Err(error) if error.error_len().is_none() => {
                let partial = &bytes[error.valid_up_to()..];
                self.partial[..partial.len()].copy_from_slice(partial);
                self.partial_len = partial.len() as u8;
                true
            }
            Err(_) => false,
        }
    }

    /// Whether the message may end here.
    pub(super) fn is_complete(self) -> bool {
        self.partial_len == 0
    }
}

#[cfg(test)]
mod tests {
    use super::Utf8Check;

    /// Accepted in pieces of every size, and complete, just when the standard library takes it whole.
    fn check(bytes: &[u8]) {
        let expected = std::str::from_utf8(bytes).is_ok();
        for size in 1..=bytes.len().max(1) {
            let mut check = Utf8Check::default();
            let accepted = bytes.chunks(size).all(|piece| check.accept(piece));
            assert_eq!(accepted && check.is_complete(), expected, "{bytes:x?} in pieces of {size}");
        }
    }

    #[test]
    fn pieces_are_judged_as_the_whole() {
        let valid = ["", "a", "κόσμε", "\u{7ff}\u{800}\u{ffff}\u{10000}\u{10ffff}", "aé€😀b"];
        valid.iter().for_each(|text| check(text.as_bytes()));
        let invalid: [&[u8]; 8] = [
            b"\x80",
            b"a\xc3",
            b"\xc0\xaf",
            b"\xed\xa0\x80",
            b"\xf4\x90\x80\x80",
            b"ab\xf0\x9f\x98",
            b"\xf8\x88\x80\x80\x80",
            b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80\x65",
        ];
        invalid.iter().for_each(|bytes| check(bytes));
    }
}
