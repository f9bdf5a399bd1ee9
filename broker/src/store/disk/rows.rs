//! The archive's rows: what each key is for, and its value as bytes. docs/storage.md draws them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::backlog::{Backlog, Entry};
use super::body;
use super::codec::{Malformed, Reader, put_bytes, put_number, put_option};
use super::fact::{Name, kind_number, put_subscription, read_kind, read_small_option, read_subscription};
use super::image::{SessionImage, SubscriptionImage, WillImage};
use super::place::{Location, Place};
use crate::message::Message;
use crate::store::fetch::Owner;

pub(super) const META: &[u8] = b"M";
pub(super) const SESSIONS: &[u8] = b"S";
pub(super) const WILLS: &[u8] = b"W";
pub(super) const RETAINED: &[u8] = b"R";
/// Chunks of messages.
pub(super) const MESSAGES: &[u8] = b"B";
/// What lies where in a chunk of messages.
pub(super) const DIRECTORIES: &[u8] = b"I";
/// Chunks of sessions' deliveries.
pub(super) const DELIVERIES: &[u8] = b"D";
/// Chunks of queues' messages' places.
pub(super) const QUEUED: &[u8] = b"Q";

pub(super) fn session_key(session: u64) -> Vec<u8> {
    [SESSIONS, &session.to_be_bytes()].concat()
}

pub(super) fn will_key(session: u64) -> Vec<u8> {
    [WILLS, &session.to_be_bytes()].concat()
}

/// Topics may be long, and keys must not be: the topic itself stands in the value.
pub(super) fn retained_key(topic: &str) -> Vec<u8> {
    [RETAINED, &Sha256::digest(topic)].concat()
}

pub(super) fn messages_key(chunk: u32) -> Vec<u8> {
    [MESSAGES, &chunk.to_be_bytes()].concat()
}

pub(super) fn directory_key(chunk: u32) -> Vec<u8> {
    [DIRECTORIES, &chunk.to_be_bytes()].concat()
}

pub(super) fn entries_key(owner: &Owner, chunk: u32) -> Vec<u8> {
    match owner {
        Owner::Session(session) => [DELIVERIES, &session.to_be_bytes(), &chunk.to_be_bytes()].concat(),
        Owner::Queue(queue) => [QUEUED, &Sha256::digest(queue.as_bytes()), &chunk.to_be_bytes()].concat(),
    }
}

/// The number in a key of a session or a will.
pub(super) fn read_session_key(key: &[u8]) -> Result<u64, Malformed> {
    let number = key.get(1..).and_then(|number| number.try_into().ok()).ok_or(Malformed)?;
    Ok(u64::from_be_bytes(number))
}

/// The number in a key of a chunk of messages or its directory.
pub(super) fn read_chunk_key(key: &[u8]) -> Result<u32, Malformed> {
    let number = key.get(1..).and_then(|number| number.try_into().ok()).ok_or(Malformed)?;
    Ok(u32::from_be_bytes(number))
}

/// Where numbering goes on, and from which segment on the journal counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Meta {
    pub(super) first_segment: u32,
    pub(super) next_message: u64,
    pub(super) next_session: u64,
    pub(super) next_chunk: u32,
}

impl Meta {
    pub(super) fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_number(&mut out, self.first_segment.into());
        put_number(&mut out, self.next_message);
        put_number(&mut out, self.next_session);
        put_number(&mut out, self.next_chunk.into());
        out
    }

    pub(super) fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        Ok(Self {
            first_segment: reader.small()?,
            next_message: reader.number()?,
            next_session: reader.number()?,
            next_chunk: reader.small()?,
        })
    }
}

/// A session without its will and what waits for it.
pub(super) fn write_session(session: &SessionImage) -> Vec<u8> {
    let mut out = vec![kind_number(session.kind)];
    put_number(&mut out, session.expiry_secs.into());
    put_option(&mut out, session.closed_at);
    put_number(&mut out, session.sent_to);
    put_number(&mut out, session.next_sequence);
    put_bytes(&mut out, session.client_id.as_bytes());
    put_number(&mut out, session.received.len() as u64);
    session.received.iter().for_each(|packet_id| put_number(&mut out, (*packet_id).into()));
    put_number(&mut out, session.subscriptions.len() as u64);
    for (filter, terms) in &session.subscriptions {
        let selector = terms.selector.as_ref().map(Name::Shared);
        put_subscription(&mut out, filter, terms.qos, terms.options, terms.identifier, selector.as_ref());
    }
    out
}

