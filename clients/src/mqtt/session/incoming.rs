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

/// What a message is to this client.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Novelty {
    New {
        serial: u64,
    },
    /// The application still has it.
    Delivered,
    /// The application has done with it, and the broker has not heard the answer.
    Received(Packet<'static>),
}

impl Incoming {
    /// Whether a message is new; a repetition of QoS 2 is not [MQTT-4.3.3-10]. One of QoS 1 may be another
    /// message by the same identifier, and counts as new.
    pub(super) fn handle_publish(&mut self, qos: Qos, packet_id: PacketId) -> Novelty {
        match self.states.get(&packet_id) {
            Some(State::Received) if qos == Qos::ExactlyOnce => {
                return Novelty::Received(Packet::PubRec(Ack::success(packet_id)));
            }
            Some(State::Delivered { .. }) if qos == Qos::ExactlyOnce => return Novelty::Delivered,
            _ => {}
        }
        self.count += 1;
        let serial = self.count << 16 | u64::from(packet_id.get());
        let state = State::Delivered { qos, serial, holders: 1, reason: ReasonCode::Success };
        self.states.insert(packet_id, state);
        Novelty::New { serial }
    }

    /// Nobody here will do anything with the message: the broker takes it back, and its identifier may come
    /// with another one.
    pub(super) fn forget(&mut self, serial: u64) {
        if self.knows(serial)
            && let Some(packet_id) = packet_id(serial)
        {
            self.states.remove(&packet_id);
        }
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

    /// The serial number of a message that has to be new.
    fn publish(incoming: &mut Incoming, qos: Qos) -> u64 {
        match incoming.handle_publish(qos, ID) {
            Novelty::New { serial } => serial,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_repeated_message_of_qos_2_is_delivered_once() {
        let mut incoming = Incoming::default();
        let serial = publish(&mut incoming, Qos::ExactlyOnce);
        assert_eq!(incoming.handle_publish(Qos::ExactlyOnce, ID), Novelty::Delivered);
        // The application still has it when the connection is lost and the session goes on.
        incoming.handle_connected(true);
        assert_eq!(incoming.handle_publish(Qos::ExactlyOnce, ID), Novelty::Delivered);
        let answer = Packet::PubRec(Ack::success(ID));
        assert_eq!(incoming.handle_settled(serial, SUCCESS), Some(answer));
        // The answer was lost with the next connection.
        incoming.handle_connected(true);
        assert_eq!(incoming.handle_publish(Qos::ExactlyOnce, ID), Novelty::Received(answer));
        assert_eq!(incoming.handle_pub_rel(ID).reason, SUCCESS);
        publish(&mut incoming, Qos::ExactlyOnce);
    }

    #[test]
    fn what_is_forgotten_may_come_again() {
        let mut incoming = Incoming::default();
        let serial = publish(&mut incoming, Qos::ExactlyOnce);
        incoming.forget(serial);
        assert_eq!(incoming.handle_settled(serial, SUCCESS), None);
        let again = publish(&mut incoming, Qos::ExactlyOnce);
        incoming.forget(serial);
        assert!(incoming.knows(again));
    }

    #[test]
    fn qos_1_is_settled_by_one_packet() {
        let mut incoming = Incoming::default();
        let serial = publish(&mut incoming, Qos::AtLeastOnce);
        assert_eq!(incoming.handle_settled(serial, SUCCESS), Some(Packet::PubAck(Ack::success(ID))));
        assert_eq!(incoming.handle_settled(serial, SUCCESS), None);
    }

    #[test]
    fn what_was_delivered_before_does_not_settle_what_has_the_same_identifier_now() {
        let mut incoming = Incoming::default();
        let before = publish(&mut incoming, Qos::AtLeastOnce);
        incoming.handle_connected(true);
        assert_eq!(incoming.handle_settled(before, SUCCESS), None);
        let now = publish(&mut incoming, Qos::AtLeastOnce);
        assert_eq!(incoming.handle_settled(before, SUCCESS), None);
        assert!(incoming.handle_settled(now, SUCCESS).is_some());
    }

    #[test]
    fn of_several_streams_the_last_settles_it_and_an_error_counts() {
        let mut incoming = Incoming::default();
        let serial = publish(&mut incoming, Qos::ExactlyOnce);
        incoming.share(serial, 2);
        let rejected = ReasonCode::ImplementationSpecificError;
        assert_eq!(incoming.handle_settled(serial, rejected), None);
        let answer = Ack { reason: rejected, ..Ack::success(ID) };
        assert_eq!(incoming.handle_settled(serial, SUCCESS), Some(Packet::PubRec(answer)));
        // The exchange is over.
        publish(&mut incoming, Qos::ExactlyOnce);
    }

    #[test]
    fn nothing_is_left_of_a_session_that_is_gone() {
        let mut incoming = Incoming::default();
        let serial = publish(&mut incoming, Qos::ExactlyOnce);
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
