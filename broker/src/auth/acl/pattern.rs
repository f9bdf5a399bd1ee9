//! The topics of a rule: an MQTT filter that can do two things more, and how it lies to the filter that a client
//! subscribes to.
//!
//! ```text
//! pattern = level *( "/" level ) [ "/" anything ]
//! level   = text | any | prefix        a prefix is the last level, and anything may follow it
//! ```
//!
//! `#` alone matches every name of one level or more, and so does `+/#`; `/#` matches what `/+/#` does, because its
//! parent would be the empty name, which there is not. Patterns and filters are compared in the longer spelling: then
//! whatever stands before a `#` is a topic name of its own, and comparing level by level is exact.

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
    /// Whether [`Level::Any`] at the beginning stands for a level that begins with `$` as well. MQTT's `+` does not.
    /// [MQTT-4.7.2-1]
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

    /// Whether every name that `filter` matches is one of this pattern. A topic name is a filter that matches itself.
    pub(super) fn covers(&self, filter: &str) -> bool {
        if self.is_hidden_from(filter) {
            return false;
        }
        let mut given = spell_out(filter).split('/');
        for level in &self.levels {
            let is_covered = match (level, given.next()) {
                (_, None | Some("#")) => false,
                (Level::Any, Some(_)) => true,
                (Level::Exact(text), Some(given)) => **text == *given,
                (Level::Prefix(text), Some(given)) => given.starts_with(&**text),
            };
            if !is_covered {
                return false;
            }
        }
        self.is_open || given.next().is_none()
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

/// The longer spelling of a filter.
fn spell_out(filter: &str) -> &str {
    match filter {
        "#" => "+/#",
        "/#" => "/+/#",
        other => other,
    }
}
