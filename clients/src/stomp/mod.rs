//! STOMP 1.2.

mod connect;
mod destination;
mod headers;
mod heart_beat;
mod session;

use tidewire_protocols::stomp::{self, Frame, Limits};

pub(crate) use self::session::Session;
use crate::error::Error;
use crate::message::Message;

/// What a message can be told before it is sent.
pub(crate) fn check_message(message: &Message) -> Result<(), Error> {
    check_name(&message.topic)
}

/// A topic or destination that is to be named in a frame.
pub(crate) fn check_name(name: &str) -> Result<(), Error> {
    match name.is_empty() || name.contains('\0') {
        true => Err(Error::Invalid(format!(
            "{name:?} is no destination: it has a character at least, and no NUL"
        ))),
        false => Ok(()),
    }
}

/// What an ERROR frame says: its `message`, and the first line of its body.
fn complaint(frame: &Frame<'_>) -> String {
    let message = frame.headers.get("message").unwrap_or_default();
    let body = String::from_utf8_lossy(frame.body);
    let details = body.lines().next().unwrap_or_default().trim();
    match (message.trim(), details) {
        ("", "") => "ERROR without a reason".to_owned(),
        ("", words) | (words, "") => words.to_owned(),
        (message, details) if message == details => details.to_owned(),
        (message, details) => format!("{message}: {details}"),
    }
}

fn malformed(error: &stomp::Error) -> Error {
    Error::Protocol(error.to_string())
}

/// A client trusts its broker more than the other way round: bodies are as large as MQTT's largest packet.
const LIMITS: Limits =
    Limits { header_count_max: 1024, header_line_max: 1024 * 1024, body_size_max: 256 * 1024 * 1024 };
