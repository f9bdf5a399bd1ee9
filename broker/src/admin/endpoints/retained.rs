//! Retained messages.

use std::sync::Arc;

use hyper::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use tidewire_protocols::topic::{TopicFilterBuf, TopicNameBuf};

use super::payload::Content;
use super::sessions::not_stored;
use crate::admin::Admin;
use crate::admin::answer::{Answer, Refused, done};
use crate::admin::call::{Call, bad};
use crate::admin::page::{Page, PageRequest};
use crate::admin::routes::Routes;
use crate::broker::inspect::Listed;
use crate::message::Message;

pub(super) fn add(routes: &mut Routes) {
    routes.get("/api/v1/retained", list);
    routes.add(Method::DELETE, "/api/v1/retained", clear_all);
    routes.get("/api/v1/retained/{topic}", show);
    routes.add(Method::DELETE, "/api/v1/retained/{topic}", clear);
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    limit: Option<usize>,
    after: Option<String>,
    filter: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClearQuery {
    filter: String,
}

#[derive(Serialize)]
struct Retained {
    topic: String,
    #[serde(flatten)]
    content: Content,
}

#[derive(Serialize)]
struct Cleared {
    cleared: usize,
}

impl Retained {
    fn of(message: &Message) -> Self {
        let (topic, content) = (message.topic().as_str().to_owned(), Content::of(message));
        Self { topic, content }
    }
}

async fn list(admin: Arc<Admin>, call: Call) -> Result<Answer, Refused> {
    let query: ListQuery = call.query()?;
    let page = PageRequest::new(query.limit, query.after)?;
    let filter = parse_filter(query.filter.unwrap_or_else(|| "#".to_owned()))?;
    let list = move |admin: &Admin| {
        let after = page.after.as_deref();
        let Listed { items, has_more, total } =
            admin.broker.list_retained(filter.as_filter(), after, page.limit);
        Listed { items: items.iter().map(|message| Retained::of(message)).collect(), has_more, total }
    };
    let listed = admin.off_thread(list).await?;
    Ok(done(&Page::new(listed, |message: &Retained| message.topic.clone())))
}

async fn show(admin: Arc<Admin>, call: Call) -> Result<Answer, Refused> {
    call.has_no_query()?;
    let message = admin.broker.retained_message(parse_topic(&call)?.as_name()).ok_or_else(none)?;
    Ok(done(&Retained::of(&message)))
}

async fn clear(admin: Arc<Admin>, call: Call) -> Result<Answer, Refused> {
    call.has_no_query()?;
    let topic = parse_topic(&call)?;
    let cleared = admin.off_thread(move |admin| admin.broker.clear_retained(topic.as_name())).await?;
    let commit = cleared.map_err(|_| not_stored())?.ok_or_else(none)?;
    admin.broker.wait_until_durable(commit).await;
    Ok(done(&Cleared { cleared: 1 }))
}

async fn clear_all(admin: Arc<Admin>, call: Call) -> Result<Answer, Refused> {
    let query: ClearQuery = call.query()?;
    let filter = parse_filter(query.filter)?;
    let clear = move |admin: &Admin| admin.broker.clear_retained_matching(filter.as_filter());
    let (cleared, commit) = admin.off_thread(clear).await?.map_err(|_| not_stored())?;
    admin.broker.wait_until_durable(commit).await;
    Ok(done(&Cleared { cleared }))
}

fn parse_filter(text: String) -> Result<TopicFilterBuf, Refused> {
    let filter = TopicFilterBuf::parse(text).map_err(|error| bad(format!("the query: filter: {error}")))?;
    match filter.as_filter().share_name() {
        None => Ok(filter),
        Some(_) => Err(bad("the query: filter: shared subscriptions receive no retained messages")),
    }
}

fn parse_topic(call: &Call) -> Result<TopicNameBuf, Refused> {
    TopicNameBuf::parse(call.parameter("topic")).map_err(|error| bad(format!("topic in the path: {error}")))
}

fn none() -> Refused {
    Refused::new(StatusCode::NOT_FOUND, "nothing is retained at this topic")
}
