//! The actions that a rule names, as a set.

use crate::auth::Action;

/// A set of actions, one bit for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Actions(u8);

/// What the words of a rule stand for. `publish` includes `retain`, and `subscribe` includes `receive` and
/// `consume`, so that a file that knows nothing of the finer actions need not name them. Whoever wants less
/// denies the finer action in an earlier rule.
const WORDS: [(&str, Actions); 6] = [
    ("publish", Actions::of(&[Action::Publish, Action::Retain])),
    ("subscribe", Actions::of(&[Action::Subscribe, Action::Receive, Action::Consume])),
    ("retain", Actions::of(&[Action::Retain])),
    ("receive", Actions::of(&[Action::Receive])),
    ("consume", Actions::of(&[Action::Consume])),
    (
        "all",
        Actions::of(&[Action::Publish, Action::Subscribe, Action::Retain, Action::Receive, Action::Consume]),
    ),
];

impl Actions {
    const fn of(actions: &[Action]) -> Self {
        let mut bits = 0;
        let mut index = 0;
        while index < actions.len() {
            bits |= bit(actions[index]);
            index += 1;
        }
        Self(bits)
    }

    /// These, and what a word of a rule stands for.
    ///
    /// # Errors
    ///
    /// The word if it is none of those that are known, and these.
    pub(super) fn with(self, word: &str) -> Result<Self, String> {
        match WORDS.iter().find(|(known, _)| *known == word) {
            Some((_, actions)) => Ok(Self(self.0 | actions.0)),
            None => {
                let known = WORDS.map(|(known, _)| known).join(", ");
                Err(format!("unknown action {word:?} (known here: {known})"))
            }
        }
    }

    /// Whether `action` is one of them.
    pub(super) fn contains(self, action: Action) -> bool {
        self.0 & bit(action) != 0
    }
}

const fn bit(action: Action) -> u8 {
    1 << action as u8
}
