//! The password file: users who give their name and password in CONNECT, one a line, as `name:hash`.
//!
//! ```text
//! hash     = argon2id | sha512 | pbkdf2 | verifier
//! argon2id = "$argon2id$v=19$m=" KiB ",t=" passes ",p=" lanes "$" base64(salt) "$" base64(hash)     PHC, no padding
//! sha512   = "$6$" base64(salt) "$" base64(hash)                                                    mosquitto's
//! pbkdf2   = "$7$" iterations "$" base64(salt) "$" base64(hash)                                     mosquitto's
//! verifier = "SCRAM-SHA-256$" …                                                                     see `verifier`
//! ```
//!
//! New hashes are argon2id (RFC 9106). A file of `mosquitto_passwd` works as it is, and so do SCRAM verifiers, whose
//! users may also prove themselves by [`ScramUsers`].
//!
//! **Nobody learns who is a user.** An unknown name is checked against a decoy that costs as much as the file's most
//! common hash, and never matches. Where a file has hashes of several costs, a user whose hash is of a rarer one can
//! be told by the time that it takes.

mod argon2id;
mod field;
mod hash;
mod mosquitto;

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use subtle::Choice;

use super::user_file::{Entry, LineFault, check_name, check_prepared, put, read, read_users};
use super::{ScramUsers, UserFileError};

pub use self::argon2id::Argon2idCost;
pub use self::hash::{HashCost, NewHashError, PASSWORD_BYTES_MAX, PasswordHash};

/// The users of a password file. A clone is cheap and has the same users.
#[derive(Clone)]
pub struct PasswordFile {
    users: Arc<HashMap<Box<str>, Arc<PasswordHash>>>,
    /// A hash of the most common cost. Whose it is does not matter: what is checked against it fails.
    decoy: Arc<PasswordHash>,
    scram: Option<ScramUsers>,
}

impl PasswordFile {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or the first line that is wrong.
    pub fn load(path: &Path) -> Result<Self, UserFileError> {
        Self::parse(path, &read(path)?)
    }

    /// Reads a file's text; errors name the file so.
    ///
    /// # Errors
    ///
    /// The first line that is wrong, or that has a user of an earlier line.
    pub fn parse(file_name: &Path, text: &str) -> Result<Self, UserFileError> {
        let users = read_users(file_name, text, read_hash)?;
        let verifiers: Vec<_> =
            users.iter().filter_map(|(name, hash)| Some((*name, hash.verifier()?.clone()))).collect();
        let scram = (!verifiers.is_empty()).then(|| ScramUsers::new(verifiers));
        let users: HashMap<_, _> =
            users.into_iter().map(|(name, hash)| (Box::from(name), Arc::new(hash))).collect();
        let decoy = decoy(users.values());
        Ok(Self { users: Arc::new(users), decoy, scram })
    }

    /// What a password of that user is checked against; a decoy if there is no such user. The name is compared byte
    /// by byte.
    pub fn find(&self, user: &str) -> PasswordCheck {
        match self.users.get(user) {
            Some(hash) => PasswordCheck { hash: Arc::clone(hash), is_known: true },
            None => PasswordCheck { hash: Arc::clone(&self.decoy), is_known: false },
        }
    }

    /// Whether there is such a user.
    pub fn has(&self, user: &str) -> bool {
        self.users.contains_key(user)
    }

    /// Those of the users who have a SCRAM verifier, if any.
    pub fn scram_users(&self) -> Option<&ScramUsers> {
        self.scram.as_ref()
    }

    /// How many users there are.
    pub fn len(&self) -> usize {
        self.users.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }
}

/// Hashes belong into no log.
impl fmt::Debug for PasswordFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PasswordFile").field("users", &self.len()).finish_non_exhaustive()
    }
}

/// A password's check, which owns what it needs and so can go to another thread.
#[derive(Clone)]
pub struct PasswordCheck {
    hash: Arc<PasswordHash>,
    is_known: bool,
}

impl PasswordCheck {
    /// Whether the password is the user's; never for a user that there is not. See [`PasswordHash::is_of`] for which
    /// passwords can be right, and [`PasswordCheck::cost`] for how long it takes.
    pub fn verify(&self, password: &[u8]) -> bool {
        // Hashed in any case, and no branch until both are known.
        (self.hash.matches(password) & Choice::from(u8::from(self.is_known))).into()
    }

    /// How much work [`PasswordCheck::verify`] is.
    pub fn cost(&self) -> HashCost {
        self.hash.cost()
    }
}

/// Without the hash, and without whether the user is known.
impl fmt::Debug for PasswordCheck {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PasswordCheck").field("cost", &self.cost()).finish_non_exhaustive()
    }
}

/// Adds a user to a file of users, or replaces its hash; every other line stays byte for byte. A file that is not
/// there is made, for its owner only; one that is there keeps owner and mode. It is replaced as a whole.
///
/// # Errors
///
/// See [`UserFileError`]; the file is as it was then.
pub fn put_user(path: &Path, user: &str, hash: &PasswordHash) -> Result<(), UserFileError> {
    match hash.verifier() {
        Some(_) => check_prepared(user)?,
        None => check_name(user)?,
    }
    put(path, user, &hash.to_string())
}

/// The hash of a line.
fn read_hash(entry: &Entry<'_>) -> Result<PasswordHash, LineFault> {
    let hash = PasswordHash::read(entry.hash).map_err(|fault| entry.hash_fault(fault))?;
    if hash.verifier().is_some() {
        check_prepared(entry.name).map_err(|error| entry.name_fault(error.to_string()))?;
    }
    Ok(hash)
}

/// One of the hashes with the most common cost, the greater one where two are as common.
fn decoy<'a>(hashes: impl Iterator<Item = &'a Arc<PasswordHash>>) -> Arc<PasswordHash> {
    let mut counted: HashMap<HashCost, (usize, &Arc<PasswordHash>)> = HashMap::new();
    for hash in hashes {
        counted.entry(hash.cost()).or_insert((0, hash)).0 += 1;
    }
    let most = counted.into_iter().max_by_key(|(cost, (count, _))| (*count, *cost));
    most.map_or_else(|| Arc::new(PasswordHash::of_nobody()), |(_, (_, hash))| Arc::clone(hash))
}

#[cfg(test)]
mod tests;
