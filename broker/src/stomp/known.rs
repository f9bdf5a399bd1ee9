//! A SEND whose head came before, byte for byte: most senders say the same of each of their messages, so it is read once.
//!
//! Only what is judged anew for each message is judged anew: whether the client may publish there, and the body.

use tidewire_protocols::topic::TopicName;

use super::headers::Particulars;
use crate::message::{Attributes, AttributesBuf, Heads, Publication, SessionId};

/// Longer heads are read each time, so that nobody's memory is taken by them.
const HEAD_BYTES_MAX: usize = 512;

/// What the head of the last SEND says.
pub(super) struct KnownHead {
    /// From the command to the end of the blank line.
    head: Vec<u8>,
    /// Whether it came in a text WebSocket message, which the attributes depend on.
    is_text: bool,
    /// The `content-length`; without one a NUL ends the body.
    content_length: Option<usize>,
    topic: String,
    particulars: Particulars,
    attributes: AttributesBuf,
    /// What MESSAGE frames begin with that say the same.
    heads: Heads,
}

/// A head that has been read.
pub(super) struct Head<'h> {
    /// From the command to the end of the blank line.
    pub(super) bytes: &'h [u8],
    /// Whether it came in a text WebSocket message.
    pub(super) is_text: bool,
    /// The `content-length`, if it has one.
    pub(super) content_length: Option<usize>,
}

impl KnownHead {
    /// Remembers a head that has been understood. `attributes` are taken over, and another empty one given back.
    pub(super) fn remember(
        known: &mut Option<Box<Self>>,
        head: Head<'_>,
        topic: TopicName<'_>,
        particulars: Particulars,
        attributes: &mut AttributesBuf,
    ) {
        let Head { bytes, is_text, content_length } = head;
        if !particulars.is_repeatable || bytes.len() > HEAD_BYTES_MAX {
            *known = None;
            return;
        }
        let known = known.get_or_insert_with(|| {
            let (head, topic, attributes) = (Vec::new(), String::new(), AttributesBuf::default());
            let heads = Heads::default();
            Box::new(Self { head, is_text, content_length, topic, particulars, attributes, heads })
        });
        known.heads.clear();
        known.head.clear();
        known.head.extend_from_slice(bytes);
        known.topic.clear();
        known.topic.push_str(topic.as_str());
        (known.is_text, known.content_length, known.particulars) = (is_text, content_length, particulars);
        std::mem::swap(&mut known.attributes, attributes);
    }

    /// The body behind this head at the front of `input`, and the size of the frame. `None` where it is another head, or
    /// the frame is not whole, or is wrong: the decoder says which.
    pub(super) fn body<'i>(
        &self,
        input: &'i [u8],
        is_text: bool,
        body_size_max: usize,
    ) -> Option<(&'i [u8], usize)> {
        let rest = input.strip_prefix(self.head.as_slice()).filter(|_| is_text == self.is_text)?;
        let end = match self.content_length {
            Some(length) => length,
            None => memchr::memchr(0, rest).filter(|length| *length <= body_size_max)?,
        };
        match rest.get(end) {
            Some(0) => Some((&rest[..end], self.head.len() + end + 1)),
            _ => None,
        }
    }

    /// Where it goes.
    pub(super) fn topic(&self) -> TopicName<'_> {
        TopicName::assume_valid(&self.topic)
    }

    /// Whether it is to be retained.
    pub(super) fn retain(&self) -> bool {
        self.particulars.retain
    }

    /// The message with that body.
    pub(super) fn publication<'m>(&'m self, body: &'m [u8], publisher: SessionId) -> Publication<'m> {
        let mut publication = Publication::new(self.topic(), body, publisher);
        publication.qos = self.particulars.qos;
        publication.retain = self.particulars.retain;
        publication.expires_at = self.particulars.expires_at;
        publication.attributes = Attributes::of(&self.attributes);
        publication.heads = Some(&self.heads);
        if self.is_text {
            publication.note_utf8();
        }
        publication
    }
}
