//! What the broker's CONNACK allows and demands.

use std::time::Duration;

use tidewire_protocols::mqtt::{ConnAck, PACKET_SIZE_MAX, Property};

use super::connect::keep_alive;
use crate::options::Options;
use crate::session::Limits;

/// The limits of one connection; those of MQTT itself where the broker names none.
#[derive(Clone, Debug)]
pub(super) struct Grant {
    /// The identifier that the broker chose.
    pub(super) client_id: Option<String>,
    pub(super) session_present: bool,
    pub(super) keep_alive: Duration,
    /// Messages of QoS 1 and 2 that may be unacknowledged.
    pub(super) receive_maximum: u16,
    pub(super) subscription_identifiers: bool,
    pub(super) limits: Limits,
}

impl Grant {
    pub(super) fn read(packet: &ConnAck<'_>, options: &Options) -> Self {
        let mut grant = Self {
            client_id: None,
            session_present: packet.session_present,
            keep_alive: keep_alive(options),
            receive_maximum: u16::MAX,
            subscription_identifiers: true,
            limits: Limits { packet_bytes_max: PACKET_SIZE_MAX, ..Limits::default() },
        };
        for property in packet.properties {
            match property {
                Property::AssignedClientIdentifier(client_id) => grant.client_id = Some(client_id.to_owned()),
                // [MQTT-3.1.2-21]
                Property::ServerKeepAlive(seconds) => grant.keep_alive = Duration::from_secs(seconds.into()),
                Property::ReceiveMaximum(maximum) => grant.receive_maximum = maximum.get(),
                Property::MaximumPacketSize(bytes) => {
                    grant.limits.packet_bytes_max = PACKET_SIZE_MAX.min(bytes.get() as usize);
                }
                Property::MaximumQos(qos) => grant.limits.maximum_qos = qos,
                Property::RetainAvailable(available) => grant.limits.retain_available = available,
                Property::SubscriptionIdentifierAvailable(available) => {
                    grant.subscription_identifiers = available;
                }
                _ => {}
            }
        }
        grant
    }
}
