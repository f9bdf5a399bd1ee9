//! Which policy holds for a session whose outbox is full: its user's, else its listener's, else all sessions'.

use super::Config;
use crate::session::OutboxLimits;

impl Config {
    /// The bounds of the outbox of a session whose client is this user, and came by the listener of that name.
    pub fn outbox_limits(&self, user: Option<&str>, listener: Option<&str>) -> OutboxLimits {
        let of_user = user.and_then(|user| self.session.overflow_by_user.get(user).copied());
        let of_listener = || {
            let listener = self.listeners.iter().find(|own| Some(&*own.name) == listener)?;
            listener.overflow
        };
        let limits = self.session.outbox_limits();
        OutboxLimits { overflow: of_user.or_else(of_listener).unwrap_or(limits.overflow), ..limits }
    }

    /// Listeners that share their name, but not their policy, as places in the list: sessions know listeners by their names.
    pub(super) fn listeners_at_odds(&self) -> Vec<usize> {
        let is_at_odds = |index: &usize| {
            let listener = &self.listeners[*index];
            let mut earlier = self.listeners[..*index].iter();
            earlier.any(|other| other.name == listener.name && other.overflow != listener.overflow)
        };
        (0..self.listeners.len()).filter(is_at_odds).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;
    use crate::session::Overflow;

    #[test]
    fn the_user_s_comes_before_the_listener_s_and_that_before_the_session_s() {
        let listener = |rest: &str| {
            format!("bind = \"127.0.0.1:0\"\ntransport = \"ws\"\nprotocols = [\"mqtt\"]\n{rest}")
        };
        let text = format!(
            "[[listeners]]\nname = \"a\"\n{}\n[[listeners]]\nname = \"b\"\n{}\n\
             [session]\noverflow = \"drop-newest\"\noutbox_messages_max = 7\noverflow_by_user.ann = \"disconnect\"\n",
            listener("overflow = \"drop-oldest\""),
            listener(""),
        );
        let config: Config = toml::from_str(&text).unwrap();
        for (user, listener, expected) in [
            (Some("ann"), Some("a"), Overflow::Disconnect),
            (Some("ann"), None, Overflow::Disconnect),
            (Some("bob"), Some("a"), Overflow::DropOldest),
            (None, Some("a"), Overflow::DropOldest),
            (Some("bob"), Some("b"), Overflow::DropNewest),
            (None, Some("admin"), Overflow::DropNewest),
            (None, None, Overflow::DropNewest),
        ] {
            let limits = config.outbox_limits(user, listener);
            assert_eq!((limits.overflow, limits.messages_max), (expected, 7), "{user:?} by {listener:?}");
        }
    }
}
