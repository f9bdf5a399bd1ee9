//! What the broker's CONNACK allows and demands.

use std::time::Duration;

use tidewire_protocols::mqtt::{ConnAck, PACKET_SIZE_MAX, Property, Qos};

use super::options::Options;
use crate::message::Message;

/// The limits of one connection; those of MQTT itself where the broker names none.
#[derive(Debug)]
pub(super) struct Grant {
    pub(super) client_id: String,
    pub(super) session_present: bool,
    pub(super) keep_alive: Duration,
    /// Messages of QoS 1 and 2 that may be unacknowledged.
    pub(super) receive_maximum: u16,
    /// In bytes, with the fixed header.
    pub(super) packet_size_max: usize,
    maximum_qos: Qos,
    retain_available: bool,
}

impl Grant {
    pub(super) fn read(packet: &ConnAck<'_>, options: &Options) -> Self {
        let mut grant = Self {
            client_id: options.client_id.clone(),
            session_present: packet.session_present,
            keep_alive: Duration::from_secs(options.keep_alive_seconds().into()),
            receive_maximum: u16::MAX,
            packet_size_max: PACKET_SIZE_MAX,
            maximum_qos: Qos::ExactlyOnce,
            retain_available: true,
        };
        for property in packet.properties {
            match property {
                Property::AssignedClientIdentifier(client_id) => client_id.clone_into(&mut grant.client_id),
                // [MQTT-3.1.2-21]
                Property::ServerKeepAlive(seconds) => grant.keep_alive = Duration::from_secs(seconds.into()),
                Property::ReceiveMaximum(maximum) => grant.receive_maximum = maximum.get(),
                Property::MaximumPacketSize(bytes) => {
                    grant.packet_size_max = PACKET_SIZE_MAX.min(bytes.get() as usize);
                }
                Property::MaximumQos(qos) => grant.maximum_qos = qos,
                Property::RetainAvailable(available) => grant.retain_available = available,
                _ => {}
            }
        }
        grant
    }

    /// What the broker would end the connection for.
    pub(super) fn check(&self, message: &Message) -> Result<(), String> {
        // [MQTT-3.2.2-11]
        if message.qos > self.maximum_qos {
            let maximum = self.maximum_qos.as_u8();
            return Err(format!("this broker takes no QoS above {maximum}: publish with QoS {maximum}"));
        }
        // [MQTT-3.2.2-14]
        if message.retain && !self.retain_available {
            return Err("this broker retains no messages: publish without retain".to_owned());
        }
        Ok(())
    }
}
