//! What falls due on a connection: the greeting, the keep alive, a pace, a client's standing.

use std::time::{Duration, Instant};

use super::refuse::Refusal;
use super::{Client, Mqtt, State};
use crate::broker::Who;
use crate::connection::{Close, CloseCode, Flow};
use crate::counters::RefusalReason;
use crate::turn::Turn;

impl Client {
    /// One and a half times the keep alive. [MQTT-3.1.2-22]
    fn silence_max(&self) -> Option<Duration> {
        (self.keep_alive > 0).then(|| Duration::from_millis(u64::from(self.keep_alive) * 1500))
    }

    fn is_silent(&self, now: Instant) -> bool {
        self.silence_max().is_some_and(|silence| self.last_heard + silence <= now)
    }
}

impl Mqtt {
    /// Something has fallen due.
    pub(super) fn handle_time(&mut self, turn: &mut Turn<'_>) -> Flow {
        if let State::Connected(client) = &mut self.state
            && let Err(over) = self.broker.handle_standing(turn, &client.session, &mut client.standing)
        {
            return Flow::Close(self.refuse(turn, &[], &over.into()));
        }
        let now = turn.now.instant;
        if let State::Connected(client) = &mut self.state
            && client.pace.resume(now)
        {
            // Only from now on can it be heard.
            client.last_heard = now;
            return Flow::Continue;
        }
        match self.state {
            State::Greeting { .. } | State::Authenticating(_) => {
                let reason = match self.state {
                    State::Greeting { .. } => "no CONNECT within the connect timeout",
                    _ => "the authentication was not over within the connect timeout",
                };
                self.note_refusal(RefusalReason::Timeout, Who::claims(None, None, "mqtt"), &reason);
                self.state = State::Ended;
                Flow::Close(Close::new(CloseCode::Normal, reason))
            }
            State::Connected(ref client) if !client.is_silent(turn.now.instant) => Flow::Continue,
            // While it is ahead of its rate, or waits for memory, or somebody is asked about it, or its replies wait for the
            // disk, or too much else does, the client is not read from, and so cannot be heard.
            State::Connected(ref mut client)
                if client.pace.is_ahead()
                    || client.is_held
                    || client.renewal.is_some()
                    || self.replies.wait_for_store(turn.durable())
                    || self.broker.store().is_congested() =>
            {
                client.last_heard = now;
                Flow::Continue
            }
            State::Connected(_) => Flow::Close(self.refuse(turn, &[], &Refusal::keep_alive())),
            State::Ended => Flow::Continue,
        }
    }

    /// When something does next.
    pub(super) fn next_time(&self) -> Option<Instant> {
        match &self.state {
            State::Greeting { deadline, .. } => Some(*deadline),
            State::Authenticating(authentication) => Some(authentication.deadline),
            State::Connected(client) => {
                let silent_at = client.silence_max().map(|silence| client.last_heard + silence);
                let times = [silent_at, client.pace.resumes_at(), client.standing.next()];
                times.into_iter().flatten().min()
            }
            State::Ended => None,
        }
    }
}
