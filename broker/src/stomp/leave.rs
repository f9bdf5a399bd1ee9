//! How a client goes, whoever ended it.

use super::{Client, State, Stomp};
use crate::broker::{Departure, Ending, Who};
use crate::turn::Turn;

impl Stomp {
    /// Lets go of the session, and says so, once. Open transactions end with it. [STOMP12-TRANSACTION-4]
    pub(super) fn depart(&mut self, turn: &mut Turn<'_>, departure: Departure, ending: Ending<'_>) {
        if let State::Connected(client) = std::mem::replace(&mut self.state, State::Ended) {
            self.broker.note_disconnected(&self.link, client.who(), ending);
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
