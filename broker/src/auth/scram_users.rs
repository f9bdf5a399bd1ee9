//! The file of users who authenticate by SCRAM-SHA-256, one a line: `name:verifier`. Empty lines and those that
//! begin with `#` are left alone.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::verifier::{KEY_BYTES, SALT_BYTES, hmac};
use super::{DEFAULT_ITERATIONS, Verifier};

/// The users of a file.
#[derive(Clone, Debug)]
pub struct ScramUsers {
    verifiers: Arc<HashMap<Box<str>, Verifier>>,
    /// From what the salts of users are made that there are not: the same after a restart, and unknown to others.
    decoy_secret: [u8; KEY_BYTES],
    decoy_iterations: u32,
}

/// Why a file of users cannot be used or changed.
#[derive(Debug, thiserror::Error)]
pub enum UserFileError {
    /// It cannot be read or written.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A line is wrong.
    #[error("{}{line}: {text}", path.as_ref().map(|path| format!("{}:", path.display())).unwrap_or_default())]
    Line {
        /// The file, where there is one.
        path: Option<PathBuf>,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it, and what would be right.
        text: String,
    },
    /// The name cannot stand in the file.
    #[error(
        "a user's name is not empty, begins with no #, holds no colon, line end or control character, and is as SASLprep leaves it"
    )]
    Name,
    /// There is no such user.
    #[error("{}: there is no user {user}", path.display())]
    NoUser {
        /// The file.
        path: PathBuf,
        /// The name that was asked for.
        user: String,
    },
}

impl ScramUsers {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or the first line that is wrong.
    pub fn load(path: &Path) -> Result<Self, UserFileError> {
        Self::parse(&read(path)?).map_err(|error| match error {
            UserFileError::Line { line, text, .. } => {
                UserFileError::Line { path: Some(path.to_owned()), line, text }
            }
            other => other,
        })
    }

    /// Reads a file's text.
    ///
    /// # Errors
    ///
    /// The first line that is wrong.
    pub fn parse(text: &str) -> Result<Self, UserFileError> {
        let mut verifiers = HashMap::new();
        let mut keys = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let wrong = |text: String| UserFileError::Line { path: None, line: index + 1, text };
            let Some((name, verifier)) = user_of(line) else {
                if line.is_empty() || line.starts_with('#') {
                    continue;
                }
                return Err(wrong("expected a user as name:verifier".to_owned()));
            };
            check_user_name(name).map_err(|error| wrong(error.to_string()))?;
            let verifier: Verifier =
                verifier.parse().map_err(|error| wrong(format!("user {name}: {error}")))?;
            keys.extend(verifier.server_key);
            if verifiers.insert(Box::from(name), verifier).is_some() {
                return Err(wrong(format!("the user {name} stands in an earlier line as well")));
            }
        }
        let decoy_iterations =
            verifiers.values().map(|verifier| verifier.iterations).max().unwrap_or(DEFAULT_ITERATIONS);
        let decoy_secret = hmac(b"tidewire decoy salts", &[&keys]);
        Ok(Self { verifiers: Arc::new(verifiers), decoy_secret, decoy_iterations })
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

    /// How many there are.
    pub fn len(&self) -> usize {
        self.verifiers.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.verifiers.is_empty()
    }
}

/// Adds or replaces a user in a file, or removes it where `verifier` is none; other lines stay as they are. A file
/// that is not there is made, readable by its owner only.
///
/// # Errors
///
/// See [`UserFileError`]; the file is as it was then.
pub fn put_user(path: &Path, user: &str, verifier: Option<&Verifier>) -> Result<(), UserFileError> {
    check_user_name(user)?;
    let text = match read(path) {
        Err(UserFileError::Io { error, .. }) if error.kind() == io::ErrorKind::NotFound => String::new(),
        other => other?,
    };
    let is_other = |line: &&str| user_of(line).is_none_or(|(name, _)| name != user);
    let mut lines: Vec<_> = text.lines().filter(is_other).map(str::to_owned).collect();
    match verifier {
        Some(verifier) => lines.push(format!("{user}:{verifier}")),
        None if lines.len() == text.lines().count() => {
            return Err(UserFileError::NoUser { path: path.to_owned(), user: user.to_owned() });
        }
        None => {}
    }
    let text: String = lines.into_iter().map(|line| line + "\n").collect();
    replace(path, &text).map_err(|error| UserFileError::Io { path: path.to_owned(), error })
}

/// Whether a name can stand in the file and be given by a client.
///
/// # Errors
///
/// [`UserFileError::Name`] when it cannot.
pub fn check_user_name(name: &str) -> Result<(), UserFileError> {
    let is_prepared = stringprep::saslprep(name).is_ok_and(|prepared| prepared == name);
    match is_prepared && !name.is_empty() && !name.starts_with('#') && !name.contains(':') {
        true => Ok(()),
        false => Err(UserFileError::Name),
    }
}

/// Name and verifier of a line that holds a user.
fn user_of(line: &str) -> Option<(&str, &str)> {
    if line.starts_with('#') { None } else { line.split_once(':') }
}

fn read(path: &Path) -> Result<String, UserFileError> {
    fs::read_to_string(path).map_err(|error| UserFileError::Io { path: path.to_owned(), error })
}

/// Writes a new file beside the old one and puts it in its place: whoever reads meanwhile sees one or the other.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(user: &str) -> String {
        format!("{user}:{}\n", Verifier::with_salt("pencil", b"salt", 4_096).unwrap())
    }

    fn wrong(text: &str) -> String {
        ScramUsers::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn users_are_found_and_comments_left_alone() {
        let users = ScramUsers::parse(&format!("# people\n\n{}{}", line("ann"), line("bob"))).unwrap();
        assert_eq!(users.len(), 2);
        assert!(users.find("ann").1 && users.find("bob").1);
        assert!(!users.find("carl").1);
        assert_ne!(users.find("carl").0, users.find("dora").0, "each decoy has a salt of its own");
    }

    #[test]
    fn a_wrong_line_is_named() {
        assert!(wrong("# people\nann\n").starts_with("2: expected a user as name:verifier"));
        assert!(wrong("ann:secret\n").starts_with("1: user ann: expected SCRAM-SHA-256$"));
        assert!(wrong(&line("")).starts_with("1: a user's name is not empty"));
        assert!(wrong(&line("ann").repeat(2)).starts_with("2: the user ann stands in an earlier line"));
    }
}
