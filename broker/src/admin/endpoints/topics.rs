//! The tree of topics.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::admin::Admin;
use crate::admin::answer::{Answer, Refused, done};
use crate::admin::call::{Call, bad};
use crate::admin::page::{Page, PageRequest, STRANGE_CURSOR};
use crate::admin::routes::Routes;
use crate::broker::inspect::Listed;

pub(super) fn add(routes: &mut Routes) {
    routes.get("/api/v1/topics", list);
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    limit: Option<usize>,
    after: Option<String>,
    prefix: Option<String>,
}

#[derive(Serialize)]
struct Level {
    name: Box<str>,
    topic: String,
    children: usize,
    retained: bool,
    subscriptions: usize,
}

async fn list(admin: Arc<Admin>, call: Call) -> Result<Answer, Refused> {
    let query: ListQuery = call.query()?;
    let page = PageRequest::new(query.limit, query.after)?;
    // A level may be empty, and a cursor may not; no level has a slash.
    let after = page.after.as_deref().map(|after| after.strip_suffix('/').ok_or_else(|| bad(STRANGE_CURSOR)));
    let after = after.transpose()?.map(str::to_owned);
    let above = query.prefix.map(|prefix| above(&prefix)).unwrap_or_default();
    let list = move |admin: &Admin| {
        let levels: Vec<_> = above.split_terminator('/').collect();
        let Listed { items, has_more, total } =
            admin.broker.list_topics(&levels, after.as_deref(), page.limit);
        let named = items.into_iter().map(|level| Level {
            topic: format!("{above}{}", level.name),
            name: level.name,
            children: level.children,
            retained: level.has_retained,
            subscriptions: level.subscriptions,
        });
        Listed { items: named.collect(), has_more, total }
    };
    let listed = admin.off_thread(list).await?;
    Ok(done(&Page::new(listed, |level| format!("{}/", level.name))))
}

/// The levels above, each with a slash behind it: `a`, `a/` and so on; none where nothing is said. A slash alone is the
/// empty level that is the first of `/a`.
fn above(prefix: &str) -> String {
    match prefix.strip_suffix('/') {
        None if prefix.is_empty() => String::new(),
        _ if prefix.ends_with('/') => prefix.to_owned(),
        _ => format!("{prefix}/"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_levels_above_are_told_from_one_another_by_slashes() {
        for (prefix, expected) in [
            ("", &[][..]),
            ("/", &[""]),
            ("a", &["a"]),
            ("a/", &["a"]),
            ("a//", &["a", ""]),
            ("/a", &["", "a"]),
            ("a/b", &["a", "b"]),
        ] {
            let above = above(prefix);
            assert_eq!(above.split_terminator('/').collect::<Vec<_>>(), expected, "{prefix:?}");
        }
    }
}
