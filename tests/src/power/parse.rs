//! Reads what `strace -f -y -xx` writes: system calls of several threads, in the order in which they began and ended.
//!
//! ```text
//! line     = thread " " ( call | beginning | end | other )
//! call      = name "(" arguments ")" spaces "= " result
//! beginning = name "(" arguments " <unfinished ...>"        another thread's line comes in between
//! end       = "<... " name " resumed>" arguments ")" spaces "= " result
//! argument  = anything without a comma, but within "" <> () {} []
//! result    = number [ "<" path ">" ] [ " " error ] | "?"   never came back
//! other     = "+++ exited with 0 +++", "--- SIGCHLD {…} ---"
//! ```

use std::collections::HashMap;

/// A system call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its arguments as they are written, as far as they are known when it begins.
    pub arguments: Vec<&'a str>,
    /// What it gave back; nothing, where it never came back.
    pub result: Option<i64>,
    /// The line where it begins.
    pub begins: usize,
    /// The line where it ends.
    pub ends: Option<usize>,
}

impl<'a> Call<'a> {
    /// An argument by its place.
    ///
    /// # Errors
    ///
    /// There is no such argument.
    pub fn argument(&self, place: usize) -> Result<&'a str, String> {
        self.arguments.get(place).copied().ok_or_else(|| format!("{} without argument {place}", self.name))
    }

    /// An argument that is a whole number; what `-y` adds to it is left out.
    ///
    /// # Errors
    ///
    /// It is none.
    pub fn number(&self, place: usize) -> Result<i64, String> {
        number(self.argument(place)?).ok_or_else(|| format!("{}: argument {place} is no number", self.name))
    }

    /// An argument that is text between quotes.
    ///
    /// # Errors
    ///
    /// It is none, or was cut short.
    pub fn bytes(&self, place: usize) -> Result<Vec<u8>, String> {
        let argument = self.argument(place)?;
        quoted(argument).ok_or_else(|| {
            let start: String = argument.chars().take(40).collect();
            format!("{}: argument {place} is not whole: {start}", self.name)
        })
    }

    /// The path that `-y` wrote behind a descriptor.
    pub fn annotation(&self, place: usize) -> Option<Vec<u8>> {
        let argument = self.arguments.get(place)?;
        let start = argument.find('<')? + 1;
        let end = argument.rfind('>')?;
        unescape(argument.get(start..end)?)
    }
}

/// The calls, in the order in which they begin. Where one failed it is among them, with its negative result.
///
/// # Errors
///
/// A line is none that `strace` writes.
pub fn parse(text: &str) -> Result<Vec<Call<'_>>, String> {
    let mut calls: Vec<Call<'_>> = Vec::new();
    let mut unfinished: HashMap<&str, usize> = HashMap::new();
    for (line, whole) in text.lines().enumerate() {
        let fault = |what: &str| {
            let start: String = whole.chars().take(120).collect();
            format!("line {}: {what}: {start}", line + 1)
        };
        let (thread, rest) = whole.split_once(' ').ok_or_else(|| fault("no thread"))?;
        let rest = rest.trim_start();
        if rest.starts_with("+++") || rest.starts_with("---") {
            continue;
        }
        if let Some(rest) = rest.strip_prefix("<... ") {
            let (_, rest) = rest.split_once(" resumed>").ok_or_else(|| fault("nothing resumed"))?;
            let index = unfinished.remove(thread).ok_or_else(|| fault("resumed without a beginning"))?;
            let (_, rest) = split(rest);
            calls[index].result = rest.and_then(result);
            calls[index].ends = calls[index].result.map(|_| line);
            continue;
        }
        let (name, rest) = rest.split_once('(').ok_or_else(|| fault("no call"))?;
        let call = |arguments, result: Option<i64>| Call {
            name,
            arguments,
            result,
            begins: line,
            ends: result.map(|_| line),
        };
        if let Some(rest) = rest.strip_suffix("<unfinished ...>") {
            let (arguments, _) = split(rest.trim_end());
            unfinished.insert(thread, calls.len());
            calls.push(call(arguments, None));
        } else {
            let (arguments, rest) = split(rest);
            let rest = rest.ok_or_else(|| fault("a call without an end"))?;
            calls.push(call(arguments, result(rest)));
        }
    }
    Ok(calls)
}

