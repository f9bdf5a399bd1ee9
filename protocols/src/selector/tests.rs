//! Selectors by example, and by a second, simpler reading of each part.

use std::borrow::Cow;

use proptest::prelude::*;

use super::Selector;
use super::like::Pattern;

const HEADERS: [(&str, &str); 8] = [
    ("colour", "red"),
    ("weight", "15"),
    ("price", "1.50"),
    ("urgent", "true"),
    ("content-type", "text/plain"),
    ("name", "it's"),
    ("odd", "10x"),
    ("rate", "50%"),
];

fn selects(text: &str) -> Option<bool> {
    let header = |wanted: &str| {
        HEADERS.iter().find(|(name, _)| *name == wanted).map(|(_, value)| Cow::Borrowed(*value))
    };
    let selector = Selector::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let negated = Selector::parse(&format!("NOT ({text})")).unwrap();
    match (selector.matches(&header), negated.matches(&header)) {
        (true, false) => Some(true),
        (false, true) => Some(false),
        (false, false) => None,
        (true, true) => panic!("{text} and its negation both hold"),
    }
}

#[test]
fn conditions_hold_or_not_or_are_unknown() {
    let table = [
        ("colour = 'red'", Some(true)),
        ("colour <> 'red'", Some(false)),
        ("colour = 'Red'", Some(false)),
        ("name = 'it''s'", Some(true)),
        ("\"content-type\" = 'text/plain'", Some(true)),
        ("weight = 15", Some(true)),
        ("weight > 9", Some(true)),
        ("weight >= 15.0 AND weight <= 15", Some(true)),
        ("weight < 15", Some(false)),
        ("15 > weight", Some(false)),
        ("weight = '15'", Some(true)),
        ("price = 1.5", Some(true)),
        ("price < weight", Some(true)),
        ("odd > 5", None),
        ("odd = 10", None),
        ("colour > 'a'", None),
        ("missing = 'x'", None),
        ("missing <> 'x'", None),
        ("NOT missing = 'x'", None),
        ("missing IS NULL", Some(true)),
        ("missing IS NOT NULL", Some(false)),
        ("colour IS NULL", Some(false)),
        ("urgent", Some(true)),
        ("urgent = TRUE", Some(true)),
        ("urgent <> FALSE", Some(true)),
        ("NOT urgent", Some(false)),
        ("colour = TRUE", None),
        ("TRUE", Some(true)),
        ("weight BETWEEN 10 AND 20", Some(true)),
        ("weight NOT BETWEEN 10 AND 20", Some(false)),
        ("weight BETWEEN 20 AND 10", Some(false)),
        ("missing BETWEEN 1 AND 2", None),
        ("weight BETWEEN 16 AND missing", Some(false)),
        ("weight BETWEEN 10 AND missing", None),
        ("colour IN ('blue', 'red')", Some(true)),
        ("colour NOT IN ('blue', 'red')", Some(false)),
        ("weight IN (1, -2, 15)", Some(true)),
        ("missing IN ('a')", None),
        ("colour LIKE 'r_d'", Some(true)),
        ("colour LIKE 'r%'", Some(true)),
        ("colour LIKE 'r_'", Some(false)),
        ("colour NOT LIKE '%x%'", Some(true)),
        ("rate LIKE '50!%' ESCAPE '!'", Some(true)),
        ("colour LIKE '!%' ESCAPE '!'", Some(false)),
        ("missing LIKE '%'", None),
        ("weight + 5 = 20", Some(true)),
        ("weight - 5 * 2 = 5", Some(true)),
        ("(weight - 5) * 2 = 20", Some(true)),
        ("weight / 2 = 7", Some(true)),
        ("weight / 2.0 = 7.5", Some(true)),
        ("weight / 0 = 1", None),
        ("-weight = -15", Some(true)),
        ("- - +weight = 15", Some(true)),
        ("colour + 1 = 2", None),
        ("9223372036854775807 + 1 > 9000000000000000000", Some(true)),
        ("weight = 1.5e1 AND .5 < 1", Some(true)),
        // AND before OR, NOT before both.
        ("FALSE AND FALSE OR TRUE", Some(true)),
        ("FALSE AND (FALSE OR TRUE)", Some(false)),
        ("NOT FALSE AND FALSE", Some(false)),
        // Three values.
        ("missing = 1 AND FALSE", Some(false)),
        ("FALSE AND missing = 1", Some(false)),
        ("missing = 1 AND TRUE", None),
        ("missing = 1 OR TRUE", Some(true)),
        ("TRUE OR missing = 1", Some(true)),
        ("missing = 1 OR FALSE", None),
        ("colour = 'red' and not (weight in (1) or WEIGHT = 15)", None),
    ];
    for (text, expected) in table {
        assert_eq!(selects(text), expected, "{text}");
    }
}

