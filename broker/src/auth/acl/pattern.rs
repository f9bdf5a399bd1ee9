//! The topics of a rule: an MQTT filter that can do two things more, and how it lies to the filter that a
//! client subscribes to.
//!
//! ```text
//! pattern = level *( "/" level ) [ "/" anything ]
//! level   = text | any | prefix        a prefix is the last level, and anything may follow it
//! ```
//!
//! `#` alone matches every name of one level or more, and so does `+/#`; `/#` matches what `/+/#` does,
//! because its parent would be the empty name, which there is not. Patterns and filters are compared in the
//! longer spelling: then whatever stands before a `#` is a topic name of its own, and comparing level by
//! level is exact.

/// One level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Level {
    /// Whatever it is: `+`.
    Any,
    /// This text.
    Exact(Box<str>),
    /// Whatever begins with this text, and all that follows.
    Prefix(Box<str>),
}

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    /// At least one.
    levels: Box<[Level]>,
    /// Whether anything may follow the levels, or nothing: `#`.
    is_open: bool,
    /// Whether [`Level::Any`] at the beginning stands for a level that begins with `$` as well. MQTT's `+`
    /// does not. [MQTT-4.7.2-1]
    reaches_dollar: bool,
}

impl Pattern {
    /// From levels, in the longer spelling.
    pub(super) fn new(levels: Vec<Level>, is_open: bool, reaches_dollar: bool) -> Self {
        Self { levels: levels.into(), is_open, reaches_dollar }
    }

    /// Every topic, those that begin with `$` included.
    pub(super) fn everything() -> Self {
        Self::new(vec![Level::Any], true, true)
    }

    /// Whether every name that `filter` matches is one of this pattern. A topic name is a filter that matches
    /// itself, and every PUBLISH is judged here: a level that is a text is compared without being cut out of
    /// the filter.
    pub(super) fn covers(&self, filter: &str) -> bool {
        if self.is_hidden_from(filter) {
            return false;
        }
        let mut rest = Some(spell_out(filter).as_bytes());
        for level in &self.levels {
            let Some(given) = rest else { return false };
            rest = match level {
                Level::Any if given == b"#" => return false,
                Level::Any => {
                    behind_level(&given[given.iter().position(|byte| *byte == b'/').unwrap_or(given.len())..])
                }
                Level::Exact(text) => match given.strip_prefix(text.as_bytes()) {
                    Some(behind) if matches!(behind, [] | [b'/', ..]) => behind_level(behind),
                    _ => return false,
                },
                Level::Prefix(text) => return given.starts_with(text.as_bytes()),
            };
        }
        self.is_open || rest.is_none()
    }

    /// Whether there is a name that both this pattern and `filter` match.
    pub(super) fn overlaps(&self, filter: &str) -> bool {
        if self.is_hidden_from(filter) {
            return false;
        }
        let mut given = spell_out(filter).split('/');
        for level in &self.levels {
            let is_shared = match (level, given.next()) {
                (_, None) => false,
                (_, Some("#")) => return true,
                (Level::Any, _) | (_, Some("+")) => true,
                (Level::Exact(text), Some(given)) => **text == *given,
                (Level::Prefix(text), Some(given)) => given.starts_with(&**text),
            };
            if !is_shared {
                return false;
            }
        }
        self.is_open || matches!(given.next(), None | Some("#"))
    }

    /// Whether one of the two begins with `$`, and the other with a wildcard that does not stand for that.
    fn is_hidden_from(&self, filter: &str) -> bool {
        match self.levels.first() {
            Some(Level::Any) => filter.starts_with('$') && !self.reaches_dollar,
            Some(Level::Exact(text) | Level::Prefix(text)) => {
                text.starts_with('$') && filter.starts_with(['+', '#'])
            }
            None => false,
        }
    }
}

/// What follows the slash that ends a level; `None` behind the last one.
fn behind_level(text: &[u8]) -> Option<&[u8]> {
    text.split_first().map(|(_, behind)| behind)
}

