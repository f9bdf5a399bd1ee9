//! Colours, for terminals whose owner does not mind.

use std::env;

/// Whether colours are welcome, beside that a terminal has to be there: <https://no-color.org> asks programs to heed
/// `NO_COLOR` when it is not empty, and a `dumb` terminal has none.
pub(super) fn is_wanted() -> bool {
    let is_refused = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    !is_refused && env::var_os("TERM").is_none_or(|terminal| terminal != "dumb")
}

/// Begins a topic.
pub(super) const TOPIC: &str = "\x1b[36m";

/// Begins the word that an error has before it.
pub(super) const ERROR: &str = "\x1b[1;31m";

/// Ends either.
pub(super) const PLAIN: &str = "\x1b[0m";
