//! Connections and who has come over them: listed, shown in depth, ended.

use std::net::IpAddr;
use std::sync::Arc;

use hyper::{Method, StatusCode};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::admin::Admin;
use crate::admin::answer::{Answer, Refused, done};
use crate::admin::call::{Call, bad};
use crate::admin::page::{Page, PageRequest};
use crate::admin::routes::Routes;
use crate::broker::inspect::{ClientFilter, ClientState};
use crate::session::{ProtocolKind, Session};

pub(super) fn add(routes: &mut Routes) {
    routes.get("/api/v1/clients", list);
    routes.get("/api/v1/clients/{client_id}", show);
    routes.add(Method::DELETE, "/api/v1/clients/{client_id}", kick);
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    limit: Option<usize>,
    after: Option<String>,
    client_id: Option<String>,
    user: Option<String>,
    protocol: Option<ProtocolName>,
    listener: Option<String>,
    address: Option<String>,
    state: Option<ClientState>,
    slow: Option<bool>,
}

/// A protocol and its version, or all its versions.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum ProtocolName {
    Mqtt,
    Mqtt31,
    Mqtt311,
    Mqtt5,
    Stomp,
    Stomp10,
    Stomp11,
    Stomp12,
}

/// Which of two clients of one name is meant.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Mqtt,
    Stomp,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OneQuery {
    protocol: Option<Kind>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KickQuery {
    protocol: Option<Kind>,
    #[serde(default)]
    discard_session: bool,
}

/// What was done.
#[derive(Serialize)]
struct Kicked {
    kicked: bool,
    session_ended: bool,
}

async fn list(admin: Arc<Admin>, call: Call) -> Result<Answer, Refused> {
    let query: ListQuery = call.query()?;
    let page = PageRequest::new(query.limit, query.after)?;
    let after = page.after_number()?;
    let network = |text: String| {
        let network =
            text.parse().or_else(|_| text.parse::<IpAddr>().map(|ip| IpNet::from(ip.to_canonical())));
        network.map_err(|_| bad("the query: address is an IP address, or a network as 192.0.2.0/24"))
    };
    let filter = ClientFilter {
        client_id: query.client_id,
        user: query.user,
        protocol: query.protocol.map(|protocol| format!("{protocol:?}").to_ascii_lowercase()),
        listener: query.listener,
        network: query.address.map(network).transpose()?,
        state: query.state,
        is_slow: query.slow,
    };
    let listed = admin.off_thread(move |admin| admin.broker.list_clients(&filter, after, page.limit)).await?;
    Ok(done(&Page::new(listed, |client| client.id.to_string())))
}

async fn show(admin: Arc<Admin>, call: Call) -> Result<Answer, Refused> {
    let query: OneQuery = call.query()?;
    let session = find(&admin, &call, query.protocol)?;
    let detail = admin.off_thread(move |admin| admin.broker.describe_client(&session)).await?;
    Ok(done(&detail))
}

async fn kick(admin: Arc<Admin>, call: Call) -> Result<Answer, Refused> {
    let query: KickQuery = call.query()?;
    let session = find(&admin, &call, query.protocol)?;
    let kicked = admin.broker.kick(&session);
    if query.discard_session {
        super::sessions::end(&admin, session).await?;
    }
    Ok(done(&Kicked { kicked, session_ended: query.discard_session }))
}

fn find(admin: &Admin, call: &Call, protocol: Option<Kind>) -> Result<Arc<Session>, Refused> {
    let protocol = protocol.map(|kind| match kind {
        Kind::Mqtt => ProtocolKind::Mqtt,
        Kind::Stomp => ProtocolKind::Stomp,
    });
    let session = admin.broker.find_session(call.parameter("client_id"), protocol);
    let session = session.filter(|session| !session.is_durable_subscription());
    session.ok_or_else(|| Refused::new(StatusCode::NOT_FOUND, "there is no client of this name"))
}
