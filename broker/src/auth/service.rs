//! Asks a web service who a client is and what it may do. The service is believed in what it says and in nothing that it
//! does not: where it gives no answer, nobody is let in.
//!
//! ```text
//! question = { "user_name": "ann", "password": "…", "token": "…", "client_id": "c", "address": "192.0.2.1",
//!              "listener": "browsers", "certificate": "ann" }             what there is; bytes that are no text are
//!                                                                        in "password_base64"
//! answer   = { "result": "allow", "user": "ann", "groups": ["staff"], "expires_in": 3600,
//!              "acl": [ { "allow": ["publish"], "topics": ["a/#"] } ] }   all but the result may be absent
//!          | { "result": "deny", "reason": "…" }                         also any answer of 401 or 403
//! ```

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::{StatusCode, Uri};
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::acl::Acl;
use super::jwt::is_name;
use super::verifier::{KEY_BYTES, hmac};
use super::{Claims, Credentials, Denial, Method, Vouched};
use crate::fetch::{Fetch, FetchError};

/// Questions that may be on their way at once; who comes then is told that the broker is busy.
const QUESTIONS_MAX: usize = 256;
/// Answers that are remembered.
const CACHE_MAX: usize = 10_000;
/// How often it is said in the log that there is no answer, at most.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(10);
/// Characters of a reason that a client is told.
const REASON_CHARS_MAX: usize = 200;

/// See the module.
pub struct Service {
    fetch: Fetch,
    uri: Uri,
    /// By which the broker proves itself to the service.
    bearer: Option<Box<str>>,
    cache_ttl: Duration,
    /// By what questions are kept apart: neither they nor their passwords stay in memory.
    cache_key: [u8; KEY_BYTES],
    cache: Mutex<HashMap<[u8; KEY_BYTES], (Instant, Vouched)>>,
    places: Semaphore,
    complained_at: Mutex<Option<Instant>>,
}

/// Its token and the names of those whom it has let in belong into no log.
impl fmt::Debug for Service {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Service").field("uri", &self.uri).finish_non_exhaustive()
    }
}

/// What the service says.
#[derive(Deserialize)]
struct Answer {
    result: Outcome,
    reason: Option<String>,
    user: Option<Arc<str>>,
    #[serde(default)]
    groups: Vec<Arc<str>>,
    client_id: Option<Arc<str>>,
    expires_in: Option<u64>,
    acl: Option<Value>,
    #[serde(default)]
    claims: Map<String, Value>,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    Allow,
    Deny,
}

impl Service {
    /// The service at `uri`, whose answers are believed for `cache_ttl` without asking again.
    ///
    /// # Errors
    ///
    /// When the system gives no random numbers.
    pub fn new(
        fetch: Fetch,
        uri: Uri,
        bearer: Option<Box<str>>,
        cache_ttl: Duration,
    ) -> Result<Self, getrandom::Error> {
        let mut cache_key = [0; KEY_BYTES];
        getrandom::fill(&mut cache_key)?;
        let places = Semaphore::new(QUESTIONS_MAX);
        let (cache, complained_at) = Default::default();
        Ok(Self { fetch, uri, bearer, cache_ttl, cache_key, cache, places, complained_at })
    }

    /// Who the client is.
    pub(super) async fn authenticate(&self, credentials: &Credentials) -> Result<Vouched, Denial> {
        self.ask(question(credentials), credentials.user_name.as_deref(), credentials.now_secs).await
    }

    /// Who a token says its bearer to be.
    pub(super) async fn examine_token(&self, token: &str, now_secs: u64) -> Result<Vouched, Denial> {
        self.ask(json!({ "token": token }), None, now_secs).await
    }

    async fn ask(&self, question: Value, user_name: Option<&str>, now_secs: u64) -> Result<Vouched, Denial> {
        let question = question.to_string().into_bytes();
        let key = hmac(&self.cache_key, &[&question]);
        if let Some(vouched) = self.remembered(&key, now_secs) {
            return Ok(vouched);
        }
        let _place = self.places.try_acquire().map_err(|_| Denial::Busy)?;
        let answer = match self.fetch.post_json(&self.uri, question, self.bearer.as_deref()).await {
            Ok(answer) => answer,
            Err(FetchError::Status(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)) => {
                return Err(Denial::wrong_password());
            }
            Err(error) => return Err(self.unavailable(&error)),
        };
        let answer: Answer = serde_json::from_slice(&answer).map_err(|error| self.unavailable(&error))?;
        if answer.result != Outcome::Allow {
            return Err(answer.denial());
        }
        let vouched = self.vouched(answer, user_name, now_secs)?;
        self.remember(key, &vouched);
        Ok(vouched)
    }

