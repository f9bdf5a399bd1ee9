//! What the broker remembers of clients, connected or not.

use std::sync::Arc;

use hyper::{Method, StatusCode};
use serde::Deserialize;

use crate::admin::Admin;
use crate::admin::answer::{Answer, Refused, done, nothing};
use crate::admin::call::Call;
use crate::admin::page::{Page, PageRequest};
use crate::admin::routes::Routes;
use crate::broker::inspect::SessionFilter;
use crate::session::{ProtocolKind, Session};
use crate::store::StoreError;

pub(super) fn add(routes: &mut Routes) {
    routes.get("/api/v1/sessions", list);
    routes.add(Method::DELETE, "/api/v1/sessions/{client_id}", remove);
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    limit: Option<usize>,
    after: Option<String>,
    connected: Option<bool>,
    client_id: Option<String>,
    protocol: Option<Kind>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OneQuery {
    protocol: Option<Kind>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    Mqtt,
    Stomp,
    DurableSubscription,
}

impl From<Kind> for ProtocolKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Mqtt => Self::Mqtt,
            Kind::Stomp => Self::Stomp,
            Kind::DurableSubscription => Self::DurableSubscription,
        }
    }
}

async fn list(admin: Arc<Admin>, call: Call) -> Result<Answer, Refused> {
    let query: ListQuery = call.query()?;
    let page = PageRequest::new(query.limit, query.after)?;
    let after = page.after_number()?;
    let filter = SessionFilter {
        client_id: query.client_id,
        protocol: query.protocol.map(Into::into),
        is_connected: query.connected,
    };
    let listed =
        admin.off_thread(move |admin| admin.broker.list_sessions(&filter, after, page.limit)).await?;
    Ok(done(&Page::new(listed, |session| session.id.to_string())))
}

async fn remove(admin: Arc<Admin>, call: Call) -> Result<Answer, Refused> {
    let query: OneQuery = call.query()?;
    let found = admin.broker.find_session(call.parameter("client_id"), query.protocol.map(Into::into));
    let session =
        found.ok_or_else(|| Refused::new(StatusCode::NOT_FOUND, "there is no session of this name"))?;
    admin.broker.kick(&session);
    end(&admin, session).await?;
    Ok(nothing())
}

/// Ends a session.
pub(super) async fn end(admin: &Arc<Admin>, session: Arc<Session>) -> Result<(), Refused> {
    let ended = admin.off_thread(move |admin| admin.broker.discard_session(&session)).await?;
    ended.map_err(|StoreError::Unavailable| not_stored())
}

/// The store takes nothing.
pub(super) fn not_stored() -> Refused {
    let reason = "the store takes nothing at present: its disk is full or failing";
    Refused::new(StatusCode::SERVICE_UNAVAILABLE, reason)
}
