//! While memory is short, what a client publishes waits, and what comes behind it.

use std::time::Instant;

use tidewire_protocols::mqtt::PacketType;

use super::{Mqtt, State};

impl Mqtt {
    /// Whether `input` begins with a PUBLISH, whole or not, and it has to wait.
    #[inline]
    pub(super) fn holds(&mut self, input: &[u8]) -> bool {
        let State::Connected(client) = &mut self.state else { return false };
        // The type is the upper half of the first byte. (MQTT 5, section 2.1.2)
        let is_publish = input.first().is_some_and(|first| first >> 4 == PacketType::Publish as u8);
        client.is_held = is_publish && self.broker.memory.is_short() && self.broker.memory.hold(&self.link);
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
            // Only from now on can it be heard.
            client.last_heard = now;
        }
    }
}
