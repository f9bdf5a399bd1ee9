//! The broker as a process: its configuration, what it logs, and that it is to be left.

use std::sync::Arc;
use std::time::Duration;

use hyper::{Method, StatusCode};
use serde::{Deserialize, Serialize};

use crate::admin::Admin;
use crate::admin::answer::{Answer, Refused, done, json};
use crate::admin::call::{Call, bad, said};
use crate::admin::routes::Routes;
use crate::broker::Drain;
use crate::config::Span;
use crate::logging::LogLevel;

/// Over how long clients leave if nothing is said.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);
/// Over how long they may.
const DRAIN_TIMEOUT_MAX: Duration = Duration::from_secs(3600);

pub(super) fn add(routes: &mut Routes) {
    routes.get("/api/v1/config", config);
    routes.get("/api/v1/log", log);
    routes.add(Method::PUT, "/api/v1/log", set_log);
    routes.add(Method::POST, "/api/v1/drain", drain);
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Log {
    level: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DrainArguments {
    #[serde(default, deserialize_with = "said")]
    timeout: Option<Span>,
}

#[derive(Serialize)]
struct Draining {
    draining: bool,
    connections: usize,
    timeout_secs: f64,
}

/// What is in effect, after reloads too. Secrets are in files of their own; the configuration has their names.
async fn config(admin: Arc<Admin>, call: Call) -> Result<Answer, Refused> {
    call.says_nothing()?;
    let mut config = admin.broker.config().masked();
    if let Some(log) = &admin.log {
        // It may have been changed at run time.
        config.log.level = log.current();
    }
    Ok(done(&config))
}

async fn log(admin: Arc<Admin>, call: Call) -> Result<Answer, Refused> {
    call.says_nothing()?;
    Ok(done(&Log { level: log_of(&admin)?.current() }))
}

async fn set_log(admin: Arc<Admin>, call: Call) -> Result<Answer, Refused> {
    call.has_no_query()?;
    let Log { level } = call.arguments()?;
    if !is_level(&level) {
        return Err(bad(
            "the body: level is a word such as info, or a list such as info,tidewire::net=debug",
        ));
    }
    log_of(&admin)?.set(&level).map_err(|error| bad(format!("the body: level: {error}")))?;
    tracing::info!(level, "another log level, from the admin listener");
    Ok(done(&Log { level: log_of(&admin)?.current() }))
}

/// Whether it is a level, or directives as the description has them.
fn is_level(text: &str) -> bool {
    let is_word = |word: &str| ["off", "error", "warn", "info", "debug", "trace"].contains(&word);
    let is_target = |target: &str| {
        !target.is_empty() && target.bytes().all(|byte| byte.is_ascii_lowercase() || b"_:".contains(&byte))
    };
    text.split(',').all(|part| match part.split_once('=') {
        Some((target, word)) => is_target(target) && is_word(word),
        None => is_word(part),
    })
}

fn log_of(admin: &Admin) -> Result<&LogLevel, Refused> {
    let reason = "this log's level is settled when the broker starts";
    admin.log.as_ref().ok_or_else(|| Refused::new(StatusCode::CONFLICT, reason))
}

async fn drain(admin: Arc<Admin>, call: Call) -> Result<Answer, Refused> {
    call.has_no_query()?;
    let DrainArguments { timeout } = call.arguments()?;
    let timeout = timeout.map_or(DRAIN_TIMEOUT, |span| span.0);
    if timeout > DRAIN_TIMEOUT_MAX {
        return Err(bad("the body: timeout is at most 1h"));
    }
    let connections = admin.broker.link_count();
    tracing::info!(connections, secs = timeout.as_secs(), "drained by the operator");
    let broker = Arc::clone(&admin.broker);
    let drain = Drain { timeout, spread: timeout, restart: false };
    let draining = tokio::spawn(async move {
        let left = broker.drain(drain).await;
        tracing::info!(left, "drained");
    });
    // The last word counts, and there is one at a time.
    if let Some(former) = admin.draining.lock().replace(draining) {
        former.abort();
    }
    let answer = Draining { draining: true, connections, timeout_secs: timeout.as_secs_f64() };
    Ok(json(StatusCode::ACCEPTED, &answer))
}