/// Parts arguments at their commas, up to the closing parenthesis, and gives back what stands behind it.
fn split(text: &str) -> (Vec<&str>, Option<&str>) {
    let mut arguments = Vec::new();
    let (mut depth, mut start, mut position) = (0_usize, 0, 0);
    let bytes = text.as_bytes();
    let mut push = |start: usize, end: usize| {
        let argument = text[start..end].trim();
        if !argument.is_empty() {
            arguments.push(argument);
        }
    };
    while position < bytes.len() {
        match bytes[position] {
            b'"' => position = closing(bytes, position, b'"'),
            b'<' => position = closing(bytes, position, b'>'),
            b'(' | b'[' | b'{' => depth += 1,
            b')' if depth == 0 => {
                push(start, position);
                return (arguments, Some(&text[position + 1..]));
            }
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => {
                push(start, position);
                start = position + 1;
            }
            _ => {}
        }
        position += 1;
    }
    push(start, text.len());
    (arguments, None)
}

/// Where what begins at `start` is closed: paths behind descriptors may hold others, `<…<char 1:3>>`.
fn closing(bytes: &[u8], start: usize, end: u8) -> usize {
    let (mut position, mut depth) = (start + 1, 0_usize);
    while position < bytes.len() {
        match bytes[position] {
            b'\\' => position += 1,
            b'<' if end == b'>' => depth += 1,
            byte if byte == end && depth == 0 => return position,
            byte if byte == end => depth -= 1,
            _ => {}
        }
        position += 1;
    }
    bytes.len()
}

/// ` = 3</path>`, ` = -1 ENOENT (…)`, ` = ?`.
fn result(text: &str) -> Option<i64> {
    number(text.trim_start().strip_prefix('=')?.trim_start())
}

/// The number that a text begins with, decimal or hexadecimal.
fn number(text: &str) -> Option<i64> {
    if let Some(digits) = text.strip_prefix("0x") {
        let end = digits.find(|digit: char| !digit.is_ascii_hexdigit()).unwrap_or(digits.len());
        return u64::from_str_radix(&digits[..end], 16).ok().map(u64::cast_signed);
    }
    let end =
        text.char_indices().find(|(index, digit)| !(digit.is_ascii_digit() || *index == 0 && *digit == '-'));
    text[..end.map_or(text.len(), |(index, _)| index)].parse().ok()
}

/// The bytes of `"…"`; nothing where `strace` cut them short (`"…"...`).
pub(super) fn quoted(text: &str) -> Option<Vec<u8>> {
    unescape(text.strip_prefix('"')?.strip_suffix('"')?)
}

