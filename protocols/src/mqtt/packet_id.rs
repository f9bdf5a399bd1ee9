//! Packet identifiers.

use std::fmt;
use std::num::NonZeroU16;

/// The number that ties an acknowledgement to its packet: never zero [MQTT-2.2.1-3], [MQTT-2.2.1-4].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PacketId(NonZeroU16);

impl PacketId {
    /// The first identifier, 1.
    pub const FIRST: Self = Self(NonZeroU16::MIN);

    /// The identifier of that number; zero is none.
    #[inline]
    pub const fn new(value: u16) -> Option<Self> {
        match NonZeroU16::new(value) {
            Some(value) => Some(Self(value)),
            None => None,
        }
    }

    /// The number on the wire.
    #[inline]
    pub const fn get(self) -> u16 {
        self.0.get()
    }

    /// The identifier after this one: 1 after 65,535.
    #[must_use]
    pub const fn next(self) -> Self {
        match self.0.checked_add(1) {
            Some(value) => Self(value),
            None => Self::FIRST,
        }
    }
}

impl fmt::Display for PacketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn next_skips_zero() {
        assert_eq!(PacketId::FIRST.next().get(), 2);
        assert_eq!(PacketId::new(u16::MAX).unwrap().next(), PacketId::FIRST);
        assert_eq!(PacketId::new(0), None);
    }
}
