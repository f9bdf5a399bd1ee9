//! Work queues.

use std::sync::Arc;

use hyper::{Method, StatusCode};
use serde::{Deserialize, Serialize};

use super::payload::Content;
use super::sessions::not_stored;
use crate::admin::Admin;
use crate::admin::answer::{Answer, Refused, done};
use crate::admin::call::{Call, bad, said};
use crate::admin::page::{Page, PageQuery, STRANGE_CURSOR};
use crate::admin::routes::Routes;
use crate::broker::inspect::{Listed, QueueView};
use crate::clock::Timestamp;
use crate::queue::{ConsumerStatus, Peeked, QueueStatus, WaitingMessage};
use crate::session::{Place, ProtocolKind};

/// Consumers that are shown with a queue.
const CONSUMERS_MAX: usize = 1000;

pub(super) fn add(routes: &mut Routes) {
    routes.get("/api/v1/queues", list);
    routes.get("/api/v1/queues/{name}", show);
    routes.get("/api/v1/queues/{name}/messages", peek);
    routes.add(Method::DELETE, "/api/v1/queues/{name}/messages", purge);
    routes.add(Method::POST, "/api/v1/queues/{name}/requeue", requeue);
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RequeueArguments {
    to: Option<String>,
    #[serde(default, deserialize_with = "said")]
    limit: Option<usize>,
}

#[derive(Serialize)]
struct Shown {
    name: Arc<str>,
    depth: usize,
    bytes: usize,
    consumers: usize,
    inflight: usize,
    oldest_age_secs: Option<u64>,
    delivered: u64,
    dead_letter: Option<String>,
}

#[derive(Serialize)]
struct Detail {
    #[serde(flatten)]
    queue: Shown,
    consumer_list: Vec<Consumer>,
}

#[derive(Serialize)]
struct Consumer {
    client_id: Arc<str>,
    protocol: &'static str,
    unacknowledged: usize,
    prefetch: usize,
    exclusive: bool,
    browser: bool,
}

#[derive(Serialize)]
struct Message {
    sequence: u64,
    priority: u8,
    deliveries: u32,
    waits_since: Timestamp,
    #[serde(flatten)]
    content: Content,
}

#[derive(Serialize)]
struct Purged {
    purged: usize,
}

#[derive(Serialize)]
struct Requeued {
    requeued: usize,
    left: usize,
    stopped: Option<String>,
}

impl From<QueueView> for Shown {
    fn from(QueueView { name, dead_letter, status }: QueueView) -> Self {
        let QueueStatus { depth, inflight, bytes, consumers, oldest_age_secs, delivered } = status;
        Self { name, depth, bytes, consumers, inflight, oldest_age_secs, delivered, dead_letter }
    }
}

impl From<ConsumerStatus> for Consumer {
    fn from(status: ConsumerStatus) -> Self {
        Self {
            client_id: status.client.client_id,
            protocol: match status.client.protocol {
                ProtocolKind::Mqtt => "mqtt",
                ProtocolKind::Stomp | ProtocolKind::DurableSubscription => "stomp",
            },
            unacknowledged: status.unacknowledged,
            prefetch: status.prefetch,
            exclusive: status.is_exclusive,
            browser: status.is_browser,
        }
    }
}

impl Message {
    /// `None` where somebody has taken it meanwhile, or it cannot be read.
    fn of(waiting: &WaitingMessage) -> Option<Self> {
        Some(Self {
            sequence: waiting.place.sequence(),
            priority: waiting.place.priority(),
            deliveries: waiting.deliveries,
            waits_since: Timestamp(u64::from(waiting.since_secs) * 1000),
            content: Content::of(waiting.message.as_ref()?),
        })
    }
}

async fn list(admin: Arc<Admin>, call: Call) -> Result<Answer, Refused> {
    let page = call.query::<PageQuery>()?.page()?;
    let list = move |admin: &Admin| {
        let Listed { items, has_more, total } = admin.broker.list_queues(page.after.as_deref(), page.limit);
        Listed { items: items.into_iter().map(Shown::from).collect(), has_more, total }
    };
    let listed = admin.off_thread(list).await?;
    Ok(done(&Page::new(listed, |queue: &Shown| queue.name.to_string())))
}

async fn show(admin: Arc<Admin>, call: Call) -> Result<Answer, Refused> {
    call.has_no_query()?;
    let name = call.parameter("name");
    let queue = admin.broker.queue_view(name).ok_or_else(none)?.into();
    let consumers = admin.broker.queue_consumers(name, CONSUMERS_MAX);
    Ok(done(&Detail { queue, consumer_list: consumers.into_iter().map(Consumer::from).collect() }))
}

async fn peek(admin: Arc<Admin>, call: Call) -> Result<Answer, Refused> {
    let page = call.query::<PageQuery>()?.page()?;
    let after = page.after.as_deref().map(|cursor| place(cursor).ok_or_else(|| bad(STRANGE_CURSOR)));
    let after = after.transpose()?;
    let name = call.parameter("name").to_owned();
    let peek = move |admin: &Admin| {
        let Peeked { messages, has_more, total } = admin.broker.peek_queue(&name, after, page.limit)?;
        let last = messages.last().filter(|_| has_more).map(|message| cursor(message.place));
        Some(Page { items: messages.iter().filter_map(Message::of).collect(), next: last, total })
    };
    let page = admin.off_thread(peek).await?.ok_or_else(none)?;
    Ok(done(&page))
}

async fn purge(admin: Arc<Admin>, call: Call) -> Result<Answer, Refused> {
    call.has_no_query()?;
    let name = call.parameter("name").to_owned();
    let purged = admin.off_thread(move |admin| admin.broker.purge_queue(&name)).await?;
    let purged = purged.ok_or_else(none)?.map_err(|_| not_stored())?;
    admin.broker.wait_until_durable(purged.commit).await;
    Ok(done(&Purged { purged: purged.messages }))
}

async fn requeue(admin: Arc<Admin>, call: Call) -> Result<Answer, Refused> {
    call.has_no_query()?;
    let arguments: RequeueArguments = call.arguments()?;
    let limit = arguments.limit.unwrap_or(usize::MAX);
    if limit == 0 {
        return Err(bad("the body: limit is at least 1"));
    }
    let name_of = |to: String| to.strip_prefix("/queue/").filter(|name| !name.is_empty()).map(str::to_owned);
    let to =
        arguments.to.map(|to| name_of(to).ok_or_else(|| bad("the body: to is /queue/NAME"))).transpose()?;
    let name = call.parameter("name").to_owned();
    if admin.broker.queue_view(&name).is_none() {
        return Err(none());
    }
    let requeue = move |admin: &Admin| admin.broker.requeue(&name, to.as_deref(), limit);
    let requeued = admin.off_thread(requeue).await?.ok_or_else(no_target)?;
    admin.broker.wait_until_durable(requeued.commit).await;
    let stopped = requeued.stopped.map(|refused| refused.to_string());
    Ok(done(&Requeued { requeued: requeued.moved, left: requeued.left, stopped }))
}

/// A message's place, as a page names it.
fn cursor(place: Place) -> String {
    format!("{}.{}", place.priority(), place.sequence())
}

/// The place of that name.
fn place(cursor: &str) -> Option<Place> {
    let (priority, sequence) = cursor.split_once('.')?;
    let are_digits = [priority, sequence].iter().all(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
    if priority.len() != 1 || !are_digits {
        return None;
    }
    Some(Place::new(priority.parse().ok()?, sequence.parse().ok()?))
}

fn none() -> Refused {
    Refused::new(StatusCode::NOT_FOUND, "there is no queue of this name: one goes with its last message")
}

fn no_target() -> Refused {
    Refused::new(StatusCode::CONFLICT, "to is this very queue, or no queue can have that name")
}
