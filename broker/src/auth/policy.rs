//! Who is let in, and what they may do: what a configuration says of it, replaced as a whole by a reload.

use std::sync::Arc;

use super::acl::Acl;
use super::{Hashing, PasswordFile, ScramUsers, Service, Tokens};

/// See the module.
#[derive(Debug, Default)]
pub struct Policy {
    /// Whether clients may connect that prove nothing.
    pub anonymous: bool,
    /// Whether the password of CONNECT may be a token.
    pub takes_token_as_password: bool,
    /// Tokens.
    pub tokens: Option<Arc<Tokens>>,
    /// Users with a password, and whoever hashes it.
    pub passwords: Option<(PasswordFile, Arc<Hashing>)>,
    /// Users who prove themselves by SCRAM.
    pub scram: Option<ScramUsers>,
    /// A service that is asked about everybody whom the others do not know.
    pub service: Option<Arc<Service>>,
    /// The operator's rules.
    pub acl: Option<Acl>,
}

impl Policy {
    /// Whether somebody looks at what a client gives in CONNECT. If not, it is ignored.
    pub(super) fn looks_at_credentials(&self) -> bool {
        self.tokens.is_some() || self.passwords.is_some() || self.service.is_some()
    }

    /// The users who may prove themselves by SCRAM: those of the file for them, else those of the password file that have
    /// a verifier.
    pub(super) fn scram_users(&self) -> Option<&ScramUsers> {
        self.scram.as_ref().or_else(|| self.passwords.as_ref()?.0.scram_users())
    }
}
