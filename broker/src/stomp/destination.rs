//! Destinations: where a SEND goes and what a SUBSCRIBE is for.

use tidewire_protocols::topic::{TopicFilter, TopicName};

use super::refuse::Refusal;
use crate::config::Limits;

/// What stands before a topic.
pub(super) const TOPIC: &str = "/topic/";
/// What stands before a queue's name.
pub(super) const QUEUE: &str = "/queue/";
/// How MQTT names a queue.
pub(super) const MQTT_QUEUE: &str = "$queue/";

/// The topic that a SEND's destination names, verbatim: `/topic/a/b` is `a/b`.
pub(super) fn topic_name<'a>(destination: &'a str, limits: &Limits) -> Result<TopicName<'a>, Refusal> {
    let name = TopicName::parse(strip_topic(destination)?).map_err(|error| bad(destination, error))?;
    match name.level_count() > limits.topic_levels_max {
        true => Err(bad(destination, "it has too many levels")),
        false => Ok(name),
    }
}

/// The filter that a SUBSCRIBE's destination names, with MQTT's wildcards and `$share/<group>/`.
pub(super) fn topic_filter<'a>(destination: &'a str, limits: &Limits) -> Result<TopicFilter<'a>, Refusal> {
    let filter = TopicFilter::parse(strip_topic(destination)?).map_err(|error| bad(destination, error))?;
    match filter.level_count() > limits.topic_levels_max {
        true => Err(bad(destination, "it has too many levels")),
        false => Ok(filter),
    }
}

/// The response topic that a `reply-to` stands for: `/topic/a` is `a`, `/queue/a` is `$queue/a`.
pub(super) fn response_topic(destination: &str) -> Option<String> {
    match destination.strip_prefix(QUEUE) {
        Some(queue) => Some(format!("{MQTT_QUEUE}{queue}")),
        None => destination.strip_prefix(TOPIC).map(str::to_owned),
    }
}

/// The other way round.
pub(super) fn reply_to(response_topic: TopicName<'_>) -> String {
    match response_topic.as_str().strip_prefix(MQTT_QUEUE) {
        Some(queue) => format!("{QUEUE}{queue}"),
        None => format!("{TOPIC}{}", response_topic.as_str()),
    }
}

fn strip_topic(destination: &str) -> Result<&str, Refusal> {
    destination.strip_prefix(TOPIC).ok_or_else(|| {
        let body =
            format!("{destination} is not served: destinations begin with {TOPIC}, as in /topic/rooms/1.");
        Refusal::new("unknown destination", body)
    })
}

fn bad(destination: &str, error: impl std::fmt::Display) -> Refusal {
    Refusal::new("bad destination", format!("{destination}: {error}."))
}
