//! How a client subscribes.

use tidewire_client::{Error, Qos};
use tidewire_protocols::mqtt::{
    Packet, PacketId, Properties, Subscribe, SubscribeFiltersBuf, SubscribeOptions,
};

use super::Incoming;
use super::broker::Speech;
use super::peer::Peer;

/// What messages a subscriber wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Wanted {
    /// As they come, at most at this QoS; in STOMP, which has none, without acknowledgement.
    Qos(Qos),
    /// STOMP: each to be acknowledged by itself, so many at a time.
    Acknowledged {
        /// The `prefetch-count` header.
        prefetch: u32,
    },
}

impl Peer {
    /// Has everybody subscribe, and waits until that is granted. `name` says what each wants, as the broker takes it.
    pub(in super::super) fn subscribe_all(
        peers: &mut [Self],
        wanted: Wanted,
        name: impl Fn(usize) -> String,
    ) -> Result<(), Error> {
        // In groups, so that no answer waits for longer than others have to wait.
        for (group, first) in peers.chunks_mut(super::TOGETHER).zip((0..).step_by(super::TOGETHER)) {
            for (index, peer) in group.iter_mut().enumerate() {
                peer.put_subscribe(std::iter::once(name(first + index).as_str()), 0, wanted);
                peer.link.flush()?;
            }
            for (index, peer) in group.iter_mut().enumerate() {
                peer.await_granted(&name(first + index), wanted)?;
            }
        }
        Ok(())
    }

    /// Subscribes, and waits until that is granted.
    pub(in super::super) fn subscribe(&mut self, name: &str, wanted: Wanted) -> Result<(), Error> {
        self.put_subscribe(std::iter::once(name), 0, wanted);
        self.await_granted(name, wanted)
    }

    /// Asks to subscribe to all of `names`, with what is flushed next: in MQTT with one packet, in STOMP with a frame for
    /// each. `first` is the number of the first among all that this client subscribes to.
    pub(in super::super) fn put_subscribe<'a>(
        &mut self,
        names: impl Iterator<Item = &'a str>,
        first: u32,
        wanted: Wanted,
    ) {
        let version = match self.link.wire.speech {
            Speech::Mqtt(version) => version,
            Speech::Stomp => return self.put_subscribe_frames(names, first, wanted),
        };
        let qos = match wanted {
            Wanted::Qos(qos) => qos,
            Wanted::Acknowledged { .. } => Qos::AtLeastOnce,
        };
        let mut filters = SubscribeFiltersBuf::default();
        names.for_each(|name| filters.push(name, SubscribeOptions::new(qos)));
        let packet_id = PacketId::new((first % u32::from(u16::MAX)) as u16 + 1).unwrap_or(PacketId::FIRST);
        let filters = filters.as_filters();
        let subscribe = Subscribe { packet_id, properties: Properties::EMPTY, filters };
        self.put_packet(version, &Packet::Subscribe(subscribe));
    }

    fn put_subscribe_frames<'a>(&mut self, names: impl Iterator<Item = &'a str>, first: u32, wanted: Wanted) {
        let ack = match wanted {
            Wanted::Qos(_) => "ack:auto\n".to_owned(),
            Wanted::Acknowledged { prefetch } => {
                format!("ack:client-individual\nprefetch-count:{prefetch}\n")
            }
        };
        let mut names = names.zip(first..).peekable();
        while let Some((name, id)) = names.next() {
            // The last one's receipt is for all.
            let receipt = if names.peek().is_none() { "receipt:0\n" } else { "" };
            self.put_frame(&format!("SUBSCRIBE\nid:{id}\ndestination:{name}\n{ack}{receipt}\n\0"));
        }
    }

    /// Waits until what one [`put_subscribe`](Self::put_subscribe) asked for is granted; `names` is for a person.
    pub(in super::super) fn await_granted(&mut self, names: &str, wanted: Wanted) -> Result<(), Error> {
        let refusal = self.answer(|incoming, packet| match (incoming, packet) {
            (Incoming::Receipt { number: 0 }, _) => Some(None),
            (_, Some(Packet::SubAck(packet))) => Some(packet.reasons().find(|reason| match wanted {
                Wanted::Qos(qos) => reason.as_u8() != qos.as_u8(),
                Wanted::Acknowledged { .. } => reason.is_error(),
            })),
            _ => None,
        })?;
        match refusal {
            None => Ok(()),
            Some(reason) => {
                Err(Error::Rejected { what: format!("to subscribe to {names}"), reason: reason.to_string() })
            }
        }
    }
}
