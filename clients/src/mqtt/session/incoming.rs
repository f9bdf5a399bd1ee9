//! The broker's messages of QoS 1 and 2 that are not settled yet.

use std::collections::HashMap;

use tidewire_protocols::mqtt::{Ack, Packet, PacketId, Qos, ReasonCode};

use crate::connection::Token;

#[derive(Debug, Default)]
pub(super) struct Incoming(HashMap<PacketId, State>);

#[derive(Clone, Copy, Debug)]
enum State {
    /// With the application.
    Delivered(Qos),
    /// QoS 2: PUBREC has been sent.
    Received,
}

impl Incoming {
    /// Whether the message is new; a repetition of QoS 2 is not [MQTT-4.3.3-10].
    pub(super) fn handle_publish(&mut self, qos: Qos, packet_id: PacketId) -> bool {
        let known = self.0.get(&packet_id).copied();
        if qos == Qos::ExactlyOnce && known.is_some() {
            return false;
        }
        self.0.insert(packet_id, State::Delivered(qos));
        true
    }

    /// What the broker hears when the application has done with a message.
    pub(super) fn handle_acknowledged(&mut self, token: Token) -> Option<Packet<'static>> {
        let packet_id = PacketId::new(token.0)?;
        match self.0.get(&packet_id)? {
            State::Delivered(Qos::ExactlyOnce) => {
                self.0.insert(packet_id, State::Received);
                Some(Packet::PubRec(Ack::success(packet_id)))
            }
            State::Delivered(_) => {
                self.0.remove(&packet_id);
                Some(Packet::PubAck(Ack::success(packet_id)))
            }
            State::Received => None,
        }
    }

    /// The answer to PUBREL.
    pub(super) fn handle_pub_rel(&mut self, packet_id: PacketId) -> Ack<'static> {
        let reason = match self.0.remove(&packet_id) {
            Some(_) => ReasonCode::Success,
            None => ReasonCode::PacketIdentifierNotFound,
        };
        Ack { reason, ..Ack::success(packet_id) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_message_of_qos_2_is_delivered_once() {
        let mut incoming = Incoming::default();
        let id = PacketId::FIRST;
        assert!(incoming.handle_publish(Qos::ExactlyOnce, id));
        assert!(!incoming.handle_publish(Qos::ExactlyOnce, id));
        assert_eq!(incoming.handle_acknowledged(Token(1)), Some(Packet::PubRec(Ack::success(id))));
        assert!(!incoming.handle_publish(Qos::ExactlyOnce, id));
        assert_eq!(incoming.handle_pub_rel(id).reason, ReasonCode::Success);
        assert!(incoming.handle_publish(Qos::ExactlyOnce, id));
    }

    #[test]
    fn qos_1_is_settled_by_one_packet() {
        let mut incoming = Incoming::default();
        assert!(incoming.handle_publish(Qos::AtLeastOnce, PacketId::FIRST));
        let answer = Packet::PubAck(Ack::success(PacketId::FIRST));
        assert_eq!(incoming.handle_acknowledged(Token(1)), Some(answer));
        assert_eq!(incoming.handle_acknowledged(Token(1)), None);
    }

    #[test]
    fn a_pubrel_of_an_unknown_message_is_answered() {
        let answer = Incoming::default().handle_pub_rel(PacketId::FIRST);
        assert_eq!(answer.reason, ReasonCode::PacketIdentifierNotFound);
    }
}
