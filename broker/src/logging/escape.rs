//! Values come from outside as well: a control character in one must neither begin a line nor move a terminal's cursor.

use std::fmt::{self, Write};

use tracing::field::{Field, Visit};

/// Writes what goes through it with control characters escaped, as `\n` or `\u{1b}`.
pub(super) struct Escaped<W>(pub(super) W);

impl<W: Write> Write for Escaped<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut plain = 0;
        for (place, letter) in text.char_indices().filter(|(_, letter)| is_control(*letter)) {
            self.0.write_str(&text[plain..place])?;
            write!(self.0, "{}", letter.escape_default())?;
            plain = place + letter.len_utf8();
        }
        self.0.write_str(&text[plain..])
    }
}

/// Besides Unicode's control characters: what ends lines, and what turns the direction of writing.
fn is_control(letter: char) -> bool {
    letter.is_control() || matches!(letter, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Writes an event's words, and then its fields, as ` name=value`. Strings are quoted.
pub(super) struct Sentence<'w, W> {
    line: Escaped<&'w mut W>,
    is_first: bool,
    result: fmt::Result,
}

impl<'w, W: Write> Sentence<'w, W> {
    /// Writes the event into `line`.
    pub(super) fn write(line: &'w mut W, event: &tracing::Event<'_>) -> fmt::Result {
        let mut sentence = Self { line: Escaped(line), is_first: true, result: Ok(()) };
        event.record(&mut sentence);
        sentence.result
    }

    fn put(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        if self.result.is_err() {
            return;
        }
        let space = if std::mem::take(&mut self.is_first) { "" } else { " " };
        self.result = match field.name() {
            "message" => write!(self.line, "{space}{value}"),
            name => write!(self.line, "{space}{name}={value}"),
        };
    }
}

/// The words come first: `tracing` records the message before all fields.
impl<W: Write> Visit for Sentence<'_, W> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format_args!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped_and_all_else_stays() {
        for (text, expected) in [
            ("plain, \"quoted\", ünï, 漢字", "plain, \"quoted\", ünï, 漢字"),
            ("a\nERROR forged\r\n", "a\\nERROR forged\\r\\n"),
            ("\u{1b}[31mred\0", "\\u{1b}[31mred\\u{0}"),
            ("\u{9b}2J", "\\u{9b}2J"),
            ("one\u{2028}two\u{202e}three", "one\\u{2028}two\\u{202e}three"),
        ] {
            let mut written = String::new();
            Escaped(&mut written).write_str(text).unwrap();
            assert_eq!(written, expected);
        }
    }
}
