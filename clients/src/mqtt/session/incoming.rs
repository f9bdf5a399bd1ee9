//! The broker's messages of QoS 1 and 2 that are not settled yet.

use std::collections::HashMap;

use tidewire_protocols::mqtt::{Ack, Packet, PacketId, Qos, ReasonCode};

/// See the module. Each message has a serial number, whose lowest 16 bits are its packet identifier: an identifier alone
/// would mean another message later.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    states: HashMap<PacketId, State>,
    count: u64,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// With the application, in so many streams.
    Delivered { qos: Qos, serial: u64, holders: usize, reason: ReasonCode },
    /// QoS 2: PUBREC has been sent.
    Received,
}

impl Incoming {
    /// The serial number of a message that is new; a repetition of QoS 2 is not [MQTT-4.3.3-10]. One of QoS 1 may be
    /// another message by the same identifier, and counts as new.
    pub(super) fn handle_publish(&mut self, qos: Qos, packet_id: PacketId) -> Option<u64> {
        if qos == Qos::ExactlyOnce && self.states.contains_key(&packet_id) {
            return None;
        }
        self.count += 1;
        let serial = self.count << 16 | u64::from(packet_id.get());
        let state = State::Delivered { qos, serial, holders: 1, reason: ReasonCode::Success };
        self.states.insert(packet_id, state);
        Some(serial)
    }

    /// So many streams have it, each of which will settle it.
    pub(super) fn share(&mut self, serial: u64, count: usize) {
        if let Some(State::Delivered { serial: known, holders, .. }) = self.state(serial)
            && *known == serial
        {
            *holders = count;
        }
    }

    /// What the broker hears when the last who had the message has done with it. A `reason` that is an error ends the
    /// exchange [MQTT-4.3.3-9], and one counts among several.
    pub(super) fn handle_settled(&mut self, serial: u64, verdict: ReasonCode) -> Option<Packet<'static>> {
        let packet_id = packet_id(serial)?;
        let State::Delivered { qos, serial: known, holders, reason } = self.state(serial)? else {
            return None;
        };
        if *known != serial {
            return None;
        }
        if verdict.is_error() {
            *reason = verdict;
        }
        *holders = holders.saturating_sub(1);
        if *holders > 0 {
            return None;
        }
        let (qos, ack) = (*qos, Ack { reason: *reason, ..Ack::success(packet_id) });
        if qos != Qos::ExactlyOnce {
            self.states.remove(&packet_id);
            return Some(Packet::PubAck(ack));
        }
        if ack.reason.is_error() {
            self.states.remove(&packet_id);
        } else {
            self.states.insert(packet_id, State::Received);
        }
        Some(Packet::PubRec(ack))
    }

    /// The answer to PUBREL.
    pub(super) fn handle_pub_rel(&mut self, packet_id: PacketId) -> Ack<'static> {
        let reason = match self.states.remove(&packet_id) {
            Some(_) => ReasonCode::Success,
            None => ReasonCode::PacketIdentifierNotFound,
        };
        Ack { reason, ..Ack::success(packet_id) }
    }

    /// There is a new connection. What is left of QoS 1 comes again; of QoS 2 the session remembers.
    pub(super) fn handle_connected(&mut self, session_present: bool) {
        self.states.retain(|_, state| {
            let is_qos_1 = matches!(state, State::Delivered { qos: Qos::AtLeastOnce, .. });
            session_present && !is_qos_1
        });
    }

    /// Whether this is still the message of that serial number.
    pub(super) fn knows(&mut self, serial: u64) -> bool {
        matches!(self.state(serial), Some(State::Delivered { serial: known, .. }) if *known == serial)
    }

    fn state(&mut self, serial: u64) -> Option<&mut State> {
        self.states.get_mut(&packet_id(serial)?)
    }
}

fn packet_id(serial: u64) -> Option<PacketId> {
    PacketId::new((serial & 0xFFFF) as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: PacketId = PacketId::FIRST;
    const SUCCESS: ReasonCode = ReasonCode::Success;

    #[test]
    fn a_repeated_message_of_qos_2_is_delivered_once() {
        let mut incoming = Incoming::default();
        let serial = incoming.handle_publish(Qos::ExactlyOnce, ID).unwrap();
        assert_eq!(incoming.handle_publish(Qos::ExactlyOnce, ID), None);
        // The application still has it when the connection is lost and the session goes on.
        incoming.handle_connected(true);
        assert_eq!(incoming.handle_publish(Qos::ExactlyOnce, ID), None);
        assert_eq!(incoming.handle_settled(serial, SUCCESS), Some(Packet::PubRec(Ack::success(ID))));
        assert_eq!(incoming.handle_publish(Qos::ExactlyOnce, ID), None);
        assert_eq!(incoming.handle_pub_rel(ID).reason, SUCCESS);
        assert!(incoming.handle_publish(Qos::ExactlyOnce, ID).is_some());
    }

    #[test]
    fn qos_1_is_settled_by_one_packet() {
        let mut incoming = Incoming::default();
        let serial = incoming.handle_publish(Qos::AtLeastOnce, ID).unwrap();
        assert_eq!(incoming.handle_settled(serial, SUCCESS), Some(Packet::PubAck(Ack::success(ID))));
        assert_eq!(incoming.handle_settled(serial, SUCCESS), None);
    }

    #[test]
    fn what_was_delivered_before_does_not_settle_what_has_the_same_identifier_now() {
        let mut incoming = Incoming::default();
        let before = incoming.handle_publish(Qos::AtLeastOnce, ID).unwrap();
        incoming.handle_connected(true);
        assert_eq!(incoming.handle_settled(before, SUCCESS), None);
        let now = incoming.handle_publish(Qos::AtLeastOnce, ID).unwrap();
        assert_eq!(incoming.handle_settled(before, SUCCESS), None);
        assert!(incoming.handle_settled(now, SUCCESS).is_some());
    }

    #[test]
    fn of_several_streams_the_last_settles_it_and_an_error_counts() {
        let mut incoming = Incoming::default();
        let serial = incoming.handle_publish(Qos::ExactlyOnce, ID).unwrap();
        incoming.share(serial, 2);
        let rejected = ReasonCode::ImplementationSpecificError;
        assert_eq!(incoming.handle_settled(serial, rejected), None);
        let answer = Ack { reason: rejected, ..Ack::success(ID) };
        assert_eq!(incoming.handle_settled(serial, SUCCESS), Some(Packet::PubRec(answer)));
        // The exchange is over.
        assert!(incoming.handle_publish(Qos::ExactlyOnce, ID).is_some());
    }

    #[test]
    fn nothing_is_left_of_a_session_that_is_gone() {
        let mut incoming = Incoming::default();
        let serial = incoming.handle_publish(Qos::ExactlyOnce, ID).unwrap();
        incoming.handle_connected(false);
        assert!(!incoming.knows(serial));
        assert_eq!(incoming.handle_settled(serial, SUCCESS), None);
    }

    #[test]
    fn a_pubrel_of_an_unknown_message_is_answered() {
        let answer = Incoming::default().handle_pub_rel(ID);
        assert_eq!(answer.reason, ReasonCode::PacketIdentifierNotFound);
    }
}
