//! The built-in authority: anonymous clients where that is allowed, and the users of a SCRAM file.

use super::{Action, Authority, Credentials, Exchange, Identity, SCRAM_SHA_256, ScramExchange, ScramUsers};

/// See the module. It allows everything but publishing to the topics that are the broker's own (`$SYS` and all others
/// that begin with `$`, work queues excepted).
#[derive(Debug, Default)]
pub struct Gate {
    anonymous: bool,
    scram: Option<ScramUsers>,
}

impl Gate {
    /// Lets clients in that prove to be one of `scram`, those with a certificate, and everybody else if `anonymous`,
    /// whatever credentials they give.
    pub fn new(anonymous: bool, scram: Option<ScramUsers>) -> Self {
        Self { anonymous, scram }
    }
}

impl Authority for Gate {
    /// A client is who its certificate says. One that says in CONNECT to be somebody else has not proved that: it is
    /// let in only where everybody is, and credentials are ignored.
    fn authenticate(&self, credentials: &Credentials<'_>) -> Option<Identity> {
        let is_proved = credentials
            .certified
            .is_some_and(|certified| credentials.user_name.is_none_or(|user_name| user_name == certified));
        (is_proved || self.anonymous).then(|| Identity { user: credentials.certified.map(Into::into) })
    }

    fn begin_exchange(&self, method: &str) -> Option<Box<dyn Exchange>> {
        match &self.scram {
            Some(users) if method == SCRAM_SHA_256 => Some(Box::new(ScramExchange::new(users.clone()))),
            _ => None,
        }
    }

    fn authorize(&self, _identity: &Identity, action: Action, topic: &str) -> bool {
        action != Action::Publish || !topic.starts_with('$') || topic.starts_with("$queue/")
    }
}
