//! Why a token is refused.

/// Why a token is refused, in words that a client may be told: they help its developer, and tell an attacker
/// nothing that the token does not say itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is none: other parts than three, not base64url, not JSON, a name twice.
    #[error("the token is malformed")]
    Malformed,
    /// It is longer than 8 KiB.
    #[error("the token is too large")]
    TooLarge,
    /// Its header asks for what is not done here; the parameter's name.
    #[error("the token's header parameter {0} is not supported")]
    Header(&'static str),
    /// It is signed by an algorithm that is not allowed, or not at all.
    #[error("the token's algorithm is not accepted")]
    Algorithm,
    /// No key of that name, or none for its algorithm, is known.
    #[error("the token's key is unknown")]
    UnknownKey,
    /// The key did not sign it.
    #[error("the token's signature is wrong")]
    Signature,
    /// It was valid until a time that is over.
    #[error("the token has expired")]
    Expired,
    /// It is valid from a time that is still to come, or issued in the future.
    #[error("the token is not valid yet")]
    NotYet,
    /// It is for somebody else.
    #[error("the token is for another audience")]
    Audience,
    /// It is issued by somebody else.
    #[error("the token is of another issuer")]
    Issuer,
    /// A claim that is needed is missing, or is not what it should be; its name. Only a token that is signed
    /// gets here.
    #[error("the token's claim {0} is missing or wrong")]
    Claim(String),
}

impl Refused {
    /// Whether a newer JWK set could hold the key. Anybody can make such a token, so do not fetch one for
    /// each.
    pub fn is_unknown_key(&self) -> bool {
        *self == Self::UnknownKey
    }
}
