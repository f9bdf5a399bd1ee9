//! Message selectors: conditions over a message's headers, in the subset of SQL-92 that JMS brokers know.
//!
//! ```text
//! colour = 'red' AND (weight BETWEEN 10 AND 20 OR urgent = TRUE) AND "content-type" LIKE 'text/%'
//! ```
//!
//! | | |
//! |---|---|
//! | comparison | `=` `<>` `<` `<=` `>` `>=` |
//! | conditions | `AND` `OR` `NOT` `( )`, `[NOT] BETWEEN … AND …`, `[NOT] IN (…)`, `[NOT] LIKE '…' [ESCAPE '…']`, `IS [NOT] NULL` |
//! | arithmetic | `+` `-` `*` `/` |
//! | literals | `'it''s'`, `10`, `1.5`, `6e3`, `TRUE`, `FALSE` |
//! | headers | `colour`, and in double quotes where the name has other signs: `"content-type"` |
//!
//! Headers are texts. Compared with a number, or calculated with, a header is the number that it spells; compared with
//! `TRUE` or `FALSE`, it is `true` or `false`; two texts are equal or not, and neither is the greater. A header that is
//! missing, or is not what it is compared with, is *unknown*, and what follows from it may be (SQL's three values). A
//! message is selected where the whole is true. `a BETWEEN x AND y` is `a >= x AND a <= y`, and `a IN (x, y)` is
//! `a = x OR a = y`, also where something is unknown.
//!
//! Subscribers write selectors and publishers write headers, so neither may make the other's match expensive: each part
//! of a selector is evaluated at most once for a message, and `LIKE` never goes back in its text.

mod evaluate;
mod expression;
mod like;
mod parse;
mod token;

use std::borrow::Cow;

use self::expression::Expression;

/// Longest selector, in bytes.
pub const TEXT_BYTES_MAX: usize = 1024;

/// Deepest nesting of parentheses and negations.
pub const NESTING_MAX: usize = 32;

/// See the module.
#[derive(Clone, Debug)]
pub struct Selector {
    text: Box<str>,
    expression: Expression,
}

/// What is wrong with a selector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at column {column}: expected {expected}, found {found}")]
pub struct SelectorError {
    /// Where, in characters from 1.
    pub column: usize,
    /// What could stand there.
    pub expected: &'static str,
    /// What does.
    pub found: String,
}

impl Selector {
    /// Reads a selector of at most [`TEXT_BYTES_MAX`] bytes, nested at most [`NESTING_MAX`] deep.
    ///
    /// # Errors
    ///
    /// [`SelectorError`] says where it goes wrong.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        if text.len() > TEXT_BYTES_MAX {
            let found = format!("{} bytes", text.len());
            return Err(SelectorError { column: 1, expected: "a selector of at most 1024 bytes", found });
        }
        let tokens = token::tokens(text)?;
        Ok(Self { text: text.into(), expression: parse::expression(&tokens)? })
    }

    /// Whether a message is selected, of which `header` answers each header's value by name.
    pub fn matches<'a>(&self, header: &dyn Fn(&str) -> Option<Cow<'a, str>>) -> bool {
        self.expression.truth(header) == Some(true)
    }

    /// The selector as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
