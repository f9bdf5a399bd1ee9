//! A fact as bytes: a byte says which it is, and what follows is drawn in docs/storage.md.

use std::borrow::Cow;
use std::num::NonZeroU32;
use std::ops::Range;
use std::sync::Arc;

use super::{Body, Fact, Name};
use crate::message::{Identifiers, Qos};
use crate::store::disk::codec::{Malformed, Reader, put_bytes, put_number, put_option, put_optional_text};
use crate::store::record::{Origin, QueuedTerms, SessionKind, SettledState};

const MESSAGE: u8 = 1;
const SESSION_OPENED: u8 = 2;
const SESSION_CLOSED: u8 = 3;
const SESSION_ENDED: u8 = 4;
const SUBSCRIBED: u8 = 5;
const UNSUBSCRIBED: u8 = 6;
const QUEUED: u8 = 7;
const SETTLED: u8 = 8;
const RECEIVED: u8 = 9;
const RELEASED: u8 = 10;
const RETAINED: u8 = 11;
const RETAINED_CLEARED: u8 = 12;
const ENQUEUED: u8 = 13;
const DELIVERED: u8 = 14;
const DEQUEUED: u8 = 15;
const WILL_SET: u8 = 16;
const WILL_CLEARED: u8 = 17;

impl<'a> Fact<'a> {
    /// Appends the fact. Returns where the body of a [`Fact::Message`] lies in `out`; an empty range for the others.
    pub(in crate::store::disk) fn put(&self, out: &mut Vec<u8>) -> Range<usize> {
        match self {
            Self::Message { message, body } => {
                out.push(MESSAGE);
                put_number(out, *message);
                return put_body(out, *body);
            }
            Self::SessionOpened { session, kind, client_id, expiry_secs } => {
                put_numbers(out, SESSION_OPENED, &[*session]);
                out.push(kind_number(*kind));
                put_number(out, (*expiry_secs).into());
                put_bytes(out, client_id.as_str().as_bytes());
            }
            Self::SessionClosed { session, at_unix_ms, sent_to } => {
                put_numbers(out, SESSION_CLOSED, &[*session, *at_unix_ms, *sent_to]);
            }
            Self::SessionEnded { session } => put_numbers(out, SESSION_ENDED, &[*session]),
            Self::Subscribed { session, filter, qos, options, identifier, selector } => {
                put_numbers(out, SUBSCRIBED, &[*session]);
                put_subscription(out, filter.as_str(), *qos, *options, *identifier, selector.as_ref());
            }
            Self::Unsubscribed { session, filter } => {
                put_numbers(out, UNSUBSCRIBED, &[*session]);
                put_bytes(out, filter.as_str().as_bytes());
            }
            Self::Queued { session, sequence, message, terms } => {
                put_numbers(out, QUEUED, &[*session, *sequence, *message]);
                put_terms(out, terms);
            }
            Self::Settled { session, sequence, state } => {
                put_numbers(out, SETTLED, &[*session, *sequence]);
                out.push((*state == SettledState::Done).into());
            }
            Self::Received { session, packet_id } => {
                put_numbers(out, RECEIVED, &[*session, (*packet_id).into()]);
            }
            Self::Released { session, packet_id } => {
                put_numbers(out, RELEASED, &[*session, (*packet_id).into()]);
            }
            Self::Retained { body } => {
                out.push(RETAINED);
                put_body(out, *body);
            }
            Self::RetainedCleared { topic } => put_name(out, RETAINED_CLEARED, topic),
            Self::Enqueued { queue, priority, sequence, message, deliveries } => {
                put_name(out, ENQUEUED, queue);
                out.push(*priority);
                put_number(out, *sequence);
                put_number(out, *message);
                put_number(out, (*deliveries).into());
            }
            Self::Delivered { queue, sequence, deliveries } => {
                put_name(out, DELIVERED, queue);
                put_number(out, *sequence);
                put_number(out, (*deliveries).into());
            }
            Self::Dequeued { queue, sequence } => {
                put_name(out, DEQUEUED, queue);
                put_number(out, *sequence);
            }
            Self::WillSet { session, body, delay_secs, expiry_secs } => {
                put_numbers(out, WILL_SET, &[*session, (*delay_secs).into()]);
                put_option(out, expiry_secs.map(u64::from));
                put_body(out, *body);
            }
            Self::WillCleared { session } => put_numbers(out, WILL_CLEARED, &[*session]),
        }
        0..0
    }

