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
    /// Lets clients in that prove to be one of `scram`, and everybody else if `anonymous`, whatever credentials they
    /// give.
    pub fn new(anonymous: bool, scram: Option<ScramUsers>) -> Self {
        Self { anonymous, scram }
    }
}

impl Authority for Gate {
    fn authenticate(&self, _credentials: &Credentials<'_>) -> Option<Identity> {
        self.anonymous.then_some(Identity { user: None })
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
