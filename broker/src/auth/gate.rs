//! The built-in authority: asks whoever is configured, in this order: the certificate, the token, the password file, and
//! lets everybody else in where anonymous clients may.

use arc_swap::ArcSwap;

use super::{
    Authority, Check, Credentials, Denial, Exchange, Identity, Method, Rights, SCRAM_SHA_256, ScramExchange,
    ScramUsers, Vouched,
};

/// See the module.
#[derive(Debug, Default)]
pub struct Gate {
    policy: ArcSwap<Policy>,
}

/// Who is let in, and what they may do: replaced as a whole by a reload.
#[derive(Debug, Default)]
pub struct Policy {
    /// Whether clients may connect that prove nothing.
    pub anonymous: bool,
    /// Users who prove themselves by SCRAM.
    pub scram: Option<ScramUsers>,
}

impl Gate {
    /// A gate with this policy.
    pub fn new(policy: Policy) -> Self {
        Self { policy: ArcSwap::from_pointee(policy) }
    }

    /// Puts another policy in force. Clients that are connected have to be looked at anew.
    pub fn install(&self, policy: Policy) {
        self.policy.store(policy.into());
    }
}

impl Authority for Gate {
    /// A client is who its certificate says. One that says in CONNECT to be somebody else has not proved that: it is
    /// let in only where everybody is, and credentials are ignored.
    fn authenticate(&self, credentials: Credentials) -> Check {
        let policy = self.policy.load();
        let certified = credentials.arrival.certified.as_ref();
        let user_name = credentials.user_name.as_deref();
        if let Some(user) = certified.filter(|user| user_name.is_none_or(|user_name| user_name == &***user)) {
            return Vouched { user: Some(user.clone()), method: Method::Certificate, claims: None }.into();
        }
        if policy.anonymous {
            return Vouched { user: certified.cloned(), ..Vouched::default() }.into();
        }
        match user_name.is_some() || credentials.password.is_some() {
            true => Denial::wrong_password().into(),
            false => Denial::Missing.into(),
        }
    }

    fn begin_exchange(&self, method: &str) -> Option<Box<dyn Exchange>> {
        match &self.policy.load().scram {
            Some(users) if method == SCRAM_SHA_256 => Some(Box::new(ScramExchange::new(users.clone()))),
            _ => None,
        }
    }

    fn examine_token(&self, _token: &str, _now_secs: u64) -> Check {
        Denial::Wrong("tokens are not taken here".into()).into()
    }

    fn rights(&self, _identity: &Identity) -> Rights {
        Rights::default()
    }

    fn still_admits(&self, _identity: &Identity) -> bool {
        true
    }
}
