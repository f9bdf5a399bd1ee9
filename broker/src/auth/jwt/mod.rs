//! JSON Web Tokens: a client shows a signed token, and the broker believes what it says. (RFC 7519; RFC 8725)
//!
//! ```text
//! token     = part "." part "." part        header, claims, signature; each in base64url without padding
//! header    = { "alg": "ES256", "kid": "…", "typ": "JWT" }
//! claims    = { "sub": "ann", "exp": 1700000000, "aud": "tidewire", … }
//!
//!   Token ──▶ Keys: is it signed? ──▶ Rules: is it for us, and now? ──▶ Claims
//! ```
//!
//! What a token says of how to verify it is believed as little as possible. Its `alg` must be among the
//! rules', and only a key of that very kind is tried: the text of a public RSA key is never taken for an HMAC
//! secret. Its `kid` does no more than choose among the keys. `jwk`, `jku`, `x5u` and `x5c` are not looked
//! at. A header with `crit` or `b64`, a `typ` that is another than `JWT` or `at+jwt`, and JSON with a name
//! twice are refused.
//!
//! Nothing here reads a clock or opens a connection: the time is an argument, and who fetches a JWK set gives
//! its text.

mod algorithm;
mod checks;
mod claims;
mod json;
mod jwk_set;
mod key;
mod keys;
mod pem;
mod refused;
mod rules;
#[cfg(test)]
mod tests;
mod token;
mod verifier;

pub use self::algorithm::Algorithm;
pub use self::claims::Claims;
pub(super) use self::claims::{is_name, text};
pub use self::key::KeyError;
pub use self::keys::Keys;
pub use self::refused::Refused;
pub use self::rules::Rules;
pub use self::token::looks_like_token;
pub use self::verifier::Verifier;
