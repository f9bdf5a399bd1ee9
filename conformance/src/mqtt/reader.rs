//! Reads the fields of one packet from the server; every shortage and every bad string is an error.

/// The rest of one packet's body.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(body: &'a [u8]) -> Reader<'a> {
        Reader { rest: body }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn take(&mut self, count: usize, what: &str) -> Result<&'a [u8], String> {
        let Some((taken, rest)) = self.rest.split_at_checked(count) else {
            return Err(format!("{what} needs {count} bytes, the packet has {} left", self.rest.len()));
        };
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn everything(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    /// A big-endian integer of one, two or four bytes.
    pub(super) fn integer(&mut self, width: usize, what: &str) -> Result<u64, String> {
        Ok(self.take(width, what)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    pub(super) fn byte(&mut self, what: &str) -> Result<u8, String> {
        Ok(self.take(1, what)?[0])
    }

    pub(super) fn variable(&mut self, what: &str) -> Result<u64, String> {
        match variable(self.rest).map_err(|error| format!("{what}: {error}"))? {
            Some((number, width)) => {
                self.rest = &self.rest[width..];
                Ok(number)
            }
            None => Err(format!("{what} is cut off by the end of the packet")),
        }
    }

    pub(super) fn binary(&mut self, what: &str) -> Result<&'a [u8], String> {
        let length = self.integer(2, what)?;
        self.take(usize::try_from(length).unwrap_or(usize::MAX), what)
    }

    pub(super) fn text(&mut self, what: &str) -> Result<&'a [u8], String> {
        let bytes = self.binary(what)?;
        if std::str::from_utf8(bytes).is_err() {
            return Err(format!("{what} is not valid UTF-8"));
        }
        if bytes.contains(&0) {
            return Err(format!("{what} holds U+0000"));
        }
        Ok(bytes)
    }
}

/// A Variable Byte Integer and its width; none when more bytes are needed.
pub(super) fn variable(bytes: &[u8]) -> Result<Option<(u64, usize)>, String> {
    let mut number = 0;
    for (index, byte) in bytes.iter().take(4).enumerate() {
        number |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            if *byte == 0 && index > 0 {
                return Err(format!("{number} is not in its shortest form [MQTT-1.5.5-1]"));
            }
            return Ok(Some((number, index + 1)));
        }
    }
    if bytes.len() >= 4 { Err("a length goes on after four bytes".to_owned()) } else { Ok(None) }
}

#[cfg(test)]
mod tests {
    use super::variable;

    #[test]
    fn variable_byte_integers_use_their_shortest_form() {
        assert_eq!(variable(&[0x00]), Ok(Some((0, 1))));
        assert_eq!(variable(&[0xff, 0x7f]), Ok(Some((16_383, 2))));
        assert_eq!(variable(&[0xff, 0xff, 0xff, 0x7f]), Ok(Some((268_435_455, 4))));
        assert_eq!(variable(&[0x80]), Ok(None));
        assert!(variable(&[0x80, 0x00]).is_err());
        assert!(variable(&[0x80, 0x80, 0x80, 0x80]).is_err());
    }
}