    /// Reads one fact.
    pub(in crate::store::disk) fn read(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(match reader.byte()? {
            MESSAGE => Self::Message { message: reader.number()?, body: Body::Read(reader.bytes()?) },
            SESSION_OPENED => {
                let (session, kind, expiry_secs) = (reader.number()?, read_kind(reader)?, reader.small()?);
                Self::SessionOpened { session, kind, client_id: Name::Read(reader.text()?), expiry_secs }
            }
            SESSION_CLOSED => Self::SessionClosed {
                session: reader.number()?,
                at_unix_ms: reader.number()?,
                sent_to: reader.number()?,
            },
            SESSION_ENDED => Self::SessionEnded { session: reader.number()? },
            SUBSCRIBED => {
                let session = reader.number()?;
                let (filter, qos, options, identifier, selector) = read_subscription(reader)?;
                let (filter, selector) = (Name::Read(filter), selector.map(Name::Read));
                Self::Subscribed { session, filter, qos, options, identifier, selector }
            }
            UNSUBSCRIBED => {
                Self::Unsubscribed { session: reader.number()?, filter: Name::Read(reader.text()?) }
            }
            QUEUED => Self::Queued {
                session: reader.number()?,
                sequence: reader.number()?,
                message: reader.number()?,
                terms: Cow::Owned(read_terms(reader)?),
            },
            SETTLED => {
                let (session, sequence) = (reader.number()?, reader.number()?);
                let state = if reader.byte()? == 0 { SettledState::Received } else { SettledState::Done };
                Self::Settled { session, sequence, state }
            }
            RECEIVED => Self::Received { session: reader.number()?, packet_id: reader.small()? },
            RELEASED => Self::Released { session: reader.number()?, packet_id: reader.small()? },
            RETAINED => Self::Retained { body: Body::Read(reader.bytes()?) },
            RETAINED_CLEARED => Self::RetainedCleared { topic: Name::Read(reader.text()?) },
            ENQUEUED => Self::Enqueued {
                queue: Name::Read(reader.text()?),
                priority: reader.byte()?,
                sequence: reader.number()?,
                message: reader.number()?,
                deliveries: reader.small()?,
            },
            DELIVERED => Self::Delivered {
                queue: Name::Read(reader.text()?),
                sequence: reader.number()?,
                deliveries: reader.small()?,
            },
            DEQUEUED => Self::Dequeued { queue: Name::Read(reader.text()?), sequence: reader.number()? },
            WILL_SET => {
                let (session, delay_secs) = (reader.number()?, reader.small()?);
                let expiry_secs = read_small_option(reader)?;
                Self::WillSet { session, body: Body::Read(reader.bytes()?), delay_secs, expiry_secs }
            }
            WILL_CLEARED => Self::WillCleared { session: reader.number()? },
            _ => return Err(Malformed),
        })
    }
}

fn put_numbers(out: &mut Vec<u8>, kind: u8, numbers: &[u64]) {
    out.push(kind);
    for number in numbers {
        put_number(out, *number);
    }
}

fn put_name(out: &mut Vec<u8>, kind: u8, name: &Name<'_>) {
    out.push(kind);
    put_bytes(out, name.as_str().as_bytes());
}

/// Appends a message with its length before it, and returns where it lies.
fn put_body(out: &mut Vec<u8>, body: Body<'_>) -> Range<usize> {
    /// As many bytes as the length of any message needs, so that it can be filled in afterwards.
    const LENGTH: usize = 5;
    let length_at = out.len();
    out.resize(length_at + LENGTH, 0);
    body.put(out);
    let range = length_at + LENGTH..out.len();
    let mut length = range.len();
    for byte in &mut out[length_at..range.start] {
        *byte = length as u8 & 0x7f | 0x80;
        length >>= 7;
    }
    out[range.start - 1] &= 0x7f;
    range
}

