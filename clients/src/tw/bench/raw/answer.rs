//! Answers that a client waits for.

use std::ops::ControlFlow;

use tidewire_client::Error;
use tidewire_protocols::mqtt::{Decoded, PACKET_SIZE_MAX, Packet, Property, decode};

use super::Incoming;
use super::broker::Speech;
use super::peer::Peer;

impl Peer {
    /// Waits until the broker has taken this client.
    pub(super) fn welcome(&mut self) -> Result<(), Error> {
        let Speech::Mqtt(_) = self.link.wire.speech else {
            return self.answer(|incoming, _| {
                matches!(incoming, Incoming::Other(b) if b.starts_with(b"CONNECTED")).then_some(())
            });
        };
        let (reason, is_present, maximum) = self.answer(|_, packet| match packet? {
            Packet::ConnAck(packet) => {
                let maximum = packet.properties.iter().find_map(|property| match property {
                    Property::ReceiveMaximum(maximum) => Some(maximum.get()),
                    _ => None,
                });
                Some((packet.reason, packet.session_present, maximum.unwrap_or(u16::MAX)))
            }
            _ => None,
        })?;
        if reason.is_error() {
            return Err(Error::Refused(reason.to_string()));
        }
        (self.receive_maximum, self.is_session_present) = (maximum, is_present);
        Ok(())
    }

    /// Sends what is to be sent and waits for its answer. Messages before the answer are dropped, those behind it stay
    /// for later.
    pub(super) fn answer<T>(
        &mut self,
        is_answer: impl Fn(Incoming<'_>, Option<&Packet<'_>>) -> Option<T>,
    ) -> Result<T, Error> {
        let speech = self.link.wire.speech;
        self.link.flush()?;
        loop {
            let mut answer = None;
            self.link.packets(|incoming, _| {
                let packet = match (speech, incoming) {
                    (Speech::Mqtt(version), Incoming::Other(bytes)) => {
                        match decode(version, PACKET_SIZE_MAX, bytes) {
                            Ok(Decoded::Packet { packet, .. }) => Some(packet),
                            _ => None,
                        }
                    }
                    _ => None,
                };
                answer = is_answer(incoming, packet.as_ref());
                if answer.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })?;
            match answer {
                Some(answer) => return Ok(answer),
                None => self.wait()?,
            }
        }
    }

    /// Waits for the first message.
    pub(in super::super) fn await_message(&mut self) -> Result<(), Error> {
        self.answer(|incoming, _| {
            matches!(incoming, Incoming::Publish { .. } | Incoming::Message { .. }).then_some(())
        })
    }
}
