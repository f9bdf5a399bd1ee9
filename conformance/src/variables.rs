//! The variables of one case while it is played, and the values of a packet's or frame's fields.

use std::collections::HashMap;
use std::fmt;

use crate::case::{Piece, Value};

/// The variables that every case has: `$run`, new for each case and run, `$host`, for STOMP's `host` header, and for
/// cases about what carries them, a CONNECT of MQTT 3.1.1 and one of STOMP 1.2, as bytes.
pub const PREDEFINED: &[&str] = &["run", "host", "mqtt_connect", "stomp_connect"];

/// A field's value as it was on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Datum {
    /// Any integer field, and bits.
    Number(u64),
    /// Strings and binary data.
    Bytes(Vec<u8>),
    /// A User Property.
    Pair(Vec<u8>, Vec<u8>),
    /// The reason codes of SUBACK and UNSUBACK.
    List(Vec<u64>),
}

impl fmt::Display for Datum {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Datum::Number(number) => write!(formatter, "{number}"),
            Datum::Bytes(bytes) => formatter.write_str(&quoted(bytes)),
            Datum::Pair(name, value) => write!(formatter, "{}:{}", quoted(name), quoted(value)),
            Datum::List(numbers) => {
                let numbers: Vec<String> = numbers.iter().map(|number| format!("0x{number:02x}")).collect();
                write!(formatter, "[{}]", numbers.join(", "))
            }
        }
    }
}

/// Bytes as the notation writes them; what is long is cut, its length is said.
pub fn quoted(bytes: &[u8]) -> String {
    const SHOWN: usize = 120;
    let shown = &bytes[..bytes.len().min(SHOWN)];
    let mut text = String::from("\"");
    for chunk in shown.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\n' => text.push_str("\\n"),
                '\r' => text.push_str("\\r"),
                '\0' => text.push_str("\\0"),
                '"' => text.push_str("\\\""),
                '\\' => text.push_str("\\\\"),
                '{' => text.push_str("\\{"),
                control if control.is_control() => text.push_str(&format!("\\x{:02x}", u32::from(control))),
                other => text.push(other),
            }
        }
        chunk.invalid().iter().for_each(|byte| text.push_str(&format!("\\x{byte:02x}")));
    }
    text.push('"');
    if bytes.len() > SHOWN {
        text.push_str(&format!("… ({} bytes)", bytes.len()));
    }
    text
}

/// The variables that have a value.
#[derive(Clone, Debug, Default)]
pub struct Variables {
    values: HashMap<String, Datum>,
}

impl Variables {
    /// Gives a variable its value.
    pub fn bind(&mut self, name: &str, value: Datum) {
        self.values.insert(name.to_owned(), value);
    }

    /// The variable is new again.
    pub fn forget(&mut self, name: &str) {
        self.values.remove(name);
    }

    /// The bytes of a variable; a number is written in decimal.
    pub fn bytes(&self, name: &str) -> Vec<u8> {
        match self.values.get(name) {
            Some(Datum::Bytes(bytes)) => bytes.clone(),
            Some(other) => other.to_string().into_bytes(),
            None => Vec::new(), // case::check lets no unbound variable through
        }
    }

    /// A string with its variables filled in.
    pub fn fill(&self, pieces: &[Piece]) -> Vec<u8> {
        let mut filled = Vec::new();
        for piece in pieces {
            match piece {
                Piece::Bytes(bytes) => filled.extend(bytes),
                Piece::Variable(name) => filled.extend(self.bytes(name)),
                Piece::Repeated(bytes, count) => filled.extend(bytes.repeat(*count)),
                Piece::Noise(size) => filled.extend(noise(*size)),
                Piece::Words(size) => filled.extend(words(*size)),
            }
        }
        filled
    }

    /// What a definite value stands for; none for `*`, ranges and alternatives.
    pub fn resolve(&self, value: &Value) -> Option<Datum> {
        match value {
            Value::Number(number) => Some(Datum::Number(*number)),
            Value::Bytes(pieces) => Some(Datum::Bytes(self.fill(pieces))),
            Value::Variable(name) => self.values.get(name).cloned(),
            Value::Pair(name, value) => Some(Datum::Pair(self.fill(name), self.fill(value))),
            Value::List(values) => {
                let numbers = values.iter().map(|value| match self.resolve(value) {
                    Some(Datum::Number(number)) => Some(number),
                    _ => None,
                });
                numbers.collect::<Option<Vec<u64>>>().map(Datum::List)
            }
            Value::Range(..) | Value::OneOf(_) | Value::Any => None,
        }
    }

