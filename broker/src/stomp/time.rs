//! What falls due on a connection: the greeting, heart-beats, a pace, a client's standing.

use std::time::Instant;

use super::refuse::Refusal;
use super::{State, Stomp};
use crate::connection::Flow;
use crate::counters::RefusalReason;
use crate::turn::Turn;

impl Stomp {
    /// Something has fallen due.
    pub(super) fn handle_time(&mut self, turn: &mut Turn<'_>) -> Flow {
        let now = turn.now.instant;
        if let State::Connected(client) = &mut self.state
            && let Err(over) = self.broker.handle_standing(turn, &client.session, &mut client.standing)
        {
            return Flow::Close(self.refuse(turn, &over.into()));
        }
        if let State::Connected(client) = &mut self.state
            && client.pace.resume(now)
        {
            // Only from now on can it be.
            client.heart_beats.heard(now);
        }
        match &mut self.state {
            State::Greeting { .. } => {
                let refusal = Refusal::new("connect timeout", "No CONNECT frame came in time.");
                Flow::Close(self.refuse(turn, &refusal.because(RefusalReason::Timeout)))
            }
            State::Waiting(_) => {
                let refusal = Refusal::new("connect timeout", "Nobody could say in time who you are.");
                Flow::Close(self.refuse(turn, &refusal.because(RefusalReason::Timeout)))
            }
            // While it is ahead of its rate, or waits for memory, or somebody is asked about it, or its replies wait for the
            // disk, or too much else does, the client is not read from, and so cannot be heard.
            State::Connected(client)
                if client.heart_beats.is_silent(now)
                    && (client.pace.is_ahead()
                        || client.is_held
                        || client.renewal.is_some()
                        || self.replies.wait_for_store(turn.durable())
                        || self.broker.store().is_congested()) =>
            {
                client.heart_beats.heard(now);
                Flow::Continue
            }
            State::Connected(client) if client.heart_beats.is_silent(now) => {
                let refusal = Refusal::new("no heart-beat", "Nothing was heard for longer than was agreed.");
                Flow::Close(self.refuse(turn, &refusal.because(RefusalReason::KeepAlive)))
            }
            State::Connected(client) => {
                if client.heart_beats.is_beat_due(now) {
                    // Counted from here and not from when it leaves: where the socket takes nothing, the timer would
                    // fire without end, and each time add one more.
                    client.heart_beats.sent(now);
                    let travel = self.travel();
                    let output = self.replies.immediate();
                    if output.is_empty() {
                        // [STOMP12-HEARTBEAT-6]
                        travel.write(output, |out| out.extend_from_slice(b"\n"));
                    }
                }
                Flow::Continue
            }
            State::Ended => Flow::Continue,
        }
    }

    /// When something does next.
    pub(super) fn next_time(&self) -> Option<Instant> {
        match &self.state {
            State::Greeting { deadline, .. } => Some(*deadline),
            State::Waiting(waiting) => Some(waiting.deadline),
            State::Connected(client) => {
                let times = [client.heart_beats.next(), client.pace.resumes_at(), client.standing.next()];
                times.into_iter().flatten().min()
            }
            State::Ended => None,
        }
    }
}
