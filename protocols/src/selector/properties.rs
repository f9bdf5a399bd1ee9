//! Selectors against a second, simpler reading of each part.

use std::borrow::Cow;

use proptest::prelude::*;

use super::Selector;
use super::like::Pattern;

/// A condition, of which the second reading is Kleene's: 0 is false, 1 unknown and 2 true; `NOT` turns the scale round,
/// `AND` takes the lower and `OR` the higher.
#[derive(Clone, Debug)]
enum Condition {
    Known(u8),
    Not(Box<Self>),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
}

impl Condition {
    fn truth(&self) -> u8 {
        match self {
            Self::Known(truth) => *truth,
            Self::Not(inner) => 2 - inner.truth(),
            Self::And(left, right) => left.truth().min(right.truth()),
            Self::Or(left, right) => left.truth().max(right.truth()),
        }
    }

    /// With parentheses only where something binds weaker than what it stands in.
    fn text(&self) -> String {
        let within = |inner: &Self, binds: u8| match inner.binds() < binds {
            true => format!("({})", inner.text()),
            false => inner.text(),
        };
        match self {
            Self::Known(truth) => ["FALSE", "missing", "TRUE"][usize::from(*truth)].to_owned(),
            Self::Not(inner) => format!("NOT {}", within(inner, 2)),
            Self::And(left, right) => format!("{} AND {}", within(left, 1), within(right, 1)),
            Self::Or(left, right) => format!("{} OR {}", within(left, 0), within(right, 0)),
        }
    }

    fn binds(&self) -> u8 {
        match self {
            Self::Or(..) => 0,
            Self::And(..) => 1,
            Self::Not(_) => 2,
            Self::Known(_) => 3,
        }
    }
}

fn condition() -> impl Strategy<Value = Condition> {
    (0..=2_u8).prop_map(Condition::Known).prop_recursive(5, 24, 2, |inner| {
        let pair = (inner.clone().prop_map(Box::new), inner.clone().prop_map(Box::new));
        prop_oneof![
            inner.prop_map(|inner| Condition::Not(Box::new(inner))),
            pair.clone().prop_map(|(left, right)| Condition::And(left, right)),
            pair.prop_map(|(left, right)| Condition::Or(left, right)),
        ]
    })
}

/// On the scale of [`Condition`].
fn truth(text: &str) -> u8 {
    let header = |name: &str| match name {
        "one" => Some(Cow::Borrowed("1")),
        "two" => Some(Cow::Borrowed("2.0")),
        "red" => Some(Cow::Borrowed("red")),
        _ => None,
    };
    let selects = |text: &str| Selector::parse(text).unwrap().matches(&header);
    match (selects(text), selects(&format!("NOT ({text})"))) {
        (true, false) => 2,
        (false, false) => 1,
        (false, true) => 0,
        (true, true) => panic!("{text} and its negation both hold"),
    }
}

fn value() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["one", "two", "red", "missing", "1", "1.5", "'red'", "'1'", "TRUE", "one / 0"])
}

fn literal() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["1", "2", "1.5", "-1", "'red'", "'1'", "TRUE"])
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

fn letters(text: &str) -> Vec<char> {
    text.chars().collect()
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in any::<String>()) {
        if let Ok(selector) = Selector::parse(&text) {
            selector.matches(&|_| Some(Cow::Borrowed("1")));
        }
    }

    #[test]
    fn no_text_that_looks_like_a_selector_makes_it_panic(text in "[a-zäA-Z0-9'\"()=<>+*/,.% _-]{0,60}") {
        if let Ok(selector) = Selector::parse(&text) {
            selector.matches(&|_| Some(Cow::Borrowed("1")));
        }
    }

    #[test]
    fn no_row_of_tokens_makes_it_panic(
        tokens in prop::collection::vec(
            prop::sample::select(vec![
                "a", "1", "1.5", "'%'", "AND", "OR", "NOT", "BETWEEN", "IN", "LIKE", "ESCAPE", "IS", "NULL", "TRUE",
                "=", "<>", "<", "(", ")", ",", "+", "-", "*", "/",
            ]),
            0..24,
        ),
    ) {
        if let Ok(selector) = Selector::parse(&tokens.join(" ")) {
            selector.matches(&|_| Some(Cow::Borrowed("1")));
        }
    }

    #[test]
    fn three_values_are_kleenes(condition in condition()) {
        prop_assert_eq!(truth(&condition.text()), condition.truth(), "{}", condition.text());
    }

    #[test]
    fn between_is_two_comparisons(value in value(), low in value(), high in value()) {
        let between = format!("{value} BETWEEN {low} AND {high}");
        let compared = format!("{value} >= {low} AND {value} <= {high}");
        prop_assert_eq!(truth(&between), truth(&compared), "{}", between);
    }

    #[test]
    fn in_is_a_chain_of_equalities(value in value(), list in prop::collection::vec(literal(), 1..4)) {
        let listed = format!("{value} IN ({})", list.join(", "));
        let equalities: Vec<_> = list.iter().map(|one| format!("{value} = {one}")).collect();
        prop_assert_eq!(truth(&listed), truth(&equalities.join(" OR ")), "{}", listed);
    }

    #[test]
    fn like_is_what_trying_everything_says(pattern in "[abä%_]{0,8}", text in "[abä]{0,8}") {
        let expected = is_like(&letters(&pattern), &letters(&text));
        prop_assert_eq!(Pattern::new(&pattern, None).matches(&text), expected);
    }

    /// Patterns whose states take more than one word.
    #[test]
    fn long_patterns_are_like_it_too(
        start in 60..70_usize, pattern in "[ab%_]{0,6}", text in "[ab]{0,6}", more in 0..70_usize,
    ) {
        let pattern = format!("{}{pattern}%{}", "a".repeat(start), "b".repeat(more));
        let text = format!("{}{text}{}", "a".repeat(start), "b".repeat(more));
        let expected = is_like(&letters(&pattern), &letters(&text));
        prop_assert_eq!(Pattern::new(&pattern, None).matches(&text), expected);
    }

    #[test]
    fn an_escaped_text_is_like_itself_alone(text in "[ab%_!]{0,8}", other in "[ab%_!]{0,8}") {
        let mut escaped = String::new();
        for letter in text.chars() {
            escaped.extend(['!', letter]);
        }
        let pattern = Pattern::new(&escaped, Some('!'));
        prop_assert!(pattern.matches(&text));
        prop_assert_eq!(pattern.matches(&other), text == other);
    }
}
