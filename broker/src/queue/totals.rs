//! What all queues hold together: kept with every change, so that nobody has to look at each to tell.

use std::sync::atomic::{AtomicU32, Ordering};

use super::state::State;
use crate::clock::Now;
use crate::counters::{Counter, Sharded};

/// See the module.
#[derive(Debug, Default)]
pub struct Totals {
    held: Sharded<Held>,
    now_secs: AtomicU32,
}

#[derive(Debug, Default)]
struct Held {
    messages: Counter,
    bytes: Counter,
}

impl Totals {
    /// Messages, those with a consumer included.
    pub fn messages(&self) -> u64 {
        self.held.sum(|held| &held.messages)
    }

    /// Bytes of those messages.
    pub fn bytes(&self) -> u64 {
        self.held.sum(|held| &held.bytes)
    }

    /// Says what time it is, as messages that come from here on are marked with it. A second more or less makes no
    /// difference, and a clock is not read for each.
    pub fn tick(&self, now: Now) {
        self.now_secs.store(u32::try_from(now.unix_secs()).unwrap_or(u32::MAX), Ordering::Relaxed);
    }

    /// The time that was said last, in whole seconds since the epoch.
    pub(super) fn now_secs(&self) -> u32 {
        self.now_secs.load(Ordering::Relaxed)
    }

    /// What of `state` is counted here is brought up to date.
    pub(super) fn report(&self, state: &mut State) {
        let now = (state.len() as u64, state.bytes() as u64);
        let before = std::mem::replace(&mut state.reported, now);
        let held = self.held.own();
        held.messages.change(before.0, now.0);
        held.bytes.change(before.1, now.1);
    }
}
