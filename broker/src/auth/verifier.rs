//! What the server keeps of a SCRAM-SHA-256 password: enough to check a proof, too little to make one.
//! (RFC 5802, section 3; RFC 7677)
//!
//! ```text
//! verifier = "SCRAM-SHA-256$" iterations ":" base64(salt) "$" base64(stored key) ":" base64(server key)
//! ```
//!
//! That is PostgreSQL's notation, so that its verifiers can be used as they are.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};

use super::user_file::HashFault;

/// The fewest rounds of hashing. (RFC 7677, section 4)
pub const MIN_ITERATIONS: u32 = 4_096;
/// The rounds of a new verifier. They are the client's work, at each connect; devices are small.
pub const DEFAULT_ITERATIONS: u32 = MIN_ITERATIONS;
/// More would keep a client busy for minutes.
const MAX_ITERATIONS: u32 = 10_000_000;
/// Bytes of a new verifier's salt.
pub(super) const SALT_BYTES: usize = 16;
/// Bytes of SHA-256.
pub(super) const KEY_BYTES: usize = 32;

/// See the module.
#[derive(Clone, PartialEq, Eq)]
pub struct Verifier {
    pub(super) iterations: u32,
    pub(super) salt: Vec<u8>,
    pub(super) stored_key: [u8; KEY_BYTES],
    pub(super) server_key: [u8; KEY_BYTES],
}

/// Why there is no verifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifierError {
    /// The notation is another one.
    #[error("expected SCRAM-SHA-256$<iterations>:<salt>$<stored key>:<server key>, the last three in base64")]
    Notation,
    /// Too few rounds, or too many.
    #[error("the iterations must be a number from {MIN_ITERATIONS} to {MAX_ITERATIONS}")]
    Iterations,
    /// A key has another length than SHA-256's.
    #[error(
        "the stored key and the server key have {KEY_BYTES} bytes each, which is 44 characters of base64"
    )]
    Keys,
    /// There is nothing to verify.
    #[error("the password is empty")]
    EmptyPassword,
    /// A character that SASLprep forbids.
    #[error("the password holds a character that SASLprep (RFC 4013) forbids, such as a control character")]
    Password,
    /// The system has none.
    #[error("the system gives no random numbers")]
    Random,
}

impl Verifier {
    /// How the notation begins.
    pub(super) const PREFIX: &str = "SCRAM-SHA-256$";

    /// A verifier for a password, with a salt of its own.
    ///
    /// # Errors
    ///
    /// See [`VerifierError`].
    pub fn of_password(password: &str, iterations: u32) -> Result<Self, VerifierError> {
        let mut salt = [0; SALT_BYTES];
        getrandom::fill(&mut salt).map_err(|_| VerifierError::Random)?;
        Self::with_salt(password, &salt, iterations)
    }

    /// The same with a given salt.
    ///
    /// # Errors
    ///
    /// See [`VerifierError`].
    pub fn with_salt(password: &str, salt: &[u8], iterations: u32) -> Result<Self, VerifierError> {
        if !(MIN_ITERATIONS..=MAX_ITERATIONS).contains(&iterations) {
            return Err(VerifierError::Iterations);
        }
        let password = stringprep::saslprep(password).map_err(|_| VerifierError::Password)?;
        if password.is_empty() {
            return Err(VerifierError::EmptyPassword);
        }
        let salted: [u8; KEY_BYTES] =
            pbkdf2::pbkdf2_hmac_array::<Sha256, KEY_BYTES>(password.as_bytes(), salt, iterations);
        let client_key = hmac(&salted, &[b"Client Key"]);
        Ok(Self {
            iterations,
            salt: salt.to_vec(),
            stored_key: sha256(&client_key),
            server_key: hmac(&salted, &[b"Server Key"]),
        })
    }

    /// Reads one that stands in a file.
    ///
    /// # Errors
    ///
    /// What is wrong with it, and where.
    pub(super) fn read(text: &str) -> Result<Self, HashFault> {
        text.parse().map_err(|error: VerifierError| {
            let known = if text.starts_with(Self::PREFIX) { Self::PREFIX.len() } else { 0 };
            match (error, text[known..].find(':')) {
                (VerifierError::Iterations, Some(length)) => {
                    HashFault::public(known..known + length, error.to_string())
                }
                _ => HashFault::secret(known..text.len(), error.to_string()),
            }
        })
    }

