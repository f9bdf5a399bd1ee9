//! The neutral message: what was published, whichever protocol it came in by and whichever it leaves by.

mod heads;
mod identifiers;
mod kept;

use std::cell::{Cell, OnceCell, Ref, RefCell};
use std::sync::Arc;

use tidewire_protocols::mqtt::{Properties, PropertiesBuf};
pub use tidewire_protocols::mqtt::{Property, Qos};
pub use tidewire_protocols::topic::TopicName;
use tidewire_protocols::websocket::deflate::deflate;

pub use self::heads::Heads;
pub use self::identifiers::Identifiers;
pub use self::kept::{Message, MessageParts};
use crate::clock::Now;
use crate::spans::Recording;

/// What the topic names of work queues begin with: `$queue/orders` is the queue `orders`.
pub const QUEUE_PREFIX: &str = "$queue/";

/// Whether clients may name a queue so, behind [`QUEUE_PREFIX`]: those that begin with `$` are the broker's own, such as
/// those of durable subscriptions.
#[inline]
pub fn is_client_queue(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('$')
}

/// Names a session for as long as the process runs; never used again for another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u64);

impl SessionId {
    /// The broker itself, as a publisher.
    pub const BROKER: Self = Self(0);
}

/// What travels with a payload from end to end: payload format, content type, response topic, correlation data, and
/// user properties in their order, repeats kept. Held in MQTT 5's own encoding, since that is the richest of the
/// formats and the one in which most of it comes and goes: between two MQTT 5 clients it is a copy of bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Attributes<'a> {
    raw: &'a [u8],
}

impl<'a> Attributes<'a> {
    /// Borrows what an [`AttributesBuf`] has gathered.
    #[inline]
    pub fn of(buffer: &'a AttributesBuf) -> Self {
        Self { raw: buffer.properties.raw() }
    }

    /// Those that an earlier [`Attributes::encoded`] has given.
    #[inline]
    pub fn assume_valid(encoded: &'a [u8]) -> Self {
        Self { raw: encoded }
    }

    /// The attributes, in order.
    pub fn iter(self) -> impl Iterator<Item = Property<'a>> {
        Properties::assume_valid(self.raw).iter()
    }

    /// Their encoding as a run of MQTT 5 properties, ready to stand in a PUBLISH.
    #[inline]
    pub fn encoded(self) -> &'a [u8] {
        self.raw
    }
}

/// Gathers [`Attributes`]; reused by a connection from message to message.
#[derive(Debug, Default)]
pub struct AttributesBuf {
    properties: PropertiesBuf,
}

impl AttributesBuf {
    /// Adds `property` if it is one that travels from end to end. What concerns one hop only (topic alias,
    /// subscription identifier) or is kept elsewhere (expiry) is not taken, and said so by `false`.
    pub fn push(&mut self, property: Property<'_>) -> bool {
        let travels = matches!(
            property,
            Property::PayloadFormatIndicator(_)
                | Property::ContentType(_)
                | Property::ResponseTopic(_)
                | Property::CorrelationData(_)
                | Property::UserProperty(..)
        );
        if travels {
            self.properties.push(property);
        }
        travels
    }

    /// Forgets all of them and keeps the memory.
    #[inline]
    pub fn clear(&mut self) {
        self.properties.clear();
    }
}

/// A message on its way through the router, borrowed from the buffer it arrived in. It is copied into an
/// [`Arc<Message>`] only once somebody must remember it, and then once for all of them.
pub struct Publication<'a> {
    /// Its topic name.
    pub topic: TopicName<'a>,
    /// Its payload.
    pub payload: &'a [u8],
    /// What travels with it.
    pub attributes: Attributes<'a>,
    /// The QoS it was published with.
    pub qos: Qos,
    /// The publisher's RETAIN flag.
    pub retain: bool,
    /// When it expires: milliseconds since the Unix epoch.
    pub expires_at: Option<u64>,
    /// Whose it is, for No Local.
    pub publisher: SessionId,
    /// Where what is the same of all its publisher's messages is remembered as it is written: all but the payload.
    pub heads: Option<&'a Heads>,
    /// Where it is noted what becomes of it, if its publish is recorded as a trace.
    pub recording: Option<&'a Recording>,
    fan_out: Cell<bool>,
    is_utf8: OnceCell<bool>,
    kept: OnceCell<Arc<Message>>,
    encoded: RefCell<Vec<(LayoutKey, Encoded)>>,
    deflated: RefCell<Vec<(Deflating, Option<Vec<u8>>)>>,
}

impl<'a> Publication<'a> {
    /// A publication of QoS 0 without retain, attributes or expiry: the start from which fields are set.
    #[inline]
    pub fn new(topic: TopicName<'a>, payload: &'a [u8], publisher: SessionId) -> Self {
        Self {
            topic,
            payload,
            attributes: Attributes::default(),
            qos: Qos::AtMostOnce,
            retain: false,
            expires_at: None,
            publisher,
            heads: None,
            recording: None,
            fan_out: Cell::new(false),
            is_utf8: OnceCell::new(),
            kept: OnceCell::new(),
            encoded: RefCell::new(Vec::new()),
            deflated: RefCell::new(Vec::new()),
        }
    }

