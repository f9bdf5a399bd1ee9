//! Values in the notation: numbers, strings with variables, alternatives, ranges, lists.

use super::cursor::Cursor;
use super::error::Mistake;

/// A value to send, or to compare with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `10`, `0x82`.
    Number(u64),
    /// A string, a word or `hex:…`.
    Bytes(Vec<Piece>),
    /// `$name`.
    Variable(String),
    /// `"name":"value"`.
    Pair(Vec<Piece>, Vec<Piece>),
    /// `[0x00, 0x80]`.
    List(Vec<Value>),
    /// `0x80..0xff`, `1..`; only in what is expected.
    Range(u64, u64),
    /// `0x81|0x82`; only in what is expected.
    OneOf(Vec<Value>),
    /// `*`: there, with any value; only in what is expected.
    Any,
}

/// A part of a string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Bytes as they are; a string need not be valid UTF-8.
    Bytes(Vec<u8>),
    /// `{name}`.
    Variable(String),
    /// `"x"*300`: these bytes, so often.
    Repeated(Vec<u8>, usize),
    /// `noise:300`: bytes that no compressor makes smaller, the same in each run.
    Noise(usize),
    /// `words:300`: text of words, which a compressor makes much smaller.
    Words(usize),
}

impl Value {
    pub(super) fn parse(cursor: &mut Cursor) -> Result<Value, Mistake> {
        let first = Value::parse_one(cursor)?;
        if cursor.peek() != Some('|') {
            return Ok(first);
        }
        let mut alternatives = vec![first];
        while cursor.take("|") {
            alternatives.push(Value::parse_one(cursor)?);
        }
        Ok(Value::OneOf(alternatives))
    }

    /// One value, or strings and bytes that are joined by `+`.
    fn parse_one(cursor: &mut Cursor) -> Result<Value, Mistake> {
        let column = cursor.column();
        let mut value = Value::parse_part(cursor)?;
        while cursor.take("+") {
            let parts = [value, Value::parse_part(cursor)?].map(Value::into_pieces);
            let [Some(mut pieces), Some(more)] = parts else {
                return Err(Mistake::new(
                    column,
                    "`+` joins strings, bytes and variables: `\"a\"+hex:00+$id`",
                ));
            };
            pieces.extend(more);
            value = Value::Bytes(pieces);
        }
        Ok(value)
    }

    fn into_pieces(self) -> Option<Vec<Piece>> {
        match self {
            Value::Bytes(pieces) => Some(pieces),
            Value::Variable(name) => Some(vec![Piece::Variable(name)]),
            _ => None,
        }
    }

    fn parse_part(cursor: &mut Cursor) -> Result<Value, Mistake> {
        match cursor.peek() {
            Some('*') => {
                cursor.next();
                Ok(Value::Any)
            }
            Some('$') => {
                cursor.next();
                Ok(Value::Variable(cursor.name("a variable's name")?))
            }
            Some('[') => parse_list(cursor),
            Some('"') => parse_strings(cursor),
            _ if cursor.take("hex:") => {
                let column = cursor.column();
                let digits = cursor.take_while(|character| character.is_ascii_hexdigit());
                Ok(Value::Bytes(vec![Piece::Bytes(hex_bytes(&digits, column)?)]))
            }
            _ if cursor.take("noise:") => Ok(Value::Bytes(vec![Piece::Noise(parse_size(cursor)?)])),
            _ if cursor.take("words:") => Ok(Value::Bytes(vec![Piece::Words(parse_size(cursor)?)])),
            _ => parse_word(cursor),
        }
    }

    /// Whether it can be sent: it says exactly one thing.
    pub(super) fn is_definite(&self) -> bool {
        match self {
            Value::Any | Value::Range(..) | Value::OneOf(_) => false,
            Value::List(values) => values.iter().all(Value::is_definite),
            Value::Number(_) | Value::Bytes(_) | Value::Variable(_) | Value::Pair(..) => true,
        }
    }
}

fn parse_size(cursor: &mut Cursor) -> Result<usize, Mistake> {
    let column = cursor.column();
    let digits = cursor.take_while(|character| character.is_ascii_digit());
    digits.parse().map_err(|_| Mistake::new(column, "a number of bytes must stand here, as in `noise:300`"))
}

