//! Whom the operator keeps away.

use std::net::IpAddr;
use std::sync::Arc;

use hyper::{Method, StatusCode};
use serde::{Deserialize, Serialize};

use crate::admin::Admin;
use crate::admin::answer::{Answer, Refused, done, json, nothing};
use crate::admin::call::{Call, bad, said};
use crate::admin::page::{Page, PageQuery, STRANGE_CURSOR};
use crate::admin::routes::Routes;
use crate::broker::operate::{BanId, BanSummary, Banned};
use crate::config::Span;

/// Longest reason, in characters.
const REASON_CHARS_MAX: usize = 1000;
/// Longest name of somebody who can be banned, in characters.
const NAME_CHARS_MAX: usize = 4000;

pub(super) fn add(routes: &mut Routes) {
    routes.get("/api/v1/bans", list);
    routes.add(Method::POST, "/api/v1/bans", ban);
    routes.add(Method::DELETE, "/api/v1/bans/{id}", lift);
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewBan {
    #[serde(default, deserialize_with = "said")]
    address: Option<IpAddr>,
    #[serde(default, deserialize_with = "said")]
    user: Option<String>,
    #[serde(default, deserialize_with = "said")]
    client_id: Option<String>,
    #[serde(default, deserialize_with = "said")]
    r#for: Option<Span>,
    #[serde(default, deserialize_with = "said")]
    reason: Option<Box<str>>,
}

#[derive(Serialize)]
struct Given {
    ban: BanSummary,
    kicked: usize,
}

async fn list(admin: Arc<Admin>, call: Call) -> Result<Answer, Refused> {
    let page = call.query::<PageQuery>()?.page()?;
    let after = match &page.after {
        Some(after) => Some(BanId::parse(after).ok_or_else(|| bad(STRANGE_CURSOR))?),
        None => None,
    };
    let listed = admin.off_thread(move |admin| admin.broker.list_bans(after, page.limit)).await?;
    Ok(done(&Page::new(listed, |ban| ban.id.to_string())))
}

async fn ban(admin: Arc<Admin>, call: Call) -> Result<Answer, Refused> {
    call.has_no_query()?;
    let NewBan { address, user, client_id, r#for, reason } = call.arguments()?;
    let is_name = |text: &String| (1..=NAME_CHARS_MAX).contains(&text.chars().count());
    if ![&user, &client_id].into_iter().flatten().all(is_name) {
        return Err(bad(format!("the body: user and client_id have 1 to {NAME_CHARS_MAX} characters")));
    }
    if reason.as_ref().is_some_and(|reason| reason.chars().count() > REASON_CHARS_MAX) {
        return Err(bad(format!("the body: reason has at most {REASON_CHARS_MAX} characters")));
    }
    let banned = match (address, user, client_id) {
        (Some(address), None, None) => Banned::Address(address.into()),
        (None, Some(user), None) => Banned::User(user.into()),
        (None, None, Some(client_id)) => Banned::ClientId(client_id.into()),
        _ => return Err(bad("the body: say one of address, user and client_id")),
    };
    let given =
        admin.off_thread(move |admin| admin.broker.ban(banned, r#for.map(|span| span.0), reason)).await?;
    match given {
        Ok((ban, kicked)) => Ok(json(StatusCode::CREATED, &Given { ban, kicked })),
        Err(too_many) => Err(Refused::new(StatusCode::CONFLICT, too_many.to_string())),
    }
}

async fn lift(admin: Arc<Admin>, call: Call) -> Result<Answer, Refused> {
    call.has_no_query()?;
    match BanId::parse(call.parameter("id")).is_some_and(|id| admin.broker.lift_ban(id)) {
        true => Ok(nothing()),
        false => Err(Refused::new(StatusCode::NOT_FOUND, "there is no such ban")),
    }
}
