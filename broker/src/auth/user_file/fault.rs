//! What is wrong with a line, shown without the secret in it: a hash can be guessed at, and what stands where a hash
//! should be may be the password itself.

use std::ops::Range;
use std::path::Path;

use super::UserFileError;
use crate::excerpt::{excerpt, place};

/// What stands for the rest of a line that is not shown.
const HIDDEN: &str = "…";

/// What is wrong with a hash, and where in it, in bytes.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::auth) struct HashFault {
    pub(in crate::auth) at: Range<usize>,
    /// Up to here it may be shown.
    pub(in crate::auth) shown: usize,
    /// What is wrong, and what would be right.
    pub(in crate::auth) text: String,
}

impl HashFault {
    /// A fault of a part that may be shown, such as a count of rounds.
    pub(in crate::auth) fn public(at: Range<usize>, text: impl Into<String>) -> Self {
        Self { shown: at.end, at, text: text.into() }
    }

    /// A fault of a part that may not, such as the hash itself.
    pub(in crate::auth) fn secret(at: Range<usize>, text: impl Into<String>) -> Self {
        Self { shown: at.start, at, text: text.into() }
    }
}

/// What is wrong with a line, and where in the file's text.
pub(in crate::auth) struct LineFault {
    pub(super) at: Range<usize>,
    /// Up to here the line may be shown.
    pub(super) shown: usize,
    pub(super) text: String,
}

impl LineFault {
    /// The line at that offset has no colon. It may be the end of another line's hash, so nothing of it is shown.
    pub(super) fn no_user(line: &str, offset: usize) -> Self {
        let text = "expected a user as name:hash, a comment that begins with #, or nothing".to_owned();
        Self { at: offset..offset + line.len(), shown: offset, text }
    }

    /// The error that shows it.
    pub(super) fn locate(self, path: &Path, text: &str) -> UserFileError {
        let line_start = text[..self.at.start].rfind('\n').map_or(0, |position| position + 1);
        let mut line = text[line_start..self.shown].to_owned();
        if !matches!(text.as_bytes().get(self.shown), None | Some(b'\r' | b'\n')) {
            line.push_str(HIDDEN);
        }
        let start = self.at.start.min(self.shown) - line_start;
        let end = if self.at.end > self.shown { line.len() } else { self.at.end - line_start };
        UserFileError::Line {
            place: place(path, text, self.at.start),
            text: self.text,
            excerpt: excerpt(&line, start..end),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_shown_as_far_as_it_is_no_secret() {
        let text = "bob:x\nann:$7$many$c2FsdA==\r\n";
        let shown = |at, shown| match (LineFault { at, shown, text: String::new() })
            .locate(Path::new("users"), text)
        {
            UserFileError::Line { place, excerpt, .. } => (place, excerpt),
            other => panic!("{other}"),
        };
        for (at, end, place, excerpt) in [
            (6..9, 9, "users:2:1", "    ann…\n    ^^^"),
            (13..17, 17, "users:2:8", "    ann:$7$many…\n           ^^^^"),
            (18..26, 18, "users:2:13", "    ann:$7$many$…\n                ^"),
            (6..26, 26, "users:2:1", "    ann:$7$many$c2FsdA==\n    ^^^^^^^^^^^^^^^^^^^^"),
            (21..26, 10, "users:2:16", "    ann:…\n        ^"),
            (26..26, 26, "users:2:21", "    ann:$7$many$c2FsdA==\n                        ^"),
        ] {
            assert_eq!(shown(at.clone(), end), (place.to_owned(), excerpt.to_owned()), "{at:?}");
        }
    }
}
