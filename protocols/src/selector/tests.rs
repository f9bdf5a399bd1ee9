//! Selectors by example.

use std::borrow::Cow;
use std::cell::Cell;

use super::{NESTING_MAX, Selector, TEXT_BYTES_MAX};

const HEADERS: [(&str, &str); 12] = [
    ("colour", "red"),
    ("weight", "15"),
    ("price", "1.50"),
    ("urgent", "true"),
    ("content-type", "text/plain"),
    ("name", "it's"),
    ("odd", "10x"),
    ("rate", "50%"),
    ("town", "K\u{f6}ln"),
    ("huge", "1e999"),
    ("", "nameless"),
    ("say \"hi\"", "hello"),
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
        ("weight <> 15", Some(false)),
        ("weight <= 14", Some(false)),
        ("weight >= 16", Some(false)),
        ("weight = '15'", Some(true)),
        ("weight = '15.0'", Some(false)),
        ("weight > '1'", None),
        ("'a' = 1", None),
        ("colour BETWEEN 'a' AND 'z'", None),
        ("price = weight / 10", Some(false)),
        ("price = weight / 10.0", Some(true)),
        ("colour = name", Some(false)),
        ("colour <> name", Some(true)),
        ("colour = colour", Some(true)),
        ("colour < name", None),
        ("weight <> colour", Some(true)),
        ("weight = missing", None),
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
        ("False", Some(false)),
        ("missing", None),
        ("NOT missing", None),
        ("colour", None),
        ("urgent = 'true'", Some(true)),
        ("urgent = 1", None),
        ("urgent IS NOT NULL AND urgent", Some(true)),
        ("weight BETWEEN 10 AND 20", Some(true)),
        ("weight NOT BETWEEN 10 AND 20", Some(false)),
        ("weight BETWEEN 20 AND 10", Some(false)),
        ("missing BETWEEN 1 AND 2", None),
        ("weight BETWEEN 16 AND missing", Some(false)),
        ("weight BETWEEN 10 AND missing", None),
        ("colour IN ('blue', 'red')", Some(true)),
        ("colour NOT IN ('blue', 'red')", Some(false)),
        ("weight IN (1, -2, 15)", Some(true)),
        ("weight IN (+15, 1.5)", Some(true)),
        ("weight IN (15.0)", Some(true)),
        ("missing IN ('a')", None),
        ("missing NOT IN ('a')", None),
        // As a chain of = and OR: a text is neither 1 nor anything else than 1.
        ("colour IN (1, 2)", None),
        ("colour NOT IN (1, 2)", None),
        ("colour IN (1, 'red')", Some(true)),
        ("colour IN ('blue', 1)", None),
        ("colour LIKE 'r_d'", Some(true)),
        ("colour LIKE 'r%'", Some(true)),
        ("colour LIKE 'r_'", Some(false)),
        ("colour NOT LIKE '%x%'", Some(true)),
        ("rate LIKE '50!%' ESCAPE '!'", Some(true)),
        ("colour LIKE '!%' ESCAPE '!'", Some(false)),
        ("missing LIKE '%'", None),
        ("missing NOT LIKE '%'", None),
        ("name LIKE 'it''_'", Some(true)),
        ("name LIKE '____'", Some(true)),
        ("name LIKE '___'", Some(false)),
        ("town LIKE 'K_ln'", Some(true)),
        ("town LIKE '%\u{f6}%'", Some(true)),
        ("rate LIKE '50!_' ESCAPE '!'", Some(false)),
        ("colour LIKE ''", Some(false)),
        ("weight LIKE '1%'", Some(true)),
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
        ("9223372036854775807 = 9223372036854775806", Some(false)),
        ("weight = 1.5e1 AND .5 < 1", Some(true)),
        ("6e3 = 6000 AND 1. = 1", Some(true)),
        ("weight / 0.0 = 1 OR weight / 0.0 <> 1", None),
        ("missing * 2 = 2", None),
        ("missing * 2 IS NULL", Some(true)),
        ("huge > 1", None),
        ("1e308 * 10 > 1", None),
        ("weight-5=10", Some(true)),
        ("2 * -3 = -6", Some(true)),
        ("20 - 10 - 5 = 5 AND 8 / 4 / 2 = 1", Some(true)),
        ("1 + 2 BETWEEN 6 / 2 AND 2 + 1", Some(true)),
        ("\"say \"\"hi\"\"\" = 'hello'", Some(true)),
        ("\"AND\" IS NULL AND \"colour\" = 'red'", Some(true)),
        ("  colour\t=\n'red'  ", Some(true)),
        // AND before OR, NOT before both.
        ("FALSE AND FALSE OR TRUE", Some(true)),
        ("FALSE AND (FALSE OR TRUE)", Some(false)),
        ("TRUE OR TRUE AND FALSE", Some(true)),
        ("(TRUE OR TRUE) AND FALSE", Some(false)),
        ("NOT FALSE AND FALSE", Some(false)),
        ("NOT weight = 15 OR TRUE", Some(true)),
        ("weight BETWEEN 10 AND 20 AND FALSE", Some(false)),
        ("NOT weight NOT BETWEEN 10 AND 20", Some(true)),
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
        ("colour = 'red", "at column 10: expected a text that ends with a single quote, found 'red"),
        ("\"colour = 1", "at column 1: expected a name that ends with a double quote, found \"colour = 1"),
        ("weight = 15kg", "at column 10: expected a number, as 10, 1.5 or 6e3, found 15kg"),
        ("weight = 1e999", "at column 10: expected a number, as 10, 1.5 or 6e3, found 1e999"),
        ("weight = 6e", "at column 10: expected a number, as 10, 1.5 or 6e3, found 6e"),
        ("weight == 15", "at column 9: expected a header's name, a value or (, found ="),
        ("weight != 15", "at column 8: expected a name, a value or an operator, found != 15"),
        ("colour = NULL", "at column 10: expected a header's name, a value or (, found NULL"),
        ("colour IN (-'red')", "at column 13: expected a number, found 'red'"),
        ("colour IN ('red' 'blue')", "at column 18: expected , or ), found 'blue'"),
        ("colour IN 'red'", "at column 11: expected ( and a list of values, found 'red'"),
        ("colour AND", "at column 11: expected a header's name, a value or (, found the end"),
        ("weight = 1 = 1", "at column 12: expected AND, OR or the end, found ="),
        ("colour)", "at column 7: expected AND, OR or the end, found )"),
        ("  \t", "at column 4: expected a header's name, a value or (, found the end"),
        ("", "at column 1: expected a header's name, a value or (, found the end"),
    ];
    for (text, expected) in table {
        assert_eq!(Selector::parse(text).unwrap_err().to_string(), expected, "{text}");
    }
}

