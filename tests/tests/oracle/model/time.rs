//! What ends, and what falls due while time passes: sessions, wills, messages.

use super::Model;

/// The longest that a session may last here: what the broker's configuration says by default.
const EXPIRY_MAX_SECS: u32 = 7 * 86_400;

impl Model {
    /// A connection has ended, with its will or without.
    pub(crate) fn leave(&mut self, client: usize, with_will: bool) {
        let now = self.now;
        self.drop_qos_0(client);
        let Some(session) = &mut self.sessions[client] else { return };
        session.attached = None;
        if !with_will {
            session.will = None;
        }
        if session.expiry_secs == 0 {
            return self.end_session(client);
        }
        let after = |secs: u32| now + u64::from(secs.min(EXPIRY_MAX_SECS)) * 1000;
        session.ends_at = Some(after(session.expiry_secs));
        session.will_at = session.will.as_ref().map(|(_, delay)| after(*delay));
        if let Some((will, _)) = session.will.take_if(|(_, delay)| *delay == 0) {
            session.will_at = None;
            self.publish(client, &will);
        }
    }

    /// The client changes how long its session lasts; `false` if it may not. (section 3.14.2.2.2)
    pub(crate) fn change_expiry(&mut self, client: usize, secs: u32) -> bool {
        let Some(session) = &mut self.sessions[client] else { return false };
        if session.expiry_secs == 0 && secs > 0 {
            return false;
        }
        session.expiry_secs = secs;
        true
    }

    /// When something falls due: wills, ends of sessions and of messages.
    pub(crate) fn dues(&self) -> impl Iterator<Item = u64> {
        let sessions = self.sessions.iter().flatten();
        let waiting = sessions.clone().flat_map(|session| &session.owed).map(|owed| &owed.message);
        let messages = waiting.chain(&self.retained).filter_map(|message| message.expires_at);
        sessions.flat_map(|session| [session.will_at, session.ends_at]).flatten().chain(messages)
    }

    /// What comes next.
    pub(crate) fn next_due(&self) -> Option<u64> {
        self.dues().min()
    }

    /// Everything that is due by `now`, in its order.
    pub(crate) fn pass(&mut self, now: u64) {
        while let Some(due) = self.next_due().filter(|due| *due <= now) {
            self.now = due;
            self.expire_messages();
            for client in 0..self.sessions.len() {
                let Some(session) = &mut self.sessions[client] else { continue };
                if session.ends_at.is_some_and(|at| at <= due) {
                    self.end_session(client);
                } else if session.will_at.take_if(|at| *at <= due).is_some() {
                    let will = session.will.take();
                    if let Some((will, _)) = will {
                        self.publish(client, &will);
                    }
                }
            }
        }
        self.now = now;
    }

    /// [MQTT-3.3.2-5]
    fn expire_messages(&mut self) {
        let now = self.now;
        self.retained.retain(|message| message.expires_at.is_none_or(|at| at > now));
        let mut expired = Vec::new();
        for session in self.sessions.iter_mut().flatten() {
            expired.extend(
                session.owed.extract_if(.., |owed| owed.message.expires_at.is_some_and(|at| at <= now)),
            );
        }
        expired.iter().for_each(|owed| self.loosen(owed));
    }

    /// What waits at QoS 0 is lost with the connection.
    pub(super) fn drop_qos_0(&mut self, client: usize) {
        let Some(session) = &mut self.sessions[client] else { return };
        let lost: Vec<_> = session.owed.extract_if(.., |owed| owed.qos == 0).collect();
        lost.iter().for_each(|owed| self.loosen(owed));
    }

    /// A session ends, and whatever it had; its will does not wait any longer. [MQTT-3.1.2-8]
    pub(super) fn end_session(&mut self, client: usize) {
        let Some(session) = self.sessions[client].take() else { return };
        self.subscriptions.retain(|subscription| subscription.client != client);
        self.pass_on(client, session.owed, session.sent);
        if let Some((will, _)) = session.will {
            self.publish(client, &will);
        }
    }
}
