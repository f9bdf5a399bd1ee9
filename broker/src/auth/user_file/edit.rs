//! One user's line put in, changed or taken out; every other byte of the file stays as it is.

use std::io;
use std::path::Path;

use super::replace::Successor;
use super::{Entry, UserFileError, read, without_end};

/// Removes a user from a file.
///
/// # Errors
///
/// See [`UserFileError`]; the file is as it was then.
pub fn delete_user(path: &Path, user: &str) -> Result<(), UserFileError> {
    change(path, |text| {
        without_user(text, user)
            .ok_or_else(|| UserFileError::NoUser { path: path.to_owned(), user: user.to_owned() })
    })
}

/// Adds a user to a file or replaces its hash. The name has been checked.
///
/// # Errors
///
/// See [`UserFileError`]; the file is as it was then.
pub(in crate::auth) fn put(path: &Path, user: &str, hash: &str) -> Result<(), UserFileError> {
    change(path, |text| Ok(with_user(text, user, hash)))
}

/// Gives a file the text that `edit` makes of its own.
fn change(
    path: &Path,
    edit: impl FnOnce(&str) -> Result<String, UserFileError>,
) -> Result<(), UserFileError> {
    let successor = Successor::begin(path)?;
    let text = match read(path) {
        Err(UserFileError::Io { error, .. }) if error.kind() == io::ErrorKind::NotFound => String::new(),
        other => other?,
    };
    successor.commit(&edit(&text)?)
}

/// The text with that user in its line, or in a new one at the end. A line of it that comes later goes: a file may
/// have each user once.
fn with_user(text: &str, user: &str, hash: &str) -> String {
    let mut changed = String::with_capacity(text.len() + user.len() + hash.len() + 3);
    let mut is_put = false;
    for line in text.split_inclusive('\n') {
        if !is_of(line, user) {
            changed.push_str(line);
        } else if !is_put {
            is_put = true;
            changed.extend([user, ":", hash, &line[without_end(line).len()..]]);
        }
    }
    if !is_put {
        let line_end = if text.contains("\r\n") { "\r\n" } else { "\n" };
        if !text.is_empty() && !text.ends_with('\n') {
            changed.push_str(line_end);
        }
        changed.extend([user, ":", hash, line_end]);
    }
    changed
}

/// The text without that user; none if it has no such user.
fn without_user(text: &str, user: &str) -> Option<String> {
    let changed: String = text.split_inclusive('\n').filter(|line| !is_of(line, user)).collect();
    (changed.len() < text.len()).then_some(changed)
}

/// Whether a line is that user's.
fn is_of(line: &str, user: &str) -> bool {
    Entry::of(line, 0).is_some_and(|entry| entry.name == user)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_put_and_the_rest_stays() {
        for (before, after) in [
            ("", "ann:new\n"),
            ("# staff\n\n", "# staff\n\nann:new\n"),
            ("bob:b\nann:a\ncarl:c\n", "bob:b\nann:new\ncarl:c\n"),
            ("bob:b\nann:a", "bob:b\nann:new"),
            ("bob:b", "bob:b\nann:new\n"),
            ("bob:b\r\n", "bob:b\r\nann:new\r\n"),
            ("bob:b\r\ncarl:c", "bob:b\r\ncarl:c\r\nann:new\r\n"),
            ("ann:a\r\nbob:b\r\n", "ann:new\r\nbob:b\r\n"),
            ("  ann : a\n bob:b \n", "ann:new\n bob:b \n"),
            ("ann:a\nbob:b\nann:b\n", "ann:new\nbob:b\n"),
            ("#ann:a\nann\nanna:b\n", "#ann:a\nann\nanna:b\nann:new\n"),
        ] {
            assert_eq!(with_user(before, "ann", "new"), after, "{before:?}");
        }
    }

    #[test]
    fn a_user_is_taken_out_and_the_rest_stays() {
        for (before, after) in [
            ("", None),
            ("bob:b\n#ann:a\nann\n", None),
            ("ann:a\n", Some("")),
            ("bob:b\n\nann:a", Some("bob:b\n\n")),
            ("# staff\r\nann:a\r\nbob:b", Some("# staff\r\nbob:b")),
            ("ann:a\nbob:b\nann:b\n", Some("bob:b\n")),
        ] {
            assert_eq!(without_user(before, "ann").as_deref(), after, "{before:?}");
        }
    }
}