pub(super) fn read_session(bytes: &[u8]) -> Result<SessionImage, Malformed> {
    let mut reader = Reader::new(bytes);
    let mut session = SessionImage {
        kind: read_kind(&mut reader)?,
        expiry_secs: reader.small()?,
        closed_at: reader.option()?,
        sent_to: reader.number()?,
        next_sequence: reader.number()?,
        client_id: reader.shared_text()?,
        subscriptions: BTreeMap::new(),
        received: BTreeSet::new(),
        will: None,
        backlog: Backlog::default(),
    };
    for _ in 0..reader.number()? {
        session.received.insert(reader.small()?);
    }
    for _ in 0..reader.number()? {
        let (filter, qos, options, identifier, selector) = read_subscription(&mut reader)?;
        let terms = SubscriptionImage { qos, options, identifier, selector: selector.map(Arc::from) };
        session.subscriptions.insert(filter.into(), terms);
    }
    Ok(session)
}

pub(super) fn write_will(will: &WillImage) -> Vec<u8> {
    let mut out = Vec::new();
    put_number(&mut out, will.delay_secs.into());
    put_option(&mut out, will.expiry_secs.map(u64::from));
    body::put(&mut out, &will.message.parts());
    out
}

pub(super) fn read_will(bytes: &[u8]) -> Result<WillImage, Malformed> {
    let mut reader = Reader::new(bytes);
    let (delay_secs, expiry_secs) = (reader.small()?, read_small_option(&mut reader)?);
    let message = Arc::new(body::read(reader.take(reader.len())?)?);
    Ok(WillImage { message, delay_secs, expiry_secs })
}

pub(super) fn write_retained(message: &Message) -> Vec<u8> {
    let mut out = Vec::new();
    body::put(&mut out, &message.parts());
    out
}

/// One message of a chunk, as its directory tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) message: u64,
    pub(super) location: Location,
    pub(super) weight: u32,
    pub(super) expires_at: Option<u64>,
}

/// Messages lie one after the other, so that their lengths say where.
pub(super) fn write_directory(listed: &[Listed]) -> Vec<u8> {
    let mut out = Vec::new();
    put_number(&mut out, listed.len() as u64);
    for one in listed {
        put_number(&mut out, one.message);
        put_number(&mut out, one.location.len.into());
        put_number(&mut out, one.weight.into());
        put_option(&mut out, one.expires_at);
    }
    out
}

pub(super) fn read_directory(chunk: u32, bytes: &[u8]) -> Result<Vec<Listed>, Malformed> {
    let mut reader = Reader::new(bytes);
    let (mut listed, mut offset) = (Vec::new(), 0u32);
    for _ in 0..reader.number()? {
        let (message, len) = (reader.number()?, reader.small()?);
        let location = Location { place: Place::chunk(chunk), offset, len };
        offset = offset.checked_add(len).ok_or(Malformed)?;
        listed.push(Listed { message, location, weight: reader.small()?, expires_at: reader.option()? });
    }
    Ok(listed)
}

/// Entries, and whose they are.
pub(super) fn write_entries<'e>(owner: &Owner, entries: impl Iterator<Item = (u64, &'e Entry)>) -> Vec<u8> {
    let mut out = Vec::new();
    match owner {
        Owner::Session(session) => put_number(&mut out, *session),
        Owner::Queue(queue) => put_bytes(&mut out, queue.as_bytes()),
    }
    entries.for_each(|(sequence, entry)| entry.put(sequence, &mut out));
    out
}

/// Whose entries a chunk holds, the chunk's number, and the entries.
pub(super) fn read_entries(key: &[u8], bytes: &[u8]) -> Result<EntryChunk, Malformed> {
    let chunk = key.last_chunk().map(|number| u32::from_be_bytes(*number)).ok_or(Malformed)?;
    let (mut reader, mut entries) = (Reader::new(bytes), Vec::new());
    let owner = match key.starts_with(DELIVERIES) {
        true => Owner::Session(reader.number()?),
        false => Owner::Queue(reader.shared_text()?),
    };
    while !reader.is_empty() {
        entries.push(Entry::read(&mut reader, Place::chunk(chunk))?);
    }
    Ok((owner, chunk, entries))
}

type EntryChunk = (Owner, u32, Vec<(u64, Entry)>);
