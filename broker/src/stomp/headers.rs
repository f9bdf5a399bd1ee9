//! The table between a message and STOMP's headers, both directions. (semantics: "One message space")
//!
//! | message | SEND | MESSAGE |
//! |---|---|---|
//! | content type | `content-type` | same |
//! | payload format 1 | came as a text WebSocket message | goes as one |
//! | expiry | `expires` (ms since the epoch) or `ttl` (ms) | `expires` |
//! | response topic | `reply-to` | same |
//! | correlation data | `correlation-id`, `correlation-id-encoding:base64` where it is no plain text | same |
//! | user properties | every other header, in order | same; a name that STOMP reserves is prefixed `user-` |
//! | retain, QoS | `retain:true`, `qos` | same |

use std::borrow::Cow;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::{BufMut, BytesMut};
use tidewire_protocols::mqtt::Property;
use tidewire_protocols::stomp::{
    Headers, RESERVED_HEADERS, Version, encode_header, encode_header_end, encode_header_number, user_header,
    user_name,
};
use tidewire_protocols::topic::TopicName;

use super::destination::{Names, destination, destination_parts};
use super::refuse::Refusal;
use crate::clock::Now;
use crate::config::Separator;
use crate::message::{Attributes, AttributesBuf, Publication, Qos};
use crate::session::DeliveryOptions;

/// What a SEND says of its message, besides topic and body.
#[derive(Clone, Copy, Debug)]
pub(super) struct Particulars {
    pub(super) qos: Qos,
    pub(super) retain: bool,
    pub(super) expires_at: Option<u64>,
    /// Whether the same head says the same of another message: it names nothing that is this one's alone.
    pub(super) is_repeatable: bool,
}

/// What a head may not name whose meaning is to be remembered: a receipt that is owed, a transaction, a queue that is made
/// for replies, a time that counts from now.
const ONCE_ONLY: [&str; 4] = ["receipt", "reply-to", "transaction", "ttl"];

/// Bytes of the payload format among the attributes; every other attribute has more.
const PAYLOAD_FORMAT_BYTES: usize = 2;

/// Reads a SEND's headers; what travels from end to end goes into `attributes`.
pub(super) fn read(
    headers: &Headers<'_>,
    names: Names<'_>,
    is_text: bool,
    now: Now,
    attributes: &mut AttributesBuf,
) -> Result<Particulars, Refusal> {
    attributes.clear();
    let mut particulars =
        Particulars { qos: Qos::AtLeastOnce, retain: false, expires_at: None, is_repeatable: true };
    if is_text {
        attributes.push(Property::PayloadFormatIndicator(true));
    }
    let mut seen = [false; RESERVED_HEADERS.len()];
    for (name, value) in headers.iter() {
        let Some(index) = RESERVED_HEADERS.iter().position(|reserved| *reserved == name) else {
            attributes.push(Property::UserProperty(user_name(&name), &value));
            continue;
        };
        particulars.is_repeatable &= !ONCE_ONLY.contains(&name.as_ref());
        // Of repeated headers the first counts. [STOMP12-REPEAT-1]
        if std::mem::replace(&mut seen[index], true) {
            continue;
        }
        match name.as_ref() {
            "content-type" => {
                attributes.push(Property::ContentType(&value));
            }
            "reply-to" => read_reply_to(&value, names, attributes)?,
            "correlation-id" => {
                let encoding = headers.get("correlation-id-encoding");
                let data = correlation_data(&value, encoding.as_deref())?;
                attributes.push(Property::CorrelationData(&data));
            }
            "qos" => particulars.qos = read_qos(&value)?,
            "retain" => particulars.retain = read_bool("retain", &value)?,
            "expires" => {
                let at = read_number("expires", &value)?;
                // 0 means never in the brokers that clients come from.
                particulars.expires_at = (at > 0).then_some(at);
            }
            "ttl" => {
                let ttl = Duration::from_millis(read_number("ttl", &value)?);
                particulars.expires_at = Some(now.unix_ms_after(ttl));
            }
            _ => {}
        }
    }
    Ok(particulars)
}

