//! A password's hash, of any kind that a file may have.

use std::fmt;

use subtle::Choice;

use super::argon2id::{self, Argon2id, Argon2idCost};
use super::field::Field;
use super::mosquitto::{self, Mosquitto};
use crate::auth::Verifier;
use crate::auth::user_file::HashFault;

/// Bytes of the longest password that is hashed. Nobody types as many, and whoever connects may send 64 KiB.
pub const PASSWORD_BYTES_MAX: usize = 4096;

/// Rounds of PBKDF2 that take a millisecond or two; mosquitto's own default is 101 in 2.0, and 1000 in 2.1.
const QUICK_ITERATIONS_MAX: u32 = 1_000;

const NOTATION: &str = "expected a hash that begins with $argon2id$, mosquitto's $6$ or $7$, or SCRAM-SHA-256$; \
                        tidewire passwd makes one of a password";

/// What is kept of a password: enough to know it again.
pub struct PasswordHash(Kind);

enum Kind {
    Argon2id(Argon2id),
    Mosquitto(Mosquitto),
    Scram(Verifier),
}

/// How much work it is to check a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HashCost {
    /// One round of SHA-512: mosquitto's `$6$`.
    Sha512,
    /// PBKDF2 with HMAC-SHA-512: mosquitto's `$7$`.
    Pbkdf2 {
        /// Rounds.
        iterations: u32,
    },
    /// PBKDF2 with HMAC-SHA-256, for a SCRAM verifier.
    Scram {
        /// Rounds.
        iterations: u32,
    },
    /// argon2id.
    Argon2id(Argon2idCost),
}

impl HashCost {
    /// Whether it is more than a millisecond or two of work, and so for a thread that others do not wait for.
    pub fn is_slow(self) -> bool {
        match self {
            Self::Sha512 => false,
            Self::Pbkdf2 { iterations } | Self::Scram { iterations } => iterations > QUICK_ITERATIONS_MAX,
            Self::Argon2id(_) => true,
        }
    }
}

/// Why a password has no hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NewHashError {
    /// There is nothing to hash.
    #[error("the password is empty")]
    EmptyPassword,
    /// It could not be used.
    #[error("the password is longer than {PASSWORD_BYTES_MAX} bytes")]
    LongPassword,
    /// A parameter is out of bounds.
    #[error(
        "the cost must be from 8 KiB for each lane to 1 GiB of memory, 1 to 100 passes, and 1 to 16 lanes"
    )]
    Cost,
    /// The system has not so much.
    #[error("the system has too little memory for this hash")]
    Memory,
    /// The system has none.
    #[error("the system gives no random numbers")]
    Random,
}

impl PasswordHash {
    /// A new argon2id hash of a password, which may be any bytes, with a salt of its own.
    ///
    /// # Errors
    ///
    /// See [`NewHashError`].
    pub fn new(password: &[u8], cost: Argon2idCost) -> Result<Self, NewHashError> {
        match password.len() {
            0 => Err(NewHashError::EmptyPassword),
            1..=PASSWORD_BYTES_MAX => Argon2id::of_password(password, cost).map(Kind::Argon2id).map(Self),
            _ => Err(NewHashError::LongPassword),
        }
    }

    /// One of the default cost, for a file that has none.
    pub(super) fn of_nobody() -> Self {
        Self(Kind::Argon2id(Argon2id::of_nobody()))
    }

    /// Reads what stands in a file.
    pub(super) fn read(text: &str) -> Result<Self, HashFault> {
        let whole = Field::whole(text);
        let kind = if let Some(rest) = whole.behind(argon2id::PREFIX) {
            Kind::Argon2id(Argon2id::read(rest)?)
        } else if let Some(rest) = whole.behind(mosquitto::SHA512_PREFIX) {
            Kind::Mosquitto(Mosquitto::read_sha512(rest)?)
        } else if let Some(rest) = whole.behind(mosquitto::PBKDF2_PREFIX) {
            Kind::Mosquitto(Mosquitto::read_pbkdf2(rest)?)
        } else if text.starts_with(Verifier::PREFIX) {
            Kind::Scram(Verifier::read(text)?)
        } else {
            // It may be the password itself.
            return Err(HashFault::secret(whole.range(), NOTATION));
        };
        Ok(Self(kind))
    }

    /// Whether it is that password's. An empty password is none, nor is one of more than [`PASSWORD_BYTES_MAX`]
    /// bytes. The password may be any bytes, but for a SCRAM verifier's, which is UTF-8 that SASLprep allows.
    pub fn is_of(&self, password: &[u8]) -> bool {
        self.matches(password).into()
    }

    pub(super) fn matches(&self, password: &[u8]) -> Choice {
        if password.is_empty() || password.len() > PASSWORD_BYTES_MAX {
            return Choice::from(0);
        }
        match &self.0 {
            Kind::Argon2id(hash) => hash.matches(password),
            Kind::Mosquitto(hash) => hash.matches(password),
            Kind::Scram(verifier) => {
                std::str::from_utf8(password).map_or(Choice::from(0), |password| verifier.matches(password))
            }
        }
    }

    /// How much work [`PasswordHash::is_of`] is.
    pub fn cost(&self) -> HashCost {
        match &self.0 {
            Kind::Argon2id(hash) => HashCost::Argon2id(hash.cost),
            Kind::Mosquitto(hash) => hash.cost(),
            Kind::Scram(verifier) => HashCost::Scram { iterations: verifier.iterations },
        }
    }

    /// The SCRAM verifier, if it is one.
    pub(super) fn verifier(&self) -> Option<&Verifier> {
        match &self.0 {
            Kind::Scram(verifier) => Some(verifier),
            Kind::Argon2id(_) | Kind::Mosquitto(_) => None,
        }
    }
}

impl From<Verifier> for PasswordHash {
    fn from(verifier: Verifier) -> Self {
        Self(Kind::Scram(verifier))
    }
}

/// As it stands in a file.
impl fmt::Display for PasswordHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Argon2id(hash) => hash.fmt(formatter),
            Kind::Mosquitto(hash) => hash.fmt(formatter),
            Kind::Scram(verifier) => verifier.fmt(formatter),
        }
    }
}

/// Hashes belong into no log.
impl fmt::Debug for PasswordHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PasswordHash").field("cost", &self.cost()).finish_non_exhaustive()
    }
}
