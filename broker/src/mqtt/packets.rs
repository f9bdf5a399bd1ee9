//! Packets as they come, each to whoever handles it.

use std::sync::Arc;

use tidewire_protocols::mqtt::{self, Ack, Packet, Publish, ReasonCode};

use super::acknowledge::Acknowledgement;
use super::refuse::Refusal;
use super::{Context, Mqtt, PACKETS_PER_TURN, State};
use crate::turn::Turn;

impl Mqtt {
    /// Handles a packet; `bytes` are its own.
    #[inline]
    pub(super) fn handle_packet(
        &mut self,
        turn: &mut Turn<'_>,
        packet: &Packet<'_>,
        bytes: &[u8],
    ) -> Result<(), Refusal> {
        turn.next_packet();
        match (&self.state, packet) {
            // Most are, and their way is shorter apart from that of the others.
            (State::Connected(_), Packet::Publish(publish)) => self.handle_message(turn, publish, bytes),
            _ => self.handle_other(turn, packet, bytes),
        }
    }

    #[inline]
    fn handle_message(
        &mut self,
        turn: &mut Turn<'_>,
        publish: &Publish<'_>,
        bytes: &[u8],
    ) -> Result<(), Refusal> {
        let State::Connected(client) = &mut self.state else { return Ok(()) };
        client.pace.note(bytes.len(), turn.now.instant);
        self.published += 1;
        let (broker, config, link, replies) = (&self.broker, &self.config, &self.link, &mut self.replies);
        let context = Context { broker, config, link, replies, turn, client };
        context.handle_publish(publish, &mut self.attributes)
    }

    #[inline(never)]
    fn handle_other(
        &mut self,
        turn: &mut Turn<'_>,
        packet: &Packet<'_>,
        bytes: &[u8],
    ) -> Result<(), Refusal> {
        let packet_type = packet.packet_type();
        match (&mut self.state, packet) {
            (State::Greeting { .. }, Packet::Connect(connect)) => {
                self.broker.check_admission(&self.link, turn.now.instant)?;
                self.handle_connect(turn, connect, bytes)
            }
            (State::Greeting { .. }, _) => {
                Err(Refusal::protocol("the first packet must be CONNECT [MQTT-3.1.0-1]"))
            }
            (State::Authenticating(_), packet) => self.handle_while_authenticating(turn, packet),
            (State::Connected(client), packet) => {
                let context = Context {
                    broker: &self.broker,
                    config: &self.config,
                    link: &self.link,
                    replies: &mut self.replies,
                    turn,
                    client: client.as_mut(),
                };
                if context.broker.traces.are_on() {
                    let packet = format!("{packet_type:?}");
                    context.broker.traces.note_received(context.turn.now, &context.client.session, &packet);
                }
                match packet {
                    Packet::Publish(publish) => self.handle_message(turn, publish, bytes),
                    Packet::PubAck(ack)
                    | Packet::PubRec(ack)
                    | Packet::PubRel(ack)
                    | Packet::PubComp(ack) => {
                        let Ack { packet_id, reason, .. } = *ack;
                        context.handle_acks([Acknowledgement { packet_type, packet_id, reason }])
                    }
                    Packet::Subscribe(subscribe) => context.handle_subscribe(subscribe),
                    Packet::Unsubscribe(unsubscribe) => context.handle_unsubscribe(unsubscribe),
                    Packet::PingReq => {
                        let output = self.replies.immediate();
                        Packet::PingResp.encode(client.version, &mut output.bytes);
                        Ok(())
                    }
                    Packet::Disconnect(disconnect) => self.handle_disconnect(turn, disconnect),
                    Packet::Connect(_) => Err(Refusal::protocol("CONNECT came twice [MQTT-3.1.0-2]")),
                    Packet::Auth(auth) => context.handle_auth(auth),
                    Packet::ConnAck(_) | Packet::SubAck(_) | Packet::UnsubAck(_) | Packet::PingResp => {
                        Err(Refusal::server_packet(packet_type))
                    }
                }
            }
            (State::Ended, _) => Ok(()),
        }
    }

    /// Acknowledgements come in crowds, and are taken so: those at the front of `input`, and how many bytes they are;
    /// `None` where something else stands there.
    #[inline]
    pub(super) fn handle_plain_acks(
        &mut self,
        turn: &mut Turn<'_>,
        input: &[u8],
    ) -> Option<(usize, Result<(), Refusal>)> {
        mqtt::plain_acks(input).next()?;
        self.take_plain_acks(turn, input)
    }

    #[inline(never)]
    fn take_plain_acks(&mut self, turn: &mut Turn<'_>, input: &[u8]) -> Option<(usize, Result<(), Refusal>)> {
        let State::Connected(client) = &mut self.state else { return None };
        turn.next_packet();
        let (broker, config, link, replies) = (&self.broker, &self.config, &self.link, &mut self.replies);
        let (watched, now) = (turn.is_observed().then(|| Arc::clone(&client.session)), turn.now);
        let context = Context { broker, config, link, replies, turn, client };
        let mut count = 0;
        let acks = mqtt::plain_acks(input).take(PACKETS_PER_TURN).map(|(packet_type, packet_id)| {
            count += 1;
            if let Some(session) = &watched {
                broker.traces.note_received(now, session, &format!("{packet_type:?}"));
            }
            Acknowledgement { packet_type, packet_id, reason: ReasonCode::Success }
        });
        let result = context.handle_acks(acks);
        Some((count * mqtt::PLAIN_ACK_SIZE, result))
    }
}
