//! Tokens as credentials: verified by keys that are there, and by keys that their issuer publishes and changes now and
//! then.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use hyper::Uri;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::acl::Acl;
use super::jwt::{self, Keys, Refused, Rules, Verifier};
use super::{Check, Claims, Denial, Method, Vouched};
use crate::fetch::Fetch;

/// Published keys are not fetched again sooner than so, however many tokens come that are signed by a key nobody knows.
const PAUSE: Duration = Duration::from_secs(10);
/// The same while none have come yet, and nobody can be let in.
const PAUSE_AT_FIRST: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug)]
pub struct Tokens {
    rules: Rules,
    /// Keys that are in files.
    fixed: Keys,
    verifier: ArcSwap<Verifier>,
    published: Option<Published>,
}

/// Keys that are fetched.
#[derive(Debug)]
pub struct Published {
    fetch: Fetch,
    uri: Uri,
    refresh: Duration,
    /// When they were fetched last, or that was tried last.
    asked_at: ArcSwapOption<Instant>,
    have_come: AtomicBool,
    /// Held by whoever fetches them: the others wait for what comes of it.
    fetching: Arc<Mutex<()>>,
}

impl Published {
    /// A JWK set that is found at `uri`, and is fetched again after `refresh`.
    pub fn new(fetch: Fetch, uri: Uri, refresh: Duration) -> Self {
        let (asked_at, have_come, fetching) = Default::default();
        Self { fetch, uri, refresh, asked_at, have_come, fetching }
    }

    fn have_come(&self) -> bool {
        self.have_come.load(Ordering::Acquire)
    }

    fn waited(&self) -> Option<Duration> {
        self.asked_at.load().as_ref().map(|at| at.elapsed())
    }

    /// Whether enough time has passed to ask once more.
    fn may_be_asked(&self) -> bool {
        let pause = if self.have_come() { PAUSE } else { PAUSE_AT_FIRST };
        self.waited().is_none_or(|waited| waited >= pause)
    }

    /// Whether they are so many times as old as they should become.
    fn are_old(&self, times: u32) -> bool {
        self.waited().is_some_and(|waited| waited >= self.refresh.saturating_mul(times))
    }

    async fn get(&self) -> Result<Keys, String> {
        let text = self.fetch.get(&self.uri).await.map_err(|error| error.to_string())?;
        let keys = Keys::from_jwk_set(&text).map_err(|error| error.to_string())?.without_secrets();
        match keys.is_empty() {
            true => Err("all of them are secrets, which everybody knows by now".to_owned()),
            false => Ok(keys),
        }
    }
}

impl Tokens {
    /// Tokens that `rules` accept, signed by one of the keys.
    pub fn new(rules: Rules, fixed: Keys, published: Option<Published>) -> Self {
        let verifier = ArcSwap::from_pointee(Verifier::new(rules.clone(), fixed.clone()));
        Self { rules, fixed, verifier, published }
    }

    /// Who a token says its bearer to be. Published keys are fetched first where the token's key is not known, and where
    /// nobody has looked at them for long; otherwise beside it, when it is time.
    pub fn examine(self: &Arc<Self>, token: &str, now_secs: u64) -> Check {
        let answer = self.verifier.load().verify(token, now_secs);
        let Some(published) = self.published.as_ref().filter(|published| published.may_be_asked()) else {
            return self.conclude(answer).into();
        };
        let is_unknown = answer.as_ref().is_err_and(Refused::is_unknown_key);
        if is_unknown || (answer.is_ok() && published.are_old(2)) {
            let (tokens, token) = (Arc::clone(self), token.to_owned());
            return Check::Asking(Box::pin(async move {
                tokens.refresh().await;
                let answer = tokens.verifier.load().verify(&token, now_secs);
                tokens.conclude(answer)
            }));
        }
        if published.are_old(1) {
            let tokens = Arc::clone(self);
            tokio::spawn(async move { tokens.refresh().await });
        }
        self.conclude(answer).into()
    }

    /// While no keys have come, nobody knows whether a token is wrong.
    fn conclude(&self, answer: Result<jwt::Claims, Refused>) -> Result<Vouched, Denial> {
        let is_ignorant = self.published.as_ref().is_some_and(|published| !published.have_come());
        match answer {
            Err(error) if is_ignorant && error.is_unknown_key() => Err(Denial::Unavailable),
            answer => answer_of(answer),
        }
    }

    /// Fetches published keys, unless somebody has just done so.
    async fn refresh(self: &Arc<Self>) {
        let Some(published) = &self.published else { return };
        let fetching = Arc::clone(&published.fetching).lock_owned().await;
        if !published.may_be_asked() {
            return;
        }
        let tokens = Arc::clone(self);
        // It goes on when its client hangs up: else who does so at once could have keys fetched without a pause.
        let fetched = tokio::spawn(async move {
            tokens.fetch().await;
            drop(fetching);
        });
        let _ = fetched.await;
    }

    async fn fetch(&self) {
        let Some(published) = &self.published else { return };
        let keys = published.get().await;
        published.asked_at.store(Some(Arc::new(Instant::now())));
        match keys {
            Ok(keys) => {
                tracing::debug!(uri = %published.uri, keys = keys.len(), "published keys have come");
                let keys = self.fixed.clone().and(keys);
                self.verifier.store(Arc::new(Verifier::new(self.rules.clone(), keys)));
                published.have_come.store(true, Ordering::Release);
            }
            // Those that are there go on: whoever answers for the issuer may be away for a while.
            Err(error) => tracing::warn!(uri = %published.uri, error, "published keys cannot be fetched"),
        }
    }
}

fn answer_of(answer: Result<jwt::Claims, Refused>) -> Result<Vouched, Denial> {
    let claims = answer.map_err(|refused| Denial::Wrong(refused.to_string().into()))?;
    let jwt::Claims { user, client_id, groups, expires_at, acl, values } = claims;
    let acl = acl.map(|acl| Acl::from_claim(&acl)).transpose().map_err(|error| {
        tracing::info!(user = &*user, error, "the rules of a token cannot be read");
        Denial::Wrong("the token's rules cannot be read".into())
    })?;
    let claims = Claims { expires_at, client_id, groups, acl: acl.map(Arc::new), values };
    Ok(Vouched { user: Some(user), method: Method::Token, claims: Some(Arc::new(claims)) })
}
