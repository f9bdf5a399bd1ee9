//! Reads one line of a case character by character and knows the column.

use std::time::Duration;

use super::error::Mistake;

pub(super) struct Cursor {
    characters: Vec<char>,
    position: usize,
}

impl Cursor {
    pub(super) fn new(line: &str) -> Cursor {
        Cursor { characters: line.chars().collect(), position: 0 }
    }

    /// Counted from 1, as editors do.
    pub(super) fn column(&self) -> usize {
        self.position + 1
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.characters.get(self.position).copied()
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let character = self.peek()?;
        self.position += 1;
        Some(character)
    }

    /// Takes the text when it comes next.
    pub(super) fn take(&mut self, text: &str) -> bool {
        let found = text
            .chars()
            .enumerate()
            .all(|(offset, expected)| self.characters.get(self.position + offset).copied() == Some(expected));
        if found {
            self.position += text.chars().count();
        }
        found
    }

    pub(super) fn take_while(&mut self, accepts: impl Fn(char) -> bool) -> String {
        let start = self.position;
        while self.peek().is_some_and(&accepts) {
            self.position += 1;
        }
        self.characters[start..self.position].iter().collect()
    }

    /// The same line, read again from that column.
    pub(super) fn rewound(&self, column: usize) -> Cursor {
        Cursor { characters: self.characters.clone(), position: column - 1 }
    }

    pub(super) fn skip_spaces(&mut self) {
        while self.peek().is_some_and(|character| character.is_ascii_whitespace()) {
            self.position += 1;
        }
    }

    /// Whether only a comment or nothing is left.
    pub(super) fn at_end(&mut self) -> bool {
        self.skip_spaces();
        matches!(self.peek(), None | Some('#'))
    }

    /// Takes the word when it stands alone next: `within`, but not `within=`.
    pub(super) fn take_word(&mut self, word: &str) -> bool {
        let before = self.position;
        if self.take(word) && self.peek().is_none_or(|next| next.is_ascii_whitespace()) {
            return true;
        }
        self.position = before;
        false
    }

    /// Everything up to the end of the line, as it is.
    pub(super) fn rest(&mut self) -> String {
        let rest: String = self.characters[self.position..].iter().collect();
        self.position = self.characters.len();
        rest.trim().to_owned()
    }

    pub(super) fn name(&mut self, what: &str) -> Result<String, Mistake> {
        let column = self.column();
        let name =
            self.take_while(|character| character.is_ascii_alphanumeric() || "_-.".contains(character));
        if name.is_empty() {
            return Err(Mistake::new(
                column,
                format!("{what} must stand here: letters, digits, `_`, `-`, `.`"),
            ));
        }
        Ok(name)
    }

    pub(super) fn duration(&mut self) -> Result<Duration, Mistake> {
        self.skip_spaces();
        let column = self.column();
        let digits = self.take_while(|character| character.is_ascii_digit());
        let unit = self.take_while(|character| character.is_ascii_alphabetic());
        let wrong = || Mistake::new(column, "a duration must stand here: `300ms` or `2s`");
        let number: u64 = digits.parse().map_err(|_| wrong())?;
        match unit.as_str() {
            "ms" => Ok(Duration::from_millis(number)),
            "s" => Ok(Duration::from_secs(number)),
            _ => Err(wrong()),
        }
    }

    /// The whole line has been understood.
    pub(super) fn finish(&mut self) -> Result<(), Mistake> {
        if self.at_end() {
            return Ok(());
        }
        let column = self.column();
        Err(Mistake::new(column, format!("the line must end here, but goes on with `{}`", self.rest())))
    }
}