    /// The same message, whose publish is recorded there, with these attributes instead of its own. Nothing that was made of
    /// it goes with it.
    pub fn recorded_by(&self, recording: &'a Recording, attributes: Attributes<'a>) -> Self {
        Self {
            attributes,
            qos: self.qos,
            retain: self.retain,
            expires_at: self.expires_at,
            recording: Some(recording),
            is_utf8: self.is_utf8.clone(),
            ..Self::new(self.topic, self.payload, self.publisher)
        }
    }

    /// The message in a form that outlives the buffer; made at the first call, shared by all others.
    pub fn keep(&self) -> &Arc<Message> {
        self.kept.get_or_init(|| Arc::new(self.make()))
    }

    /// The same for one holder: where there is but one, nobody else counts references to it.
    #[inline]
    pub fn to_kept(&self) -> Arc<Message> {
        match self.kept.get() {
            Some(kept) => Arc::clone(kept),
            None if self.is_fan_out() => Arc::clone(self.keep()),
            None => Arc::new(self.make()),
        }
    }

    #[inline]
    fn make(&self) -> Message {
        Message::of(&MessageParts {
            topic: self.topic,
            payload: self.payload,
            attributes: self.attributes.raw,
            qos: self.qos,
            retain: self.retain,
            expires_at: self.expires_at,
            publisher: self.publisher,
        })
    }

    /// Whether the payload is UTF-8; looked at once, however many ask.
    pub fn payload_is_utf8(&self) -> bool {
        // ASCII is what most is, and is seen sixteen bytes at a time.
        *self.is_utf8.get_or_init(|| self.payload.is_ascii() || std::str::from_utf8(self.payload).is_ok())
    }

    /// Says that the payload is UTF-8: it came as text, which has been looked at.
    pub fn note_utf8(&self) {
        let _ = self.is_utf8.set(true);
    }

    /// Whole seconds that are left until it expires, at least 1 while it has not; `None` without an expiry.
    /// [MQTT-3.3.2-6]
    pub fn expiry_left_secs(&self, now: Now) -> Option<u32> {
        let left_ms = self.expires_at?.saturating_sub(now.unix_ms);
        Some(u32::try_from(left_ms.div_ceil(1000)).unwrap_or(u32::MAX))
    }

    /// Whether its expiry has come.
    #[inline]
    pub fn is_expired(&self, now: Now) -> bool {
        self.expires_at.is_some_and(|at| at <= now.unix_ms)
    }

    /// The work queue that it is for; `None` where it is for subscribers.
    #[inline]
    pub fn queue_name(&self) -> Option<&'a str> {
        self.topic.as_str().strip_prefix(QUEUE_PREFIX)
    }

    /// Says that several sessions receive this message, so that an encoding of it is worth keeping.
    #[inline]
    pub fn expect_fan_out(&self) {
        self.fan_out.set(true);
    }

    /// Whether an encoding of this message is worth keeping: see [`Publication::encoded`].
    #[inline]
    pub fn is_fan_out(&self) -> bool {
        self.fan_out.get()
    }

    /// The payload as DEFLATE blocks that stand on their own, made once for all that agree on `deflating`; `None` where it
    /// is too small or would not become smaller.
    pub fn deflated(&self, deflating: Deflating) -> Option<Ref<'_, [u8]>> {
        if self.payload.len() < deflating.size_min as usize {
            return None;
        }
        let found = self.deflated.borrow().iter().position(|(cached, _)| *cached == deflating);
        let index = found.unwrap_or_else(|| {
            let blocks = deflate(deflating.level, deflating.window_bits, self.payload);
            let blocks = (blocks.len() < self.payload.len()).then_some(blocks);
            let mut cache = self.deflated.borrow_mut();
            cache.push((deflating, blocks));
            cache.len() - 1
        });
        Ref::filter_map(self.deflated.borrow(), |cache| cache[index].1.as_deref()).ok()
    }

    /// Calls `copy` with this message encoded in the layout `key`, which `encode` makes at the first call: a message
    /// for five hundred subscribers that share a layout is encoded once and copied five hundred times.
    #[inline]
    pub fn encoded<R>(
        &self,
        key: LayoutKey,
        encode: impl FnOnce() -> Encoded,
        copy: impl FnOnce(&Encoded) -> R,
    ) -> R {
        let mut cache = self.encoded.borrow_mut();
        if let Some((_, encoded)) = cache.iter().find(|(cached, _)| *cached == key) {
            return copy(encoded);
        }
        let encoded = encode();
        let result = copy(&encoded);
        cache.push((key, encoded));
        result
    }
}

/// How payloads for a connection are deflated where each is deflated on its own, once for all connections that agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deflating {
    /// 1 (fast) to 9 (small).
    pub level: u8,
    /// How far it looks back, as a power of two; 9 to 15.
    pub window_bits: u8,
    /// Payloads below this stay as they are.
    pub size_min: u32,
}

/// Names one way of writing a message, among all that the protocols know; each protocol hands out its own keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayoutKey(pub u32);

impl LayoutKey {
    /// The same without the payload, which follows in another form.
    pub fn without_payload(self) -> Self {
        Self(self.0 | 1 << 30)
    }
}

/// A message's bytes in one layout, with zeroes where a receiver's own part goes.
#[derive(Debug)]
pub struct Encoded {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Where a receiver's own part goes, in layouts that have one.
    pub own_at: usize,
}
