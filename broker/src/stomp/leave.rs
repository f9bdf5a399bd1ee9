//! How a client goes, whoever ended it.

use super::{Client, State, Stomp};
use crate::broker::{Carried, Departure, Ending, LoggedOut, Who};
use crate::turn::Turn;

impl Stomp {
    /// Lets go of the session, and says so, once. Open transactions end with it. [STOMP12-TRANSACTION-4]
    pub(super) fn depart(&mut self, turn: &mut Turn<'_>, departure: Departure, ending: Ending<'_>) {
        if let State::Connected(client) = std::mem::replace(&mut self.state, State::Ended) {
            let session = Some(&*client.session.key().client_id);
            let carried = Carried {
                bytes: turn.carried,
                messages_in: client.sent,
                messages_out: client.session.lock().sent_over(&self.link),
            };
            let logged_out = LoggedOut { who: client.who(), session, ending, carried };
            self.broker.note_disconnected(&self.link, &logged_out);
            self.broker.disconnect(turn, &client.session, &self.link, departure);
        }
    }
}

impl Client {
    /// Who it is, for logs.
    pub(super) fn who(&self) -> Who<'_> {
        Who { client_id: self.client_id.as_deref(), user: self.standing.user_name(), protocol: None }
    }
}
