//! Files of users, one a line: what all of them have in common. How a line is taken apart, what a name may be, how a
//! fault is shown without the secret that stands beside it, and how a user is put in and taken out.
//!
//! ```text
//! file = line { line-end line }           line-end: LF or CRLF
//! line = blank | "#" comment | name ":" hash
//! ```
//!
//! ASCII white space around name and hash does not count, as in mosquitto's files.

mod edit;
mod fault;
mod name;
mod replace;

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

pub use self::edit::delete_user;
pub(super) use self::edit::put;
pub(super) use self::fault::{HashFault, LineFault};
pub use self::name::NameError;
pub(super) use self::name::{check_name, check_prepared};
pub use self::replace::is_open_to_others;
use crate::excerpt::place;

/// Why a file of users cannot be used or changed. Nothing of a hash is in it.
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
    #[error("{place}: {text}\n{excerpt}")]
    Line {
        /// File, line and column, both from 1.
        place: String,
        /// What is wrong with it, and what would be right.
        text: String,
        /// The line as far as it is no secret, with a mark under the spot.
        excerpt: String,
    },
    /// The file holds bytes that are no UTF-8.
    #[error("{place}: expected UTF-8")]
    Encoding {
        /// File, line and column of the first such byte.
        place: String,
    },
    /// The name cannot stand in the file.
    #[error(transparent)]
    Name(#[from] NameError),
    /// There is no such user.
    #[error("{}: there is no user {user}", path.display())]
    NoUser {
        /// The file.
        path: PathBuf,
        /// The name that was asked for.
        user: String,
    },
    /// The file's successor lies beside it: it is being changed, or that was cut short.
    #[error("{} is there: the file is being changed; if it is not, remove that one", new.display())]
    Busy {
        /// The successor.
        new: PathBuf,
    },
}

/// A line with a user, and where its parts begin in the file.
pub(super) struct Entry<'a> {
    pub(super) name: &'a str,
    pub(super) hash: &'a str,
    name_at: usize,
    hash_at: usize,
}

impl<'a> Entry<'a> {
    /// The user of the line at that offset, if one stands there.
    fn of(line: &'a str, offset: usize) -> Option<Self> {
        if is_left_alone(line) {
            return None;
        }
        let (name, hash) = line.split_once(':')?;
        let indent = |text: &str| text.len() - text.trim_ascii_start().len();
        Some(Self {
            name_at: offset + indent(name),
            hash_at: offset + name.len() + 1 + indent(hash),
            name: name.trim_ascii(),
            hash: hash.trim_ascii(),
        })
    }

    /// A fault of the name.
    pub(super) fn name_fault(&self, text: String) -> LineFault {
        let end = self.name_at + self.name.len();
        LineFault { at: self.name_at..end, shown: end, text }
    }

    /// A fault of the hash.
    pub(super) fn hash_fault(&self, fault: HashFault) -> LineFault {
        let HashFault { at, shown, text } = fault;
        LineFault {
            at: self.hash_at + at.start..self.hash_at + at.end,
            shown: self.hash_at + shown,
            text: format!("user {}: {text}", self.name),
        }
    }
}

/// Reads the users of a file's text in its order, each with what `read` makes of it.
///
/// # Errors
///
/// The first line that is wrong, or that has a user of an earlier line.
pub(super) fn read_users<'a, T>(
    path: &Path,
    text: &'a str,
    mut read: impl FnMut(&Entry<'a>) -> Result<T, LineFault>,
) -> Result<Vec<(&'a str, T)>, UserFileError> {
    let wrong = |fault: LineFault| fault.locate(path, text);
    let mut users = Vec::new();
    let mut line_of = HashMap::new();
    for (index, (offset, line)) in lines(text).enumerate() {
        let entry = match Entry::of(line, offset) {
            Some(entry) => entry,
            None if is_left_alone(line) => continue,
            None => return Err(wrong(LineFault::no_user(line, offset))),
        };
        check_name(entry.name).map_err(|error| wrong(entry.name_fault(error.to_string())))?;
        if let Some(earlier) = line_of.insert(entry.name, index + 1) {
            let text = format!("the user {} stands in line {earlier} as well", entry.name);
            return Err(wrong(entry.name_fault(text)));
        }
        users.push((entry.name, read(&entry).map_err(wrong)?));
    }
    Ok(users)
}

/// The text of a file.
pub(super) fn read(path: &Path) -> Result<String, UserFileError> {
    let bytes = fs::read(path).map_err(|error| UserFileError::Io { path: path.to_owned(), error })?;
    String::from_utf8(bytes).map_err(|error| {
        let right = error.utf8_error().valid_up_to();
        let text = String::from_utf8_lossy(error.as_bytes());
        UserFileError::Encoding { place: place(path, &text, right) }
    })
}

/// Each line without its end, and its offset.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut offset = 0;
    text.split_inclusive('\n').map(move |line| {
        let start = offset;
        offset += line.len();
        (start, without_end(line))
    })
}

/// A line without its LF or CRLF.
fn without_end(line: &str) -> &str {
    let line = line.strip_suffix('\n').unwrap_or(line);
    line.strip_suffix('\r').unwrap_or(line)
}

/// Whether a line is a comment or blank.
fn is_left_alone(line: &str) -> bool {
    let line = line.trim_ascii();
    line.is_empty() || line.starts_with('#')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_no_text_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("users");
        fs::write(&path, b"# \xc3\xbc\nann:\xff\n").unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert_eq!(error, format!("{}:2:5: expected UTF-8", path.display()));
        assert!(matches!(read(&directory.path().join("none")), Err(UserFileError::Io { .. })));
    }
}
