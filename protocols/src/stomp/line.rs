//! The parts of a head, as parsers: each takes what it recognises and returns the rest.

use memchr::memchr2;
use nom::bytes::streaming::tag;
use nom::character::complete::{digit1, line_ending};
use nom::combinator::{all_consuming, map, recognize};
use nom::multi::many0_count;
use nom::{IResult, Needed, Parser};

use super::error::{ErrorKind, Fault, Statement};
use super::escape::{Escaping, unescape};
use super::{Command, Version};

/// What a parser says: the rest and what was recognised, or that more is needed, or what is wrong.
pub(super) type Parsed<'a, T> = IResult<&'a [u8], T, Fault>;

/// The same of a step that keeps its place by itself.
pub(super) type Outcome<T> = Result<T, nom::Err<Fault>>;

/// A decimal number; one beyond the range of `usize` counts as its largest.
pub(super) fn number(input: &[u8]) -> Parsed<'_, usize> {
    let append =
        |number: usize, digit: &u8| number.saturating_mul(10).saturating_add(usize::from(digit - b'0'));
    map(digit1, |digits: &[u8]| digits.iter().fold(0, append)).parse(input)
}

/// How many octets at the beginning are EOLs, CR LF being one in every version (STOMP12-FRAME-3).
pub(super) fn end_of_lines_size(input: &[u8]) -> usize {
    let end_of_lines: Parsed<'_, &[u8]> = recognize(many0_count(line_ending)).parse(input);
    end_of_lines.map_or(0, |(_, end_of_lines)| end_of_lines.len())
}

/// The command and its line's end. As much as a command takes is awaited and no more.
pub(super) fn command_line(version: Version, input: &[u8]) -> Parsed<'_, Command> {
    let window = &input[..input.len().min(COMMAND_LINE_MAX)];
    let Some(end) = memchr2(b'\n', 0, window) else {
        if window.len() < COMMAND_LINE_MAX {
            return Err(nom::Err::Incomplete(Needed::Unknown));
        }
        return Err(unknown_command(version, window));
    };
    let line = strip_carriage_return(version, &input[..end]);
    match Command::from_bytes(line).filter(|command| command.exists_in(version)) {
        Some(command) if input[end] == b'\n' => Ok((&input[end + 1..], command)),
        Some(_) => Err(FRAME.broken(version, ErrorKind::Malformed, "NUL in the command line")),
        None => Err(unknown_command(version, line)),
    }
}

fn unknown_command(version: Version, line: &[u8]) -> nom::Err<Fault> {
    let known = Command::from_bytes(line.to_ascii_uppercase().trim_ascii());
    let hint = match known {
        Some(Command::Nack) if line == b"NACK" => {
            return NACK.broken(version, ErrorKind::UnknownCommand, "STOMP 1.0 has no NACK");
        }
        Some(command) => format!("; should it be {command} and LF?"),
        None => String::new(),
    };
    COMMAND.broken(
        version,
        ErrorKind::UnknownCommand,
        format!("unknown command {}{hint}", line.escape_ascii()),
    )
}

/// The line's end where a line begins, that is: a blank line.
pub(super) fn end_of_line(version: Version, input: &[u8]) -> Parsed<'_, &[u8]> {
    let mut line_feed = tag(&b"\n"[..]);
    if version.has_crlf() { line_feed.or(tag(&b"\r\n"[..])).parse(input) } else { line_feed.parse(input) }
}

/// The value of `content-length`.
pub(super) fn content_length(version: Version, value: &[u8]) -> Option<usize> {
    // The examples of 1.0 have a space behind the colon (STOMP10-FRAME-3).
    let value = if version == Version::V10 { value.trim_ascii() } else { value };
    all_consuming(number).parse(value).ok().map(|(_, length)| length)
}

/// A line without the CR that belongs to its end where the version has CR LF.
pub(super) fn strip_carriage_return(version: Version, line: &[u8]) -> &[u8] {
    match line.strip_suffix(b"\r") {
        Some(stripped) if version.has_crlf() => stripped,
        _ => line,
    }
}

/// The receipt that a frame asks for, read from the complete header lines of bytes that may be wrong elsewhere.
///
/// CONNECT cannot ask for one (STOMP12-RECEIPTHDR-1).
pub(super) fn receipt(version: Version, input: &[u8]) -> Option<Box<str>> {
    let mut lines = input
        .split_inclusive(|&octet| octet == b'\n')
        .map_while(|line| line.strip_suffix(b"\n"))
        .map(|line| strip_carriage_return(version, line))
        .take_while(|line| !line.is_empty() && !line.contains(&0));
    if Command::from_bytes(lines.next()?).is_some_and(Command::opens_session) {
        return None;
    }
    let value = lines.find_map(|line| line.strip_prefix(b"receipt:"))?;
    let value = std::str::from_utf8(value).ok()?;
    unescape(value, Escaping::of_version(version)).map(Box::from)
}

/// UNSUBSCRIBE with CR LF. What is longer cannot be a command, so nothing more of it is awaited.
const COMMAND_LINE_MAX: usize = 13;

pub(super) const FRAME: Statement = Statement(["STOMP10-FRAME-1", "STOMP11-FRAME-1", "STOMP12-FRAME-1"]);
const COMMAND: Statement = Statement(["STOMP10-FRAME-1", "STOMP11-COMMAND-1", "STOMP12-COMMAND-1"]);
const NACK: Statement = Statement(["STOMP10-ACK-3"; 3]);