    fn vouched(&self, answer: Answer, user_name: Option<&str>, now_secs: u64) -> Result<Vouched, Denial> {
        if let Some(name) = answer.names().find(|name| !is_name(name)) {
            return Err(self.unavailable(&format!("{name:?} is no name for a user, a group or a client")));
        }
        let acl = answer.acl.map(|acl| Acl::from_claim(&acl)).transpose();
        let acl = acl.map_err(|error| self.unavailable(&error))?;
        let claims = Claims {
            expires_at: answer.expires_in.map(|secs| now_secs.saturating_add(secs)),
            client_id: answer.client_id,
            groups: answer.groups,
            acl: acl.map(Arc::new),
            values: Arc::new(answer.claims),
        };
        let user = answer.user.or_else(|| user_name.filter(|name| !name.is_empty()).map(Into::into));
        Ok(Vouched { user, method: Method::Service, claims: Some(Arc::new(claims)) })
    }

    /// Nobody is let in by an answer that did not come, or cannot be read. Those who come meanwhile must not fill the log.
    fn unavailable(&self, error: &dyn fmt::Display) -> Denial {
        let mut complained_at = self.complained_at.lock();
        if complained_at.is_none_or(|at| at.elapsed() >= COMPLAINT_INTERVAL) {
            *complained_at = Some(Instant::now());
            tracing::warn!(uri = %self.uri, %error, "the authentication service gives no answer");
        }
        Denial::Unavailable
    }

    /// Nothing holds beyond the time that the service has set for it.
    fn remembered(&self, key: &[u8; KEY_BYTES], now_secs: u64) -> Option<Vouched> {
        let cache = self.cache.lock();
        let (at, vouched) = cache.get(key)?;
        let expires_at = vouched.claims.as_ref().and_then(|claims| claims.expires_at);
        let holds = at.elapsed() < self.cache_ttl && expires_at.is_none_or(|at| at > now_secs);
        holds.then(|| vouched.clone())
    }

    fn remember(&self, key: [u8; KEY_BYTES], vouched: &Vouched) {
        if self.cache_ttl.is_zero() {
            return;
        }
        let mut cache = self.cache.lock();
        if cache.len() >= CACHE_MAX {
            cache.retain(|_, (at, _)| at.elapsed() < self.cache_ttl);
        }
        if cache.len() < CACHE_MAX {
            cache.insert(key, (Instant::now(), vouched.clone()));
        }
    }
}

impl Answer {
    /// Those that it gives.
    fn names(&self) -> impl Iterator<Item = &str> {
        self.user.iter().chain(&self.client_id).chain(&self.groups).map(|name| &**name)
    }

    /// Why not: as long as every packet has room for, and on one line of a log.
    fn denial(self) -> Denial {
        let is_said = |reason: &String| !reason.is_empty();
        let Some(reason) = self.reason.filter(is_said) else { return Denial::wrong_password() };
        let letter = |letter: char| if letter.is_control() { ' ' } else { letter };
        let reason: String = reason.chars().take(REASON_CHARS_MAX).map(letter).collect();
        Denial::Wrong(reason.into())
    }
}

fn question(credentials: &Credentials) -> Value {
    let mut question = Map::new();
    let mut put = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            question.insert(name.to_owned(), Value::String(value));
        }
    };
    let arrival = &credentials.arrival;
    put("user_name", credentials.user_name.as_deref().map(str::to_owned));
    match credentials.password.as_deref().map(|bytes| (std::str::from_utf8(bytes), bytes)) {
        Some((Ok(text), _)) => put("password", Some(text.to_owned())),
        Some((Err(_), bytes)) => put("password_base64", Some(STANDARD.encode(bytes))),
        None => {}
    }
    put("token", arrival.token.as_ref().map(|token| token.as_str().to_owned()));
    put("client_id", Some(credentials.client_id.to_string()).filter(|client_id| !client_id.is_empty()));
    put("address", arrival.address.map(|address| address.to_string()));
    put("listener", Some(arrival.listener.to_string()));
    put("certificate", arrival.certified.as_deref().map(str::to_owned));
    Value::Object(question)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{Arrival, Token};

    #[test]
    fn a_question_says_what_there_is() {
        let mut credentials = Credentials {
            arrival: Arrival { listener: "ws".into(), token: Some(Token::new("t")), ..Arrival::default() },
            user_name: Some("ann".into()),
            password: Some(b"pencil"[..].into()),
            client_id: "".into(),
            now_secs: 0,
        };
        let expected = json!({"user_name": "ann", "password": "pencil", "token": "t", "listener": "ws"});
        assert_eq!(question(&credentials), expected);
        credentials.password = Some(b"\xff"[..].into());
        assert_eq!(question(&credentials)["password_base64"], "/w==");
        assert_eq!(question(&credentials).get("password"), None);
    }
}
