//! Who has subscribed to what.

use std::sync::Arc;

use serde::Deserialize;
use tidewire_protocols::topic::TopicNameBuf;

use crate::admin::Admin;
use crate::admin::answer::{Answer, Refused, done};
use crate::admin::call::{Call, bad};
use crate::admin::page::{Page, PageRequest, STRANGE_CURSOR};
use crate::admin::routes::Routes;
use crate::broker::inspect::{SubscriptionFilter, SubscriptionPlace};

pub(super) fn add(routes: &mut Routes) {
    routes.get("/api/v1/subscriptions", list);
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    limit: Option<usize>,
    after: Option<String>,
    filter: Option<String>,
    client_id: Option<String>,
    topic: Option<String>,
}

async fn list(admin: Arc<Admin>, call: Call) -> Result<Answer, Refused> {
    let query: ListQuery = call.query()?;
    let page = PageRequest::new(query.limit, query.after)?;
    let after = page.after.as_deref().map_or_else(|| Some(SubscriptionPlace::default()), place);
    let after = after.ok_or_else(|| bad(STRANGE_CURSOR))?;
    let topic = query.topic.map(TopicNameBuf::parse).transpose();
    let topic = topic.map_err(|error| bad(format!("the query: topic: {error}")))?;
    let filter = SubscriptionFilter { filter: query.filter, client_id: query.client_id, topic };
    let list = move |admin: &Admin| admin.broker.list_subscriptions(&filter, &after, page.limit);
    let listed = admin.off_thread(list).await?;
    Ok(done(&Page::new(listed, |found| cursor(&found.place))))
}

/// `session.number.filter`: the filter may have points of its own.
fn cursor(place: &SubscriptionPlace) -> String {
    format!("{}.{}.{}", place.session, place.local, place.filter)
}

fn place(cursor: &str) -> Option<SubscriptionPlace> {
    let (session, rest) = cursor.split_once('.')?;
    let (local, filter) = rest.split_once('.')?;
    Some(SubscriptionPlace {
        session: session.parse().ok()?,
        filter: filter.into(),
        local: local.parse().ok()?,
    })
}