/// Pairs of hexadecimal digits.
pub(super) fn hex_bytes(digits: &str, column: usize) -> Result<Vec<u8>, Mistake> {
    let wrong =
        || Mistake::new(column, format!("pairs of hexadecimal digits must stand here, not `{digits}`"));
    if !digits.is_ascii() || !digits.len().is_multiple_of(2) {
        return Err(wrong());
    }
    (0..digits.len())
        .step_by(2)
        .map(|index| u8::from_str_radix(&digits[index..index + 2], 16).map_err(|_| wrong()))
        .collect()
}

fn parse_list(cursor: &mut Cursor) -> Result<Value, Mistake> {
    cursor.next();
    let mut values = Vec::new();
    loop {
        cursor.skip_spaces();
        if cursor.take("]") {
            return Ok(Value::List(values));
        }
        values.push(Value::parse(cursor)?);
        cursor.skip_spaces();
        if !cursor.take(",") && cursor.peek() != Some(']') {
            return Err(Mistake::new(cursor.column(), "`,` or `]` must stand here, as in `[0x00, 0x80]`"));
        }
    }
}

fn parse_strings(cursor: &mut Cursor) -> Result<Value, Mistake> {
    let mut pieces = parse_string(cursor)?;
    if cursor.take("*") {
        let column = cursor.column();
        let count = cursor.take_while(|character| character.is_ascii_digit());
        let count: usize =
            count.parse().map_err(|_| Mistake::new(column, "a count must stand here, as in `\"x\"*300`"))?;
        // Long ones stay short until they are sent: a case may have 16 MiB.
        pieces = match &pieces[..] {
            [Piece::Bytes(bytes)] => vec![Piece::Repeated(bytes.clone(), count)],
            _ => std::iter::repeat_n(pieces, count).flatten().collect(),
        };
    }
    if cursor.take(":") {
        if cursor.peek() != Some('"') {
            return Err(Mistake::new(cursor.column(), "a pair is two strings: `\"name\":\"value\"`"));
        }
        return Ok(Value::Pair(pieces, parse_string(cursor)?));
    }
    Ok(Value::Bytes(pieces))
}

