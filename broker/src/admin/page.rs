//! Lists that come in pages: so many at a time, and where the next page begins.

use serde::{Deserialize, Serialize};

use super::answer::Refused;
use super::call::bad;
use crate::broker::inspect::Listed;

/// What a page has at most.
const ITEMS_MAX: usize = 1000;
/// What a page has if nothing is said.
const ITEMS_DEFAULT: usize = 100;

/// Which page is asked for. A query has these two beside its filters (`#[serde(flatten)]` would lose the check for what is
/// unknown, so each query has the fields themselves).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PageRequest {
    /// How many there may be.
    pub(super) limit: usize,
    /// The cursor behind which it begins.
    pub(super) after: Option<String>,
}

/// A query for a list that has no filters.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PageQuery {
    limit: Option<usize>,
    after: Option<String>,
}

impl PageQuery {
    /// What it asks for.
    ///
    /// # Errors
    ///
    /// As [`PageRequest::new`].
    pub(super) fn page(self) -> Result<PageRequest, Refused> {
        PageRequest::new(self.limit, self.after)
    }
}

/// A page.
#[derive(Debug, Serialize)]
pub(super) struct Page<T> {
    /// What is on it.
    pub(super) items: Vec<T>,
    /// The cursor that `after` wants for the next one; none on the last.
    pub(super) next: Option<String>,
    /// How many there are on all pages.
    pub(super) total: usize,
}

impl<T> Page<T> {
    /// As the broker has listed it; `cursor` names an item's place.
    pub(super) fn new(listed: Listed<T>, cursor: impl Fn(&T) -> String) -> Self {
        let Listed { items, has_more, total } = listed;
        let next = items.last().filter(|_| has_more).map(cursor);
        Self { items, next, total }
    }
}

impl PageRequest {
    /// As a query has it.
    ///
    /// # Errors
    ///
    /// 400: more is asked for than a page has, or the cursor is empty.
    pub(super) fn new(limit: Option<usize>, after: Option<String>) -> Result<Self, Refused> {
        if after.as_deref() == Some("") {
            return Err(bad(STRANGE_CURSOR));
        }
        match limit.unwrap_or(ITEMS_DEFAULT) {
            limit @ 1..=ITEMS_MAX => Ok(Self { limit, after }),
            _ => Err(bad("the query: limit is from 1 to 1000")),
        }
    }

    /// The cursor, where it is a number; 0 without one.
    ///
    /// # Errors
    ///
    /// 400: it is none.
    pub(super) fn after_number(&self) -> Result<u64, Refused> {
        let after = self.after.as_deref().unwrap_or("0");
        after.parse().map_err(|_| bad(STRANGE_CURSOR))
    }
}

/// What is said of a cursor that no page has given.
pub(super) const STRANGE_CURSOR: &str = "the query: after is what next of the page before says";
