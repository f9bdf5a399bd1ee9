//! `--format`: what is written of a message, in the way of mosquitto_sub.
//!
//! ```text
//! template = { text | "%" field | "%%" | "\" escape }
//! escape   = "n" | "t" | "r" | "0" | "a" | "e" | "v" | "\"
//! ```

use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use tidewire_client::Message;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{json, write_hex};

/// A format that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Field(Field),
}

/// What stands behind a `%`. The letters are mosquitto_sub's, but for `b`, which is ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Topic,
    Payload,
    Hex,
    UpperHex,
    Base64,
    Length,
    Qos,
    Retain,
    ContentType,
    CorrelationData,
    Expiry,
    PayloadIsText,
    ResponseTopic,
    UserProperties,
    SubscriptionIdentifiers,
    Time,
    UnixTime,
    Json,
    JsonWithin,
}

/// How text is written that comes from others.
type WriteText<'a> = dyn Fn(&[u8], &mut Vec<u8>) + 'a;

impl FromStr for Template {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            match character {
                '%' => match characters.next() {
                    Some('%') => literal.push('%'),
                    letter => {
                        let field = letter.and_then(Field::parse).ok_or_else(|| unknown('%', letter))?;
                        if !literal.is_empty() {
                            pieces.push(Piece::Text(std::mem::take(&mut literal)));
                        }
                        pieces.push(Piece::Field(field));
                    }
                },
                '\\' => {
                    let letter = characters.next();
                    literal.push(letter.and_then(escaped).ok_or_else(|| unknown('\\', letter))?);
                }
                other => literal.push(other),
            }
        }
        if !literal.is_empty() {
            pieces.push(Piece::Text(literal));
        }
        Ok(Self(pieces))
    }
}

impl Template {
    /// Appends one message, which came `now`.
    pub(super) fn write(
        &self,
        message: &Message,
        now: SystemTime,
        text: impl Fn(&[u8], &mut Vec<u8>),
        out: &mut Vec<u8>,
    ) {
        for piece in &self.0 {
            match piece {
                Piece::Text(literal) => out.extend_from_slice(literal.as_bytes()),
                Piece::Field(field) => field.write(message, now, &text, out),
            }
        }
    }
}

impl Field {
    fn parse(letter: char) -> Option<Self> {
        Some(match letter {
            't' => Self::Topic,
            'p' => Self::Payload,
            'x' => Self::Hex,
            'X' => Self::UpperHex,
            'b' => Self::Base64,
            'l' => Self::Length,
            'q' => Self::Qos,
            'r' => Self::Retain,
            'C' => Self::ContentType,
            'D' => Self::CorrelationData,
            'E' => Self::Expiry,
            'F' => Self::PayloadIsText,
            'R' => Self::ResponseTopic,
            'P' => Self::UserProperties,
            'S' => Self::SubscriptionIdentifiers,
            'I' => Self::Time,
            'U' => Self::UnixTime,
            'j' => Self::Json,
            'J' => Self::JsonWithin,
            _ => return None,
        })
    }

    fn write(self, message: &Message, now: SystemTime, text: &WriteText<'_>, out: &mut Vec<u8>) {
        let Message { topic, payload, qos, retain, properties } = message;
        let spelled = match self {
            Self::Topic => return text(topic.as_bytes(), out),
            Self::Payload => return text(payload, out),
            Self::Hex => return write_hex(payload, out),
            Self::ContentType => {
                return text(properties.content_type.as_deref().unwrap_or("").as_bytes(), out);
            }
            Self::ResponseTopic => {
                return text(properties.response_topic.as_deref().unwrap_or("").as_bytes(), out);
            }
            Self::CorrelationData => return text(properties.correlation_data.as_deref().unwrap_or(b""), out),
            Self::UserProperties => return text(user_properties(&properties.user).as_bytes(), out),
            Self::UpperHex => {
                let begin = out.len();
                write_hex(payload, out);
                return out[begin..].make_ascii_uppercase();
            }
            Self::Base64 => BASE64.encode(payload),
            Self::Length => payload.len().to_string(),
            Self::Qos => qos.as_u8().to_string(),
            Self::Retain => u8::from(*retain).to_string(),
            Self::Expiry => properties.expiry.map(|expiry| expiry.as_secs().to_string()).unwrap_or_default(),
            Self::PayloadIsText => u8::from(properties.payload_is_text).to_string(),
            Self::SubscriptionIdentifiers => {
                let identifiers = properties.subscription_identifiers.iter().map(u32::to_string);
                identifiers.collect::<Vec<_>>().join(" ")
            }
            Self::Time => point_in_time(now),
            Self::UnixTime => {
                let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
                format!("{}.{:09}", since.as_secs(), since.subsec_nanos())
            }
            Self::Json => json::message(message, json::Payload::Text).to_string(),
            Self::JsonWithin => json::message(message, json::Payload::Json).to_string(),
        };
        out.extend_from_slice(spelled.as_bytes());
    }
}

