//! The half of a session that delivers, until its client comes back for the first time since the broker began: what its
//! protocol must know then.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::{Deliver, Delivered, DeliveryOptions};
use crate::clock::Now;
use crate::message::{Publication, Qos};
use crate::output::Output;

/// See the module. Nothing is delivered meanwhile: nobody is there.
#[derive(Debug, Default)]
pub struct Dormant {
    /// Packet identifiers of QoS 2 publishes that the client has not released.
    pub received: Vec<u16>,
    /// Places of QoS 2 deliveries that it has received and that are not released, in order.
    pub released: Vec<u64>,
    /// The highest place of what may have been sent to it.
    pub sent_to: u64,
    /// The session's count of places.
    pub sequence: Arc<AtomicU64>,
}

impl Dormant {
    /// How a delivery went of which nothing is left to do but to release it.
    pub fn released_options(sequence: u64) -> DeliveryOptions {
        DeliveryOptions { sequence, is_repeat: true, ..DeliveryOptions::new(Qos::ExactlyOnce) }
    }
}

impl Deliver for Dormant {
    fn deliver(&mut self, _: Now, _: &Publication<'_>, _: &DeliveryOptions, _: &mut Output) -> Delivered {
        Delivered::WindowClosed
    }

    fn resend(&mut self, _: Now, _: &mut Output, _: &mut Vec<u64>) -> bool {
        false
    }

    fn share_sequence(&mut self, sequence: &Arc<AtomicU64>) {
        self.sequence = Arc::clone(sequence);
    }

    fn sent_to(&self) -> u64 {
        self.sent_to
    }
}
