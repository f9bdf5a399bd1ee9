//! What this client has asked the broker and has no receipt for yet.
//!
//! Receipts come in the order of their frames. A SEND stays here until its receipt comes, over as many connections as
//! that takes. ERROR ends a connection and may be one frame's fault: that frame is not sent again, or the next connection
//! would end as this one did.

use std::collections::BTreeMap;

use crate::command::{Done, Publication, SubscriptionId, settle};
use crate::error::Error;

/// See the module.
#[derive(Default)]
pub(super) struct Receipts {
    waiting: BTreeMap<u64, Request>,
    last: u64,
    /// Was the oldest when an ERROR came that named no frame.
    suspect: Option<Suspect>,
}

/// What a receipt confirms.
#[expect(clippy::large_enum_variant, reason = "nearly all are messages, and a box is an allocation for each")]
pub(super) enum Request {
    Send(Publication),
    /// Who waits for it is known to the subscriptions.
    Subscribe(SubscriptionId),
    Unsubscribe(Option<Done>),
    Begin(Done),
    Commit(Done),
    Abort(Option<Done>),
    Disconnect,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Suspect {
    Send(u64),
    Subscribe(SubscriptionId),
}

impl Receipts {
    /// The receipt to ask for.
    pub(super) fn ask(&mut self, request: Request) -> u64 {
        self.ask_with(|_| request)
    }

    /// The same for a request that is made with its receipt.
    pub(super) fn ask_with(&mut self, request: impl FnOnce(u64) -> Request) -> u64 {
        self.last += 1;
        let request = request(self.last);
        self.waiting.insert(self.last, request);
        self.last
    }

    pub(super) fn take(&mut self, receipt: u64) -> Option<Request> {
        self.waiting.remove(&receipt)
    }

    /// The request that an ERROR is about: the one that it names; or the oldest, if that was so the last time, too.
    pub(super) fn take_culprit(&mut self, receipt: Option<u64>) -> Option<Request> {
        if let Some(request) = receipt.and_then(|receipt| self.waiting.remove(&receipt)) {
            return Some(request);
        }
        let (&oldest, request) = self.waiting.first_key_value()?;
        let suspect = match request {
            Request::Send(_) => Suspect::Send(oldest),
            Request::Subscribe(id) => Suspect::Subscribe(*id),
            _ => return None,
        };
        match self.suspect.replace(suspect) == Some(suspect) {
            true => self.waiting.remove(&oldest),
            false => None,
        }
    }

    /// The connection is gone: only messages outlive it.
    pub(super) fn handle_lost(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        for (receipt, request) in waiting {
            match request {
                Request::Send(_) => {
                    self.waiting.insert(receipt, request);
                }
                other => other.lose(),
            }
        }
    }

    pub(super) fn handle_end(&mut self, error: &Error) {
        for (_, request) in std::mem::take(&mut self.waiting) {
            match request {
                Request::Send(publication) => publication.settle(Err(error.clone())),
                other => other.lose(),
            }
        }
    }

    /// Messages in their order, with their receipts.
    pub(super) fn messages(&self) -> impl Iterator<Item = (u64, &Publication)> {
        self.waiting.iter().filter_map(|(receipt, request)| match request {
            Request::Send(publication) => Some((*receipt, publication)),
            _ => None,
        })
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }
}

impl Request {
    /// Its connection is gone, and what there was with it.
    fn lose(self) {
        match self {
            Self::Unsubscribe(done) | Self::Abort(done) => settle(done, Ok(())),
            Self::Begin(done) => settle([done], Err(Error::TransactionLost)),
            Self::Commit(done) => settle([done], Err(Error::FateUnknown)),
            Self::Send(_) | Self::Subscribe(_) | Self::Disconnect => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Message;

    fn send(receipts: &mut Receipts, topic: &str) -> u64 {
        let message = Message::new(topic, "");
        receipts.ask(Request::Send(Publication { message, done: None, transaction: None }))
    }

    fn topics(receipts: &Receipts) -> Vec<&str> {
        receipts.messages().map(|(_, publication)| publication.message.topic.as_str()).collect()
    }

    #[test]
    fn messages_outlive_the_connection_in_their_order() {
        let mut receipts = Receipts::default();
        let first = send(&mut receipts, "a");
        receipts.ask(Request::Subscribe(1));
        for topic in ["b", "c"] {
            send(&mut receipts, topic);
        }
        receipts.take(first);
        receipts.handle_lost();
        assert_eq!((topics(&receipts), receipts.len()), (vec!["b", "c"], 2));
    }

    #[test]
    fn an_error_takes_the_frame_that_it_names() {
        let mut receipts = Receipts::default();
        send(&mut receipts, "a");
        let named = send(&mut receipts, "b");
        assert!(matches!(receipts.take_culprit(Some(named)), Some(Request::Send(_))));
        assert_eq!(topics(&receipts), ["a"]);
    }

    #[test]
    fn an_error_that_names_none_takes_the_oldest_the_second_time() {
        let mut receipts = Receipts::default();
        let first = send(&mut receipts, "a");
        send(&mut receipts, "b");
        assert!(receipts.take_culprit(None).is_none());
        receipts.handle_lost();
        receipts.take(first);
        // Another one now, which is not to blame for what came before.
        assert!(receipts.take_culprit(None).is_none());
        receipts.handle_lost();
        assert!(receipts.take_culprit(None).is_some());
        assert_eq!(topics(&receipts), [""; 0]);
    }

    #[test]
    fn what_a_lost_connection_took_with_it_is_told() {
        for (request, outcome) in [
            (Request::Begin as fn(Done) -> Request, Err(Error::TransactionLost)),
            (Request::Commit, Err(Error::FateUnknown)),
            (|done| Request::Unsubscribe(Some(done)), Ok(())),
        ] {
            let (mut receipts, (done, mut told)) = (Receipts::default(), tokio::sync::oneshot::channel());
            receipts.ask(request(done));
            receipts.handle_lost();
            assert_eq!(format!("{:?}", told.try_recv().unwrap()), format!("{outcome:?}"));
        }
    }
}
