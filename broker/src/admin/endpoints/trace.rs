//! One client, or one topic, as it happens: server-sent events. (HTML Standard, section 9.2)

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tidewire_protocols::topic::TopicFilterBuf;
use tokio::time::Instant;

use crate::admin::Admin;
use crate::admin::answer::{Answer, Refused};
use crate::admin::call::{Call, bad};
use crate::admin::routes::Routes;
use crate::admin::stream::{BodySender, Gone};
use crate::broker::{Trace, Watched};

/// How long a trace goes on at most, and if nothing is said.
const SECS_MAX: u64 = 3600;
/// How often something is sent where nothing happens, so that it is seen when the watcher has gone.
const QUIET_INTERVAL: Duration = Duration::from_secs(15);

pub(super) fn add(routes: &mut Routes) {
    routes.get("/api/v1/trace", trace);
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Query {
    client_id: Option<String>,
    topic: Option<String>,
    secs: Option<u64>,
}

async fn trace(admin: Arc<Admin>, call: Call) -> Result<Answer, Refused> {
    let Query { client_id, topic, secs } = call.query()?;
    let watched = match (client_id, topic) {
        (Some(client_id), None) if !client_id.is_empty() => Watched::Client(client_id.into()),
        (None, Some(filter)) => {
            let filter = TopicFilterBuf::parse(filter);
            Watched::Topic(filter.map_err(|error| bad(format!("the query: topic: {error}")))?)
        }
        _ => return Err(bad("the query: say client_id or topic")),
    };
    let secs = secs.unwrap_or(SECS_MAX);
    if !(1..=SECS_MAX).contains(&secs) {
        return Err(bad("the query: secs is from 1 to 3600"));
    }
    let (sender, answer) = admin.streams.open("text/event-stream", call.grant())?;
    let trace = admin.off_thread(move |admin| admin.broker.trace(watched)).await?;
    tokio::spawn(send(trace, sender, Instant::now() + Duration::from_secs(secs)));
    Ok(answer)
}

/// Sends what happens, until it is over or the watcher has gone.
async fn send(trace: Trace, mut sender: BodySender, ends_at: Instant) {
    if let Err(gone) = follow(&trace, &mut sender, ends_at).await {
        sender.abort(gone.into());
    }
}

async fn follow(trace: &Trace, sender: &mut BodySender, ends_at: Instant) -> Result<(), Gone> {
    // Said at once, so that a watcher knows from when on nothing is missed.
    let mut piece = String::from(": begun\n\n");
    while Instant::now() < ends_at {
        sender.send(std::mem::take(&mut piece)).await?;
        let quiet_until = ends_at.min(Instant::now() + QUIET_INTERVAL);
        let next = tokio::select! {
            next = tokio::time::timeout_at(quiet_until, trace.next()) => next,
            gone = sender.revoked() => return Err(gone),
        };
        match next {
            Ok(events) => {
                for event in events {
                    match serde_json::to_string(&event) {
                        Ok(json) => piece.extend(["data: ", &json, "\n\n"]),
                        Err(error) => tracing::error!(%error, "an event of a trace cannot be written"),
                    }
                }
            }
            Err(_) => piece.push_str(": quiet\n\n"),
        }
    }
    Ok(())
}