    /// Whether it is that password's; takes as many rounds of hashing as it has iterations.
    pub(super) fn matches(&self, password: &str) -> Choice {
        let derived = Self::with_salt(password, &self.salt, self.iterations);
        derived.map_or(Choice::from(0), |derived| derived.stored_key.ct_eq(&self.stored_key))
    }
}

impl FromStr for Verifier {
    type Err = VerifierError;

    fn from_str(text: &str) -> Result<Self, VerifierError> {
        let rest = text.strip_prefix(Self::PREFIX).ok_or(VerifierError::Notation)?;
        let (head, keys) = rest.split_once('$').ok_or(VerifierError::Notation)?;
        let (iterations, salt) = head.split_once(':').ok_or(VerifierError::Notation)?;
        let (stored_key, server_key) = keys.split_once(':').ok_or(VerifierError::Notation)?;
        let iterations = iterations.parse().map_err(|_| VerifierError::Iterations)?;
        if !(MIN_ITERATIONS..=MAX_ITERATIONS).contains(&iterations) {
            return Err(VerifierError::Iterations);
        }
        let bytes = |text: &str| STANDARD.decode(text).map_err(|_| VerifierError::Notation);
        let key = |text: &str| bytes(text)?.try_into().map_err(|_| VerifierError::Keys);
        let salt = bytes(salt)?;
        if salt.is_empty() {
            return Err(VerifierError::Notation);
        }
        Ok(Self { iterations, salt, stored_key: key(stored_key)?, server_key: key(server_key)? })
    }
}

/// As it stands in the file.
impl fmt::Display for Verifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let base64 = |bytes: &[u8]| STANDARD.encode(bytes);
        let (salt, stored, server) = (base64(&self.salt), base64(&self.stored_key), base64(&self.server_key));
        write!(formatter, "{}{}:{salt}${stored}:{server}", Self::PREFIX, self.iterations)
    }
}

/// Keys belong into no log.
impl fmt::Debug for Verifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Verifier").field("iterations", &self.iterations).finish_non_exhaustive()
    }
}

/// HMAC-SHA-256 over the parts, one behind the other.
pub(super) fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; KEY_BYTES] {
    // A key of any length is taken, so this cannot fail.
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

/// SHA-256.
pub(super) fn sha256(bytes: &[u8]) -> [u8; KEY_BYTES] {
    Sha256::digest(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verifier_is_written_and_read() {
        let verifier = Verifier::of_password("pencil", 4_096).unwrap();
        assert_eq!(verifier.to_string().parse(), Ok(verifier.clone()));
        assert_ne!(verifier, Verifier::of_password("pencil", 4_096).unwrap(), "each has a salt of its own");
        assert!(!format!("{verifier:?}").contains(&STANDARD.encode(verifier.server_key)));
    }

    #[test]
    fn passwords_are_prepared_before_they_are_hashed() {
        let with = |password| Verifier::with_salt(password, b"salt", 4_096);
        // A soft hyphen is mapped to nothing, a Roman numeral to its letters. (RFC 4013, section 3)
        assert_eq!(with("I\u{ad}X"), with("\u{2168}"));
        assert_eq!(with("a\u{7}"), Err(VerifierError::Password));
        assert_eq!(with("\u{ad}"), Err(VerifierError::EmptyPassword));
    }

    #[test]
    fn what_is_wrong_with_a_verifier_is_said() {
        let right = Verifier::with_salt("pencil", b"salt", 4_096).unwrap().to_string();
        for (wrong, error) in [
            ("", VerifierError::Notation),
            ("$argon2id$v=19$m=65536", VerifierError::Notation),
            (&right.replace(":c2FsdA==$", ":c2FsdA=$"), VerifierError::Notation),
            (&right.replace(":c2FsdA==$", ":$"), VerifierError::Notation),
            (&right.replace("$4096", "$4095"), VerifierError::Iterations),
            (&right.replace("$4096", "$many"), VerifierError::Iterations),
            (&right.replace("$4096", "$10000001"), VerifierError::Iterations),
            ("SCRAM-SHA-256$4096:c2FsdA==$c2FsdA==:c2FsdA==", VerifierError::Keys),
        ] {
            assert_eq!(wrong.parse::<Verifier>(), Err(error), "{wrong}");
        }
        assert!(right.parse::<Verifier>().is_ok());
    }
}