/// Undoes `\x2f`, octal numbers and C's letters.
fn unescape(text: &str) -> Option<Vec<u8>> {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len() / 4);
    let mut position = 0;
    while position < bytes.len() {
        if bytes[position] != b'\\' {
            plain.push(bytes[position]);
            position += 1;
            continue;
        }
        let digits = |from: usize, length: usize, radix: u32| {
            u8::from_str_radix(text.get(from..(from + length).min(text.len()))?, radix).ok()
        };
        let letter = *bytes.get(position + 1)?;
        let (byte, length) = match letter {
            b'x' => (digits(position + 2, 2, 16)?, 4),
            b'0'..=b'7' => {
                let octal =
                    bytes[position + 1..].iter().take(3).take_while(|digit| (b'0'..=b'7').contains(*digit));
                let length = octal.count();
                (digits(position + 1, length, 8)?, length + 1)
            }
            b'n' => (b'\n', 2),
            b'r' => (b'\r', 2),
            b't' => (b'\t', 2),
            b'v' => (0x0b, 2),
            b'f' => (0x0c, 2),
            other => (other, 2),
        };
        plain.push(byte);
        position += length;
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_in_one_line() {
        let calls = parse(r#"7 pwrite64(5</d/a, (b)>, "\x68\x69", 2, 4096) = 2"#).unwrap();
        let [call] = calls.as_slice() else { panic!("one call, not {calls:?}") };
        assert_eq!((call.name, call.result, call.begins, call.ends), ("pwrite64", Some(2), 0, Some(0)));
        assert_eq!(call.number(0), Ok(5));
        assert_eq!(call.annotation(0).as_deref(), Some(&b"/d/a, (b)"[..]));
        assert_eq!(call.bytes(1).as_deref(), Ok(&b"hi"[..]));
        assert_eq!((call.number(2), call.number(3)), (Ok(2), Ok(4096)));
    }

    #[test]
    fn calls_of_two_threads_between_one_another() {
        let text = "7 fdatasync(5</d/a> <unfinished ...>\n\
                    8 write(5</d/a>, \"\\x31\", 1 <unfinished ...>\n\
                    7 <... fdatasync resumed>)         = 0\n\
                    9 close(4) = 0\n\
                    8 <... write resumed>) = 1\n\
                    7 +++ exited with 0 +++\n";
        let calls = parse(text).unwrap();
        let seen: Vec<_> =
            calls.iter().map(|call| (call.name, call.begins, call.ends, call.result)).collect();
        assert_eq!(
            seen,
            [
                ("fdatasync", 0, Some(2), Some(0)),
                ("write", 1, Some(4), Some(1)),
                ("close", 3, Some(3), Some(0))
            ]
        );
        assert_eq!(calls[1].arguments, ["5</d/a>", "\"\\x31\"", "1"]);
    }

    #[test]
    fn results_of_every_kind() {
        let result = |text: &str| parse(text).unwrap().remove(0).result;
        assert_eq!(result(r#"1 openat(AT_FDCWD</d>, "\x61", O_RDWR|O_CREAT, 0666) = 3</d/a>"#), Some(3));
        assert_eq!(
            result(r#"1 openat(AT_FDCWD</d>, "a", O_RDONLY) = -1 ENOENT (No such file or directory)"#),
            Some(-1)
        );
        assert_eq!(result("1 mmap(NULL, 8, PROT_READ, MAP_SHARED, 3</d/a>, 0) = 0x7f00"), Some(0x7f00));
        assert_eq!(result("1 fsync(3</d/a>)     = ?"), None);
        assert_eq!(
            result("1 fsync(3</d/a> <unfinished ...>\n1 <... fsync resumed> <unfinished ...>) = ?"),
            None
        );
        assert_eq!(result("1 fsync(3</d/a> <unfinished ...>\n1 +++ killed by SIGKILL +++"), None);
    }

    #[test]
    fn structures_and_deleted_files_are_single_arguments() {
        let text = "1 writev(3</d/a>(deleted), [{iov_base=\"\\x31\", iov_len=1}, {iov_base=\"\\x32\", iov_len=1}], 2) = 2\n\
                    1 write(1</dev/null<char 1:3>>, \"a\", 1) = 1";
        let calls = parse(text).unwrap();
        assert_eq!(calls[0].arguments.len(), 3);
        assert_eq!(calls[0].annotation(0).as_deref(), Some(&b"/d/a"[..]));
        assert_eq!(calls[1].arguments.len(), 3);
    }

    #[test]
    fn escapes_are_undone() {
        assert_eq!(quoted(r#""\x2f\"\\\n\t\0\1772""#), Some(b"/\"\\\n\t\0\x7f2".to_vec()));
        assert_eq!(quoted(r#""cut"..."#), None);
        assert_eq!(quoted("NULL"), None);
    }

    #[test]
    fn what_strace_does_not_write_is_named() {
        assert!(parse("7 <... fsync resumed>) = 0").unwrap_err().contains("line 1"));
        assert!(parse("7 fsync(3").unwrap_err().contains("without an end"));
    }
}
