//! What a selector says of a message. `None` is SQL's unknown.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::expression::{Comparison, Expression, Literal, Operation};

type Header<'h, 'a> = &'h dyn Fn(&str) -> Option<Cow<'a, str>>;

/// What something is worth.
#[derive(Clone, Debug)]
enum Value<'v> {
    /// A header's: a number or a truth value as well, if it spells one.
    Header(Cow<'v, str>),
    Text(&'v str),
    Integer(i64),
    Float(f64),
    Boolean(bool),
}

impl Expression {
    /// Whether it holds.
    pub(super) fn truth(&self, header: Header<'_, '_>) -> Option<bool> {
        match self {
            Self::Or(left, right) => match left.truth(header) {
                Some(true) => Some(true),
                Some(false) => right.truth(header),
                None => right.truth(header).filter(|right| *right),
            },
            Self::And(left, right) => match left.truth(header) {
                Some(false) => Some(false),
                Some(true) => right.truth(header),
                None => right.truth(header).filter(|right| !*right),
            },
            Self::Not(inner) => inner.truth(header).map(|inner| !inner),
            Self::Compare(comparison, left, right) => {
                compare(*comparison, &left.value(header)?, &right.value(header)?)
            }
            Self::Between { value, low, high } => {
                // Once, not for each bound: conditions nested in one another would double the work at each level.
                let value = value.value(header)?;
                let bound = |comparison, bound: &Self| compare(comparison, &value, &bound.value(header)?);
                both(bound(Comparison::GreaterOrEqual, low), bound(Comparison::LessOrEqual, high))
            }
            Self::In { value, list } => {
                let value = value.value(header)?;
                list.iter()
                    .map(|one| compare(Comparison::Equal, &value, &one.into()))
                    .fold(Some(false), either)
            }
            Self::Like { value, pattern } => match value.value(header)? {
                Value::Header(text) => Some(pattern.matches(&text)),
                Value::Text(text) => Some(pattern.matches(text)),
                _ => None,
            },
            Self::IsNull(inner) => Some(inner.value(header).is_none()),
            Self::Header(_) | Self::Literal(_) | Self::Calculate(..) | Self::Negate(_) => {
                self.value(header)?.boolean()
            }
        }
    }

    fn value<'v, 'a: 'v>(&'v self, header: Header<'_, 'a>) -> Option<Value<'v>> {
        match self {
            Self::Header(name) => header(name).map(Value::Header),
            Self::Literal(literal) => Some(literal.into()),
            Self::Calculate(operation, left, right) => {
                calculate(*operation, &left.value(header)?.number()?, &right.value(header)?.number()?)
            }
            Self::Negate(inner) => match inner.value(header)?.number()? {
                Value::Integer(number) => {
                    Some(number.checked_neg().map_or(Value::Float(-(number as f64)), Value::Integer))
                }
                Value::Float(number) => Some(Value::Float(-number)),
                _ => None,
            },
            _ => self.truth(header).map(Value::Boolean),
        }
    }
}

impl<'v> From<&'v Literal> for Value<'v> {
    fn from(literal: &'v Literal) -> Self {
        match literal {
            Literal::Text(text) => Self::Text(text),
            Literal::Integer(number) => Self::Integer(*number),
            Literal::Float(number) => Self::Float(*number),
            Literal::Boolean(truth) => Self::Boolean(*truth),
        }
    }
}

impl<'v> Value<'v> {
    /// As a number, which is exact where it can be.
    fn number(&self) -> Option<Self> {
        match self {
            Self::Integer(number) => Some(Self::Integer(*number)),
            Self::Float(number) => Some(Self::Float(*number)),
            Self::Header(text) => match text.trim().parse() {
                Ok(number) => Some(Self::Integer(number)),
                Err(_) => float(text.trim()).map(Self::Float),
            },
            Self::Text(_) | Self::Boolean(_) => None,
        }
    }

    fn boolean(&self) -> Option<bool> {
        match self {
            Self::Boolean(truth) => Some(*truth),
            Self::Header(text) if text.eq_ignore_ascii_case("true") => Some(true),
            Self::Header(text) if text.eq_ignore_ascii_case("false") => Some(false),
            _ => None,
        }
    }

    fn text(&self) -> Option<&str> {
        match self {
            Self::Header(text) => Some(text),
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// Decimal numbers alone: "infinity" and "nan" are words, and what is too large for a number is none.
fn float(text: &str) -> Option<f64> {
    let is_decimal = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E'));
    if is_decimal { text.parse().ok().filter(|number: &f64| number.is_finite()) } else { None }
}

/// `AND` of what is known already.
fn both(left: Option<bool>, right: Option<bool>) -> Option<bool> {
    match (left, right) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

/// `OR` of what is known already.
fn either(left: Option<bool>, right: Option<bool>) -> Option<bool> {
    match (left, right) {
        (Some(true), _) | (_, Some(true)) => Some(true),
        (Some(false), Some(false)) => Some(false),
        _ => None,
    }
}

fn compare(comparison: Comparison, left: &Value<'_>, right: &Value<'_>) -> Option<bool> {
    let is_equal = |is_equal: bool| match comparison {
        Comparison::Equal => Some(is_equal),
        Comparison::NotEqual => Some(!is_equal),
        _ => None,
    };
    match (left, right) {
        (Value::Boolean(_), _) | (_, Value::Boolean(_)) => is_equal(left.boolean()? == right.boolean()?),
        (Value::Text(_), _) | (_, Value::Text(_)) => is_equal(left.text()? == right.text()?),
        _ => match (left.number(), right.number()) {
            (Some(left), Some(right)) => Some(holds(comparison, order(&left, &right)?)),
            // Two headers, of which one is no number.
            _ => is_equal(left.text()? == right.text()?),
        },
    }
}

fn order(left: &Value<'_>, right: &Value<'_>) -> Option<Ordering> {
    match (left, right) {
        (Value::Integer(left), Value::Integer(right)) => Some(left.cmp(right)),
        _ => as_float(left)?.partial_cmp(&as_float(right)?),
    }
}

fn holds(comparison: Comparison, order: Ordering) -> bool {
    match comparison {
        Comparison::Equal => order.is_eq(),
        Comparison::NotEqual => order.is_ne(),
        Comparison::Less => order.is_lt(),
        Comparison::LessOrEqual => order.is_le(),
        Comparison::Greater => order.is_gt(),
        Comparison::GreaterOrEqual => order.is_ge(),
    }
}

fn as_float(value: &Value<'_>) -> Option<f64> {
    match value {
        Value::Integer(number) => Some(*number as f64),
        Value::Float(number) => Some(*number),
        _ => None,
    }
}

/// Exact where both are and the result can be. Nothing is divided by zero.
fn calculate<'v>(operation: Operation, left: &Value<'_>, right: &Value<'_>) -> Option<Value<'v>> {
    if let (Value::Integer(left), Value::Integer(right)) = (left, right) {
        let exact = match operation {
            Operation::Add => left.checked_add(*right),
            Operation::Subtract => left.checked_sub(*right),
            Operation::Multiply => left.checked_mul(*right),
            Operation::Divide if *right == 0 => return None,
            Operation::Divide => left.checked_div(*right),
        };
        if let Some(exact) = exact {
            return Some(Value::Integer(exact));
        }
    }
    let (left, right) = (as_float(left)?, as_float(right)?);
    let result = match operation {
        Operation::Add => left + right,
        Operation::Subtract => left - right,
        Operation::Multiply => left * right,
        Operation::Divide => left / right,
    };
    result.is_finite().then_some(Value::Float(result))
}
