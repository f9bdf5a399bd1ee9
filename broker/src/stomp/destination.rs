//! Destinations: where a SEND goes and what a SUBSCRIBE is for.
//!
//! | destination | what it is | topic |
//! |---|---|---|
//! | `/topic/a/b` | a topic; in SUBSCRIBE with MQTT's wildcards and `$share/<group>/` | `a/b` |
//! | `/queue/orders` | a work queue | `$queue/orders` |
//! | `/auth/token` | what is between the client and the broker: `broker/rights.rs` | `$auth/token` |
//! | `/temp-queue/replies` | a queue that is private to the connection | `$queue/temp.<connection>.replies` |
//!
//! With `stomp.separator = "."` the levels of topics are parted by dots, and a filter's wildcards are `*` and `>` (or
//! `#`): `.` and `/` change places, so that every name comes back as it went.

use std::borrow::Cow;

use tidewire_protocols::topic::{TopicFilter, TopicName};

use super::refuse::Refusal;
use crate::config::{Limits, Separator};
use crate::message::{QUEUE_PREFIX, is_client_queue};

const TOPIC: &str = "/topic/";
const QUEUE: &str = "/queue/";
const QUEUE_NAME: &str = "a queue's name is not empty and does not begin with $";
const AUTH: &str = "/auth/";
const AUTH_PREFIX: &str = "$auth/";
/// What stands before the name of a queue that is private to the connection.
pub(super) const TEMP_QUEUE: &str = "/temp-queue/";

/// How this server and this connection name things.
#[derive(Clone, Copy)]
pub(super) struct Names<'n> {
    pub(super) limits: &'n Limits,
    pub(super) separator: Separator,
    /// Tells the connection's own queues from those of others.
    pub(super) token: &'n str,
}

impl Names<'_> {
    /// The topic that a SEND's destination names.
    pub(super) fn topic<'d>(&self, destination: &'d str) -> Result<Cow<'d, str>, Refusal> {
        let name = self.translate(destination)?;
        let parsed = TopicName::parse(&name).map_err(|error| bad(destination, error))?;
        // However it was written: `/topic/$queue/…` names one, too.
        if name.strip_prefix(QUEUE_PREFIX).is_some_and(|queue| !is_client_queue(queue)) {
            return Err(bad(destination, QUEUE_NAME));
        }
        self.check_levels(destination, parsed.level_count())?;
        Ok(name)
    }

    /// The filter that a SUBSCRIBE's destination names; of a queue, its topic name.
    pub(super) fn filter<'d>(&self, destination: &'d str) -> Result<Cow<'d, str>, Refusal> {
        let mut filter = self.translate(destination)?;
        if filter.starts_with(QUEUE_PREFIX) {
            return self.topic(destination);
        }
        if self.separator == Separator::Dot && !filter.starts_with(AUTH_PREFIX) {
            filter = Cow::Owned(with_mqtt_wildcards(&filter));
        }
        let parsed = TopicFilter::parse(&filter).map_err(|error| bad(destination, error))?;
        // Queues have no wildcards, and are shared anyway.
        if parsed.filter().starts_with(QUEUE_PREFIX) {
            return Err(bad(destination, "a queue is named by /queue/<name>"));
        }
        self.check_levels(destination, parsed.level_count())?;
        Ok(filter)
    }

    /// The response topic that a `reply-to` stands for.
    pub(super) fn response_topic(&self, destination: &str) -> Option<String> {
        self.translate(destination).ok().map(Cow::into_owned)
    }

    fn translate<'d>(&self, destination: &'d str) -> Result<Cow<'d, str>, Refusal> {
        if let Some(topic) = destination.strip_prefix(TOPIC) {
            return Ok(match self.separator {
                Separator::Slash => Cow::Borrowed(topic),
                Separator::Dot => Cow::Owned(swapped(topic)),
            });
        }
        if let Some(name) = destination.strip_prefix(AUTH) {
            return Ok(Cow::Owned(format!("{AUTH_PREFIX}{name}")));
        }
        let (prefix, name) = match (destination.strip_prefix(QUEUE), destination.strip_prefix(TEMP_QUEUE)) {
            (Some(name), _) => (String::new(), name),
            (None, Some(name)) => (format!("temp.{}.", self.token), name),
            (None, None) => return Err(unknown(destination)),
        };
        if !is_client_queue(name) {
            return Err(bad(destination, QUEUE_NAME));
        }
        Ok(Cow::Owned(format!("{QUEUE_PREFIX}{prefix}{name}")))
    }

    fn check_levels(&self, destination: &str, levels: usize) -> Result<(), Refusal> {
        match levels > self.limits.topic_levels_max {
            true => Err(bad(destination, "it has too many levels")),
            false => Ok(()),
        }
    }
}

/// The destination that a topic is known by.
pub(super) fn destination(topic: TopicName<'_>, separator: Separator) -> String {
    let (prefix, name) = destination_parts(topic, separator);
    format!("{prefix}{name}")
}

/// The same in two parts; the first one never needs escapes.
pub(super) fn destination_parts(topic: TopicName<'_>, separator: Separator) -> (&'static str, Cow<'_, str>) {
    if let Some(name) = topic.as_str().strip_prefix(AUTH_PREFIX) {
        return (AUTH, Cow::Borrowed(name));
    }
    match (topic.as_str().strip_prefix(QUEUE_PREFIX), separator) {
        (Some(queue), _) => (QUEUE, Cow::Borrowed(queue)),
        (None, Separator::Slash) => (TOPIC, Cow::Borrowed(topic.as_str())),
        (None, Separator::Dot) => (TOPIC, Cow::Owned(swapped(topic.as_str()))),
    }
}

fn swapped(name: &str) -> String {
    let swap = |letter| match letter {
        '.' => '/',
        '/' => '.',
        other => other,
    };
    name.chars().map(swap).collect()
}

/// `*` is one level and `>` all that follow, as in the brokers that part levels by dots.
fn with_mqtt_wildcards(filter: &str) -> String {
    let level = |level| match level {
        "*" => "+",
        ">" => "#",
        other => other,
    };
    filter.split('/').map(level).collect::<Vec<_>>().join("/")
}

fn unknown(destination: &str) -> Refusal {
    let body = format!(
        "{destination} is not served: destinations begin with {TOPIC}, {QUEUE} or {TEMP_QUEUE}, as in /topic/rooms/1."
    );
    Refusal::new("unknown destination", body)
}

fn bad(destination: &str, error: impl std::fmt::Display) -> Refusal {
    Refusal::new("bad destination", format!("{destination}: {error}."))
}
