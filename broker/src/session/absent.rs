//! Deliveries that wait in a backlog while the store alone holds their messages, and how many of those are fetched at once.

use super::{Delivery, DeliveryOptions, Tie};
use crate::message::Qos;
use crate::store::{CommitId, Fetched};

/// Messages that are fetched at once.
const FETCHED_MESSAGES_MAX: usize = 512;
/// Bytes of those messages.
const FETCHED_BYTES_MAX: usize = 256 << 10;

/// A delivery whose message only the store holds. There may be millions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbsentDelivery {
    /// Its place in the session's order.
    pub sequence: u64,
    /// What the message weighs.
    pub weight: u32,
    /// The QoS it is delivered with.
    pub qos: Qos,
    /// It may have been sent before this process began.
    pub is_repeat: bool,
    /// It may be for others should the session end: another member of a shared subscription, or the consumers of the work
    /// queue that it was taken from.
    pub is_for_others: bool,
}

impl AbsentDelivery {
    pub(super) fn of(delivery: &Delivery) -> Self {
        let DeliveryOptions { sequence, qos, is_repeat, .. } = delivery.options;
        let weight = u32::try_from(delivery.message.weight()).unwrap_or(u32::MAX);
        let is_for_others = matches!(delivery.options.tie, Tie::Share(_) | Tie::Origin(_));
        Self { sequence, weight, qos, is_repeat, is_for_others }
    }

    pub(super) fn weight(&self) -> usize {
        self.weight as usize
    }

    /// The delivery with its message. What must wait for its commit does so again: nobody knows any more which that was.
    pub(super) fn with(&self, fetched: Fetched, commit: CommitId) -> Option<Delivery> {
        let terms = fetched.terms?;
        let commit = if terms.qos == Qos::ExactlyOnce { commit } else { CommitId::NONE };
        let tie = match (terms.share, terms.origin) {
            (_, Some(origin)) => Tie::Origin(origin),
            (Some(share), None) => Tie::Share(share),
            (None, None) => Tie::None,
        };
        let options = DeliveryOptions {
            retain: terms.retain,
            identifiers: terms.identifiers,
            sequence: self.sequence,
            is_repeat: self.is_repeat,
            tie,
            ..DeliveryOptions::new(terms.qos)
        };
        Some(Delivery { message: fetched.message, options, commit })
    }
}

/// The first of these messages, as many as are fetched at once. Each comes with its weight.
pub fn chunk<T>(wanted: impl Iterator<Item = (T, usize)>) -> Vec<T> {
    let mut left = FETCHED_BYTES_MAX;
    let fitting = wanted.enumerate().take(FETCHED_MESSAGES_MAX).take_while(|(index, (_, weight))| {
        let fits = *index == 0 || *weight <= left;
        left = left.saturating_sub(*weight);
        fits
    });
    fitting.map(|(_, (one, _))| one).collect()
}
