//! Patterns of `LIKE`: `%` is any text, `_` any one character.
//!
//! A pattern is an automaton. It is in state `n` when `n` of the pattern's characters have been matched, and can be in
//! many states at once; a `%` is a loop that stays in its state. `'a%b_'`:
//!
//! ```text
//!           any
//!           ┌─┐
//!      a    │ ▼   b         any
//!  0 ─────▶  1  ─────▶  2  ─────▶  3, the end
//! ```
//!
//! States are bits, and a character of the text moves 64 of them at once. Nothing is ever tried again, so time grows
//! with the text alone, but for a factor of at most [`WORDS_MAX`] between the shortest pattern and the longest.

use super::TEXT_BYTES_MAX;

/// A pattern.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    /// For each character that the pattern names, in order: the states that it leads on from.
    steps: Box<[(char, Words)]>,
    /// The states that any other character leads on from.
    any: Words,
    /// The states that stay, whatever comes.
    loops: Words,
    /// The state in which all is matched.
    end: usize,
}

/// A set of states.
type Words = Box<[u64]>;

/// Enough for as many states as a selector has bytes, and the end.
const WORDS_MAX: usize = TEXT_BYTES_MAX / 64 + 1;

impl Pattern {
    /// Reads a pattern; after `escape` a character stands for itself, and so does an `escape` that is the last.
    pub(super) fn new(text: &str, escape: Option<char>) -> Self {
        // `None` is any character.
        let mut wanted = Vec::new();
        let mut loops = Vec::new();
        let mut letters = text.chars();
        while let Some(letter) = letters.next() {
            match letter {
                _ if Some(letter) == escape => wanted.push(Some(letters.next().unwrap_or(letter))),
                '%' => loops.push(wanted.len()),
                '_' => wanted.push(None),
                letter => wanted.push(Some(letter)),
            }
        }
        let end = wanted.len();
        let steps_of = |letter: Option<char>| {
            words(end, (0..end).filter(|at| wanted[*at].is_none() || wanted[*at] == letter))
        };
        let mut named: Vec<char> = wanted.iter().flatten().copied().collect();
        named.sort_unstable();
        named.dedup();
        let steps = named.into_iter().map(|letter| (letter, steps_of(Some(letter)))).collect();
        Self { steps, any: steps_of(None), loops: words(end, loops), end }
    }

    /// Whether a text is like it.
    pub(super) fn matches(&self, text: &str) -> bool {
        let mut states = [0; WORDS_MAX];
        states[0] = 1;
        let may_go_on = has(&self.loops, self.end);
        for letter in text.chars() {
            if may_go_on && has(&states, self.end) {
                return true;
            }
            if !self.step(&mut states, letter) {
                return false;
            }
        }
        has(&states, self.end)
    }

    /// Moves all states on; `false` when none is left.
    fn step(&self, states: &mut [u64; WORDS_MAX], letter: char) -> bool {
        let steps = match self.steps.binary_search_by_key(&letter, |(named, _)| *named) {
            Ok(at) => &self.steps[at].1,
            Err(_) => &self.any,
        };
        let (mut carried, mut left) = (0, 0);
        for ((word, steps), loops) in states.iter_mut().zip(steps).zip(&self.loops) {
            let moving = *word & steps;
            *word = (moving << 1) | carried | (*word & loops);
            carried = moving >> 63;
            left |= *word;
        }
        left != 0
    }
}

fn words(end: usize, states: impl IntoIterator<Item = usize>) -> Words {
    let mut words = vec![0; end / 64 + 1];
    for state in states {
        words[state / 64] |= 1 << (state % 64);
    }
    words.into()
}

fn has(words: &[u64], state: usize) -> bool {
    words.get(state / 64).is_some_and(|word| (word >> (state % 64)) & 1 == 1)
}
