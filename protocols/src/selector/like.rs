//! Patterns of `LIKE`: `%` is any text, `_` any one character.

/// A pattern.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    parts: Vec<Part>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Letter(char),
    AnyLetter,
    AnyText,
}

impl Pattern {
    /// Reads a pattern; after `escape` a character stands for itself.
    pub(super) fn new(text: &str, escape: Option<char>) -> Self {
        let mut parts = Vec::new();
        let mut letters = text.chars();
        while let Some(letter) = letters.next() {
            parts.push(match letter {
                _ if Some(letter) == escape => Part::Letter(letters.next().unwrap_or(letter)),
                '%' => Part::AnyText,
                '_' => Part::AnyLetter,
                letter => Part::Letter(letter),
            });
        }
        Self { parts }
    }

    /// Whether a text is like it. Where a `%` was taken to be too short, only the last one needs to be made longer: time
    /// grows with the product of the two lengths at most.
    pub(super) fn matches(&self, text: &str) -> bool {
        let (mut rest, mut position) = (text, 0);
        let mut retry: Option<(&str, usize)> = None;
        loop {
            let part = self.parts.get(position).copied();
            let mut letters = rest.chars();
            let letter = letters.next();
            match (part, letter) {
                (None, None) => return true,
                (Some(Part::AnyText), _) => {
                    position += 1;
                    retry = Some((rest, position));
                    continue;
                }
                (Some(Part::AnyLetter), Some(_)) => {
                    (rest, position) = (letters.as_str(), position + 1);
                    continue;
                }
                (Some(Part::Letter(wanted)), Some(letter)) if wanted == letter => {
                    (rest, position) = (letters.as_str(), position + 1);
                    continue;
                }
                _ => {}
            }
            let Some((from, after)) = retry else { return false };
            let mut letters = from.chars();
            if letters.next().is_none() {
                return false;
            }
            (rest, position) = (letters.as_str(), after);
            retry = Some((rest, after));
        }
    }
}
