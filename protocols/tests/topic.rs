//! Topic names and filters: the rules, one line for each case, and matching against a slow but obvious oracle.

use proptest::collection::vec;
use proptest::prelude::*;
use tidewire_protocols::topic::{
    TOPIC_LENGTH_MAX, TopicError, TopicFilter, TopicFilterBuf, TopicName, TopicNameBuf,
};

/// One test for each line: `name: text, what parsing it gives;`
macro_rules! parses {
    ($parse:expr; $($name:ident: $text:expr, $expected:expr;)*) => {$(
        #[test]
        fn $name() {
            assert_eq!($parse(&$text).err(), $expected);
        }
    )*};
}

parses! { TopicName::parse;
    name_plain: "a/b", None;
    name_slash: "/", None;
    name_with_empty_levels: "//a//", None;
    name_with_spaces: " a / b ", None;
    name_with_dollar: "$SYS/x", None;
    name_with_byte_order_mark: "\u{FEFF}a", None;
    name_beyond_ascii: "straße/日本/🌊", None;
    name_as_long_as_can_be: "a".repeat(TOPIC_LENGTH_MAX), None;
    name_empty: "", Some(TopicError::Empty);
    name_too_long: "a".repeat(TOPIC_LENGTH_MAX + 1), Some(TopicError::TooLong);
    name_nul: "a\0b", Some(TopicError::Nul);
    name_plus: "a/+/b", Some(TopicError::WildcardInName);
    name_plus_inside_level: "a+b", Some(TopicError::WildcardInName);
    name_hash: "a/#", Some(TopicError::WildcardInName);
    name_nul_is_worse_than_wildcard: "#\0", Some(TopicError::Nul);
}

parses! { TopicFilter::parse;
    filter_plain: "a/b", None;
    filter_hash: "#", None;
    filter_hash_below: "a/#", None;
    filter_hash_below_empty: "/#", None;
    filter_plus: "+", None;
    filter_plus_everywhere: "+/+/+/#", None;
    filter_plus_between: "a/+/b", None;
    filter_slash: "/", None;
    filter_shared: "$share/g/a/+/#", None;
    filter_shared_slash: "$share/g//", None;
    filter_shared_root: "$share/g//a", None;
    filter_share_prefix_of_another_word: "$shared/g", None;
    filter_empty: "", Some(TopicError::Empty);
    filter_too_long: "a".repeat(TOPIC_LENGTH_MAX + 1), Some(TopicError::TooLong);
    filter_nul: "a\0", Some(TopicError::Nul);
    filter_hash_after_text: "a#", Some(TopicError::MisplacedWildcard);
    filter_hash_before_text: "#a", Some(TopicError::MisplacedWildcard);
    filter_hash_in_the_middle: "a/#/b", Some(TopicError::MisplacedWildcard);
    filter_hash_then_slash: "#/", Some(TopicError::MisplacedWildcard);
    filter_two_hashes: "##", Some(TopicError::MisplacedWildcard);
    filter_plus_after_text: "a+", Some(TopicError::MisplacedWildcard);
    filter_plus_before_text: "a/+b", Some(TopicError::MisplacedWildcard);
    filter_two_pluses: "++", Some(TopicError::MisplacedWildcard);
    filter_plus_hash: "+#", Some(TopicError::MisplacedWildcard);
    share_alone: "$share", Some(TopicError::BadShareName);
    share_slash: "$share/", Some(TopicError::BadShareName);
    share_without_group: "$share//a", Some(TopicError::BadShareName);
    share_group_plus: "$share/a+/b", Some(TopicError::BadShareName);
    share_group_hash: "$share/#/b", Some(TopicError::BadShareName);
    share_without_filter: "$share/g", Some(TopicError::EmptyShareFilter);
    share_with_empty_filter: "$share/g/", Some(TopicError::EmptyShareFilter);
    share_filter_misplaced: "$share/g/a#", Some(TopicError::MisplacedWildcard);
}

/// One test for each line: `name: filter, topic name, whether they match;`
macro_rules! matching {
    ($($name:ident: $filter:literal, $topic:literal, $expected:literal;)*) => {$(
        #[test]
        fn $name() {
            let filter = TopicFilter::parse($filter).unwrap();
            assert_eq!(filter.matches(TopicName::parse($topic).unwrap()), $expected);
        }
    )*};
}

