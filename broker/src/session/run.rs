//! Retained messages that answer one subscription, while they wait to be sent.

use std::sync::Arc;
use std::vec;

use super::{Delivery, DeliveryOptions};
use crate::message::Message;
use crate::store::CommitId;

/// See the module. There may be a million of them, and the broker holds each anyway: here they take eight bytes, and
/// become deliveries, which take sixty, a few at a time. None of them is stored for the session.
#[derive(Debug)]
pub struct Run {
    messages: vec::IntoIter<Arc<Message>>,
    bytes: usize,
    /// How each goes, but for its QoS: that is the lower of the message's and this.
    options: DeliveryOptions,
}

impl Run {
    /// These messages, each to be delivered so, at the message's own QoS if that is lower.
    pub fn new(messages: Vec<Arc<Message>>, options: DeliveryOptions) -> Self {
        debug_assert_eq!(options.sequence, 0, "they are not stored");
        let bytes = messages.iter().map(|message| message.weight()).sum();
        Self { messages: messages.into_iter(), bytes, options }
    }

    /// Messages that are left.
    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    /// What they weigh.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Iterator for Run {
    type Item = Delivery;

    fn next(&mut self) -> Option<Delivery> {
        let message = self.messages.next()?;
        self.bytes -= message.weight();
        let options = DeliveryOptions { qos: message.qos().min(self.options.qos), ..self.options.clone() };
        Some(Delivery { message, options, commit: CommitId::NONE })
    }
}
