//! Reads the answer to the upgrade.

use crate::answer::Answer;
use crate::variables::{Datum, quoted};

/// No server needs a longer head.
const HEAD_MAX: usize = 64 * 1024;

/// A response's head, its status first and its headers, with names in lower case, as properties.
///
/// # Errors
///
/// Where it is not HTTP/1.1. None: it has not come whole.
pub(super) fn decode(buffer: &[u8]) -> Result<Option<(Answer, usize)>, String> {
    let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") else {
        let is_begun = buffer.starts_with(&b"HTTP/1."[..buffer.len().min(7)]);
        return match buffer.len() <= HEAD_MAX && is_begun {
            true => Ok(None),
            false => Err(format!("{} is no HTTP response [WS-HS-15]", quoted(buffer))),
        };
    };
    let head = std::str::from_utf8(&buffer[..end]).map_err(|_| "the response's head is not UTF-8")?;
    let mut lines = head.split("\r\n");
    let status_line = lines.next().unwrap_or_default();
    let status = parse_status_line(status_line)
        .ok_or_else(|| format!("`{status_line}` is no status line of HTTP/1.1 [WS-HS-15]"))?;
    let mut answer = Answer {
        kind: "RESPONSE",
        fields: vec![("status".to_owned(), Datum::Number(status))],
        properties: Vec::new(),
    };
    for line in lines {
        let (name, value) =
            line.split_once(':').ok_or_else(|| format!("`{line}` in the response is no header"))?;
        if name.is_empty() || name.contains(|character: char| character.is_ascii_whitespace()) {
            return Err(format!("`{line}` in the response is no header"));
        }
        let value = Datum::Bytes(value.trim_matches([' ', '\t']).as_bytes().to_vec());
        answer.properties.push((name.to_ascii_lowercase(), value));
    }
    Ok(Some((answer, end + 4)))
}

fn parse_status_line(line: &str) -> Option<u64> {
    let (version, rest) = line.split_once(' ')?;
    let digits = rest.split(' ').next()?;
    let status = (digits.len() == 3).then(|| digits.parse().ok()).flatten()?;
    // A client of 1.0 may be refused in its own version.
    let is_version = version == "HTTP/1.1" || version == "HTTP/1.0" && status >= 400;
    (is_version && (100..600).contains(&status)).then_some(status)
}

/// The values of a header, in order.
pub(super) fn header<'a>(answer: &'a Answer, name: &'a str) -> impl Iterator<Item = String> + 'a {
    let of_name = answer.properties.iter().filter(move |(other, _)| other == name);
    of_name.map(|(_, value)| match value {
        Datum::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        other => other.to_string(),
    })
}
