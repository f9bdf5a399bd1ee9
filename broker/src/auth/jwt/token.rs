//! A token's parts and what its header says, before anything of it is believed. (RFC 7515, sections 4 and
//! 5.2)

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::{Algorithm, Refused, json};

/// The longest token that is looked at: a request's head is seldom allowed more, so no issuer makes longer
/// ones.
const TOKEN_BYTES_MAX: usize = 8 << 10;

/// A token whose signature is not verified yet.
#[derive(Debug)]
pub(super) struct Token<'a> {
    pub(super) algorithm: Algorithm,
    /// The name of the key that it says it is signed with.
    pub(super) key_id: Option<String>,
    /// What is signed: header and claims as they came.
    pub(super) message: &'a str,
    claims: &'a str,
    /// In base64url.
    pub(super) signature: &'a str,
}

impl<'a> Token<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, Refused> {
        if text.len() > TOKEN_BYTES_MAX {
            return Err(Refused::TooLarge);
        }
        // Five parts are an encrypted token (RFC 7516), which fails here as well: its last dot stands
        // elsewhere.
        let (message, signature) = text.rsplit_once('.').ok_or(Refused::Malformed)?;
        let (header, claims) = message.split_once('.').ok_or(Refused::Malformed)?;
        if claims.contains('.') {
            return Err(Refused::Malformed);
        }
        let header = object(header)?;
        check_header(&header)?;
        let key_id = match header.get("kid") {
            None => None,
            Some(Value::String(key_id)) => Some(key_id.clone()),
            Some(_) => return Err(Refused::Malformed),
        };
        let algorithm = header.get("alg").and_then(Value::as_str).ok_or(Refused::Malformed)?;
        let algorithm = Algorithm::named(algorithm).ok_or(Refused::Algorithm)?;
        Ok(Self { algorithm, key_id, message, claims, signature })
    }

    /// The claims. They are somebody's word only once the signature is verified.
    pub(super) fn claims(&self) -> Result<Map<String, Value>, Refused> {
        object(self.claims)
    }
}

/// What changes the meaning of a token must be understood, or the token refused.
fn check_header(header: &Map<String, Value>) -> Result<(), Refused> {
    // No extension is known here, so none can be critical. (RFC 7515, section 4.1.11; RFC 7797, section 6)
    for parameter in ["crit", "b64"] {
        if header.contains_key(parameter) {
            return Err(Refused::Header(parameter));
        }
    }
    match header.get("typ") {
        None => Ok(()),
        Some(Value::String(kind)) if is_token_type(kind) => Ok(()),
        Some(_) => Err(Refused::Header("typ")),
    }
}

/// Tokens of other types, signed by the same key, are made for other ends. (RFC 8725, section 3.11; RFC 9068)
fn is_token_type(kind: &str) -> bool {
    let kind = kind.to_ascii_lowercase();
    matches!(kind.strip_prefix("application/").unwrap_or(&kind), "jwt" | "at+jwt")
}

/// Base64url is read without mercy: no padding, no whitespace, no bits set behind the end.
fn object(part: &str) -> Result<Map<String, Value>, Refused> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| Refused::Malformed)?;
    json::object(&bytes).ok_or(Refused::Malformed)
}

/// Whether a text is a token rather than a password, where both are allowed: three parts in base64url, the
/// first of which begins as `{"` does. It may be wrong all the same.
pub fn looks_like_token(text: &str) -> bool {
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let is_part = |part: &str| !part.is_empty() && part.bytes().all(is_base64);
    text.starts_with("eyJ") && text.split('.').count() == 3 && text.split('.').all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_told_from_a_password() {
        assert!(looks_like_token("eyJhbGciOiJIUzI1NiJ9.e30.AA-_"));
        for text in [
            "",
            "secret",
            "eyJ",
            "eyJhbGciOiJIUzI1NiJ9.e30",
            "eyJhbGciOiJIUzI1NiJ9.e30.",
            "eyJhbGciOiJIUzI1NiJ9..AA",
            "eyJhbGciOiJIUzI1NiJ9.e30.AA==",
            "eyJhbGciOiJIUzI1NiJ9.e30.AA ",
            "eyJhbGciOiJIUzI1NiJ9.e30.AA.AA.AA",
            "abc.def.ghi",
            " eyJhbGciOiJIUzI1NiJ9.e30.AA",
        ] {
            assert!(!looks_like_token(text), "{text}");
        }
    }
}
