//! While memory is short, what a client sends waits, and what comes behind it.

use std::time::Instant;

use tidewire_protocols::stomp::Command;

use super::{State, Stomp};

impl Stomp {
    /// Whether `input` begins with a SEND, whole or not, and it has to wait.
    pub(super) fn holds(&mut self, input: &[u8]) -> bool {
        let State::Connected(client) = &mut self.state else { return false };
        // No other command begins so.
        client.is_held = self.broker.memory.is_short()
            && input.starts_with(Command::Send.as_str().as_bytes())
            && self.broker.memory.hold(&self.link);
        client.is_held
    }

    /// The client goes on, if it waits and need not any more.
    pub(super) fn resume(&mut self, now: Instant) {
        if let State::Connected(client) = &mut self.state
            && client.is_held
            && !self.broker.memory.is_short()
        {
            self.broker.memory.forget(&self.link);
            client.is_held = false;
            // Only from now on can it be.
            client.heart_beats.heard(now);
        }
    }
}