    /// Whether a value that came fits what was expected; a new variable takes it.
    pub fn matches(&mut self, expected: &Value, actual: &Datum) -> bool {
        match (expected, actual) {
            (Value::Any, _) => true,
            (Value::OneOf(values), _) => values.iter().any(|value| self.matches(value, actual)),
            (Value::Range(first, last), _) => {
                number_of(actual).is_some_and(|number| (first..=last).contains(&&number))
            }
            (Value::List(expected), Datum::List(actual)) => {
                expected.len() == actual.len()
                    && expected
                        .iter()
                        .zip(actual)
                        .all(|(expected, actual)| self.matches(expected, &Datum::Number(*actual)))
            }
            (Value::Variable(name), _) if !self.values.contains_key(name) => {
                self.bind(name, actual.clone());
                true
            }
            (definite, _) => self.resolve(definite).is_some_and(|expected| same(&expected, actual)),
        }
    }
}

/// Bytes of a fixed pseudo-random sequence (xorshift): a longer one begins with a shorter one.
fn noise(size: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    std::iter::repeat_with(next).take(size).collect()
}

/// Text that repeats itself within a window of 512 bytes as well as far away.
fn words(size: usize) -> Vec<u8> {
    const WORDS: [&str; 8] = [
        "broker ",
        "message ",
        "frame ",
        "ebbe ",
        "fl\u{f6}\u{df}e ",
        "\u{65e5}\u{672c} ",
        "tide ",
        "wire\n",
    ];
    let letters = noise(size / 5 + 1).into_iter().flat_map(|byte| WORDS[usize::from(byte & 7)].bytes());
    let mut text: Vec<u8> = letters.take(size).collect();
    // Cut within a character or not, it ends as text.
    let cut = text.utf8_chunks().last().map_or(0, |chunk| chunk.invalid().len());
    text.truncate(size - cut);
    text.resize(size, b'.');
    text
}

/// STOMP's headers are text, so that a number also equals its decimal digits.
fn same(expected: &Datum, actual: &Datum) -> bool {
    match (expected, actual) {
        (Datum::Number(number), Datum::Bytes(_)) => number_of(actual) == Some(*number),
        (Datum::Bytes(_), Datum::Number(number)) => number_of(expected) == Some(*number),
        _ => expected == actual,
    }
}

fn number_of(datum: &Datum) -> Option<u64> {
    match datum {
        Datum::Number(number) => Some(*number),
        Datum::Bytes(bytes) => std::str::from_utf8(bytes).ok()?.parse().ok(),
        Datum::Pair(..) | Datum::List(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Datum, Variables, quoted};
    use crate::case::{Piece, Value};

    #[test]
    fn a_new_variable_takes_the_value_and_then_compares() {
        let mut variables = Variables::default();
        let variable = Value::Variable("id".to_owned());
        assert!(variables.matches(&variable, &Datum::Number(7)));
        assert!(variables.matches(&variable, &Datum::Number(7)));
        assert!(!variables.matches(&variable, &Datum::Number(8)));
        assert_eq!(variables.fill(&[Piece::Variable("id".to_owned())]), b"7");
    }

    #[test]
    fn ranges_alternatives_and_lists_compare() {
        let mut variables = Variables::default();
        assert!(variables.matches(&Value::Range(0x80, 0xff), &Datum::Number(0x82)));
        assert!(!variables.matches(&Value::Range(0x80, 0xff), &Datum::Number(0x7f)));
        let codes = Value::List(vec![Value::OneOf(vec![Value::Number(0), Value::Number(1)]), Value::Any]);
        assert!(variables.matches(&codes, &Datum::List(vec![1, 0x80])));
        assert!(!variables.matches(&codes, &Datum::List(vec![1])));
        assert!(!variables.matches(&codes, &Datum::List(vec![2, 0x80])));
    }

    #[test]
    fn a_number_equals_its_decimal_text() {
        let mut variables = Variables::default();
        assert!(variables.matches(&Value::Number(12), &Datum::Bytes(b"12".to_vec())));
        assert!(variables.matches(&Value::Range(1, 20), &Datum::Bytes(b"12".to_vec())));
        assert!(!variables.matches(&Value::Number(12), &Datum::Bytes(b"x".to_vec())));
    }

    #[test]
    fn what_is_made_has_its_size_and_is_always_the_same() {
        let variables = Variables::default();
        for size in [0, 1, 24, 25, 26, 27, 1000] {
            let made = [Piece::Noise(size), Piece::Words(size)].map(|piece| variables.fill(&[piece]));
            assert_eq!(made.each_ref().map(Vec::len), [size, size]);
            assert!(std::str::from_utf8(&made[1]).is_ok());
        }
        let noise = |size| variables.fill(&[Piece::Noise(size)]);
        assert!(noise(500).starts_with(&noise(400)));
        assert_eq!(variables.fill(&[Piece::Repeated(b"ab".to_vec(), 3)]), b"ababab");
    }

    #[test]
    fn bytes_are_shown_as_the_notation_writes_them() {
        assert_eq!(quoted(b"a\n\xff\0\x01{"), r#""a\n\xff\0\x01\{""#);
        assert!(quoted(&[b'x'; 500]).ends_with("… (500 bytes)"));
    }
}
