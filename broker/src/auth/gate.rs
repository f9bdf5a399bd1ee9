//! The built-in authority. It asks whoever is configured, in this order:
//!
//! ```text
//!   token ──▶ certificate ──▶ password file ──▶ web service ──▶ anonymous, where nothing was given
//! ```
//!
//! Whoever runs the broker, and has proved it to the admin listener, is let in before any of that, and no rules hold for it.
//! A token that is refused is refused; a name and password that the file does not know are for the service to judge.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::jwt::looks_like_token;
use super::token_exchange::TokenExchange;
use super::{
    Authority, Check, Credentials, Denial, Exchange, Identity, Method, OAUTH2_JWT, Policy, Rights,
    SCRAM_SHA_256, ScramExchange, Service, Vouched,
};

/// See the module.
#[derive(Debug, Default)]
pub struct Gate {
    policy: ArcSwap<Policy>,
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
    /// Where there is a token, its bearer is who that says, whatever else is given. Else a client is who its certificate
    /// says; one that says in CONNECT to be somebody else has not proved that.
    fn authenticate(&self, credentials: Credentials) -> Check {
        if credentials.arrival.is_operator {
            return Vouched { method: Method::Operator, ..Vouched::default() }.into();
        }
        let policy = self.policy.load();
        if let (Some(tokens), Some(token)) = (&policy.tokens, token(&policy, &credentials)) {
            return tokens.examine(token, credentials.now_secs);
        }
        let certified = credentials.arrival.certified.as_ref();
        let user_name = credentials.user_name.as_deref();
        if let Some(user) = certified.filter(|user| user_name.is_none_or(|user_name| user_name == &***user)) {
            return Vouched { user: Some(user.clone()), method: Method::Certificate, claims: None }.into();
        }
        let has_password = user_name.is_some() || credentials.password.is_some();
        let has_token = policy.service.is_some() && credentials.arrival.token.is_some();
        if policy.looks_at_credentials() && (has_password || has_token) {
            return authenticate(&policy, credentials);
        }
        if policy.anonymous {
            return Vouched { user: certified.cloned(), ..Vouched::default() }.into();
        }
        match has_password {
            true => Denial::wrong_password().into(),
            false => Denial::Missing.into(),
        }
    }

    fn begin_exchange(&self, method: &str) -> Option<Box<dyn Exchange>> {
        let policy = self.policy.load();
        match method {
            SCRAM_SHA_256 => Some(Box::new(ScramExchange::new(policy.scram_users()?.clone()))),
            OAUTH2_JWT => Some(Box::new(TokenExchange(Arc::clone(policy.tokens.as_ref()?)))),
            _ => None,
        }
    }

    fn examine_token(&self, token: &str, now_secs: u64) -> Check {
        let policy = self.policy.load();
        match (&policy.tokens, &policy.service) {
            (Some(tokens), _) => tokens.examine(token, now_secs),
            (None, Some(service)) => {
                let (service, token) = (Arc::clone(service), token.to_owned());
                Check::Asking(Box::pin(async move { service.examine_token(&token, now_secs).await }))
            }
            (None, None) => Denial::Forbidden("tokens are not taken here".into()).into(),
        }
    }

    /// The operator's rules come first, then those that a token or a service brings along. Where there are any, what none
    /// allows is denied.
    fn rights(&self, identity: &Identity) -> Rights {
        if identity.vouched.method == Method::Operator {
            return Rights::default();
        }
        let policy = self.policy.load();
        let brought = identity.vouched.claims.as_ref().and_then(|claims| claims.acl.as_deref());
        match (policy.acl.as_ref(), brought) {
            (None, None) => Rights::default(),
            (Some(rules), None) | (None, Some(rules)) => Rights::ruled_by(identity.bind(rules)),
            (Some(first), Some(then)) => {
                Rights::ruled_by(identity.bind(first).followed_by(identity.bind(then)))
            }
        }
    }

