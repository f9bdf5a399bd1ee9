//! What each command asks the broker, and how the answer is shown.

use std::fs::OpenOptions;
use std::io::{self, Read as _, Write};
use std::path::Path;
use std::process::ExitCode;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::action::{Action, Ban, Clients, One, Publish};
use super::endpoint::Endpoint;
use super::table::{Column, clean, sheet, table};
use crate::say;

const CLIENTS: &[Column] = &[
    ("CLIENT", "/client_id"),
    ("NAME", "/name"),
    ("USER", "/user"),
    ("PROTOCOL", "/protocol"),
    ("VIA", "/transport"),
    ("TLS", "/tls"),
    ("LISTENER", "/listener"),
    ("ADDRESS", "/address"),
    ("SINCE", "/connected_at"),
    ("STATE", "/state"),
    ("SUBSCRIPTIONS", "/subscriptions"),
    ("WAITING", "/outbox/messages"),
    ("INFLIGHT", "/inflight"),
];
const CLIENT: &[Column] = &[
    ("client", "/session/client_id"),
    ("protocol", "/session/protocol"),
    ("version", "/connection/protocol"),
    ("user", "/session/user"),
    ("connected", "/session/connected"),
    ("address", "/connection/address"),
    ("listener", "/connection/listener"),
    ("tls", "/connection/tls"),
    ("since", "/connection/connected_at"),
    ("keep alive (s)", "/keep_alive_secs"),
    ("session expiry (s)", "/session/expiry_secs"),
    ("expires at", "/session/expires_at"),
    ("messages waiting", "/session/queued/messages"),
    ("bytes waiting", "/session/queued/bytes"),
    ("inflight", "/session/inflight"),
    ("will topic", "/will/topic"),
];
const SESSIONS: &[Column] = &[
    ("CLIENT", "/client_id"),
    ("PROTOCOL", "/protocol"),
    ("USER", "/user"),
    ("CONNECTED", "/connected"),
    ("WAITING", "/queued/messages"),
    ("BYTES", "/queued/bytes"),
    ("INFLIGHT", "/inflight"),
    ("SUBSCRIPTIONS", "/subscriptions"),
    ("EXPIRES", "/expires_at"),
];
const SUBSCRIPTIONS: &[Column] = &[
    ("CLIENT", "/client_id"),
    ("PROTOCOL", "/protocol"),
    ("FILTER", "/filter"),
    ("QOS", "/qos"),
    ("NO LOCAL", "/no_local"),
    ("RETAIN AS PUBLISHED", "/retain_as_published"),
    ("IDENTIFIER", "/identifier"),
];
const BANS: &[Column] = &[
    ("ID", "/id"),
    ("ADDRESS", "/address"),
    ("USER", "/user"),
    ("CLIENT", "/client_id"),
    ("UNTIL", "/until"),
    ("BY", "/by"),
    ("REASON", "/reason"),
];
const OVERVIEW: &[Column] = &[
    ("version", "/version"),
    ("started at", "/started_at"),
    ("connections", "/connections"),
    ("sessions", "/sessions"),
    ("subscriptions", "/subscriptions"),
    ("retained", "/retained"),
    ("queues", "/queues"),
    ("draining", "/draining"),
];