matching! {
    same: "a/b/c", "a/b/c", true;
    shorter_name: "a/b/c", "a/b", false;
    longer_name: "a/b", "a/b/c", false;
    prefix_of_a_level: "a/b", "a/bc", false;
    case_matters: "a/B", "a/b", false;
    leading_slash_matters: "/a", "a", false;
    trailing_slash_matters: "a/", "a", false;
    hash_matches_all: "#", "a/b/c", true;
    hash_matches_slash: "#", "/", true;
    hash_matches_parent: "sport/#", "sport", true;
    hash_matches_empty_level: "sport/#", "sport/", true;
    hash_matches_below: "sport/#", "sport/tennis/player1", true;
    hash_does_not_match_a_longer_word: "sport/#", "sports", false;
    hash_below_root: "/#", "a", false;
    plus_matches_a_level: "sport/+", "sport/tennis", true;
    plus_matches_an_empty_level: "sport/+", "sport/", true;
    plus_needs_a_level: "sport/+", "sport", false;
    plus_matches_one_level_only: "sport/+", "sport/a/b", false;
    plus_alone: "+", "finance", true;
    plus_alone_and_leading_slash: "+", "/finance", false;
    plus_plus_and_leading_slash: "+/+", "/finance", true;
    slash_plus: "/+", "/finance", true;
    plus_then_hash_matches_parent: "+/#", "a", true;
    plus_in_the_middle: "a/+/c", "a/b/c", true;
    plus_in_the_middle_of_another: "a/+/c", "a/b/d", false;
    dollar_not_by_hash: "#", "$SYS/a", false;
    dollar_not_by_plus: "+/a", "$SYS/a", false;
    dollar_by_its_name: "$SYS/#", "$SYS/a", true;
    dollar_by_its_name_and_plus: "$SYS/+", "$SYS/a", true;
    dollar_further_on_is_nothing_special: "a/+", "a/$b", true;
    shared_matches_its_filter: "$share/g/a/+", "a/b", true;
    shared_does_not_match_its_text: "$share/g/a", "$share/g/a", false;
    shared_dollar_not_by_hash: "$share/g/#", "$SYS/a", false;
    accents_are_not_normalised: "caf\u{E9}", "cafe\u{301}", false;
    byte_order_mark_is_not_skipped: "a", "\u{FEFF}a", false;
}

#[test]
fn a_shared_filter_has_parts() {
    let filter = TopicFilter::parse("$share/group/a/+").unwrap();
    assert_eq!(filter.share_name(), Some("group"));
    assert_eq!(filter.filter(), "a/+");
    assert_eq!(filter.as_str(), "$share/group/a/+");
    assert_eq!(filter.levels().collect::<Vec<_>>(), ["a", "+"]);
    assert_eq!(filter.level_count(), 2);
    assert!(filter.has_wildcard());
}

#[test]
fn a_plain_filter_has_no_group() {
    let filter = TopicFilter::parse("/a").unwrap();
    assert_eq!((filter.share_name(), filter.filter()), (None, "/a"));
    assert_eq!((filter.level_count(), filter.has_wildcard()), (2, false));
}

/// The definition, level by level.
fn oracle(filter: &[&str], name: &[&str]) -> bool {
    match (filter, name) {
        (["#"], _) => true,
        (["+", filter @ ..], [_, name @ ..]) => oracle(filter, name),
        ([level, filter @ ..], [same, name @ ..]) if level == same => oracle(filter, name),
        ([], []) => true,
        _ => false,
    }
}

fn oracle_with_dollar(filter: &str, name: &str) -> bool {
    let hidden = name.starts_with('$') && filter.starts_with(['+', '#']);
    !hidden && oracle(&filter.split('/').collect::<Vec<_>>(), &name.split('/').collect::<Vec<_>>())
}

fn name() -> impl Strategy<Value = String> {
    vec(prop::sample::select(vec!["", "a", "b", "ab", "$s"]), 1..6)
        .prop_map(|levels| levels.join("/"))
        .prop_filter("not empty", |name| !name.is_empty())
}

fn filter() -> impl Strategy<Value = String> {
    (vec(prop::sample::select(vec!["", "a", "b", "ab", "$s", "+", "+"]), 0..6), any::<bool>())
        .prop_map(|(mut levels, hash)| {
            levels.extend(hash.then_some("#"));
            levels.join("/")
        })
        .prop_filter("not empty", |filter| !filter.is_empty())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn matching_agrees_with_the_oracle(filter in filter(), name in name()) {
        let expected = oracle_with_dollar(&filter, &name);
        let topic = TopicName::parse(&name).unwrap();
        prop_assert_eq!(TopicFilter::parse(&filter).unwrap().matches(topic), expected);
        let shared = format!("$share/g/{filter}");
        prop_assert_eq!(TopicFilter::parse(&shared).unwrap().matches(topic), expected);
    }

    #[test]
    fn a_name_is_what_has_no_forbidden_character(text in "[a-c/+#\\x00\\x22\\x23\\x24\\x2A\\x2C\\x0B\u{80}\u{AB}\u{12B}]{0,30}") {
        prop_assert_eq!(TopicName::parse(&text).is_ok(), !text.is_empty() && !text.contains(['\0', '+', '#']));
    }

    #[test]
    fn a_filter_is_what_has_wildcards_in_levels_of_their_own(text in "[ab/+#$]{1,12}") {
        let levels: Vec<&str> = text.split('/').collect();
        let (last, others) = levels.split_last().unwrap();
        let whole = |level: &&str| *level == "+" || !level.contains(['+', '#']);
        let expected = others.iter().all(whole) && (whole(last) || *last == "#");
        prop_assert_eq!(TopicFilter::parse(&text).is_ok(), expected);
    }

    #[test]
    fn owned_and_borrowed_agree(filter in filter(), name in name()) {
        let borrowed = TopicFilter::parse(&filter).unwrap();
        let owned = TopicFilterBuf::parse(filter.as_str()).unwrap();
        prop_assert_eq!(owned.as_filter(), borrowed);
        prop_assert_eq!(borrowed.to_buf().to_string(), filter.as_str());
        prop_assert_eq!(borrowed.levels().count(), borrowed.level_count());
        let borrowed = TopicName::parse(&name).unwrap();
        let owned = TopicNameBuf::parse(name.as_str()).unwrap();
        prop_assert_eq!(owned.as_name(), borrowed);
        prop_assert_eq!(borrowed.to_buf().to_string(), name.as_str());
        prop_assert_eq!(borrowed.levels().count(), borrowed.level_count());
    }
}
