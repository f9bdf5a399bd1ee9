//! What the broker sends.

use std::time::{Instant, SystemTime};

use tidewire_protocols::stomp::{self, Frame};

use super::receipts::Request;
use super::{Phase, Session, output};
use crate::command::{SubscriptionId, settle};
use crate::error::Error;
use crate::stomp::{complaint, connect, headers};
use crate::subscription::Acknowledge;
use crate::subscriptions::Arrival;

/// Apart from the session's methods, because the frame borrows from the decoder's input while it is handled.
pub(super) fn handle_frame(session: &mut Session, now: Instant, frame: &Frame<'_>) -> Result<(), Error> {
    if session.phase == Phase::Greeting {
        let beats = connect::accepted(frame, &session.options, now)?;
        session.handle_connected(beats);
        return Ok(());
    }
    match frame.command {
        stomp::Command::Message => session.handle_message(frame),
        stomp::Command::Receipt => {
            let id = frame.headers.get("receipt-id").and_then(|id| id.parse::<u64>().ok());
            match id.and_then(|id| session.receipts.take(id)) {
                Some(request) => session.handle_receipt(request),
                None => return Err(Error::Protocol("RECEIPT that nobody asked for".to_owned())),
            }
        }
        stomp::Command::Error => return Err(session.handle_error(frame)),
        other => return Err(Error::Protocol(format!("{other} to a client"))),
    }
    Ok(())
}

impl Session {
    fn handle_receipt(&mut self, request: Request) {
        match request {
            Request::Send(publication) => publication.settle(Ok(())),
            Request::Subscribe(group) => self.subscriptions.confirm(group),
            Request::Unsubscribe(done) | Request::Abort(done) => settle(done, Ok(())),
            Request::Begin(done) | Request::Commit(done) => settle([done], Ok(())),
            Request::Disconnect => self.phase = Phase::Finished,
        }
    }

    /// ERROR: the connection ends. Whoever asked for what was wrong is told; nobody else has done anything wrong.
    fn handle_error(&mut self, frame: &Frame<'_>) -> Error {
        let reason = complaint(frame);
        let receipt: Option<u64> = frame.headers.get("receipt-id").and_then(|id| id.parse().ok());
        let rejected = |what: String| Error::Rejected { what, reason: reason.clone() };
        match self.receipts.take_culprit(receipt) {
            Some(Request::Send(publication)) => {
                let error = rejected(format!("to publish to {}", publication.message.topic));
                publication.settle(Err(error));
            }
            Some(Request::Subscribe(group)) => {
                let filter = self.subscriptions.get(group).map(|group| group.subscription.filter.clone());
                let error = rejected(format!("to subscribe to {}", filter.unwrap_or_default()));
                self.subscriptions.remove(group, Some(&error));
            }
            Some(Request::Unsubscribe(done) | Request::Abort(done)) => {
                settle(done, Err(rejected("to end a subscription or a transaction".to_owned())));
            }
            Some(Request::Begin(done)) => {
                settle([done], Err(rejected("to begin a transaction".to_owned())));
            }
            Some(Request::Commit(done)) => settle([done], Err(rejected("to commit".to_owned()))),
            Some(Request::Disconnect) | None => {}
        }
        match receipt.is_none() && reason.to_lowercase().contains(EXPIRED) {
            true => Error::BadCredentials(reason),
            false => Error::EndedByBroker(reason),
        }
    }

    fn handle_message(&mut self, frame: &Frame<'_>) {
        let name = frame.headers.get("subscription").unwrap_or_default();
        let message = headers::read(frame, SystemTime::now());
        // Answers come without a subscription of ours.
        if name.starts_with(TEMPORARY_QUEUES) {
            return self.replies.handle(message);
        }
        let Some(id) = self.subscription_named(&name) else { return };
        let Some(group) = self.subscriptions.get(id) else { return };
        let is_acknowledged = group.subscription.acknowledge != Acknowledge::OnDelivery;
        let ack = frame.headers.get("ack").filter(|_| is_acknowledged);
        let arrival = Arrival {
            message,
            serial: ack.map(|ack| self.unsettled.add(id, &ack)),
            is_redelivered: frame.headers.get("redelivered").as_deref() == Some("true"),
        };
        // What nobody takes comes back to the broker with UNSUBSCRIBE, which is on its way.
        self.subscriptions.deliver(&[id], arrival);
    }

    fn subscription_named(&self, name: &str) -> Option<SubscriptionId> {
        let id = name.strip_prefix(output::ID_PREFIX).and_then(|id| id.parse().ok());
        id.or_else(|| self.subscriptions.durable(name))
    }
}

/// What Tidewire says to a client whose token has run out.
const EXPIRED: &str = "token expired";
/// Private to the connection; answers come by this name as their subscription.
const TEMPORARY_QUEUES: &str = "/temp-queue/";
