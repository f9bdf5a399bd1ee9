//! argon2id, the hash of new passwords (RFC 9106), in the notation of the PHC string format:
//! `$argon2id$v=19$m=…,t=…,p=…$salt$hash`.

use std::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use subtle::{Choice, ConstantTimeEq as _};

use super::NewHashError;
use super::field::{Field, Secrets};
use crate::auth::user_file::HashFault;

/// How such a hash begins.
pub(super) const PREFIX: &str = "$argon2id$";

/// 1 GiB. Whoever connects makes the broker use so much.
const MEMORY_KIB_MAX: u32 = 1024 * 1024;
/// Of each lane. (RFC 9106, section 3.1)
const MEMORY_KIB_MIN: u32 = 8;
/// More would keep a thread busy for minutes.
const PASSES_MAX: u32 = 100;
/// They are worked on one after the other.
const LANES_MAX: u32 = 16;
/// Bytes of a new salt. (RFC 9106, section 3.1)
const SALT_BYTES: usize = 16;
/// Bytes of a new hash.
const HASH_BYTES: usize = 32;

/// mosquitto 2.1 has 64 bytes of each. Less than 16 of a hash could be met by chance. (RFC 9106, section 4)
const SECRETS: Secrets =
    Secrets { kind: "argon2id", engine: STANDARD_NO_PAD, salt_bytes: 8..=64, hash_bytes: 16..=64 };

const NOTATION: &str =
    "expected $argon2id$v=19$m=<KiB>,t=<passes>,p=<lanes>$<salt>$<hash>, the last two in base64";

/// How much work an argon2id hash is. The default is the least that OWASP's Password Storage Cheat Sheet asks for:
/// 19 MiB, two passes, one lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Argon2idCost {
    /// Memory in KiB: from 8 for each lane to 1 GiB.
    pub memory_kib: u32,
    /// Passes over it: 1 to 100.
    pub passes: u32,
    /// Lanes: 1 to 16.
    pub lanes: u32,
}

impl Default for Argon2idCost {
    fn default() -> Self {
        Self { memory_kib: 19_456, passes: 2, lanes: 1 }
    }
}

/// A hash, its salt and its cost.
pub(super) struct Argon2id {
    pub(super) cost: Argon2idCost,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

impl Argon2id {
    /// A new one with a salt of its own.
    pub(super) fn of_password(password: &[u8], cost: Argon2idCost) -> Result<Self, NewHashError> {
        if !cost.is_bounded() {
            return Err(NewHashError::Cost);
        }
        let mut salt = vec![0; SALT_BYTES];
        getrandom::fill(&mut salt).map_err(|_| NewHashError::Random)?;
        let hash = derive(cost, password, &salt, HASH_BYTES).ok_or(NewHashError::Memory)?;
        Ok(Self { cost, salt, hash })
    }

    /// One of the default cost that stands for no password.
    pub(super) fn of_nobody() -> Self {
        Self { cost: Argon2idCost::default(), salt: vec![0; SALT_BYTES], hash: vec![0; HASH_BYTES] }
    }

    /// Reads what stands behind [`PREFIX`].
    pub(super) fn read(rest: Field<'_>) -> Result<Self, HashFault> {
        let [version, cost, salt, hash] = rest.fields(NOTATION)?;
        if !version.is("v=19") {
            return Err(HashFault::public(version.range(), "only version 19 is taken: v=19"));
        }
        let cost = Argon2idCost::read(cost)?;
        let (salt, hash) = SECRETS.read(salt, hash)?;
        Ok(Self { cost, salt, hash })
    }

    /// Whether it is that password's; not either when the system has no memory to find out.
    pub(super) fn matches(&self, password: &[u8]) -> Choice {
        let derived = derive(self.cost, password, &self.salt, self.hash.len());
        derived.map_or(Choice::from(0), |derived| derived.ct_eq(&self.hash))
    }
}

impl fmt::Display for Argon2id {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Argon2idCost { memory_kib, passes, lanes } = self.cost;
        let base64 = |bytes: &[u8]| STANDARD_NO_PAD.encode(bytes);
        let (salt, hash) = (base64(&self.salt), base64(&self.hash));
        write!(formatter, "{PREFIX}v=19$m={memory_kib},t={passes},p={lanes}${salt}${hash}")
    }
}

impl Argon2idCost {
    fn read(field: Field<'_>) -> Result<Self, HashFault> {
        let malformed = || HashFault::public(field.range(), "expected m=<KiB>,t=<passes>,p=<lanes>");
        let [memory, passes, lanes] = field.split(',').ok_or_else(malformed)?;
        let memory = memory.behind("m=").ok_or_else(malformed)?;
        let passes = passes.behind("t=").ok_or_else(malformed)?;
        let lanes = lanes.behind("p=").ok_or_else(malformed)?.number("p", 1..=LANES_MAX)?;
        Ok(Self {
            memory_kib: memory.number("m", MEMORY_KIB_MIN * lanes..=MEMORY_KIB_MAX)?,
            passes: passes.number("t", 1..=PASSES_MAX)?,
            lanes,
        })
    }

    fn is_bounded(self) -> bool {
        (1..=LANES_MAX).contains(&self.lanes)
            && (1..=PASSES_MAX).contains(&self.passes)
            && (MEMORY_KIB_MIN * self.lanes..=MEMORY_KIB_MAX).contains(&self.memory_kib)
    }
}

/// The hash itself; none when the system has not so much memory.
fn derive(cost: Argon2idCost, password: &[u8], salt: &[u8], length: usize) -> Option<Vec<u8>> {
    let parameters = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(length)).ok()?;
    let mut hash = vec![0; length];
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters);
    argon2.hash_password_into(password, salt, &mut hash).ok()?;
    Some(hash)
}