/// Writes the headers of a MESSAGE that are the same for all its receivers of one version, but for `content-length`.
pub(super) fn write(
    publication: &Publication<'_>,
    options: &DeliveryOptions,
    version: Version,
    separator: Separator,
    out: &mut BytesMut,
) {
    let (prefix, name) = destination_parts(publication.topic, separator);
    // What is made of letters and digits alone needs no escapes, in any version.
    out.put_slice(b"destination:");
    out.put_slice(prefix.as_bytes());
    encode_header_end(version, &name, out);
    out.put_slice([b"qos:0\n", b"qos:1\n", b"qos:2\n"][usize::from(options.qos.as_u8())]);
    if options.retain {
        out.put_slice(b"retain:true\n");
    }
    if let Some(expires_at) = publication.expires_at {
        encode_header_number("expires", expires_at, out);
    }
    let mut header = |name: &str, value: &str| encode_header(version, name, value, out);
    // Most have none but the payload format, which no header says.
    let is_bare = publication.attributes.encoded().len() <= PAYLOAD_FORMAT_BYTES;
    let attributes = if is_bare { Attributes::default() } else { publication.attributes };
    for property in attributes.iter() {
        match property {
            Property::ContentType(content_type) => header("content-type", content_type),
            Property::ResponseTopic(topic) => header("reply-to", &destination(topic, separator)),
            Property::CorrelationData(data) => match plain_text(data) {
                Some(text) => header("correlation-id", text),
                None => {
                    header("correlation-id", &BASE64.encode(data));
                    header("correlation-id-encoding", "base64");
                }
            },
            Property::UserProperty(name, value) => header(&user_header(name), value),
            _ => {}
        }
    }
}

/// Correlation data that can stand in a header of every version as it is.
fn plain_text(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(data).ok().filter(|text| !text.chars().any(char::is_control))
}

fn correlation_data<'v>(value: &'v str, encoding: Option<&str>) -> Result<Cow<'v, [u8]>, Refusal> {
    match encoding {
        None => Ok(Cow::Borrowed(value.as_bytes())),
        Some("base64") => BASE64.decode(value).map(Cow::Owned).map_err(|_| {
            Refusal::bad_header("correlation-id", value, "base64, as correlation-id-encoding says")
        }),
        Some(other) => Err(Refusal::bad_header("correlation-id-encoding", other, "base64")),
    }
}

fn read_reply_to(value: &str, names: Names<'_>, attributes: &mut AttributesBuf) -> Result<(), Refusal> {
    let bad = || Refusal::bad_header("reply-to", value, "/topic/…, /queue/… or /temp-queue/…");
    let topic = names.response_topic(value).ok_or_else(bad)?;
    let topic = TopicName::parse(&topic).map_err(|_| bad())?;
    attributes.push(Property::ResponseTopic(topic));
    Ok(())
}

fn read_qos(value: &str) -> Result<Qos, Refusal> {
    let qos = value.parse().ok().and_then(Qos::from_u8);
    qos.ok_or_else(|| Refusal::bad_header("qos", value, "0, 1 or 2"))
}

/// A header that is `true` or `false`.
pub(super) fn read_bool(name: &str, value: &str) -> Result<bool, Refusal> {
    value.parse().map_err(|_| Refusal::bad_header(name, value, "true or false"))
}

/// A header that is a number.
pub(super) fn read_number(name: &str, value: &str) -> Result<u64, Refusal> {
    value.parse().map_err(|_| Refusal::bad_header(name, value, "a number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn correlation_data_that_is_no_plain_text_goes_as_base64() {
        assert_eq!(plain_text("grün:7".as_bytes()), Some("grün:7"));
        for data in [&b"\xff\x00"[..], b"a\nb", b"a\0b"] {
            assert_eq!(plain_text(data), None);
        }
    }
}
