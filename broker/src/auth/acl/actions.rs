//! The actions that a rule names, as a set.

use crate::auth::Action;

/// A set of actions, one bit for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Actions(u8);

/// About no topic, and so no [`Action`].
const CONNECT: Actions = Actions(1 << 5);

/// What the words of a rule stand for that is about topics. `publish` includes `retain`, and `subscribe` includes `receive` and
/// `consume`, so that a file that knows nothing of the finer actions need not name them. Whoever wants less
/// denies the finer action in an earlier rule.
pub(super) const OF_TOPICS: [Word; 6] = [
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

/// What the words of a file's rules stand for. `connect` is not among `all`: else a file that denies all topics to somebody
/// would keep it out.
pub(super) const OF_FILES: [Word; 7] = {
    let [publish, subscribe, retain, receive, consume, all] = OF_TOPICS;
    [publish, subscribe, retain, receive, consume, all, ("connect", CONNECT)]
};

/// A word of a rule, and what it stands for.
pub(super) type Word = (&'static str, Actions);

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

    /// These, and what a word of a rule stands for, which is one of `words`.
    ///
    /// # Errors
    ///
    /// The word if it is none of those that are known, and these.
    pub(super) fn with(self, word: &str, words: &[Word]) -> Result<Self, String> {
        match words.iter().find(|(known, _)| *known == word) {
            Some((_, actions)) => Ok(Self(self.0 | actions.0)),
            None => {
                let known: Vec<_> = words.iter().map(|(known, _)| *known).collect();
                let known = known.join(", ");
                Err(format!("unknown action {word:?} (known here: {known})"))
            }
        }
    }

    /// Whether a rule with these says who may connect.
    pub(super) fn are_about_connecting(self) -> bool {
        self.0 & CONNECT.0 != 0
    }

    /// Whether it says something about topics.
    pub(super) fn are_about_topics(self) -> bool {
        self.0 & !CONNECT.0 != 0
    }

    /// Whether `action` is one of them.
    pub(super) fn contains(self, action: Action) -> bool {
        self.0 & bit(action) != 0
    }
}

const fn bit(action: Action) -> u8 {
    1 << action as u8
}
