//! What a client and a listener may agree to speak. (`Sec-WebSocket-Protocol`)

/// A subprotocol that a client and a listener agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subprotocol {
    /// `mqtt`: 3.1, 3.1.1 and 5.0. [MQTT-6.0.0-4]
    Mqtt,
    /// `mqttv3.1`, which older MQTT libraries ask for.
    MqttV31,
    /// `v10.stomp`.
    StompV10,
    /// `v11.stomp`.
    StompV11,
    /// `v12.stomp`.
    StompV12,
}

impl Subprotocol {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Mqtt, Self::MqttV31, Self::StompV10, Self::StompV11, Self::StompV12];

    /// Its name in `Sec-WebSocket-Protocol`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mqtt => "mqtt",
            Self::MqttV31 => "mqttv3.1",
            Self::StompV10 => "v10.stomp",
            Self::StompV11 => "v11.stomp",
            Self::StompV12 => "v12.stomp",
        }
    }

    /// Whether MQTT is spoken; if not, STOMP is.
    pub fn is_mqtt(self) -> bool {
        matches!(self, Self::Mqtt | Self::MqttV31)
    }

    /// The first of the client's, in its order, that the server serves.
    pub fn choose<'o>(
        mut offered: impl Iterator<Item = &'o str>,
        is_served: impl Fn(Self) -> bool,
    ) -> Option<Self> {
        offered.find_map(|name| {
            Self::ALL.into_iter().find(|known| known.name() == name).filter(|known| is_served(*known))
        })
    }
}
