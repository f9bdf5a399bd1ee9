//! Topics as destinations: `a/b` is `/topic/a/b`, and what begins with a slash is a destination already.

use std::borrow::Cow;

/// The destination that a topic stands for.
pub(super) fn of_topic(topic: &str) -> Cow<'_, str> {
    if topic.starts_with('/') { Cow::Borrowed(topic) } else { Cow::Owned(format!("{PREFIX}{topic}")) }
}

/// The other way round. A topic that begins with a slash itself stays a destination: it would be taken for one.
pub(super) fn to_topic(destination: &str) -> &str {
    match destination.strip_prefix(PREFIX) {
        Some(topic) if !topic.starts_with('/') && !topic.is_empty() => topic,
        _ => destination,
    }
}

const PREFIX: &str = "/topic/";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_and_destinations_stand_for_each_other() {
        for (topic, destination) in [
            ("a/b", "/topic/a/b"),
            ("/queue/jobs", "/queue/jobs"),
            ("/topic//a", "/topic//a"),
            ("topic/a", "/topic/topic/a"),
        ] {
            assert_eq!(of_topic(topic), destination);
            assert_eq!(to_topic(destination), topic);
        }
        assert_eq!(of_topic("/topic/a"), "/topic/a");
    }
}