#[test]
fn limits_hold() {
    let nested = |levels| format!("{}TRUE{}", "(".repeat(levels), ")".repeat(levels));
    assert!(Selector::parse(&nested(NESTING_MAX)).is_ok());
    assert!(Selector::parse(&nested(NESTING_MAX + 1)).is_err());
    let too_deep = Selector::parse(&nested(NESTING_MAX + 1)).unwrap_err().to_string();
    let expected = "at column 34: expected at most 32 levels of parentheses and negations, found TRUE";
    assert_eq!(too_deep, expected);
    assert!(Selector::parse(&"-".repeat(TEXT_BYTES_MAX)).is_err());
    let long = |size: usize| format!("a = '{}'", "x".repeat(size - 6));
    assert!(Selector::parse(&long(TEXT_BYTES_MAX)).is_ok());
    assert!(Selector::parse(&long(TEXT_BYTES_MAX + 1)).is_err());
}

#[test]
fn the_text_is_kept_as_it_was_written() {
    let text = " colour  = 'red' or\tFALSE ";
    assert_eq!(Selector::parse(text).unwrap().as_str(), text);
}

/// If a part was evaluated twice, parts nested in it would be four times, and so on: 2 to the power of 32.
#[test]
fn nesting_does_not_multiply_the_work() {
    for condition in
        [" BETWEEN 0 AND 2)", " BETWEEN a AND a)", " IN (1, 2, 3))", " IS NULL)", " = a)", " + a)"]
    {
        let text = format!("{}a{}", "(".repeat(NESTING_MAX), condition.repeat(NESTING_MAX));
        let reads = Cell::new(0);
        Selector::parse(&text).unwrap().matches(&|_| {
            reads.set(reads.get() + 1);
            Some(Cow::Borrowed("1"))
        });
        assert!(reads.get() <= text.matches('a').count(), "{condition}: {} reads", reads.get());
    }
}

/// The tree of a chain leans to the left, one level for each link.
#[test]
fn the_longest_chains_fit_the_stack() {
    for (first, link) in [("1", "+1"), ("a", "-a"), ("a", " OR a"), ("a", " AND a")] {
        let links = (TEXT_BYTES_MAX - first.len()) / link.len();
        let selector = Selector::parse(&format!("{first}{}", link.repeat(links))).unwrap();
        let is_selected = selector.clone().matches(&|_| Some(Cow::Borrowed("true")));
        assert_eq!(is_selected, link.contains(' '), "{link}");
    }
}
