//! Quality of service.

/// How often a message arrives: the sender's promise, or the most that a subscription asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Qos {
    /// QoS 0: once or not at all; nothing acknowledges it.
    AtMostOnce = 0,
    /// QoS 1: once or more; PUBACK acknowledges it.
    AtLeastOnce = 1,
    /// QoS 2: exactly once; PUBREC, PUBREL and PUBCOMP acknowledge it.
    ExactlyOnce = 2,
}

impl Qos {
    /// The level that a number stands for; 3 and more stand for none.
    #[inline]
    pub const fn from_u8(value: u8) -> Option<Self> {
        match value {
            0 => Some(Self::AtMostOnce),
            1 => Some(Self::AtLeastOnce),
            2 => Some(Self::ExactlyOnce),
            _ => None,
        }
    }

    /// The number on the wire.
    #[inline]
    pub const fn as_u8(self) -> u8 {
        self as u8
    }
}