#[test]
fn a_mistake_is_named_with_its_column() {
    let table = [
        ("colour =", "at column 9: expected a header's name, a value or (, found the end"),
        ("colour = 'red' weight", "at column 16: expected AND, OR or the end, found weight"),
        ("(colour", "at column 8: expected ), found the end"),
        ("colour LIKE red", "at column 13: expected a pattern in single quotes, found red"),
        ("colour LIKE 'r' ESCAPE 'ab'", "at column 24: expected one character in single quotes, found 'ab'"),
        ("colour IN ()", "at column 12: expected a text or a number, found )"),
        ("colour NOT = 1", "at column 12: expected BETWEEN, IN or LIKE, found ="),
        ("colour IS 1", "at column 11: expected NULL or NOT NULL, found 1"),
        ("weight BETWEEN 1", "at column 17: expected AND and the upper bound, found the end"),
        ("grün = 'x' ; y", "at column 12: expected a name, a value or an operator, found ; y"),
        ("colour = 'red", "at column 10: expected a name, a value or an operator, found 'red"),
        ("", "at column 1: expected a header's name, a value or (, found the end"),
    ];
    for (text, expected) in table {
        assert_eq!(Selector::parse(text).unwrap_err().to_string(), expected, "{text}");
    }
}

#[test]
fn limits_hold() {
    let nested = |levels| format!("{}TRUE{}", "(".repeat(levels), ")".repeat(levels));
    assert!(Selector::parse(&nested(super::NESTING_MAX)).is_ok());
    assert!(Selector::parse(&nested(super::NESTING_MAX + 1)).is_err());
    assert!(Selector::parse(&"-".repeat(super::TEXT_BYTES_MAX)).is_err());
    let long = |size: usize| format!("a = '{}'", "x".repeat(size - 6));
    assert!(Selector::parse(&long(super::TEXT_BYTES_MAX)).is_ok());
    assert!(Selector::parse(&long(super::TEXT_BYTES_MAX + 1)).is_err());
}

/// LIKE by trying everything.
fn is_like(pattern: &[char], text: &[char]) -> bool {
    match (pattern, text) {
        ([], []) => true,
        (['%', rest @ ..], _) => (0..=text.len()).any(|skipped| is_like(rest, &text[skipped..])),
        (['_', pattern @ ..], [_, text @ ..]) => is_like(pattern, text),
        ([wanted, pattern @ ..], [letter, text @ ..]) if wanted == letter => is_like(pattern, text),
        _ => false,
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "[a-zäA-Z0-9'\"()=<>+*/,.% _-]{0,60}") {
        if let Ok(selector) = Selector::parse(&text) {
            selector.matches(&|_| Some(Cow::Borrowed("1")));
        }
    }

    #[test]
    fn like_is_what_trying_everything_says(pattern in "[abä%_]{0,8}", text in "[abä]{0,8}") {
        let letters = |text: &str| text.chars().collect::<Vec<_>>();
        let expected = is_like(&letters(&pattern), &letters(&text));
        prop_assert_eq!(Pattern::new(&pattern, None).matches(&text), expected);
    }
}
