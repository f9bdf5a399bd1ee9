//! Who a client says it is.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;

use crate::error::Error;

/// Where a client's [`Login`] comes from: the same each time, or asked for.
///
/// A provider is called at each connect. If its login says when it runs out ([`Login::with_expiry`]), it is called again
/// before that, and the open connection goes on with the new one.
///
/// ```
/// use std::io;
/// use std::time::Duration;
///
/// use tidewire_client::{Credentials, Login};
///
/// let fixed = Credentials::password("ann", "pencil");
/// let fetched = Credentials::provider(|| async {
///     let token = String::from("…"); // from wherever tokens come
///     Ok::<_, io::Error>(Login::token(token).with_expiry(Duration::from_secs(3600)))
/// });
/// # drop((fixed, fetched));
/// ```
#[derive(Clone, Default)]
pub struct Credentials(Source);

#[derive(Clone)]
enum Source {
    Fixed(Login),
    Provider(Arc<Provider>),
}

type Provider = dyn Fn() -> BoxFuture<'static, Result<Login, Error>> + Send + Sync;

impl Default for Source {
    fn default() -> Self {
        Self::Fixed(Login::anonymous())
    }
}

impl Credentials {
    /// No credentials at all.
    pub fn none() -> Self {
        Self::default()
    }

    /// The same login each time.
    pub fn fixed(login: Login) -> Self {
        Self(Source::Fixed(login))
    }

    /// See [`Login::password`].
    pub fn password(user_name: impl Into<String>, password: impl Into<Bytes>) -> Self {
        Self::fixed(Login::password(user_name, password))
    }

    /// See [`Login::token`].
    pub fn token(token: impl Into<String>) -> Self {
        Self::fixed(Login::token(token))
    }

    /// Asks `provider`; see the type. What it fails with is [`Error::Provider`], and transient. It has the connect
    /// timeout, together with the rest of the attempt.
    pub fn provider<F, R, E>(provider: F) -> Self
    where
        F: Fn() -> R + Send + Sync + 'static,
        R: Future<Output = Result<Login, E>> + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        Self(Source::Provider(Arc::new(move || {
            let asked = provider();
            Box::pin(async move { asked.await.map_err(|error| Error::Provider(Arc::from(error.into()))) })
        })))
    }

    /// Whether another question may bring another answer.
    pub(crate) fn may_change(&self) -> bool {
        matches!(self.0, Source::Provider(_))
    }

    pub(crate) fn login(&self) -> BoxFuture<'static, Result<Login, Error>> {
        match &self.0 {
            Source::Fixed(login) => Box::pin(std::future::ready(Ok(login.clone()))),
            Source::Provider(provider) => provider(),
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::Fixed(login) => login.fmt(f),
            Source::Provider(_) => f.write_str("Provider"),
        }
    }
}

/// What a client shows at one connect.
#[derive(Clone)]
pub struct Login {
    pub(crate) user_name: Option<String>,
    pub(crate) proof: Proof,
    pub(crate) expires_in: Option<Duration>,
}

/// What proves it, by the place where it stands.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Proof {
    None,
    Password(Bytes),
    /// MQTT's password, STOMP's passcode.
    Token(String),
    /// `Authorization: Bearer` of the WebSocket upgrade.
    Bearer(String),
    /// MQTT 5's enhanced authentication.
    Authentication {
        method: String,
        data: Bytes,
    },
}

impl Login {
    /// Nobody in particular.
    pub fn anonymous() -> Self {
        Self { user_name: None, proof: Proof::None, expires_in: None }
    }

    /// A name and a password; STOMP's `login` and `passcode`, where a password is text.
    pub fn password(user_name: impl Into<String>, password: impl Into<Bytes>) -> Self {
        Self { user_name: Some(user_name.into()), proof: Proof::Password(password.into()), expires_in: None }
    }

    /// A token in the password's place. It is renewed by publishing the next one to `$auth/token`, over STOMP by SEND to
    /// `/auth/token`, which Tidewire takes from everybody who may renew.
    pub fn token(token: impl Into<String>) -> Self {
        Self { user_name: None, proof: Proof::Token(token.into()), expires_in: None }
    }

    /// A token in the `Authorization` header of the WebSocket upgrade, for proxies that look there; over TCP the same as
    /// [`token`](Self::token), and renewed like one.
    pub fn bearer(token: impl Into<String>) -> Self {
        Self { user_name: None, proof: Proof::Bearer(token.into()), expires_in: None }
    }

    /// A method of MQTT 5's enhanced authentication that needs one step, such as `OAUTH2-JWT`. It is renewed by AUTH
    /// with Re-authenticate (section 4.12.1 of MQTT 5).
    pub fn authentication(method: impl Into<String>, data: impl Into<Bytes>) -> Self {
        let proof = Proof::Authentication { method: method.into(), data: data.into() };
        Self { user_name: None, proof, expires_in: None }
    }

    /// The same with a user name.
    #[must_use]
    pub fn with_user_name(self, user_name: impl Into<String>) -> Self {
        Self { user_name: Some(user_name.into()), ..self }
    }

    /// The same, of use for so long from now on. A provider is asked for the next one before that: when a quarter of the
    /// time is left, or a minute if that is less.
    #[must_use]
    pub fn with_expiry(self, expires_in: Duration) -> Self {
        Self { expires_in: Some(expires_in), ..self }
    }

    /// When to ask for the next one, from the time of this one.
    pub(crate) fn renew_in(&self) -> Option<Duration> {
        let expires_in = self.expires_in?;
        let is_renewable = !matches!(self.proof, Proof::None | Proof::Password(_));
        is_renewable.then(|| expires_in.saturating_sub((expires_in / 4).min(RENEWAL_MARGIN_MAX)))
    }

    /// The token that renews a connection by a message, if this is one.
    pub(crate) fn token_text(&self) -> Option<&str> {
        match &self.proof {
            Proof::Token(token) | Proof::Bearer(token) => Some(token),
            Proof::None | Proof::Password(_) | Proof::Authentication { .. } => None,
        }
    }
}

/// Says what there is, and nothing of what it is.
impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let proof = match &self.proof {
            Proof::None => "none",
            Proof::Password(_) => "password",
            Proof::Token(_) => "token",
            Proof::Bearer(_) => "bearer",
            Proof::Authentication { method, .. } => method,
        };
        f.debug_struct("Login")
            .field("user_name", &self.user_name)
            .field("proof", &proof)
            .field("expires_in", &self.expires_in)
            .finish()
    }
}

/// Enough for a slow provider.
const RENEWAL_MARGIN_MAX: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        for login in [
            Login::password("ann", "pencil"),
            Login::token("pencil"),
            Login::bearer("pencil"),
            Login::authentication("OAUTH2-JWT", "pencil"),
        ] {
            let shown = format!("{:?} {login:?}", Credentials::fixed(login.clone()));
            assert!(!shown.contains("pencil"), "{shown}");
        }
    }

    #[test]
    fn renewal_is_early_and_only_of_what_can_be_renewed() {
        let seconds = Duration::from_secs;
        for (login, expires_in, renew_in) in [
            (Login::token("t"), 3600, Some(3540)),
            (Login::bearer("t"), 40, Some(30)),
            (Login::authentication("m", "t"), 4, Some(3)),
            (Login::password("u", "p"), 3600, None),
            (Login::anonymous(), 3600, None),
        ] {
            assert_eq!(
                login.clone().with_expiry(seconds(expires_in)).renew_in(),
                renew_in.map(seconds),
                "{login:?}"
            );
            assert_eq!(login.renew_in(), None);
        }
    }
}