/// A string in quotes, with the escapes `\n \r \t \0 \\ \" \{ \xHH` and variables in braces.
pub(super) fn parse_string(cursor: &mut Cursor) -> Result<Vec<Piece>, Mistake> {
    let start = cursor.column();
    cursor.next();
    let mut pieces = Vec::new();
    let mut bytes = Vec::new();
    loop {
        let column = cursor.column();
        match cursor.next() {
            None => return Err(Mistake::new(start, "the string that starts here must end with `\"`")),
            Some('"') => break,
            Some('\\') => bytes.push(parse_escape(cursor, column)?),
            Some('{') => {
                if !bytes.is_empty() {
                    pieces.push(Piece::Bytes(std::mem::take(&mut bytes)));
                }
                pieces.push(Piece::Variable(cursor.name("a variable's name")?));
                if !cursor.take("}") {
                    return Err(Mistake::new(
                        column,
                        "a variable in a string is written `{name}`; a brace is `\\{`",
                    ));
                }
            }
            Some(character) => bytes.extend(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    if !bytes.is_empty() {
        pieces.push(Piece::Bytes(bytes));
    }
    Ok(pieces)
}

fn parse_escape(cursor: &mut Cursor, column: usize) -> Result<u8, Mistake> {
    let wrong = || Mistake::new(column, "the escapes are \\n \\r \\t \\0 \\\\ \\\" \\{ and \\xHH");
    match cursor.next() {
        Some('n') => Ok(b'\n'),
        Some('r') => Ok(b'\r'),
        Some('t') => Ok(b'\t'),
        Some('0') => Ok(0),
        Some('\\') => Ok(b'\\'),
        Some('"') => Ok(b'"'),
        Some('{') => Ok(b'{'),
        Some('x') => {
            let digits: String = cursor.next().into_iter().chain(cursor.next()).collect();
            u8::from_str_radix(&digits, 16).map_err(|_| wrong())
        }
        _ => Err(wrong()),
    }
}

fn parse_word(cursor: &mut Cursor) -> Result<Value, Mistake> {
    let column = cursor.column();
    let word =
        cursor.take_while(|character| character.is_ascii_alphanumeric() || "_-./+".contains(character));
    if word.is_empty() {
        return Err(Mistake::new(
            column,
            "a value must stand here: 10, 0x82, \"string\", $name, hex:00ff, [..] or *",
        ));
    }
    if let Some(number) = parse_number(&word) {
        return Ok(Value::Number(number));
    }
    if let Some((first, last)) = word.split_once("..") {
        let wrong =
            || Mistake::new(column, "a range is two numbers, as in `0x80..0xff`, or one, as in `1..`");
        let first = parse_number(first).ok_or_else(wrong)?;
        let last = if last.is_empty() { u64::MAX } else { parse_number(last).ok_or_else(wrong)? };
        return Ok(Value::Range(first, last));
    }
    Ok(Value::Bytes(vec![Piece::Bytes(word.into_bytes())]))
}

/// Decimal or, after `0x`, hexadecimal. `007` is a word: as a number it would lose its zeros.
pub(super) fn parse_number(word: &str) -> Option<u64> {
    if let Some(digits) = word.strip_prefix("0x") {
        return u64::from_str_radix(digits, 16).ok();
    }
    let plain = word == "0" || !word.starts_with('0');
    (plain && word.bytes().all(|byte| byte.is_ascii_digit())).then(|| word.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::{Cursor, Piece, Value};

    fn parse(text: &str) -> Value {
        Value::parse(&mut Cursor::new(text)).unwrap()
    }

    fn bytes(bytes: &[u8]) -> Value {
        Value::Bytes(vec![Piece::Bytes(bytes.to_vec())])
    }

    #[test]
    fn numbers_are_decimal_or_hexadecimal() {
        assert_eq!(parse("10"), Value::Number(10));
        assert_eq!(parse("0x8f"), Value::Number(0x8f));
        assert_eq!(parse("1.2"), bytes(b"1.2"));
        assert_eq!(parse("007"), bytes(b"007"));
    }

    #[test]
    fn alternatives_ranges_and_lists_nest() {
        assert_eq!(parse("0x81|0x82"), Value::OneOf(vec![Value::Number(0x81), Value::Number(0x82)]));
        assert_eq!(parse("0x80..0xff"), Value::Range(0x80, 0xff));
        assert_eq!(parse("1.."), Value::Range(1, u64::MAX));
        assert_eq!(
            parse("[0, 0x80..0x8f, *]"),
            Value::List(vec![Value::Number(0), Value::Range(0x80, 0x8f), Value::Any])
        );
    }

    #[test]
    fn strings_hold_escapes_variables_and_any_byte() {
        assert_eq!(
            parse(r#""a/{run}\xff\0""#),
            Value::Bytes(vec![
                Piece::Bytes(b"a/".to_vec()),
                Piece::Variable("run".to_owned()),
                Piece::Bytes(vec![0xff, 0]),
            ])
        );
        assert_eq!(parse(r#""ab":"c""#), {
            let piece = |text: &[u8]| vec![Piece::Bytes(text.to_vec())];
            Value::Pair(piece(b"ab"), piece(b"c"))
        });
        assert_eq!(parse(r#""x"*3"#), Value::Bytes(vec![Piece::Repeated(b"x".to_vec(), 3)]));
        assert_eq!(parse("noise:70000"), Value::Bytes(vec![Piece::Noise(70_000)]));
        assert_eq!(
            parse(r#"hex:00+"x"*2+$id"#),
            Value::Bytes(vec![
                Piece::Bytes(vec![0]),
                Piece::Repeated(b"x".to_vec(), 2),
                Piece::Variable("id".to_owned())
            ])
        );
        assert_eq!(parse("hex:00ff"), bytes(&[0, 0xff]));
    }

    #[test]
    fn a_mistake_names_its_column() {
        let mistake = |text: &str| Value::parse(&mut Cursor::new(text)).unwrap_err();
        assert_eq!(mistake("\"abc").column, 1);
        assert_eq!(mistake(r#""ab\q""#).column, 4);
        assert_eq!(mistake("[1 2]").column, 4);
        assert!(mistake("0x80..zz").message.contains("range"));
        assert_eq!(mistake("hex:00+[1]").column, 1);
    }
}
