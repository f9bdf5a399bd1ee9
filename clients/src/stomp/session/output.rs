//! Frames on their way out.

use std::borrow::Cow;
use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use tidewire_protocols::mqtt::RetainHandling;
use tidewire_protocols::stomp::{Command, FrameWriter, Version};

use crate::command::{Publication, SubscriptionId};
use crate::stomp::{destination, headers};
use crate::subscription::{Acknowledge, Subscription};
use crate::transport::Chunk;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Output(VecDeque<Chunk>);

impl Output {
    pub(super) fn push(&mut self, bytes: Bytes, is_text: bool) {
        self.0.push_back(Chunk { bytes, is_text });
    }

    pub(super) fn pop(&mut self) -> Option<Chunk> {
        self.0.pop_front()
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// A frame without a body.
    pub(super) fn send(&mut self, command: Command, write_headers: impl FnOnce(&mut FrameWriter<'_>)) {
        let mut out = BytesMut::new();
        let mut writer = FrameWriter::new(&mut out, Version::V12, command);
        write_headers(&mut writer);
        writer.finish();
        self.push(out.freeze(), true);
    }

    /// SEND.
    pub(super) fn send_message(&mut self, publication: &Publication, receipt: Option<u64>) {
        let message = &publication.message;
        let mut out = BytesMut::with_capacity(message.payload.len() + HEADERS_BYTES);
        let mut writer = FrameWriter::new(&mut out, Version::V12, Command::Send);
        headers::write(message, &mut writer);
        for (name, number) in [("receipt", receipt), ("transaction", publication.transaction)] {
            if let Some(number) = number {
                writer.header_number(name, number);
            }
        }
        writer.finish_with_body(&message.payload);
        self.push(out.freeze(), message.properties.payload_is_text);
    }
}

/// The headers of SUBSCRIBE.
pub(super) fn write_subscription(
    writer: &mut FrameWriter<'_>,
    id: SubscriptionId,
    subscription: &Subscription,
    prefetch: u16,
) {
    writer.header("id", &wire_id(id, subscription));
    writer.header("destination", &destination::of_topic(&subscription.filter));
    let ack = match subscription.acknowledge {
        Acknowledge::Automatic => "client",
        Acknowledge::Manual => "client-individual",
        Acknowledge::OnDelivery => "auto",
    };
    writer.header("ack", ack);
    writer.header_number("prefetch-count", prefetch.into());
    if subscription.durable.is_some() {
        writer.header("durable", "true");
    }
    if subscription.options.no_local {
        writer.header("no-local", "true");
    }
    match subscription.options.retain_handling {
        RetainHandling::SendAtSubscribe => {}
        handling => {
            writer.header_number("retain-handling", handling as u64);
        }
    }
    for (name, value) in &subscription.headers {
        writer.header(name, value);
    }
}

/// What a subscription is called on the wire: a durable one by its own name, since that outlives this process.
pub(super) fn wire_id(id: SubscriptionId, subscription: &Subscription) -> Cow<'_, str> {
    match &subscription.durable {
        Some(name) => Cow::Borrowed(name),
        None => Cow::Owned(format!("{ID_PREFIX}{id}")),
    }
}

/// Before the numbers of subscriptions that are not durable.
pub(super) const ID_PREFIX: &str = "s";

/// Room for what most frames say about their message.
const HEADERS_BYTES: usize = 256;
