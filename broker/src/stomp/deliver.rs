//! The half of STOMP that lives in the session: subscriptions with their ack modes, what is unacknowledged, and how a
//! message becomes a MESSAGE frame.

use std::collections::{HashMap, VecDeque};

use bytes::{BufMut, BytesMut};
use tidewire_protocols::stomp::{Command, Version, encode_header};

use super::{frame_kind, headers};
use crate::clock::Now;
use crate::config::{SessionConfig, WebSocketFrame};
use crate::message::{Encoded, LayoutKey, Publication};
use crate::output::Output;
use crate::session::{Deliver, Delivered, DeliveryOptions};

/// How a subscription's messages are acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AckMode {
    /// A message counts as received once sent. [STOMP12-SUBSCRIBE-7]
    Auto,
    /// An ACK covers the message and all before it. [STOMP12-SUBSCRIBE-8]
    Client,
    /// An ACK covers the message alone. [STOMP12-SUBSCRIBE-10]
    ClientIndividual,
}

/// See the module.
pub struct StompDeliver {
    version: Version,
    frame: WebSocketFrame,
    /// By their number.
    subscriptions: HashMap<u32, Subscription, foldhash::fast::RandomState>,
    /// Subscriptions there have been. A number is used once: a message of an ended subscription must not be taken for
    /// one of a new one. 0 is nobody's.
    numbered: u32,
    /// Counts messages sent, for their ids.
    serial: u64,
    prefetch_max: usize,
}

struct Subscription {
    id: Option<Box<str>>,
    ack: AckMode,
    prefetch: usize,
    /// Serials of messages that are not acknowledged, in order.
    unacknowledged: VecDeque<u64>,
}

/// A message as the client names it: `<subscription>-<serial>`, in `message-id` and `ack` alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MessageId {
    pub(super) local: u32,
    serial: u64,
}

impl MessageId {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (local, serial) = text.split_once('-')?;
        Some(Self { local: local.parse().ok()?, serial: serial.parse().ok()? })
    }
}

impl StompDeliver {
    pub(super) fn new(version: Version, frame: WebSocketFrame, config: &SessionConfig) -> Self {
        Self {
            version,
            frame,
            subscriptions: HashMap::default(),
            numbered: 0,
            serial: 0,
            prefetch_max: config.inflight_max.into(),
        }
    }

    /// Adds a subscription and returns its number; `prefetch` 0 is as many as there may be.
    pub(super) fn add(&mut self, id: Option<&str>, ack: AckMode, prefetch: usize) -> u32 {
        let prefetch = if prefetch == 0 { self.prefetch_max } else { prefetch.min(self.prefetch_max) };
        let subscription =
            Subscription { id: id.map(Into::into), ack, prefetch, unacknowledged: VecDeque::new() };
        self.numbered += 1;
        self.subscriptions.insert(self.numbered, subscription);
        self.numbered
    }

    /// Ends a subscription.
    pub(super) fn remove(&mut self, local: u32) {
        self.subscriptions.remove(&local);
    }

    /// Whether an ACK or NACK of that message means anything; acknowledging is [`StompDeliver::acknowledge`].
    pub(super) fn is_acknowledgeable(&self, id: MessageId) -> bool {
        self.subscriptions.get(&id.local).is_some_and(|subscription| match subscription.ack {
            // Harmless: it has been acknowledged by being sent, or by an ACK for a later one.
            AckMode::Auto | AckMode::Client => id.serial > 0 && id.serial <= self.serial,
            AckMode::ClientIndividual => subscription.unacknowledged.binary_search(&id.serial).is_ok(),
        })
    }

    /// The subscription id that a message went to.
    pub(super) fn subscription_id(&self, local: u32) -> Option<&str> {
        self.subscriptions.get(&local)?.id.as_deref()
    }

    /// Acknowledges a message, and all before it in mode `client`. Returns how many that settled.
    pub(super) fn acknowledge(&mut self, id: MessageId) -> usize {
        let Some(subscription) = self.subscriptions.get_mut(&id.local) else { return 0 };
        let before = subscription.unacknowledged.len();
        match subscription.ack {
            AckMode::Auto => {}
            AckMode::Client => {
                let settled = subscription.unacknowledged.partition_point(|serial| *serial <= id.serial);
                subscription.unacknowledged.drain(..settled);
            }
            AckMode::ClientIndividual => {
                if let Ok(position) = subscription.unacknowledged.binary_search(&id.serial) {
                    subscription.unacknowledged.remove(position);
                }
            }
        }
        before - subscription.unacknowledged.len()
    }
}

impl Subscription {
    fn is_open(&self) -> bool {
        self.ack == AckMode::Auto || self.unacknowledged.len() < self.prefetch
    }
}

impl Deliver for StompDeliver {
    fn deliver(
        &mut self,
        _now: Now,
        publication: &Publication<'_>,
        options: &DeliveryOptions,
        output: &mut Output,
    ) -> Delivered {
        let Some(subscription) = self.subscriptions.get_mut(&options.local) else {
            return Delivered::Discarded;
        };
        if !subscription.is_open() {
            return Delivered::SubscriptionClosed;
        }
        self.serial += 1;
        let style = Style { version: self.version, frame: self.frame };
        style.write(publication, options, subscription, self.serial, output);
        Delivered::Sent
    }

    fn resend(&mut self, _now: Now, _output: &mut Output, _settled: &mut Vec<u64>) -> bool {
        true
    }
}

/// How this connection's MESSAGE frames look.
#[derive(Clone, Copy)]
struct Style {
    version: Version,
    frame: WebSocketFrame,
}

impl Style {
    /// Appends a MESSAGE frame: first the headers that are this subscription's own, then what all receivers share.
    fn write(
        self,
        publication: &Publication<'_>,
        options: &DeliveryOptions,
        subscription: &mut Subscription,
        serial: u64,
        output: &mut Output,
    ) {
        let out = &mut output.bytes;
        out.put_slice(Command::Message.as_str().as_bytes());
        out.put_u8(b'\n');
        if let Some(id) = &subscription.id {
            encode_header(self.version, "subscription", id, out);
        }
        let message_id = format!("{}-{serial}", options.local);
        encode_header(self.version, "message-id", &message_id, out);
        if subscription.ack != AckMode::Auto {
            subscription.unacknowledged.push_back(serial);
            if self.version == Version::V12 {
                encode_header(self.version, "ack", &message_id, out);
            }
        }
        match publication.is_fan_out() {
            false => self.write_shared(publication, options, out),
            true => {
                let encode = || {
                    let mut bytes = BytesMut::new();
                    self.write_shared(publication, options, &mut bytes);
                    Encoded { bytes: bytes.into() }
                };
                publication.encoded(self.key(options), encode, |shared| out.put_slice(&shared.bytes));
            }
        }
        output.end_message(frame_kind(self.frame, publication.payload_is_utf8()));
    }

    fn write_shared(self, publication: &Publication<'_>, options: &DeliveryOptions, out: &mut BytesMut) {
        headers::write(publication, options.qos, options.retain, self.version, out);
        out.put_u8(b'\n');
        out.put_slice(publication.payload);
        out.put_u8(0);
    }

    fn key(self, options: &DeliveryOptions) -> LayoutKey {
        /// Keeps STOMP's layouts apart from MQTT's.
        const STOMP: u32 = 1 << 31;
        let version = match self.version {
            Version::V10 => 0,
            Version::V11 => 1,
            Version::V12 => 2,
        };
        LayoutKey(STOMP | version << 3 | u32::from(options.retain) << 2 | u32::from(options.qos.as_u8()))
    }
}
