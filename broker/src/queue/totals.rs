//! What all queues hold together: kept with every change, so that nobody has to look at each to tell.

use super::state::State;
use crate::counters::{Counter, Sharded};

/// See the module.
#[derive(Debug, Default)]
pub struct Totals(Sharded<Held>);

#[derive(Debug, Default)]
struct Held {
    messages: Counter,
    bytes: Counter,
}

impl Totals {
    /// Messages, those with a consumer included.
    pub fn messages(&self) -> u64 {
        self.0.sum(|held| &held.messages)
    }

    /// Bytes of those messages.
    pub fn bytes(&self) -> u64 {
        self.0.sum(|held| &held.bytes)
    }

    /// What of `state` is counted here is brought up to date.
    pub(super) fn report(&self, state: &mut State) {
        let now = (state.len() as u64, state.bytes() as u64);
        let before = std::mem::replace(&mut state.reported, now);
        let held = self.0.own();
        held.messages.change(before.0, now.0);
        held.bytes.change(before.1, now.1);
    }
}
