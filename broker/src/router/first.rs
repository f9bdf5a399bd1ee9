//! The first few in order, of many that come in none.

use std::collections::BTreeMap;

/// See the module: those behind a key, and no more of them than a limit.
pub(super) struct First<'a, T> {
    after: Option<&'a str>,
    limit: usize,
    found: BTreeMap<Box<str>, T>,
    has_more: bool,
}

impl<'a, T: Default> First<'a, T> {
    /// At most `limit`, of those whose keys are larger than `after`, compared as bytes.
    pub(super) fn new(after: Option<&'a str>, limit: usize) -> Self {
        Self { after, limit, found: BTreeMap::new(), has_more: false }
    }

    /// Where to note what is known of that key, if it is among the first of those that have been named so far.
    pub(super) fn place(&mut self, key: &str) -> Option<&mut T> {
        if self.after.is_some_and(|after| key <= after) {
            return None;
        }
        let is_full = self.found.len() >= self.limit;
        if is_full && self.found.last_key_value().is_none_or(|(last, _)| key > &**last) {
            self.has_more = true;
            return None;
        }
        if is_full && !self.found.contains_key(key) {
            self.found.pop_last();
            self.has_more = true;
        }
        Some(self.found.entry(key.into()).or_default())
    }

    /// Whether others were named, behind those that are kept.
    pub(super) fn has_more(&self) -> bool {
        self.has_more
    }

    /// One of those that are kept, to note more of it.
    pub(super) fn get_mut(&mut self, key: &str) -> Option<&mut T> {
        self.found.get_mut(key)
    }

    /// Those that are kept.
    pub(super) fn into_map(self) -> BTreeMap<Box<str>, T> {
        self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_are_kept_that_come_first_behind_a_key() {
        let all = ["d", "b", "", "e", "a", "c", "b"];
        for (after, limit, expected, has_more) in [
            (None, 3, &["", "a", "b"][..], true),
            (None, 6, &["", "a", "b", "c", "d", "e"], false),
            (Some("b"), 2, &["c", "d"], true),
            (Some("b"), 3, &["c", "d", "e"], false),
            (Some("e"), 3, &[], false),
            (None, 0, &[], true),
        ] {
            let mut first = First::<u32>::new(after, limit);
            for key in all {
                if let Some(seen) = first.place(key) {
                    *seen += 1;
                }
            }
            assert_eq!(first.has_more(), has_more, "{after:?} {limit}");
            let kept = first.into_map();
            assert_eq!(kept.keys().map(|key| &**key).collect::<Vec<_>>(), expected, "{after:?} {limit}");
        }
    }

    #[test]
    fn a_key_that_is_named_again_keeps_what_was_noted() {
        let mut first = First::<u32>::new(None, 1);
        for key in ["b", "a", "a"] {
            first.place(key).into_iter().for_each(|seen| *seen += 1);
        }
        assert_eq!(first.get_mut("a").copied(), Some(2));
        assert_eq!(first.get_mut("b"), None);
    }
}
