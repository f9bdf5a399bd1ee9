//! One change as it stands in the journal. The same type is written, read back, and applied to the [`Image`], so that
//! what a restart rebuilds is what the running process had.
//!
//! How a fact is written and read is in `bytes`.
//!
//! [`Image`]: super::image::Image

mod bytes;

use std::borrow::Cow;
use std::sync::Arc;

pub(super) use self::bytes::{
    kind_number, put_subscription, put_terms, read_kind, read_small_option, read_subscription, read_terms,
};
use super::body;
use super::codec::Malformed;
use crate::message::{Message, Qos};
use crate::store::record::{QueuedTerms, Record, SessionKind, SettledState};

/// A name that is shared already, or was just read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Name<'a> {
    Shared(&'a Arc<str>),
    Read(&'a str),
}

impl Name<'_> {
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Shared(name) => name,
            Self::Read(name) => name,
        }
    }

    pub(super) fn to_arc(self) -> Arc<str> {
        match self {
            Self::Shared(name) => Arc::clone(name),
            Self::Read(name) => name.into(),
        }
    }
}

/// A message that is in memory already, or lies in bytes that were read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Body<'a> {
    Shared(&'a Arc<Message>),
    Read(&'a [u8]),
}

impl Body<'_> {
    pub(super) fn to_arc(self) -> Result<Arc<Message>, Malformed> {
        match self {
            Self::Shared(message) => Ok(Arc::clone(message)),
            Self::Read(bytes) => body::read(bytes).map(Arc::new),
        }
    }

    fn put(self, out: &mut Vec<u8>) {
        match self {
            Self::Shared(message) => body::put(out, &message.parts()),
            Self::Read(bytes) => out.extend_from_slice(bytes),
        }
    }
}

/// See the module. Numbers are those of [`Record`]; `message` is a stored message's number.
#[derive(Debug)]
pub(super) enum Fact<'a> {
    /// A message that facts behind this one refer to.
    Message {
        message: u64,
        body: Body<'a>,
    },
    SessionOpened {
        session: u64,
        kind: SessionKind,
        client_id: Name<'a>,
        expiry_secs: u32,
    },
    SessionClosed {
        session: u64,
        at_unix_ms: u64,
        sent_to: u64,
    },
    SessionEnded {
        session: u64,
    },
    Subscribed {
        session: u64,
        filter: Name<'a>,
        qos: Qos,
        options: u8,
        identifier: u32,
        selector: Option<Name<'a>>,
    },
    Unsubscribed {
        session: u64,
        filter: Name<'a>,
    },
    Queued {
        session: u64,
        sequence: u64,
        message: u64,
        terms: Cow<'a, QueuedTerms>,
    },
    Settled {
        session: u64,
        sequence: u64,
        state: SettledState,
    },
    Received {
        session: u64,
        packet_id: u16,
    },
    Released {
        session: u64,
        packet_id: u16,
    },
    Retained {
        body: Body<'a>,
    },
    RetainedCleared {
        topic: Name<'a>,
    },
    Enqueued {
        queue: Name<'a>,
        priority: u8,
        sequence: u64,
        message: u64,
        deliveries: u32,
    },
    Delivered {
        queue: Name<'a>,
        sequence: u64,
        deliveries: u32,
    },
    Dequeued {
        queue: Name<'a>,
        sequence: u64,
    },
    WillSet {
        session: u64,
        body: Body<'a>,
        delay_secs: u32,
        expiry_secs: Option<u32>,
    },
    WillCleared {
        session: u64,
    },
}

impl<'a> Fact<'a> {
    /// The fact of a record; `message` is the number of the message that it refers to, if it does.
    pub(super) fn of(record: &'a Record, message: u64) -> Self {
        match *record {
            Record::SessionOpened { session, kind, ref client_id, expiry_secs } => {
                Self::SessionOpened { session, kind, client_id: Name::Shared(client_id), expiry_secs }
            }
            Record::SessionClosed { session, at_unix_ms, sent_to } => {
                Self::SessionClosed { session, at_unix_ms, sent_to }
            }
            Record::SessionEnded { session } => Self::SessionEnded { session },
            Record::Subscribed { session, ref filter, qos, options, identifier, ref selector } => {
                let (filter, selector) = (Name::Shared(filter), selector.as_ref().map(Name::Shared));
                Self::Subscribed { session, filter, qos, options, identifier, selector }
            }
            Record::Unsubscribed { session, ref filter } => {
                Self::Unsubscribed { session, filter: Name::Shared(filter) }
            }
            Record::Queued { session, sequence, ref terms, .. } => {
                Self::Queued { session, sequence, message, terms: Cow::Borrowed(terms) }
            }
            Record::Settled { session, sequence, state } => Self::Settled { session, sequence, state },
            Record::Received { session, packet_id } => Self::Received { session, packet_id },
            Record::Released { session, packet_id } => Self::Released { session, packet_id },
            Record::Retained { ref message } => Self::Retained { body: Body::Shared(message) },
            Record::RetainedCleared { ref topic } => Self::RetainedCleared { topic: Name::Shared(topic) },
            Record::Enqueued { ref queue, priority, sequence, deliveries, .. } => {
                Self::Enqueued { queue: Name::Shared(queue), priority, sequence, message, deliveries }
            }
            Record::Delivered { ref queue, sequence, deliveries } => {
                Self::Delivered { queue: Name::Shared(queue), sequence, deliveries }
            }
            Record::Dequeued { ref queue, sequence } => {
                Self::Dequeued { queue: Name::Shared(queue), sequence }
            }
            Record::WillSet { session, ref message, delay_secs, expiry_secs } => {
                Self::WillSet { session, body: Body::Shared(message), delay_secs, expiry_secs }
            }
            Record::WillCleared { session } => Self::WillCleared { session },
        }
    }
}
