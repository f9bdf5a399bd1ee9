//! MQTT 5's properties: identifier, type, and where the server may use them.

/// How a property's value is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    Byte,
    TwoBytes,
    FourBytes,
    Variable,
    Text,
    Binary,
    Pair,
}

pub(super) struct Property {
    pub(super) identifier: u8,
    pub(super) name: &'static str,
    /// The same property within the will of a CONNECT.
    pub(super) will_name: &'static str,
    pub(super) layout: Layout,
    /// The packets in which a server may send it.
    pub(super) from_server: &'static [&'static str],
    /// What a server may put into it.
    pub(super) legal: std::ops::RangeInclusive<u64>,
}

impl Property {
    /// User Property everywhere, Subscription Identifier where the server sends it.
    pub(super) fn may_repeat(&self) -> bool {
        matches!(self.identifier, 0x26 | 0x0b)
    }
}

pub(super) fn by_identifier(identifier: u8) -> Option<&'static Property> {
    PROPERTIES.iter().find(|property| property.identifier == identifier)
}

pub(super) fn by_name(name: &str) -> Option<&'static Property> {
    PROPERTIES.iter().find(|property| property.name == name)
}

pub(super) fn by_will_name(name: &str) -> Option<&'static Property> {
    PROPERTIES.iter().find(|property| property.will_name == name)
}

pub(super) fn names() -> impl Iterator<Item = &'static str> {
    PROPERTIES.iter().map(|property| property.name)
}

pub(super) fn will_names() -> impl Iterator<Item = &'static str> {
    PROPERTIES.iter().map(|property| property.will_name)
}

/// One row of the table, with both names from one word.
macro_rules! property {
    ($identifier:literal $name:literal $layout:ident $packets:expr, $legal:expr) => {
        Property {
            identifier: $identifier,
            name: $name,
            will_name: concat!("will.", $name),
            layout: Layout::$layout,
            from_server: $packets,
            legal: $legal,
        }
    };
}

const ANY: std::ops::RangeInclusive<u64> = 0..=u64::MAX;
const ACKNOWLEDGEMENTS: &[&str] =
    &["CONNACK", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "SUBACK", "UNSUBACK", "DISCONNECT", "AUTH"];
const USER_PROPERTY: &[&str] = &[
    "CONNACK",
    "PUBLISH",
    "PUBACK",
    "PUBREC",
    "PUBREL",
    "PUBCOMP",
    "SUBACK",
    "UNSUBACK",
    "DISCONNECT",
    "AUTH",
];

static PROPERTIES: [Property; 27] = [
    property!(0x01 "payload_format_indicator" Byte &["PUBLISH"], 0..=1),
    property!(0x02 "message_expiry_interval" FourBytes &["PUBLISH"], ANY),
    property!(0x03 "content_type" Text &["PUBLISH"], ANY),
    property!(0x08 "response_topic" Text &["PUBLISH"], ANY),
    property!(0x09 "correlation_data" Binary &["PUBLISH"], ANY),
    property!(0x0b "subscription_identifier" Variable &["PUBLISH"], 1..=268_435_455),
    // Never in a server's DISCONNECT [MQTT-3.14.2-2].
    property!(0x11 "session_expiry_interval" FourBytes &["CONNACK"], ANY),
    property!(0x12 "assigned_client_identifier" Text &["CONNACK"], ANY),
    property!(0x13 "server_keep_alive" TwoBytes &["CONNACK"], ANY),
    property!(0x15 "authentication_method" Text &["CONNACK", "AUTH"], ANY),
    property!(0x16 "authentication_data" Binary &["CONNACK", "AUTH"], ANY),
    property!(0x17 "request_problem_information" Byte &[], 0..=1),
    property!(0x18 "will_delay_interval" FourBytes &[], ANY),
    property!(0x19 "request_response_information" Byte &[], 0..=1),
    property!(0x1a "response_information" Text &["CONNACK"], ANY),
    property!(0x1c "server_reference" Text &["CONNACK", "DISCONNECT"], ANY),
    property!(0x1f "reason_string" Text ACKNOWLEDGEMENTS, ANY),
    property!(0x21 "receive_maximum" TwoBytes &["CONNACK"], 1..=65_535),
    property!(0x22 "topic_alias_maximum" TwoBytes &["CONNACK"], ANY),
    property!(0x23 "topic_alias" TwoBytes &["PUBLISH"], 1..=65_535),
    property!(0x24 "maximum_qos" Byte &["CONNACK"], 0..=1),
    property!(0x25 "retain_available" Byte &["CONNACK"], 0..=1),
    property!(0x26 "user_property" Pair USER_PROPERTY, ANY),
    property!(0x27 "maximum_packet_size" FourBytes &["CONNACK"], 1..=u64::MAX),
    property!(0x28 "wildcard_subscription_available" Byte &["CONNACK"], 0..=1),
    property!(0x29 "subscription_identifier_available" Byte &["CONNACK"], 0..=1),
    property!(0x2a "shared_subscription_available" Byte &["CONNACK"], 0..=1),
];
