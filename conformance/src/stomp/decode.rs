//! Decodes what the server sends and forgives nothing.

use super::Version;
use super::escape::unescape;
use crate::answer::Answer;
use crate::variables::Datum;

/// What the bytes at hand amount to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decoded {
    /// More bytes are needed.
    Incomplete,
    /// A frame or a line end between frames, and how many bytes it took.
    Frame(Answer, usize),
    /// Something that a server may not send.
    Illegal(String),
}

/// The commands of a server, and the headers without which they are wrong.
const SERVER_FRAMES: [(&str, &[&str]); 4] = [
    ("CONNECTED", &[]),
    ("MESSAGE", &["destination", "message-id"]),
    ("RECEIPT", &["receipt-id"]),
    ("ERROR", &[]),
];

/// Decodes the first frame of the buffer; the version is none before CONNECTED.
pub fn decode(buffer: &[u8], version: Option<Version>) -> Decoded {
    if let Some(size) = line_end(buffer) {
        return Decoded::Frame(Answer { kind: "EOL", fields: Vec::new(), properties: Vec::new() }, size);
    }
    match decode_frame(buffer, version.unwrap_or(Version::V12)) {
        Ok(Some((answer, size))) => Decoded::Frame(answer, size),
        Ok(None) => Decoded::Incomplete,
        Err(error) => Decoded::Illegal(error),
    }
}

fn line_end(buffer: &[u8]) -> Option<usize> {
    if buffer.starts_with(b"\n") {
        Some(1)
    } else if buffer.starts_with(b"\r\n") {
        Some(2)
    } else {
        None
    }
}

fn decode_frame(buffer: &[u8], version: Version) -> Result<Option<(Answer, usize)>, String> {
    let mut rest = buffer;
    let Some(command) = take_line(&mut rest, version) else { return Ok(None) };
    let Some((kind, required)) = SERVER_FRAMES.into_iter().find(|(kind, _)| kind.as_bytes() == command)
    else {
        return Err(format!("{} is no command of a server", crate::variables::quoted(command)));
    };
    let mut answer = Answer { kind, fields: Vec::new(), properties: Vec::new() };
    loop {
        let Some(line) = take_line(&mut rest, version) else { return Ok(None) };
        if line.is_empty() {
            break;
        }
        // CONNECTED is exempt from escaping.
        let escapes = if kind == "CONNECTED" { Version::V10 } else { version };
        answer.properties.push(decode_header(line, escapes).map_err(|error| format!("{kind}: {error}"))?);
    }
    let Some(body) = take_body(&answer, &mut rest).map_err(|error| format!("{kind}: {error}"))? else {
        return Ok(None);
    };
    if !body.is_empty() && matches!(kind, "CONNECTED" | "RECEIPT") {
        return Err(format!("{kind} has a body, which only MESSAGE and ERROR may have"));
    }
    answer.fields.push(("body".to_owned(), Datum::Bytes(body)));
    let needs_subscription = kind == "MESSAGE" && version > Version::V10;
    for name in required.iter().copied().chain(needs_subscription.then_some("subscription")) {
        if answer.bytes(name).is_none() {
            return Err(format!("{kind} has no {name} header"));
        }
    }
    Ok(Some((answer, buffer.len() - rest.len())))
}

/// A line without its end; none when it has not come whole.
fn take_line<'a>(rest: &mut &'a [u8], version: Version) -> Option<&'a [u8]> {
    let end = rest.iter().position(|byte| *byte == b'\n')?;
    let line = &rest[..end];
    *rest = &rest[end + 1..];
    match line.strip_suffix(b"\r") {
        Some(stripped) if version == Version::V12 => Some(stripped),
        _ => Some(line),
    }
}

