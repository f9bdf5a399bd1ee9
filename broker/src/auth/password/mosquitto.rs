//! The two hashes of `mosquitto_passwd`: `$6$salt$hash`, SHA-512 of the password and the salt behind it, and
//! `$7$iterations$salt$hash`, PBKDF2 with HMAC-SHA-512 (RFC 8018, section 5.2). Both in base64 with padding.
//! crypt(3) has hashes that begin with `$6$` as well; they are others.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha512};
use subtle::{Choice, ConstantTimeEq as _};

use super::HashCost;
use super::field::{Field, Secrets};
use crate::auth::user_file::HashFault;

/// How a hash by SHA-512 begins.
pub(super) const SHA512_PREFIX: &str = "$6$";
/// How a hash by PBKDF2 begins.
pub(super) const PBKDF2_PREFIX: &str = "$7$";

/// More would keep a thread busy for half a minute.
const ITERATIONS_MAX: u32 = 10_000_000;
/// Bytes of SHA-512.
const HASH_BYTES: usize = 64;
/// mosquitto 2.0 makes salts of 12 bytes, 2.1 of 64.
const SECRETS: Secrets = Secrets {
    kind: "mosquitto's $6$ and $7$",
    engine: STANDARD,
    salt_bytes: 1..=64,
    hash_bytes: HASH_BYTES..=HASH_BYTES,
};

const SHA512_NOTATION: &str = "expected mosquitto's $6$<salt>$<hash>, both in base64";
const PBKDF2_NOTATION: &str = "expected mosquitto's $7$<iterations>$<salt>$<hash>, the last two in base64";

/// A hash and its salt.
pub(super) struct Mosquitto {
    /// Rounds of PBKDF2; none for one round of SHA-512.
    iterations: Option<u32>,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

impl Mosquitto {
    /// Reads what stands behind [`SHA512_PREFIX`].
    pub(super) fn read_sha512(rest: Field<'_>) -> Result<Self, HashFault> {
        let [salt, hash] = rest.fields(SHA512_NOTATION)?;
        Self::with(None, salt, hash)
    }

    /// Reads what stands behind [`PBKDF2_PREFIX`].
    pub(super) fn read_pbkdf2(rest: Field<'_>) -> Result<Self, HashFault> {
        let [iterations, salt, hash] = rest.fields(PBKDF2_NOTATION)?;
        let iterations = iterations.number("the iterations", 1..=ITERATIONS_MAX)?;
        Self::with(Some(iterations), salt, hash)
    }

    fn with(iterations: Option<u32>, salt: Field<'_>, hash: Field<'_>) -> Result<Self, HashFault> {
        let (salt, hash) = SECRETS.read(salt, hash)?;
        Ok(Self { iterations, salt, hash })
    }

    pub(super) fn cost(&self) -> HashCost {
        self.iterations.map_or(HashCost::Sha512, |iterations| HashCost::Pbkdf2 { iterations })
    }

    /// Whether it is that password's. HMAC pads its key with zeros, and so PBKDF2 takes a password with NULs at its
    /// end for the one without.
    pub(super) fn matches(&self, password: &[u8]) -> Choice {
        let derived: [u8; HASH_BYTES] = match self.iterations {
            Some(iterations) => {
                pbkdf2::pbkdf2_hmac_array::<Sha512, HASH_BYTES>(password, &self.salt, iterations)
            }
            None => Sha512::new().chain_update(password).chain_update(&self.salt).finalize().into(),
        };
        derived.as_slice().ct_eq(&self.hash)
    }
}

impl fmt::Display for Mosquitto {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (salt, hash) = (STANDARD.encode(&self.salt), STANDARD.encode(&self.hash));
        match self.iterations {
            Some(iterations) => write!(formatter, "{PBKDF2_PREFIX}{iterations}${salt}${hash}"),
            None => write!(formatter, "{SHA512_PREFIX}{salt}${hash}"),
        }
    }
}
