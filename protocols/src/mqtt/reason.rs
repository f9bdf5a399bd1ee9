//! MQTT 5's reason codes: what they are called, and which packet may carry which.

use std::fmt;

use super::PacketType;

/// Writes the enum and its two look-ups from one table.
macro_rules! reason_codes {
    ($($(#[$doc:meta])* $variant:ident = $value:literal, $name:literal;)*) => {
        /// Why something was done or not done. Values of 0x80 and more are errors.
        ///
        /// One value may have several names in the standard; here it has one: 0x00 is [`Success`](Self::Success) in
        /// SUBACK (granted QoS 0) and in DISCONNECT (normal disconnection), too.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum ReasonCode {
            $($(#[$doc])* $variant = $value,)*
        }

        impl ReasonCode {
            /// The code of that value, if the standard has one.
            #[inline]
            pub const fn from_u8(value: u8) -> Option<Self> {
                match value {
                    $($value => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// What the standard calls it.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

reason_codes! {
    /// Done as asked; in SUBACK granted QoS 0, in DISCONNECT a regular end that deletes the will.
    Success = 0x00, "Success";
    /// Subscribed, at most QoS 1.
    GrantedQos1 = 0x01, "Granted QoS 1";
    /// Subscribed, up to QoS 2.
    GrantedQos2 = 0x02, "Granted QoS 2";
    /// End, but publish the will.
    DisconnectWithWill = 0x04, "Disconnect with Will Message";
    /// Accepted, nobody subscribed; optional replacement for 0x00.
    NoMatchingSubscribers = 0x10, "No matching subscribers";
    /// No such filter in this session.
    NoSubscriptionExisted = 0x11, "No subscription existed";
    /// Next step follows.
    ContinueAuthentication = 0x18, "Continue authentication";
    /// Start re-authentication.
    ReAuthenticate = 0x19, "Re-authenticate";
    /// Reason not revealed, or no other code fits.
    UnspecifiedError = 0x80, "Unspecified error";
    /// CONNECT could not be parsed.
    MalformedPacket = 0x81, "Malformed Packet";
    /// CONNECT breaks a protocol rule.
    ProtocolError = 0x82, "Protocol Error";
    /// Valid CONNECT, not accepted here.
    ImplementationSpecificError = 0x83, "Implementation specific error";
    /// Version not supported.
    UnsupportedProtocolVersion = 0x84, "Unsupported Protocol Version";
    /// ClientID well-formed but not allowed.
    ClientIdentifierNotValid = 0x85, "Client Identifier not valid";
    /// Credentials not accepted.
    BadUserNameOrPassword = 0x86, "Bad User Name or Password";
    /// Client may not connect.
    NotAuthorized = 0x87, "Not authorized";
    /// Service not available.
    ServerUnavailable = 0x88, "Server unavailable";
    /// Try later.
    ServerBusy = 0x89, "Server busy";
    /// Barred by an administrator.
    Banned = 0x8A, "Banned";
    /// Shutdown.
    ServerShuttingDown = 0x8B, "Server shutting down";
    /// Method unsupported or not the one in use.
    BadAuthenticationMethod = 0x8C, "Bad authentication method";
    /// Nothing received for 1.5 times keep alive.
    KeepAliveTimeout = 0x8D, "Keep Alive timeout";
    /// Another connection uses this ClientID.
    SessionTakenOver = 0x8E, "Session taken over";
    /// Filter well-formed but not allowed for this client.
    TopicFilterInvalid = 0x8F, "Topic Filter invalid";
    /// Will topic well-formed but not accepted.
    TopicNameInvalid = 0x90, "Topic Name invalid";
    /// Identifier already in use; state mismatch.
    PacketIdentifierInUse = 0x91, "Packet Identifier in use";
    /// Identifier unknown; harmless during recovery.
    PacketIdentifierNotFound = 0x92, "Packet Identifier not found";
    /// Too many QoS 1/2 publishes in flight.
    ReceiveMaximumExceeded = 0x93, "Receive Maximum exceeded";
    /// Alias 0 or above the maximum.
    TopicAliasInvalid = 0x94, "Topic Alias invalid";
    /// CONNECT above the permitted size.
    PacketTooLarge = 0x95, "Packet too large";
    /// Data comes too fast.
    MessageRateTooHigh = 0x96, "Message rate too high";
    /// A limit was exceeded.
    QuotaExceeded = 0x97, "Quota exceeded";
    /// Closed by an administrator.
    AdministrativeAction = 0x98, "Administrative action";
    /// Will payload contradicts its format indicator.
    PayloadFormatInvalid = 0x99, "Payload format invalid";
    /// Will retain set but retention unsupported.
    RetainNotSupported = 0x9A, "Retain not supported";
    /// Will QoS unsupported.
    QosNotSupported = 0x9B, "QoS not supported";
    /// Switch for now.
    UseAnotherServer = 0x9C, "Use another server";
    /// Switch for good.
    ServerMoved = 0x9D, "Server moved";
    /// No shared subscriptions for this client.
    SharedSubscriptionsNotSupported = 0x9E, "Shared Subscriptions not supported";
    /// Too many connection attempts.
    ConnectionRateExceeded = 0x9F, "Connection rate exceeded";
    /// Permitted connection time is over.
    MaximumConnectTime = 0xA0, "Maximum connect time";
    /// No identifiers.
    SubscriptionIdentifiersNotSupported = 0xA1, "Subscription Identifiers not supported";
    /// No wildcards.
    WildcardSubscriptionsNotSupported = 0xA2, "Wildcard Subscriptions not supported";
}

impl ReasonCode {
    /// The value on the wire.
    #[inline]
    pub const fn as_u8(self) -> u8 {
        self as u8
    }

    /// Whether it says that something was not done: 0x80 and more.
    #[inline]
    pub const fn is_error(self) -> bool {
        self.as_u8() >= 0x80
    }

    /// Whether `sender` may put this code into a packet of that type: the tables of sections 3.2 to 3.15, cited
    /// below. Packets without a reason code allow none.
    pub const fn is_allowed_in(self, packet_type: PacketType, sender: Sender) -> bool {
        let server = matches!(sender, Sender::Server);
        match packet_type {
            PacketType::PubAck | PacketType::PubRec => self.is_allowed_in_pub_ack(server),
            // [MQTT-3.6.2-1], [MQTT-3.7.2-1]
            PacketType::PubRel | PacketType::PubComp => {
                matches!(self, Self::Success | Self::PacketIdentifierNotFound)
            }
            PacketType::Disconnect => self.is_allowed_in_disconnect(server),
            // [MQTT-3.15.2-1]
            PacketType::Auth => match self {
                Self::Success => server,
                Self::ContinueAuthentication => true,
                Self::ReAuthenticate => !server,
                _ => false,
            },
            PacketType::ConnAck => server && self.is_allowed_in_conn_ack(),
            PacketType::SubAck => server && self.is_allowed_in_sub_ack(),
            PacketType::UnsubAck => server && self.is_allowed_in_unsub_ack(),
            _ => false,
        }
    }

    /// Whether anyone may put this code into a packet of that type. The codec does not know who sent a packet.
    pub(crate) const fn is_known_in(self, packet_type: PacketType) -> bool {
        self.is_allowed_in(packet_type, Sender::Server) || self.is_allowed_in(packet_type, Sender::Client)
    }

    /// [MQTT-3.2.2-8]
    const fn is_allowed_in_conn_ack(self) -> bool {
        matches!(
            self,
            Self::Success
                | Self::UnspecifiedError
                | Self::MalformedPacket
                | Self::ProtocolError
                | Self::ImplementationSpecificError
                | Self::UnsupportedProtocolVersion
                | Self::ClientIdentifierNotValid
                | Self::BadUserNameOrPassword
                | Self::NotAuthorized
                | Self::ServerUnavailable
                | Self::ServerBusy
                | Self::Banned
                | Self::BadAuthenticationMethod
                | Self::TopicNameInvalid
                | Self::PacketTooLarge
                | Self::QuotaExceeded
                | Self::PayloadFormatInvalid
                | Self::RetainNotSupported
                | Self::QosNotSupported
                | Self::UseAnotherServer
                | Self::ServerMoved
                | Self::ConnectionRateExceeded
        )
    }

    /// [MQTT-3.4.2-1], [MQTT-3.5.2-1]
    const fn is_allowed_in_pub_ack(self, server: bool) -> bool {
        match self {
            Self::NoMatchingSubscribers => server,
            Self::Success
            | Self::UnspecifiedError
            | Self::ImplementationSpecificError
            | Self::NotAuthorized
            | Self::TopicNameInvalid
            | Self::PacketIdentifierInUse
            | Self::QuotaExceeded
            | Self::PayloadFormatInvalid => true,
            _ => false,
        }
    }

    /// [MQTT-3.9.3-2]
    const fn is_allowed_in_sub_ack(self) -> bool {
        matches!(
            self,
            Self::Success
                | Self::GrantedQos1
                | Self::GrantedQos2
                | Self::UnspecifiedError
                | Self::ImplementationSpecificError
                | Self::NotAuthorized
                | Self::TopicFilterInvalid
                | Self::PacketIdentifierInUse
                | Self::QuotaExceeded
                | Self::SharedSubscriptionsNotSupported
                | Self::SubscriptionIdentifiersNotSupported
                | Self::WildcardSubscriptionsNotSupported
        )
    }

    /// [MQTT-3.11.3-2]
    const fn is_allowed_in_unsub_ack(self) -> bool {
        matches!(
            self,
            Self::Success
                | Self::NoSubscriptionExisted
                | Self::UnspecifiedError
                | Self::ImplementationSpecificError
                | Self::NotAuthorized
                | Self::TopicFilterInvalid
                | Self::PacketIdentifierInUse
        )
    }

    /// [MQTT-3.14.2-1]
    const fn is_allowed_in_disconnect(self, server: bool) -> bool {
        match self {
            Self::DisconnectWithWill => !server,
            Self::Success
            | Self::UnspecifiedError
            | Self::MalformedPacket
            | Self::ProtocolError
            | Self::ImplementationSpecificError
            | Self::TopicNameInvalid
            | Self::ReceiveMaximumExceeded
            | Self::TopicAliasInvalid
            | Self::PacketTooLarge
            | Self::MessageRateTooHigh
            | Self::QuotaExceeded
            | Self::AdministrativeAction
            | Self::PayloadFormatInvalid
            // Table 2-6 lists it for DISCONNECT, table 3-10 does not.
            | Self::BadAuthenticationMethod => true,
            Self::NotAuthorized
            | Self::ServerBusy
            | Self::ServerShuttingDown
            | Self::KeepAliveTimeout
            | Self::SessionTakenOver
            | Self::TopicFilterInvalid
            | Self::RetainNotSupported
            | Self::QosNotSupported
            | Self::UseAnotherServer
            | Self::ServerMoved
            | Self::SharedSubscriptionsNotSupported
            | Self::ConnectionRateExceeded
            | Self::MaximumConnectTime
            | Self::SubscriptionIdentifiersNotSupported
            | Self::WildcardSubscriptionsNotSupported => server,
            _ => false,
        }
    }
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (0x{:02X})", self.name(), self.as_u8())
    }
}

/// Who sends a packet: some reason codes are for one side only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sender {
    /// The client.
    Client,
    /// The server, this broker.
    Server,
}
