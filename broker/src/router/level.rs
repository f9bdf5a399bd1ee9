//! The text of one topic level, as it lies in a node of the trie.

/// What lies in place. Most levels are no longer, and comparing them touches no other memory than the node's.
const INLINE_MAX: usize = 14;

/// See the module. Two words.
pub(super) enum Level {
    /// So many of the bytes.
    Inline(u8, [u8; INLINE_MAX]),
    /// Boxed twice, so that the long ones do not make all others longer.
    Boxed(Box<Box<str>>),
}

impl Level {
    /// Whether that is the text.
    pub(super) fn is(&self, text: &str) -> bool {
        match self {
            Self::Inline(len, bytes) => bytes.get(..usize::from(*len)) == Some(text.as_bytes()),
            Self::Boxed(own) => ***own == *text,
        }
    }

    /// The text.
    pub(super) fn as_str(&self) -> &str {
        match self {
            // It was text when it was put here.
            Self::Inline(len, bytes) => bytes
                .get(..usize::from(*len))
                .and_then(|bytes| str::from_utf8(bytes).ok())
                .unwrap_or_default(),
            Self::Boxed(own) => own,
        }
    }
}

impl Default for Level {
    fn default() -> Self {
        Self::Inline(0, [0; INLINE_MAX])
    }
}

impl From<&str> for Level {
    fn from(text: &str) -> Self {
        let mut bytes = [0; INLINE_MAX];
        match (u8::try_from(text.len()), bytes.get_mut(..text.len())) {
            (Ok(len), Some(place)) => {
                place.copy_from_slice(text.as_bytes());
                Self::Inline(len, bytes)
            }
            _ => Self::Boxed(Box::new(text.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_its_own_text_and_no_other() {
        let texts = ["", "a", "b", "a\0", "exactly-14-byt", "fifteen-bytes-x", "fifteen-bytes-y", "ünïcödé"];
        for (own, text) in texts.iter().enumerate() {
            let level = Level::from(*text);
            assert_eq!(level.as_str(), *text);
            for (number, other) in texts.iter().enumerate() {
                assert_eq!(level.is(other), own == number, "{text:?} {other:?}");
            }
        }
        assert!(Level::default().is(""));
        assert_eq!(size_of::<Level>(), 16);
    }
}
