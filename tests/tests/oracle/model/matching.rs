//! Which filter matches which topic, by the words of the specification's section 4.7 and no cleverer than they are.

/// The share name of a shared subscription's filter, and the filter behind it. [MQTT-4.8.2-1, MQTT-4.8.2-2]
pub(crate) fn share(filter: &str) -> (Option<&str>, &str) {
    match filter.strip_prefix("$share/").and_then(|rest| rest.split_once('/')) {
        Some((name, filter)) => (Some(name), filter),
        None => (None, filter),
    }
}

/// Whether the filter, `$share` left out, matches the topic.
pub(crate) fn matches(filter: &str, topic: &str) -> bool {
    let (_, filter) = share(filter);
    // [MQTT-4.7.2-1]
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let filter: Vec<_> = filter.split('/').collect();
    let topic: Vec<_> = topic.split('/').collect();
    level_by_level(&filter, &topic)
}

fn level_by_level(filter: &[&str], topic: &[&str]) -> bool {
    match (filter, topic) {
        // The parent level as well. [MQTT-4.7.1-2]
        (["#"], _) | ([], []) => true,
        (["+", filter @ ..], [_, topic @ ..]) => level_by_level(filter, topic),
        ([wanted, filter @ ..], [level, topic @ ..]) => wanted == level && level_by_level(filter, topic),
        _ => false,
    }
}

#[test]
fn the_specifications_examples() {
    let matching = [
        ("sport/tennis/player1/#", "sport/tennis/player1"),
        ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon"),
        ("sport/#", "sport"),
        ("#", "sport/tennis"),
        ("sport/tennis/+", "sport/tennis/player1"),
        ("sport/+", "sport/"),
        ("+/+", "/finance"),
        ("/+", "/finance"),
        ("$SYS/#", "$SYS/monitor/Clients"),
        ("$share/consumer/sport/#", "sport"),
    ];
    for (filter, topic) in matching {
        assert!(matches(filter, topic), "{filter} {topic}");
    }
    let others = [
        ("sport/tennis/+", "sport/tennis/player1/ranking"),
        ("sport/+", "sport"),
        ("+", "/finance"),
        ("#", "$SYS/monitor"),
        ("+/monitor/Clients", "$SYS/monitor/Clients"),
        ("a/b", "a/B"),
    ];
    for (filter, topic) in others {
        assert!(!matches(filter, topic), "{filter} {topic}");
    }
}