/// Reads an option whose value must be small.
pub(in crate::store::disk) fn read_small_option(reader: &mut Reader<'_>) -> Result<Option<u32>, Malformed> {
    reader.option()?.map(u32::try_from).transpose().map_err(|_| Malformed)
}

pub(in crate::store::disk) fn kind_number(kind: SessionKind) -> u8 {
    match kind {
        SessionKind::Mqtt => 0,
        SessionKind::Stomp => 1,
        SessionKind::DurableSubscription => 2,
    }
}

pub(in crate::store::disk) fn read_kind(reader: &mut Reader<'_>) -> Result<SessionKind, Malformed> {
    match reader.byte()? {
        0 => Ok(SessionKind::Mqtt),
        1 => Ok(SessionKind::Stomp),
        2 => Ok(SessionKind::DurableSubscription),
        _ => Err(Malformed),
    }
}

pub(in crate::store::disk) fn put_subscription(
    out: &mut Vec<u8>,
    filter: &str,
    qos: Qos,
    options: u8,
    identifier: u32,
    selector: Option<&Name<'_>>,
) {
    put_bytes(out, filter.as_bytes());
    out.extend_from_slice(&[qos.as_u8(), options]);
    put_number(out, identifier.into());
    put_optional_text(out, selector.map(Name::as_str));
}

type Subscription<'a> = (&'a str, Qos, u8, u32, Option<&'a str>);

pub(in crate::store::disk) fn read_subscription<'a>(
    reader: &mut Reader<'a>,
) -> Result<Subscription<'a>, Malformed> {
    Ok((reader.text()?, read_qos(reader)?, reader.byte()?, reader.small()?, reader.optional_text()?))
}

fn read_qos(reader: &mut Reader<'_>) -> Result<Qos, Malformed> {
    Qos::from_u8(reader.byte()?).ok_or(Malformed)
}

const TERMS_QOS: u8 = 0b0000_0011;
const TERMS_RETAIN: u8 = 0b0000_0100;
const TERMS_IDENTIFIERS: u8 = 0b0000_1000;
const TERMS_SHARE: u8 = 0b0001_0000;
const TERMS_ORIGIN: u8 = 0b0010_0000;

pub(in crate::store::disk) fn put_terms(out: &mut Vec<u8>, terms: &QueuedTerms) {
    let flag = |is_there: bool, flag: u8| if is_there { flag } else { 0 };
    out.push(
        terms.qos.as_u8()
            | flag(terms.retain, TERMS_RETAIN)
            | flag(!terms.identifiers.is_empty(), TERMS_IDENTIFIERS)
            | flag(terms.share.is_some(), TERMS_SHARE)
            | flag(terms.origin.is_some(), TERMS_ORIGIN),
    );
    if !terms.identifiers.is_empty() {
        put_number(out, terms.identifiers.len() as u64);
        terms.identifiers.iter().for_each(|identifier| put_number(out, identifier.get().into()));
    }
    if let Some(share) = &terms.share {
        put_bytes(out, share.as_bytes());
    }
    if let Some(origin) = &terms.origin {
        put_bytes(out, origin.queue.as_bytes());
        out.push(origin.priority);
        put_number(out, origin.sequence);
        put_number(out, origin.deliveries.into());
    }
}

pub(in crate::store::disk) fn read_terms(reader: &mut Reader<'_>) -> Result<QueuedTerms, Malformed> {
    let flags = reader.byte()?;
    let mut identifiers = Identifiers::new();
    if flags & TERMS_IDENTIFIERS != 0 {
        for _ in 0..reader.number()? {
            identifiers.push(NonZeroU32::new(reader.small()?).ok_or(Malformed)?);
        }
    }
    let share = if flags & TERMS_SHARE == 0 { None } else { Some(reader.shared_text()?) };
    let origin = if flags & TERMS_ORIGIN == 0 {
        None
    } else {
        Some(Arc::new(Origin {
            queue: reader.shared_text()?,
            priority: reader.byte()?,
            sequence: reader.number()?,
            deliveries: reader.small()?,
        }))
    };
    let qos = Qos::from_u8(flags & TERMS_QOS).ok_or(Malformed)?;
    Ok(QueuedTerms { qos, retain: flags & TERMS_RETAIN != 0, identifiers, share, origin })
}