/// Does what was asked for, and prints what came of it.
pub(super) fn run(endpoint: &Endpoint, action: &Action, is_json: bool) -> Result<ExitCode, String> {
    let ask = Ask { endpoint, is_json };
    let shown = match action {
        Action::Overview => ask.one("/api/v1/overview", &[], |value| sheet(OVERVIEW, value)),
        Action::Clients(wanted) => ask.list("/api/v1/clients", &wanted.query(), CLIENTS),
        Action::Client(one) => ask.one(&one.path(), &one.query(), |client| {
            let subscriptions = client["subscriptions"].as_array().map(Vec::as_slice).unwrap_or_default();
            format!("{}\n{}", sheet(CLIENT, client), table(&SUBSCRIPTIONS[2..], subscriptions))
        }),
        Action::Kick { one, discard_session } => {
            let mut query = one.query();
            query.push(("discard_session", Some(discard_session.to_string())));
            ask.change(Method::DELETE, &with_query(&one.path(), &query), &Value::Null, |done| {
                let kicked = if done["kicked"] == true { "kicked" } else { "was not connected" };
                let ended = if done["session_ended"] == true { ", session ended" } else { "" };
                format!("{kicked}{ended}\n")
            })
        }
        Action::Ban(ban) => ask.change(Method::POST, "/api/v1/bans", &ban.arguments(), |done| {
            format!("banned (id {}), {} connections ended\n", text(&done["ban"]["id"]), done["kicked"])
        }),
        Action::Bans => ask.list("/api/v1/bans", &[], BANS),
        Action::Unban { id } => {
            let path = format!("/api/v1/bans/{}", encoded(id));
            ask.change(Method::DELETE, &path, &Value::Null, |_| "lifted\n".to_owned())
        }
        Action::Sessions { connected, client_id } => {
            let query = [("connected", connected.map(|is| is.to_string())), ("client_id", client_id.clone())];
            ask.list("/api/v1/sessions", &query, SESSIONS)
        }
        Action::EndSession { id } => {
            let path = format!("/api/v1/sessions/{}", encoded(id));
            ask.change(Method::DELETE, &path, &Value::Null, |_| "ended\n".to_owned())
        }
        Action::Subscriptions { filter, client_id, topic } => {
            let query =
                [("filter", filter.clone()), ("client_id", client_id.clone()), ("topic", topic.clone())];
            ask.list("/api/v1/subscriptions", &query, SUBSCRIPTIONS)
        }
        Action::Messages(action) => action.run(&ask),
        Action::Publish(message) => {
            let arguments = message.arguments()?;
            ask.change(Method::POST, "/api/v1/publish", &arguments, |done| {
                format!("matched {}\n", done["matched"])
            })
        }
        Action::Config => ask.one("/api/v1/config", &[], |config| format!("{config:#}\n")),
        Action::Drain { timeout } => {
            ask.change(Method::POST, "/api/v1/drain", &json!({ "timeout": timeout }), |done| {
                format!("{} connections leave\n", done["connections"])
            })
        }
        Action::Log { level: None } => {
            ask.one("/api/v1/log", &[], |log| format!("{}\n", text(&log["level"])))
        }
        Action::Log { level: Some(level) } => {
            ask.change(Method::PUT, "/api/v1/log", &json!({ "level": level }), |log| {
                format!("{}\n", text(&log["level"]))
            })
        }
        Action::Backup { file } => ask.backup(file),
        Action::Trace { id, topic, secs } => ask.trace(id.as_deref(), topic.as_deref(), *secs),
        Action::Reload => return super::reload(endpoint, is_json),
    };
    shown.map(|text| say(&text))
}

/// Whom to ask, and how the answer is to be.
pub(super) struct Ask<'a> {
    endpoint: &'a Endpoint,
    is_json: bool,
}

pub(super) type Query = [(&'static str, Option<String>)];

impl Ask<'_> {
    pub(super) fn one(
        &self,
        path: &str,
        query: &Query,
        show: impl Fn(&Value) -> String,
    ) -> Result<String, String> {
        self.change(Method::GET, &with_query(path, query), &Value::Null, show)
    }

    pub(super) fn change(
        &self,
        method: Method,
        path: &str,
        arguments: &Value,
        show: impl Fn(&Value) -> String,
    ) -> Result<String, String> {
        let reply = self.endpoint.ask(method, path, arguments)?;
        if !reply.status.is_success() {
            return Err(self.endpoint.explain(&reply));
        }
        if self.is_json {
            return Ok(String::from_utf8_lossy(&reply.body).into_owned());
        }
        if reply.status == StatusCode::NO_CONTENT {
            return Ok(show(&Value::Null));
        }
        let value = serde_json::from_slice(&reply.body).map_err(|_| self.endpoint.explain(&reply))?;
        Ok(show(&value))
    }

    /// All pages.
    pub(super) fn list(&self, path: &str, query: &Query, columns: &[Column]) -> Result<String, String> {
        let mut items = Vec::new();
        let mut query = query.to_vec();
        query.push(("limit", Some("1000".to_owned())));
        query.push(("after", None));
        loop {
            let reply = self.endpoint.ask(Method::GET, &with_query(path, &query), &Value::Null)?;
            let page: Option<Value> = serde_json::from_slice(&reply.body).ok();
            let Some(mut page) = page.filter(|_| reply.status.is_success()) else {
                return Err(self.endpoint.explain(&reply));
            };
            if let Some(more) = page["items"].as_array_mut() {
                items.append(more);
            }
            let Some(next) = page["next"].as_str() else { break };
            if let Some(last) = query.last_mut() {
                last.1 = Some(next.to_owned());
            }
        }
        match self.is_json {
            true => Ok(format!("{}\n", json!({ "total": items.len(), "items": items }))),
            false => Ok(table(columns, &items)),
        }
    }

    fn backup(&self, file: &Path) -> Result<String, String> {
        let cannot = |error: io::Error| format!("{}: {error}", file.display());
        let mut out: Box<dyn Write> = match file.as_os_str() == "-" {
            true => Box::new(io::stdout().lock()),
            false => Box::new(OpenOptions::new().write(true).create_new(true).open(file).map_err(cannot)?),
        };
        let mut write = |piece: &hyper::body::Bytes| out.write_all(piece).map_err(cannot);
        let path = "/api/v1/backup";
        let is_ok = |status| status == StatusCode::OK;
        let done = self.endpoint.follow(Method::POST, path, &json!({}), is_ok, &mut write);
        let done = done.and_then(|(_, head)| {
            out.flush().map_err(cannot)?;
            match head.get("tidewire-unreadable").and_then(|count| count.to_str().ok()) {
                None | Some("0") => Ok(String::new()),
                Some(count) => Err(format!("{count} messages could not be read and are not in it")),
            }
        });
        done.inspect_err(|_| {
            // What is not whole is no backup.
            if file.as_os_str() != "-" {
                let _ = std::fs::remove_file(file);
            }
        })
    }

    fn trace(&self, id: Option<&str>, topic: Option<&str>, secs: u32) -> Result<String, String> {
        let own = |text: Option<&str>| text.map(str::to_owned);
        let query = [("client_id", own(id)), ("topic", own(topic)), ("secs", Some(secs.to_string()))];
        let mut rest = Vec::new();
        let mut write = |piece: &hyper::body::Bytes| {
            rest.extend_from_slice(piece);
            while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = rest.drain(..=end).collect();
                let line = String::from_utf8_lossy(&line);
                let Some(event) = line.strip_prefix("data: ") else { continue };
                let shown = if self.is_json { event.to_owned() } else { show_event(event) };
                let mut out = io::stdout().lock();
                // A reader that has gone away is no failure of ours.
                out.write_all(shown.as_bytes()).and_then(|()| out.flush()).map_err(|_| String::new())?;
            }
            Ok(())
        };
        let path = with_query("/api/v1/trace", &query);
        let is_ok = |status| status == StatusCode::OK;
        self.endpoint.follow(Method::GET, &path, &Value::Null, is_ok, &mut write).map(|_| String::new())
    }
}

