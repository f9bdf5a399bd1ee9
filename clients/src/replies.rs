//! Requests that wait for their replies, by correlation data.

use std::collections::HashMap;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::message::Message;

/// The requests of one client.
#[derive(Debug)]
pub(crate) struct Replies(Mutex<State>);

#[derive(Debug)]
struct State {
    waiting: HashMap<Bytes, oneshot::Sender<Message>>,
    /// Correlation data are random: a guess of somebody else's would take its reply.
    random: fastrand::Rng,
}

impl Default for Replies {
    fn default() -> Self {
        Self(Mutex::new(State { waiting: HashMap::new(), random: fastrand::Rng::new() }))
    }
}

impl Replies {
    /// A name that no other client has.
    pub(crate) fn unique_name(&self) -> String {
        format!("{:032x}", self.0.lock().random.u128(..))
    }

    /// A new request: what its reply is to carry back, and where that reply will come.
    pub(crate) fn expect(&self) -> (Bytes, oneshot::Receiver<Message>) {
        let (sender, receiver) = oneshot::channel();
        let mut state = self.0.lock();
        // Text, so that it travels over STOMP as it is.
        let correlation = Bytes::from(format!("{:032x}", state.random.u128(..)));
        state.waiting.insert(correlation.clone(), sender);
        (correlation, receiver)
    }

    /// Whether a reply is awaited.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.0.lock().waiting.is_empty()
    }

    /// Nobody waits for it any more.
    pub(crate) fn forget(&self, correlation: &Bytes) {
        self.0.lock().waiting.remove(correlation);
    }

    /// Hands a reply to whoever waits for it. One that comes late or twice has nobody.
    pub(crate) fn handle(&self, reply: Message) {
        let waiting = match &reply.properties.correlation_data {
            Some(correlation) => self.0.lock().waiting.remove(correlation),
            None => None,
        };
        if let Some(sender) = waiting {
            // It may have timed out at this moment.
            let _ = sender.send(reply);
        }
    }

    /// No reply will come.
    pub(crate) fn close(&self) {
        self.0.lock().waiting.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(correlation: Option<Bytes>) -> Message {
        let mut message = Message::new("replies", "4");
        message.properties.correlation_data = correlation;
        message
    }

    #[test]
    fn each_reply_goes_to_its_request_and_once() {
        let replies = Replies::default();
        let (first, mut to_first) = replies.expect();
        let (second, mut to_second) = replies.expect();
        assert_ne!(first, second);
        for stray in [None, Some(Bytes::from("nobody"))] {
            replies.handle(reply(stray));
        }
        replies.handle(reply(Some(second.clone())));
        replies.handle(reply(Some(second.clone())));
        assert_eq!(to_second.try_recv().unwrap().properties.correlation_data, Some(second));
        assert!(to_first.try_recv().is_err());
        replies.forget(&first);
        assert!(to_first.try_recv().is_err());
        assert!(replies.0.lock().waiting.is_empty());
    }
}
