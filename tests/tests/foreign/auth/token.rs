//! Tokens as an issuer makes them.

use std::time::{Duration, SystemTime};

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

/// What tokens are signed with: the content of the file `secret`.
pub(crate) const SECRET: &str = "what nobody guesses: 32 bytes or more";

/// A JSON Web Token, signed by HS256.
pub(crate) struct Token {
    pub(crate) text: String,
    /// In seconds since the Unix epoch.
    pub(crate) expires_at: u64,
}

impl Token {
    /// Names this user, for so long at most: its end is at a whole second.
    pub(crate) fn new(user: &str, lifetime: Duration) -> Self {
        Self::with(user, lifetime, json!({}))
    }

    /// The same with these claims besides.
    pub(crate) fn with(user: &str, lifetime: Duration, claims: Value) -> Self {
        Self::signed(SECRET, user, lifetime, claims)
    }

    /// The same as of an issuer that nobody has heard of.
    pub(crate) fn forged(user: &str, lifetime: Duration) -> Self {
        Self::signed("some other secret: 32 bytes or more", user, lifetime, json!({}))
    }

    /// The same as of an issuer that has that secret.
    pub(crate) fn signed(secret: &str, user: &str, lifetime: Duration, mut claims: Value) -> Self {
        let expires_at = (since_epoch() + lifetime).as_secs();
        claims["sub"] = user.into();
        claims["exp"] = expires_at.into();
        let key = EncodingKey::from_secret(secret.as_bytes()).expect("the secret is long enough");
        let text = encode(&Header::new(Algorithm::HS256), &claims, &key).expect("a token can be signed");
        Self { text, expires_at }
    }

    /// For how long it has been over, if it is.
    pub(crate) fn overdue(&self) -> Option<Duration> {
        since_epoch().checked_sub(Duration::from_secs(self.expires_at))
    }
}

fn since_epoch() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is later than 1970")
}
