//! STOMP frames, as far as a benchmark looks at them: the broker is trusted to write well-formed ones.
//!
//! ```text
//! frame = command EOL *(name ":" value EOL) EOL body NUL *EOL        body: content-length bytes, or up to NUL
//! ```

use memchr::memchr;
use tidewire_client::Error;

use super::frame::put_text_head;
use super::scan::Incoming;

/// The frame at the front of `input`, and its size; `None` if it is not whole.
pub(super) fn next(input: &[u8]) -> Result<Option<(Incoming<'_>, usize)>, Error> {
    // Line ends behind a frame, or heart-beats.
    let start = input.iter().position(|byte| !matches!(byte, b'\n' | b'\r')).unwrap_or(input.len());
    let mut at = start;
    let mut head = Head::default();
    loop {
        let Some(length) = memchr(b'\n', &input[at..]) else { return Ok(None) };
        let line = &input[at..at + length];
        at += length + 1;
        match line.strip_suffix(b"\r").unwrap_or(line) {
            [] => break,
            line => head.take(line)?,
        }
    }
    let length = match head.content_length {
        Some(length) => length,
        None => match memchr(0, &input[at..]) {
            Some(length) => length,
            None => return Ok(None),
        },
    };
    let Some(body) = at.checked_add(length).and_then(|end| input.get(at..end)) else { return Ok(None) };
    let size = at + length + 1;
    if size > input.len() {
        return Ok(None);
    }
    let incoming = match head.command {
        b"MESSAGE" => Incoming::Message { ack: head.ack, payload: body },
        b"RECEIPT" => Incoming::Receipt { number: head.receipt.unwrap_or(0) },
        b"ERROR" => return Err(Error::EndedByBroker(error_text(head.message, body))),
        _ => Incoming::Other(&input[start..size]),
    };
    Ok(Some((incoming, size)))
}

#[derive(Default)]
struct Head<'a> {
    command: &'a [u8],
    content_length: Option<usize>,
    ack: &'a [u8],
    receipt: Option<u32>,
    message: &'a [u8],
}

impl<'a> Head<'a> {
    fn take(&mut self, line: &'a [u8]) -> Result<(), Error> {
        // Most headers are told from those by their first byte.
        match line[0] {
            _ if self.command.is_empty() => self.command = line,
            b'c' => {
                if let Some(digits) = line.strip_prefix(b"content-length:") {
                    self.content_length.get_or_insert(number(digits).ok_or_else(malformed)?);
                }
            }
            b'a' => self.ack = line.strip_prefix(b"ack:").unwrap_or(self.ack),
            b'r' => {
                if let Some(digits) = line.strip_prefix(b"receipt-id:") {
                    self.receipt = number(digits);
                }
            }
            b'm' => self.message = line.strip_prefix(b"message:").unwrap_or(self.message),
            _ => {}
        }
        Ok(())
    }
}

/// Appends `frame`, over WebSocket as a text message.
pub(super) fn put(frame: &[u8], is_websocket: bool, out: &mut Vec<u8>) {
    if is_websocket {
        put_text_head(frame.len(), out);
    }
    out.extend_from_slice(frame);
}

/// Appends an ACK for the message whose `ack` header that is.
pub(in super::super) fn put_ack(ack: &[u8], is_websocket: bool, out: &mut Vec<u8>) {
    const BEFORE: &[u8] = b"ACK\nid:";
    const BEHIND: &[u8] = b"\n\n\0";
    if is_websocket {
        put_text_head(BEFORE.len() + ack.len() + BEHIND.len(), out);
    }
    for part in [BEFORE, ack, BEHIND] {
        out.extend_from_slice(part);
    }
}

fn number<T: std::str::FromStr>(digits: &[u8]) -> Option<T> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn error_text(message: &[u8], body: &[u8]) -> String {
    let (message, body) = (String::from_utf8_lossy(message), String::from_utf8_lossy(body));
    format!("{message}: {}", body.trim_end())
}

#[cold]
fn malformed() -> Error {
    Error::Protocol("the broker has sent a malformed frame".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_scanned_with_and_without_a_length() {
        for (frame, expected) in [
            (
                "MESSAGE\nsubscription:0\nack:7\ncontent-length:3\nmessage-id:1\n\na\0b\0",
                Incoming::Message { ack: b"7", payload: b"a\0b" },
            ),
            ("\n\r\nMESSAGE\r\nx:y\r\n\r\nabc\0", Incoming::Message { ack: b"", payload: b"abc" }),
            ("RECEIPT\nreceipt-id:00042\n\n\0", Incoming::Receipt { number: 42 }),
            ("CONNECTED\nversion:1.2\n\n\0", Incoming::Other(b"CONNECTED\nversion:1.2\n\n\0")),
        ] {
            let input = format!("{frame}\nREST");
            assert_eq!(next(input.as_bytes()).unwrap(), Some((expected, frame.len())), "{frame:?}");
            for cut in 0..frame.len() {
                assert_eq!(next(&frame.as_bytes()[..cut]).unwrap(), None, "{frame:?} to {cut}");
            }
        }
    }

    #[test]
    fn an_error_ends_it() {
        let said = next(b"ERROR\nmessage:no\n\nwhy\n\0").unwrap_err().to_string();
        assert!(said.contains("no: why"), "{said}");
        assert!(next(b"MESSAGE\ncontent-length:x\n\n\0").is_err());
        assert_eq!(next(b"MESSAGE\ncontent-length:18446744073709551615\n\n\0").unwrap(), None);
    }

    #[test]
    fn an_acknowledgement_is_a_text_message() {
        let mut out = Vec::new();
        put_ack(b"12", true, &mut out);
        assert_eq!(out, b"\x81\x8C\0\0\0\0ACK\nid:12\n\n\0");
        out.clear();
        put_ack(b"12", false, &mut out);
        assert_eq!(out, b"ACK\nid:12\n\n\0");
    }
}
