//! permessage-deflate on a listener: off, on, or on with other settings than the defaults.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tidewire_protocols::websocket::deflate::Policy;

use super::Size;

/// `compression`: `true`, `false`, or a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compression(pub Option<CompressionSettings>);

/// How messages are compressed. (RFC 7692)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CompressionSettings {
    /// 1 (fast) to 9 (small).
    pub level: u8,
    /// Payloads (with `context_takeover` all that is sent together) below this travel as they are.
    pub size_min: Size,
    /// A message looks back over 2 ^ `window_bits` bytes; 9 to 15. A client may ask for less.
    pub window_bits: u8,
    /// Whether messages refer to those before them: smaller, and some 300 KiB for each connection; a message for many
    /// subscribers is then compressed for each of them.
    pub context_takeover: bool,
    /// Connections of all listeners that may have that; those beyond go without.
    pub context_takeover_connections_max: usize,
}

impl Default for CompressionSettings {
    fn default() -> Self {
        Self {
            level: 1,
            size_min: Size(256),
            window_bits: 15,
            context_takeover: false,
            context_takeover_connections_max: 1_000,
        }
    }
}

impl CompressionSettings {
    /// What is offered to a connection; `has_room` says whether it may have a context that is kept.
    pub fn policy(&self, has_room: bool) -> Policy {
        Policy { context_takeover: self.context_takeover && has_room, window_bits: self.window_bits }
    }
}

impl Default for Compression {
    fn default() -> Self {
        Self(Some(CompressionSettings::default()))
    }
}

impl Serialize for Compression {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            None => serializer.serialize_bool(false),
            Some(settings) if settings == CompressionSettings::default() => serializer.serialize_bool(true),
            Some(settings) => settings.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Compression {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Visitor)
    }
}

struct Visitor;

impl<'de> serde::de::Visitor<'de> for Visitor {
    type Value = Compression;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("true, false or a table with level, size_min, …")
    }

    fn visit_bool<E>(self, is_on: bool) -> Result<Compression, E> {
        Ok(Compression(is_on.then(CompressionSettings::default)))
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Compression, A::Error> {
        let settings = CompressionSettings::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
        Ok(Compression(Some(settings)))
    }
}