    /// Whoever is in no file any more by which it has proved itself would not be let in again. What a certificate, a token
    /// or a service has said holds until that runs out.
    fn still_admits(&self, identity: &Identity) -> bool {
        let policy = self.policy.load();
        let user = identity.vouched.user.as_deref().unwrap_or_default();
        match identity.vouched.method {
            Method::Anonymous => policy.anonymous,
            Method::Password => policy.passwords.as_ref().is_some_and(|(file, _)| file.has(user)),
            Method::Scram => policy.scram_users().is_some_and(|users| users.has(user)),
            Method::Token => policy.tokens.is_some(),
            Method::Service => policy.service.is_some(),
            Method::Certificate | Method::Operator => true,
        }
    }
}

/// The token that a client gave: its own word counts more than what came with the upgrade.
fn token<'c>(policy: &Policy, credentials: &'c Credentials) -> Option<&'c str> {
    let password = credentials.password.as_deref().filter(|_| policy.takes_token_as_password);
    let password = password.and_then(|password| std::str::from_utf8(password).ok()).map(str::trim);
    let of_upgrade = || credentials.arrival.token.as_ref().map(|token| token.as_str());
    match password.filter(|password| looks_like_token(password)) {
        Some(token) => Some(token),
        // A name and a password are another way to prove oneself.
        None if credentials.password.is_some() => None,
        None => of_upgrade(),
    }
}

/// By the password file, then by the service.
fn authenticate(policy: &Policy, credentials: Credentials) -> Check {
    let service = policy.service.clone();
    let Some((file, hashing)) = policy.passwords.as_ref().filter(|_| credentials.password.is_some()) else {
        return ask(service, credentials);
    };
    let user = credentials.user_name.as_deref().unwrap_or_default();
    let check = file.find(user);
    let vouched = Vouched { user: Some(user.into()), method: Method::Password, claims: None };
    let password = credentials.password.clone().unwrap_or_default();
    if !check.cost().is_slow() {
        return match check.verify(&password) {
            true => vouched.into(),
            false => ask(service, credentials),
        };
    }
    let Some(hashed) = hashing.begin(move || check.verify(&password)) else { return Denial::Busy.into() };
    Check::Asking(Box::pin(async move {
        match hashed.await {
            Ok(true) => Ok(vouched),
            Ok(false) => match service {
                Some(service) => service.authenticate(&credentials).await,
                None => Err(Denial::wrong_password()),
            },
            Err(_) => Err(Denial::Unavailable),
        }
    }))
}

fn ask(service: Option<Arc<Service>>, credentials: Credentials) -> Check {
    match service {
        Some(service) => Check::Asking(Box::pin(async move { service.authenticate(&credentials).await })),
        None => Denial::wrong_password().into(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tidewire_protocols::topic::TopicFilter;

    use super::*;
    use crate::auth::acl::Acl;
    use crate::auth::{Arrival, Judgement};

    #[test]
    fn for_an_operator_nothing_is_asked_and_no_rule_holds() {
        let acl = Acl::parse(Path::new("acl.toml"), "[[rules]]\ndeny = [\"all\"]\n").unwrap();
        let gate = Gate::new(Policy { acl: Some(acl), ..Policy::default() });
        for (is_operator, expected) in [(true, Some(Judgement::Allowed)), (false, None)] {
            let credentials = Credentials {
                arrival: Arrival { is_operator, ..Arrival::default() },
                user_name: None,
                password: None,
                client_id: "c".into(),
                now_secs: 0,
            };
            let Check::Done(answer) = gate.authenticate(credentials) else {
                panic!("nobody has to be asked")
            };
            let judged = answer.ok().map(|vouched| {
                let identity = Identity { vouched, ..Identity::default() };
                assert!(gate.still_admits(&identity), "a reload does not end it");
                gate.rights(&identity).judge_filter(TopicFilter::parse("$SYS/#").unwrap())
            });
            assert_eq!(judged, expected, "is_operator: {is_operator}");
        }
    }
}
