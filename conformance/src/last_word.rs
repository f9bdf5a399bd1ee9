//! The last word of a protocol over a WebSocket whose own rules were broken.

use crate::case::Item;
use crate::connection::Event;

/// Whether this is MQTT's DISCONNECT or STOMP's ERROR, where the connection must end with a Close frame whose code the case
/// names: it comes before that.
pub fn is_last_word(missing: &[&Item], event: &Event) -> bool {
    const DISCONNECT: u8 = 0xE0;
    let Event::Answer(answer, _) = event else { return false };
    let is_word = match answer.kind {
        "DISCONNECT" | "ERROR" => true,
        "TEXT" => answer.bytes("payload").is_some_and(|payload| payload.starts_with(b"ERROR\n")),
        "BINARY" => answer.bytes("payload").is_some_and(|payload| payload.first() == Some(&DISCONNECT)),
        _ => false,
    };
    is_word && missing.iter().any(|item| matches!(item, Item::End(Some(_))))
}
