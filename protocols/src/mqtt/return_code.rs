//! The return codes of CONNACK before MQTT 5.

use super::ReasonCode;

/// MQTT 3.1.1's answer to a CONNECT, table 3.1 there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ReturnCode {
    /// The client is connected.
    Accepted = 0,
    /// The protocol level is not spoken here [MQTT-3.1.2-2].
    UnacceptableProtocolVersion = 1,
    /// The client identifier is not allowed [MQTT-3.1.3-8], [MQTT-3.1.3-9].
    IdentifierRejected = 2,
    /// The service is not available.
    ServerUnavailable = 3,
    /// The credentials are wrong or cannot be read.
    BadUserNameOrPassword = 4,
    /// The client may not connect.
    NotAuthorized = 5,
}

impl ReturnCode {
    /// The code of that value; 6 and more are reserved.
    #[inline]
    pub const fn from_u8(value: u8) -> Option<Self> {
        match value {
            0 => Some(Self::Accepted),
            1 => Some(Self::UnacceptableProtocolVersion),
            2 => Some(Self::IdentifierRejected),
            3 => Some(Self::ServerUnavailable),
            4 => Some(Self::BadUserNameOrPassword),
            5 => Some(Self::NotAuthorized),
            _ => None,
        }
    }

    /// The value on the wire.
    #[inline]
    pub const fn as_u8(self) -> u8 {
        self as u8
    }

    /// The return code that tells a client of MQTT 3.1.1 the same as `reason`. Where there is none, the connection
    /// is closed without a CONNACK [MQTT-3.2.2-6].
    pub const fn for_reason(reason: ReasonCode) -> Option<Self> {
        match reason {
            ReasonCode::Success => Some(Self::Accepted),
            ReasonCode::UnsupportedProtocolVersion => Some(Self::UnacceptableProtocolVersion),
            ReasonCode::ClientIdentifierNotValid => Some(Self::IdentifierRejected),
            ReasonCode::ServerUnavailable
            | ReasonCode::ServerBusy
            | ReasonCode::QuotaExceeded
            | ReasonCode::UseAnotherServer
            | ReasonCode::ServerMoved
            | ReasonCode::ConnectionRateExceeded => Some(Self::ServerUnavailable),
            ReasonCode::BadUserNameOrPassword => Some(Self::BadUserNameOrPassword),
            ReasonCode::NotAuthorized | ReasonCode::Banned => Some(Self::NotAuthorized),
            _ => None,
        }
    }

    /// The reason code that says the same in MQTT 5.
    pub const fn reason(self) -> ReasonCode {
        match self {
            Self::Accepted => ReasonCode::Success,
            Self::UnacceptableProtocolVersion => ReasonCode::UnsupportedProtocolVersion,
            Self::IdentifierRejected => ReasonCode::ClientIdentifierNotValid,
            Self::ServerUnavailable => ReasonCode::ServerUnavailable,
            Self::BadUserNameOrPassword => ReasonCode::BadUserNameOrPassword,
            Self::NotAuthorized => ReasonCode::NotAuthorized,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_return_code_survives_the_reason_code() {
        for code in (0..=u8::MAX).filter_map(ReturnCode::from_u8) {
            assert_eq!(ReturnCode::for_reason(code.reason()), Some(code));
        }
        assert_eq!(ReturnCode::from_u8(6), None);
        assert_eq!(ReturnCode::for_reason(ReasonCode::MalformedPacket), None);
    }
}
