//! Tells the protocol of a TCP connection from its first byte, where a listener serves both.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Instant;

use super::begun::new_protocol;
use super::first_bytes;
use crate::auth::Arrival;
use crate::broker::{Broker, Loss, Refused, Who};
use crate::config::ProtocolName;
use crate::connection::{Close, CloseCode, Flow, Protocol};
use crate::counters::RefusalReason;
use crate::output::Output;
use crate::session::{Link, Signal};
use crate::store::CommitId;
use crate::turn::Turn;

/// A connection whose protocol is not known yet; it becomes the one or the other at its first byte.
pub(super) struct Detect {
    broker: Arc<Broker>,
    link: Arc<Link>,
    deadline: Instant,
    /// How the client came, until its protocol has taken that.
    arrival: Arrival,
    decided: Option<Box<dyn Protocol>>,
}

impl Detect {
    pub(super) fn new(broker: Arc<Broker>, link: Arc<Link>, arrival: Arrival) -> Self {
        let deadline = link.opened_at() + broker.config().limits.connect_timeout.0;
        Self { broker, link, deadline, arrival, decided: None }
    }

    fn decide(&mut self, bytes: &[u8]) -> Result<Box<dyn Protocol>, Close> {
        let name = first_bytes::protocol(bytes, &[ProtocolName::Mqtt, ProtocolName::Stomp])
            .map_err(|reason| Close::new(CloseCode::Protocol, reason))?;
        let arrival = std::mem::take(&mut self.arrival);
        Ok(new_protocol(name, Arc::clone(&self.broker), Arc::clone(&self.link), arrival))
    }

    fn note_refusal(&self, reason: RefusalReason, detail: &dyn Display) {
        self.broker.note_refusal(&self.link, &Refused { reason, who: Who::default(), detail });
    }
}

impl Protocol for Detect {
    fn handle_input(&mut self, turn: &mut Turn<'_>, input: &[u8]) -> (usize, Flow) {
        if self.decided.is_none() {
            if input.is_empty() {
                return (0, Flow::Continue);
            }
            match self.decide(input) {
                Ok(protocol) => self.decided = Some(protocol),
                Err(close) => {
                    self.note_refusal(RefusalReason::Malformed, &close.reason);
                    return (input.len(), Flow::Close(close));
                }
            }
        }
        match &mut self.decided {
            Some(protocol) => protocol.handle_input(turn, input),
            None => (0, Flow::Continue),
        }
    }

    fn handle_wake(&mut self, turn: &mut Turn<'_>) -> Flow {
        match &mut self.decided {
            Some(protocol) => protocol.handle_wake(turn),
            None => match self.link.signal() {
                None => Flow::Continue,
                Some(Signal::Kicked) => {
                    let reason = "disconnected by the operator";
                    self.note_refusal(RefusalReason::Kicked, &reason);
                    Flow::Close(Close::new(CloseCode::Policy, reason))
                }
                Some(signal) => {
                    self.note_refusal(RefusalReason::ShuttingDown, &"the server is shutting down");
                    let code = CloseCode::of_stop(signal == Signal::Restarting);
                    Flow::Close(Close::new(code, "server shutting down"))
                }
            },
        }
    }

    fn handle_timeout(&mut self, turn: &mut Turn<'_>) -> Flow {
        match &mut self.decided {
            Some(protocol) => protocol.handle_timeout(turn),
            None => {
                let reason = "nothing came within the connect timeout";
                self.note_refusal(RefusalReason::Timeout, &reason);
                Flow::Close(Close::new(CloseCode::Normal, reason))
            }
        }
    }

    fn handle_commit(&mut self, commit: CommitId) {
        if let Some(protocol) = &mut self.decided {
            protocol.handle_commit(commit);
        }
    }

    fn handle_closed(&mut self, turn: &mut Turn<'_>, loss: Loss) {
        if let Some(protocol) = &mut self.decided {
            protocol.handle_closed(turn, loss);
        }
    }

    fn handle_breach(&mut self, turn: &mut Turn<'_>, close: Close, reason: RefusalReason) -> Flow {
        match &mut self.decided {
            Some(protocol) => protocol.handle_breach(turn, close, reason),
            None => Flow::Close(close),
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match &self.decided {
            Some(protocol) => protocol.poll_timeout(),
            None => Some(self.deadline),
        }
    }

    fn poll_transmit(&mut self, turn: &mut Turn<'_>, output: &mut Output) -> Option<CommitId> {
        self.decided.as_mut()?.poll_transmit(turn, output)
    }

    fn handle_blocked(&mut self) {
        if let Some(protocol) = &mut self.decided {
            protocol.handle_blocked();
        }
    }

    fn takes_input(&self) -> bool {
        self.decided.as_ref().is_none_or(|protocol| protocol.takes_input())
    }

    fn is_paced(&self) -> bool {
        self.decided.as_ref().is_some_and(|protocol| protocol.is_paced())
    }

    fn read_bytes_max(&self) -> usize {
        self.decided.as_ref().map_or(usize::MAX, |protocol| protocol.read_bytes_max())
    }

    fn takes_text(&self) -> bool {
        self.decided.as_ref().is_some_and(|protocol| protocol.takes_text())
    }
}
