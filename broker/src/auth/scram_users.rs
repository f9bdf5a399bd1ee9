//! Users who authenticate by SCRAM-SHA-256, from a file with one a line: `name:verifier`.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use super::user_file::{check_prepared, read, read_users};
use super::verifier::{KEY_BYTES, SALT_BYTES, hmac};
use super::{DEFAULT_ITERATIONS, UserFileError, Verifier};

/// The users of a file.
#[derive(Clone)]
pub struct ScramUsers {
    verifiers: Arc<HashMap<Box<str>, Verifier>>,
    /// From what the salts of users are made that there are not: see [`decoy_secret`].
    decoy_secret: [u8; KEY_BYTES],
    /// What most users have: fewest names stand out by it.
    decoy_iterations: u32,
}

impl ScramUsers {
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
    /// The first line that is wrong.
    pub fn parse(file_name: &Path, text: &str) -> Result<Self, UserFileError> {
        let users = read_users(file_name, text, |entry| {
            check_prepared(entry.name).map_err(|error| entry.name_fault(error.to_string()))?;
            Verifier::read(entry.hash).map_err(|fault| entry.hash_fault(fault))
        })?;
        Ok(Self::new(users))
    }

    /// The users with these names, which are prepared and differ.
    pub(super) fn new<'a>(users: impl IntoIterator<Item = (&'a str, Verifier)>) -> Self {
        let verifiers: Vec<(&str, Verifier)> = users.into_iter().collect();
        let decoy_secret = decoy_secret(&verifiers);
        let decoy_iterations = most_common(verifiers.iter().map(|(_, verifier)| verifier.iterations));
        let verifiers = verifiers.into_iter().map(|(name, verifier)| (Box::from(name), verifier)).collect();
        Self {
            verifiers: Arc::new(verifiers),
            decoy_secret,
            decoy_iterations: decoy_iterations.unwrap_or(DEFAULT_ITERATIONS),
        }
    }

    /// The user's verifier and `true`, or a decoy that looks like one and `false`.
    pub(super) fn find(&self, user: &str) -> (Verifier, bool) {
        if let Some(verifier) = self.verifiers.get(user) {
            return (verifier.clone(), true);
        }
        let salt = hmac(&self.decoy_secret, &[user.as_bytes()])[..SALT_BYTES].to_vec();
        let keys = [0; KEY_BYTES];
        (Verifier { iterations: self.decoy_iterations, salt, stored_key: keys, server_key: keys }, false)
    }

    /// Whether there is such a user.
    pub fn has(&self, user: &str) -> bool {
        self.verifiers.contains_key(user)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.verifiers.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.verifiers.is_empty()
    }
}

/// Without the secret: who knows it can tell a decoy's salt from a user's.
impl fmt::Debug for ScramUsers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ScramUsers").field("users", &self.len()).finish_non_exhaustive()
    }
}

/// Drawn once: if it changed with the file, a decoy's salt would change at a reload, by which it can be told from a user's.
fn decoy_secret(verifiers: &[(&str, Verifier)]) -> [u8; KEY_BYTES] {
    static SECRET: OnceLock<[u8; KEY_BYTES]> = OnceLock::new();
    *SECRET.get_or_init(|| {
        let mut secret = [0; KEY_BYTES];
        if getrandom::fill(&mut secret).is_err() {
            // The system has no random numbers: keys of users are unknown to others as well.
            let keys: Vec<u8> = verifiers.iter().flat_map(|(_, verifier)| verifier.server_key).collect();
            secret = hmac(b"tidewire decoy salts", &[&keys]);
        }
        secret
    })
}

/// The number that comes most often; of several the largest.
fn most_common(numbers: impl Iterator<Item = u32>) -> Option<u32> {
    let mut counts = HashMap::new();
    numbers.for_each(|number| *counts.entry(number).or_insert(0_usize) += 1);
    counts.into_iter().map(|(number, count)| (count, number)).max().map(|(_, number)| number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(user: &str) -> String {
        format!("{user}:{}\n", Verifier::with_salt("pencil", b"salt", 4_096).unwrap())
    }

    fn users(text: &str) -> Result<ScramUsers, UserFileError> {
        ScramUsers::parse(Path::new("users.scram"), text)
    }

    #[test]
    fn users_are_found_and_comments_left_alone() {
        let users = users(&format!("# people\n\n{}{}", line("ann"), line("bob"))).unwrap();
        assert_eq!(users.len(), 2);
        assert!(users.find("ann").1 && users.find("bob").1);
        assert!(!users.find("carl").1);
        assert_ne!(users.find("carl").0, users.find("dora").0, "each decoy has a salt of its own");
        assert!(!format!("{users:?}").contains(&format!("{:?}", users.decoy_secret)));
    }

    #[test]
    fn a_decoy_is_the_same_after_a_reload() {
        let (before, after) = (users(&line("ann")).unwrap(), users(&(line("ann") + &line("bob"))).unwrap());
        assert_eq!(before.find("carl").0, after.find("carl").0);
    }

    #[test]
    fn a_decoy_has_the_iterations_of_most_users() {
        for (iterations, expected) in [
            (&[][..], DEFAULT_ITERATIONS),
            (&[5_000], 5_000),
            (&[5_000, 5_000, 9_000], 5_000),
            (&[9_000, 5_000, 9_000, 5_000], 9_000),
        ] {
            let verifier = |of: u32| Verifier::with_salt("pencil", b"salt", of).unwrap();
            let lines = iterations.iter().enumerate();
            let text: String =
                lines.map(|(number, of)| format!("user-{number}:{}\n", verifier(*of))).collect();
            assert_eq!(users(&text).unwrap().find("carl").0.iterations, expected, "{iterations:?}");
        }
    }

    #[test]
    fn a_wrong_line_is_shown() {
        for (text, place, wrong, excerpt) in [
            ("# people\nann\n", "2:1", "expected a user as name:hash", "…"),
            ("ann:secret\n", "1:5", "user ann: expected SCRAM-SHA-256$", "ann:…"),
            ("ann:SCRAM-SHA-256$4096\n", "1:19", "user ann: expected SCRAM-SHA-256$", "ann:SCRAM-SHA-256$…"),
            (&line("ann").replace("4096", "1"), "1:19", "user ann: the iterations", "ann:SCRAM-SHA-256$1…"),
            (&line(""), "1:1", "a user's name is not empty", "…"),
            (&line("\u{2168}"), "1:1", "a user's name for SCRAM", "\u{2168}…"),
            (&line("ann").repeat(2), "2:1", "the user ann stands in line 1 as well", "ann…"),
        ] {
            let shown = users(text).unwrap_err().to_string();
            assert!(shown.starts_with(&format!("users.scram:{place}: {wrong}")), "{shown}");
            assert_eq!(shown.lines().nth(1), Some(&*format!("    {excerpt}")), "{shown}");
        }
    }
}
