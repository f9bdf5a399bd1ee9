//! A message that is kept: in a session's backlog, in an inflight window, as a retained message.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use smallvec::SmallVec;

use super::{Attributes, Publication, Qos, SessionId, TopicName};
use crate::clock::Now;

/// Topic name, payload and attributes together that lie in the same piece of memory as the rest of a message: one
/// allocation instead of three for what sensors send. More would make small messages larger.
const INLINE_BYTES: usize = 96;

/// One published application message that somebody has to remember: a session's backlog, its inflight window, the
/// retained messages. Always behind an `Arc`; holds its own copy of a small payload, so that a 20-byte retained
/// message does not pin the network buffer it arrived in.
#[derive(Debug)]
pub struct Message {
    /// Topic name, payload and attributes, one behind the other.
    text: SmallVec<[u8; INLINE_BYTES]>,
    topic_bytes: u16,
    attributes_bytes: u32,
    qos: Qos,
    retain: bool,
    expires_at: Option<u64>,
    publisher: SessionId,
    stored_as: AtomicU64,
}

/// What a message is made of, for whoever stores it: see [`Message::of`].
#[derive(Clone, Copy, Debug)]
pub struct MessageParts<'a> {
    /// Its topic name.
    pub topic: TopicName<'a>,
    /// Its payload.
    pub payload: &'a [u8],
    /// What travels with it, in the encoding of [`Attributes`].
    pub attributes: &'a [u8],
    /// The QoS it was published with.
    pub qos: Qos,
    /// The publisher's RETAIN flag.
    pub retain: bool,
    /// When it expires: milliseconds since the Unix epoch.
    pub expires_at: Option<u64>,
    /// Whose it is.
    pub publisher: SessionId,
}

impl MessageParts<'_> {
    /// What the message weighs against a limit in bytes: see [`Message::weight`].
    #[inline]
    pub fn weight(&self) -> usize {
        self.payload.len() + self.attributes.len() + self.topic.as_str().len()
    }
}

impl Message {
    /// A message of these parts.
    #[inline]
    pub fn of(parts: &MessageParts<'_>) -> Self {
        let topic = parts.topic.as_str().as_bytes();
        let text = match parts.weight() {
            size @ ..=INLINE_BYTES => {
                let mut buffer = [0; INLINE_BYTES];
                let (front, attributes) = buffer[..size].split_at_mut(topic.len() + parts.payload.len());
                front[..topic.len()].copy_from_slice(topic);
                front[topic.len()..].copy_from_slice(parts.payload);
                attributes.copy_from_slice(parts.attributes);
                SmallVec::from_buf_and_len(buffer, size)
            }
            _ => SmallVec::from_vec([topic, parts.payload, parts.attributes].concat()),
        };
        // Both fit: a topic name has at most 65,535 bytes, and the attributes come from a packet.
        let topic_bytes = u16::try_from(topic.len()).unwrap_or(u16::MAX);
        let attributes_bytes = u32::try_from(parts.attributes.len()).unwrap_or(u32::MAX);
        Self {
            text,
            topic_bytes,
            attributes_bytes,
            qos: parts.qos,
            retain: parts.retain,
            expires_at: parts.expires_at,
            publisher: parts.publisher,
            stored_as: AtomicU64::new(0),
        }
    }

    /// What it is made of.
    pub fn parts(&self) -> MessageParts<'_> {
        MessageParts {
            topic: self.topic(),
            payload: self.payload(),
            attributes: self.attributes(),
            qos: self.qos,
            retain: self.retain,
            expires_at: self.expires_at,
            publisher: self.publisher,
        }
    }

    /// The number that a store has given it; 0 where none has. A message is stored once, however many wait for it.
    pub fn stored_as(&self) -> u64 {
        self.stored_as.load(Ordering::Relaxed)
    }

    /// The store says by which number it knows the message.
    pub fn set_stored_as(&self, number: u64) {
        self.stored_as.store(number, Ordering::Relaxed);
    }

    /// A view of this message that can be delivered like one that has just arrived.
    pub fn publication(self: &Arc<Self>) -> Publication<'_> {
        let publication = self.publish_again(self.expires_at);
        let _ = publication.kept.set(Arc::clone(self));
        publication
    }

    /// A view of this message for publishing it anew, with an expiry that begins to run only now: a will.
    pub fn publish_again(&self, expires_at: Option<u64>) -> Publication<'_> {
        Publication {
            attributes: Attributes::assume_valid(self.attributes()),
            qos: self.qos,
            retain: self.retain,
            expires_at,
            ..Publication::new(self.topic(), self.payload(), self.publisher)
        }
    }

    /// Its topic name.
    pub fn topic(&self) -> TopicName<'_> {
        // It was text when it was put here; to look again costs less than a piece of memory of its own.
        TopicName::assume_valid(str::from_utf8(&self.text[..self.topic_bytes.into()]).unwrap_or_default())
    }

    fn payload(&self) -> &[u8] {
        &self.text[self.topic_bytes.into()..self.attributes_at()]
    }

    fn attributes(&self) -> &[u8] {
        &self.text[self.attributes_at()..]
    }

    fn attributes_at(&self) -> usize {
        self.text.len() - self.attributes_bytes as usize
    }

    /// The QoS it was published with.
    pub fn qos(&self) -> Qos {
        self.qos
    }

    /// Whether its expiry has come.
    pub fn is_expired(&self, now: Now) -> bool {
        self.expires_at.is_some_and(|at| at <= now.unix_ms)
    }

    /// When it expires: milliseconds since the Unix epoch.
    pub fn expires_at(&self) -> Option<u64> {
        self.expires_at
    }

    /// What it weighs against a limit in bytes: payload, topic and attributes.
    pub fn weight(&self) -> usize {
        self.text.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_gives_back_what_it_was_made_of() {
        for (topic, payload, attributes) in [
            ("t", &b""[..], &b""[..]),
            ("a/\u{e9}", b"payload", b"\x01\x01"),
            ("t", &[7; 500], b""),
            ("t", b"", &[9; 90]),
        ] {
            let parts = MessageParts {
                topic: TopicName::parse(topic).unwrap(),
                payload,
                attributes,
                qos: Qos::AtLeastOnce,
                retain: true,
                expires_at: Some(5),
                publisher: SessionId(3),
            };
            let message = Message::of(&parts);
            assert_eq!(format!("{:?}", message.parts()), format!("{parts:?}"));
            assert_eq!(message.weight(), topic.len() + payload.len() + attributes.len());
        }
    }

    #[test]
    fn a_small_message_takes_one_small_piece_of_memory() {
        // With the two counts of an `Arc`.
        assert!(size_of::<Message>() + 16 <= 160, "{}", size_of::<Message>());
    }
}