/// The longer spelling of a filter.
fn spell_out(filter: &str) -> &str {
    match filter {
        "#" => "+/#",
        "/#" => "/+/#",
        other => other,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use tidewire_protocols::topic::{TopicFilter, TopicName};

    use super::*;
    use crate::auth::acl::Subject;
    use crate::auth::acl::template::Template;

    /// All texts of up to `depth` levels from `alphabet`; no filter uses `c` and `$c`, which stand for all
    /// the levels that an author did not think of.
    fn texts(alphabet: &[&str], depth: usize) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        let mut last: Vec<String> = alphabet.iter().map(ToString::to_string).collect();
        for _ in 0..depth {
            let deeper = |text: &String| {
                alphabet.iter().map(move |level| format!("{text}/{level}")).collect::<Vec<_>>()
            };
            let next = last.iter().flat_map(deeper).collect();
            all.append(&mut std::mem::replace(&mut last, next));
        }
        all.retain(|text| !text.is_empty());
        all
    }

    pub(in crate::auth::acl) fn names() -> Vec<String> {
        texts(&["", "a", "ab", "c", "$a", "$c"], 4)
    }

    pub(in crate::auth::acl) fn filters() -> Vec<String> {
        let plain = texts(&["", "a", "ab", "$a", "+"], 3);
        // `/` and `#` make `/#`, which is not among what follows.
        let open = plain.iter().map(|filter| format!("{filter}/#"));
        open.chain(plain.iter().cloned()).chain(["#".to_owned(), "/#".to_owned()]).collect()
    }

    /// Which of `names` satisfy `matches`.
    pub(in crate::auth::acl) fn set(names: &[String], matches: impl Fn(&str) -> bool) -> Vec<u64> {
        let word = |chunk: &[String]| {
            chunk.iter().enumerate().fold(0, |word, (bit, name)| word | u64::from(matches(name)) << bit)
        };
        names.chunks(64).map(word).collect()
    }

    pub(in crate::auth::acl) fn set_of_filter(names: &[String], filter: &str) -> Vec<u64> {
        let filter = TopicFilter::parse(filter).unwrap();
        set(names, |name| filter.matches(TopicName::parse(name).unwrap()))
    }

    /// Every pattern against every filter, as sets of names.
    #[test]
    fn patterns_cover_and_overlap_as_sets_do() {
        let names = names();
        let filters: Vec<_> =
            filters().into_iter().map(|filter| (set_of_filter(&names, &filter), filter)).collect();
        let ordinary = filters.iter().map(|(names, filter)| {
            (Template::parse(filter).unwrap().fill(&Subject::default(), true).unwrap(), names.clone())
        });
        let exact = |text: &str| Level::Exact(text.into());
        let prefix = |text: &str| Level::Prefix(text.into());
        let special = [
            (Pattern::everything(), set(&names, |_| true)),
            (
                Pattern::new(vec![Level::Any, exact("a")], false, true),
                set(&names, |name| name.split_once('/').is_some_and(|(_, rest)| rest == "a")),
            ),
            (
                Pattern::new(vec![exact("$a"), prefix("a")], true, false),
                set(&names, |name| name.starts_with("$a/a")),
            ),
            (
                Pattern::new(vec![exact("$a"), Level::Any, prefix("a")], true, false),
                set(&names, |name| {
                    let rest = name.strip_prefix("$a/").and_then(|rest| rest.split_once('/'));
                    rest.is_some_and(|(_, rest)| rest.starts_with('a'))
                }),
            ),
        ];
        for (pattern, mine) in ordinary.chain(special) {
            for (theirs, filter) in &filters {
                let pairs = || mine.iter().zip(theirs);
                let covers = pairs().all(|(mine, theirs)| theirs & !mine == 0);
                let overlaps = pairs().any(|(mine, theirs)| theirs & mine != 0);
                assert_eq!(pattern.covers(filter), covers, "{pattern:?} covers {filter}");
                assert_eq!(pattern.overlaps(filter), overlaps, "{pattern:?} overlaps {filter}");
            }
            assert_eq!(set(&names, |name| pattern.covers(name)), mine, "{pattern:?}");
        }
    }
}
