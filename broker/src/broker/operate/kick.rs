//! Connections and sessions that are ended from outside.

use std::sync::Arc;

use crate::broker::Broker;
use crate::session::{Session, Signal};
use crate::store::StoreError;

impl Broker {
    /// Asks the connection that serves this session to end, and says so in the words of its protocol: MQTT 5's 0x98
    /// Administrative action, STOMP's ERROR, WebSocket's 1008. Returns whether there was one.
    pub fn kick(&self, session: &Session) -> bool {
        let link = session.lock().link.clone();
        if let Some(link) = &link {
            tracing::info!(%link, client_id = &*session.key().client_id, "ended by the operator");
            link.end(Signal::Kicked);
        }
        link.is_some()
    }

    /// Ends a session: its subscriptions go, and what waits for it.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when that cannot be stored: the session may come back after a restart.
    pub fn discard_session(&self, session: &Arc<Session>) -> Result<(), StoreError> {
        let mut turn = self.turn();
        self.end_session(&mut turn, session, session.lock());
        turn.finish().map(|_| ())
    }
}