/// As mosquitto_sub has them.
fn user_properties(properties: &[(String, String)]) -> String {
    properties.iter().map(|(name, value)| format!("{name}:{value}")).collect::<Vec<_>>().join(" ")
}

/// RFC 3339, in UTC, to the second.
fn point_in_time(now: SystemTime) -> String {
    let now = OffsetDateTime::from(now).replace_nanosecond(0);
    // It fails only for years of five digits.
    now.ok().and_then(|now| now.format(&Rfc3339).ok()).unwrap_or_default()
}

fn escaped(letter: char) -> Option<char> {
    Some(match letter {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        '0' => '\0',
        'a' => '\x07',
        'e' => '\x1b',
        'v' => '\x0b',
        '\\' => '\\',
        _ => return None,
    })
}

fn unknown(sign: char, letter: Option<char>) -> String {
    let letter = letter.map(String::from).unwrap_or_default();
    format!("{sign}{letter} means nothing: there are {FIELDS} and \\n \\t \\r \\0 \\a \\e \\v \\\\")
}

const FIELDS: &str = "%t %p %x %X %b %l %q %r %C %D %E %F %R %P %S %I %U %j %J %%";

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tidewire_client::Qos;

    use super::*;

    fn rendered(format: &str) -> String {
        let mut message = Message::new("a/b", "{\"n\":1}").with_qos(Qos::AtLeastOnce).with_retain(true);
        message.properties.content_type = Some("application/json".to_owned());
        message.properties.response_topic = Some("answers".to_owned());
        message.properties.correlation_data = Some("7".into());
        message.properties.expiry = Some(Duration::from_secs(60));
        message.properties.payload_is_text = true;
        message.properties.subscription_identifiers = vec![3, 4];
        message.properties.user = vec![("k".to_owned(), "1".to_owned()), ("k".to_owned(), "2".to_owned())];
        let template: Template = format.parse().unwrap();
        let mut out = Vec::new();
        let now = UNIX_EPOCH + Duration::new(1_700_000_000, 5);
        template.write(&message, now, |text, out| out.extend_from_slice(text), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_field() {
        for (format, expected) in [
            ("%t %p", "a/b {\"n\":1}"),
            ("%x", "7b226e223a317d"),
            ("%X", "7B226E223A317D"),
            ("%b", "eyJuIjoxfQ=="),
            ("%l %q %r", "7 1 1"),
            ("%C %R %D %E %F", "application/json answers 7 60 1"),
            ("%P|%S", "k:1 k:2|3 4"),
            ("%I %U", "2023-11-14T22:13:20Z 1700000000.000000005"),
            ("100 %%\\t%q\\n\\\\", "100 %\t1\n\\"),
            ("", ""),
        ] {
            assert_eq!(rendered(format), expected, "{format:?}");
        }
        assert!(rendered("%j").contains(r#""payload":"{\"n\":1}""#));
        assert!(rendered("%J").contains(r#""payload":{"n":1}"#));
    }

    #[test]
    fn what_means_nothing_is_told() {
        for (format, wrong) in
            [("%z", "%z means nothing"), ("50%", "% means nothing"), ("\\q", "\\q means nothing")]
        {
            let said = format.parse::<Template>().expect_err(format);
            assert!(said.starts_with(wrong) && said.contains("%t %p"), "{said}");
        }
    }
}
