//! The way of a token: apart, by its signature, by its claims.

use super::token::Token;
use super::{Claims, Keys, Refused, Rules, checks};

/// Verifies tokens by rules and keys. It does not change: who has new ones makes a new verifier.
#[derive(Clone, Debug)]
pub struct Verifier {
    rules: Rules,
    keys: Keys,
}

impl Verifier {
    /// One with these rules and keys.
    pub fn new(rules: Rules, keys: Keys) -> Self {
        Self { rules, keys }
    }

    /// What a token says, if it may be believed at `now_secs`, in seconds since 1970.
    ///
    /// # Errors
    ///
    /// See [`Refused`]. What a token says is looked at only after its signature.
    pub fn verify(&self, token: &str, now_secs: u64) -> Result<Claims, Refused> {
        let token = Token::parse(token)?;
        if !self.rules.algorithms.contains(&token.algorithm) {
            return Err(Refused::Algorithm);
        }
        self.keys.verify(token.algorithm, token.key_id.as_deref(), token.message, token.signature)?;
        let values = token.claims()?;
        let expires_at = checks::time(&values, &self.rules, now_secs)?;
        checks::issuer(&values, &self.rules)?;
        checks::audience(&values, &self.rules)?;
        Claims::read(values, &self.rules, expires_at)
    }
}
