//! Topic filters and names from two lines of text: parsing and matching against their definitions.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tidewire_protocols::topic::{TOPIC_LENGTH_MAX, TopicFilter, TopicName};

fuzz_target!(|input: &str| {
    let (filter_text, name_text) = input.split_once('\n').unwrap_or((input, input));

    let name = TopicName::parse(name_text);
    let is_name = (1..=TOPIC_LENGTH_MAX).contains(&name_text.len()) && !name_text.contains(['\0', '+', '#']);
    assert_eq!(name.is_ok(), is_name, "{name_text:?}");

    let filter = TopicFilter::parse(filter_text);
    let parts = parts(filter_text);
    assert_eq!(filter.is_ok(), parts.is_some(), "{filter_text:?}");
    let (Ok(filter), Some((group, rest))) = (filter, parts) else { return };
    assert_eq!((filter.share_name(), filter.filter()), (group, rest));
    assert_eq!(filter.to_buf().as_filter(), filter);

    let Ok(name) = name else { return };
    let hidden = name_text.starts_with('$') && rest.starts_with(['+', '#']);
    let levels = |text: &'_ str| text.split('/').map(str::to_owned).collect::<Vec<_>>();
    let expected = !hidden && level_by_level(&levels(rest), &levels(name_text));
    assert_eq!(filter.matches(name), expected, "{filter_text:?} {name_text:?}");
});

/// Group and filter proper, if the text is a topic filter.
fn parts(text: &str) -> Option<(Option<&str>, &str)> {
    if text.is_empty() || text.len() > TOPIC_LENGTH_MAX || text.contains('\0') || text == "$share" {
        return None;
    }
    let (group, filter) = match text.strip_prefix("$share/") {
        Some(shared) => {
            let (group, filter) = shared.split_once('/')?;
            if group.is_empty() || group.contains(['+', '#']) || filter.is_empty() {
                return None;
            }
            (Some(group), filter)
        }
        None => (None, text),
    };
    let (parents, last) = filter.rsplit_once('/').unwrap_or(("", filter));
    let whole = |level: &str| level == "+" || !level.contains(['+', '#']);
    ((whole(last) || last == "#") && parents.split('/').all(whole)).then_some((group, filter))
}

fn level_by_level(filter: &[String], name: &[String]) -> bool {
    match (filter.split_first(), name.split_first()) {
        (Some((level, [])), _) if level == "#" => true,
        (Some((level, filter)), Some((same, name))) => {
            (level == "+" || level == same) && level_by_level(filter, name)
        }
        (None, None) => true,
        _ => false,
    }
}