/// An event of a trace as a line.
fn show_event(event: &str) -> String {
    let Ok(event) = serde_json::from_str::<Value>(event) else { return clean(event) };
    let mut line = format!("{} {:10}", text(&event["at"]), text(&event["event"]));
    for (name, before) in [
        ("client_id", ""),
        ("packet", ""),
        ("topic", ""),
        ("qos", "qos "),
        ("size", "bytes "),
        ("detail", ""),
        ("left_out", "events "),
    ] {
        match &event[name] {
            Value::Null => {}
            value => line.push_str(&format!(" {before}{}", text(value))),
        }
    }
    line.push('\n');
    line
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), clean)
}

pub(super) fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

pub(super) fn with_query(path: &str, query: &Query) -> String {
    let said =
        query.iter().filter_map(|(name, value)| Some(format!("{name}={}", encoded(value.as_deref()?))));
    let said: Vec<_> = said.collect();
    if said.is_empty() { path.to_owned() } else { format!("{path}?{}", said.join("&")) }
}

impl Clients {
    fn query(&self) -> Vec<(&'static str, Option<String>)> {
        vec![
            ("client_id", self.client_id.clone()),
            ("user", self.user.clone()),
            ("protocol", self.protocol.clone()),
            ("listener", self.listener.clone()),
            ("address", self.address.clone()),
            ("state", self.state.clone()),
            ("slow", self.slow.then(|| "true".to_owned())),
        ]
    }
}

impl One {
    fn path(&self) -> String {
        format!("/api/v1/clients/{}", encoded(&self.id))
    }

    fn query(&self) -> Vec<(&'static str, Option<String>)> {
        vec![("protocol", self.protocol.clone())]
    }
}

impl Ban {
    fn arguments(&self) -> Value {
        said([
            ("address", &self.address),
            ("user", &self.user),
            ("client_id", &self.client_id),
            ("for", &self.time),
            ("reason", &self.reason),
        ])
    }
}

impl Publish {
    fn arguments(&self) -> Result<Value, String> {
        let name = if self.topic.starts_with("/queue/") { "destination" } else { "topic" };
        let payload = match &self.message {
            Some(message) => message.clone().into_bytes(),
            None => {
                let mut payload = Vec::new();
                io::stdin().lock().read_to_end(&mut payload).map_err(|error| error.to_string())?;
                payload
            }
        };
        let payload = STANDARD.encode(payload);
        Ok(json!({ name: self.topic, "payload_base64": payload, "qos": self.qos, "retain": self.retain }))
    }
}

/// An object of what is said.
fn said<const N: usize>(pairs: [(&str, &Option<String>); N]) -> Value {
    let said = pairs.into_iter().filter_map(|(name, value)| Some((name.to_owned(), json!(value.as_ref()?))));
    Value::Object(said.collect())
}