fn decode_header(line: &[u8], version: Version) -> Result<(String, Datum), String> {
    let colon = line.iter().position(|byte| *byte == b':');
    let Some(colon) = colon else {
        return Err(format!("the header line {} has no colon", crate::variables::quoted(line)));
    };
    if version == Version::V12 && line[colon + 1..].contains(&b':') {
        return Err(format!(
            "the header line {} has a colon that is not escaped",
            crate::variables::quoted(line)
        ));
    }
    let name =
        String::from_utf8(unescape(&line[..colon], version)?).map_err(|_| "a header's name is not UTF-8")?;
    let value = unescape(&line[colon + 1..], version)?;
    if std::str::from_utf8(&value).is_err() {
        return Err(format!("the header {name} is not UTF-8"));
    }
    Ok((name, Datum::Bytes(value)))
}

/// As many bytes as content-length says, else up to the first NUL; none when it has not come whole.
fn take_body(answer: &Answer, rest: &mut &[u8]) -> Result<Option<Vec<u8>>, String> {
    let length = match answer.bytes("content-length") {
        Some(digits) => {
            let number = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse::<usize>().ok());
            number.ok_or("content-length is not a number")?
        }
        None => match rest.iter().position(|byte| *byte == 0) {
            Some(length) => length,
            None => return Ok(None),
        },
    };
    let Some(end) = rest.get(length) else { return Ok(None) };
    if *end != 0 {
        return Err(format!("no NUL follows the {length} bytes of content-length"));
    }
    let body = rest[..length].to_vec();
    *rest = &rest[length + 1..];
    Ok(Some(body))
}

#[cfg(test)]
mod tests {
    use super::{Decoded, Version, decode};

    fn shown(version: Version, bytes: &[u8]) -> String {
        match decode(bytes, Some(version)) {
            Decoded::Frame(answer, size) => {
                assert_eq!(size, bytes.len());
                answer.to_string()
            }
            Decoded::Incomplete => "incomplete".to_owned(),
            Decoded::Illegal(error) => error,
        }
    }

    #[test]
    fn known_answers() {
        let message = b"MESSAGE\ndestination:d\nmessage-id:1\nsubscription:0\nk\\ck:v\\n\n\nhi\n\0";
        assert_eq!(
            shown(Version::V12, message),
            r#"MESSAGE body="hi\n" destination="d" message-id="1" subscription="0" k:k="v\n""#
        );
        assert_eq!(shown(Version::V12, &message[..message.len() - 1]), "incomplete");
        assert_eq!(shown(Version::V12, b"\n"), "EOL");
        assert_eq!(
            shown(Version::V12, b"RECEIPT\r\nreceipt-id:a\r\n\r\n\0"),
            r#"RECEIPT body="" receipt-id="a""#
        );
    }

    #[test]
    fn a_counted_body_may_hold_nul() {
        let frame = b"ERROR\ncontent-length:3\n\na\0b\0";
        assert_eq!(shown(Version::V12, frame), r#"ERROR body="a\0b" content-length="3""#);
    }

    #[test]
    fn escapes_are_undone_by_version() {
        let frame = b"ERROR\na\\cb:c\\n\\r\n\n\0";
        assert_eq!(shown(Version::V12, frame), r#"ERROR body="" a:b="c\n\r""#);
        assert!(shown(Version::V11, frame).contains("undefined"));
        assert_eq!(shown(Version::V10, frame), r#"ERROR body="" a\cb="c\\n\\r""#);
    }

    #[test]
    fn what_a_server_may_not_send_is_named() {
        assert!(shown(Version::V12, b"SEND\n\n\0").contains("no command"));
        assert!(shown(Version::V12, b"MESSAGE\ndestination:d\nmessage-id:1\n\n\0").contains("subscription"));
        assert!(shown(Version::V12, b"RECEIPT\nreceipt-id:1\n\nbody\0").contains("body"));
        assert!(shown(Version::V12, b"ERROR\ncontent-length:1\n\nab\0").contains("NUL"));
        assert!(shown(Version::V12, b"ERROR\nmessage\n\n\0").contains("colon"));
        assert!(shown(Version::V12, b"ERROR\nmessage:a:b\n\n\0").contains("escaped"));
        assert!(shown(Version::V11, b"ERROR\r\n\n\0").contains("no command"));
    }
}
