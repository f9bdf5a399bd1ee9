//! Tokens as credentials: verified by keys that are there, and by keys that their issuer publishes and changes now and
//! then.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use hyper::Uri;
use tokio::time::Instant;

use super::acl::Acl;
use super::jwt::{self, Keys, Refused, Rules, Verifier};
use super::{Check, Claims, Denial, Fetch, Method, Vouched};

/// Published keys are not fetched again sooner than so, however many tokens come that are signed by a key nobody knows.
const PAUSE: Duration = Duration::from_secs(10);

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
    have_come: std::sync::atomic::AtomicBool,
    /// Held by whoever fetches them: the others wait for what comes of it.
    fetching: tokio::sync::Mutex<()>,
}

impl Published {
    /// A JWK set that is found at `uri`, and is fetched again after `refresh`.
    pub fn new(fetch: Fetch, uri: Uri, refresh: Duration) -> Self {
        let (asked_at, have_come, fetching) = Default::default();
        Self { fetch, uri, refresh, asked_at, have_come, fetching }
    }

    fn waited(&self) -> Option<Duration> {
        self.asked_at.load().as_ref().map(|at| at.elapsed())
    }

    fn have_come(&self) -> bool {
        self.have_come.load(std::sync::atomic::Ordering::Acquire)
    }
}

impl Tokens {
    /// Tokens that `rules` accept, signed by one of the keys.
    pub fn new(rules: Rules, fixed: Keys, published: Option<Published>) -> Self {
        let verifier = ArcSwap::from_pointee(Verifier::new(rules.clone(), fixed.clone()));
        Self { rules, fixed, verifier, published }
    }

    /// Who a token says its bearer to be. Where its key is not known, published keys are looked at anew first.
    pub fn examine(self: &Arc<Self>, token: &str, now_secs: u64) -> Check {
        let answer = self.verifier.load().verify(token, now_secs);
        let Some(published) = &self.published else { return answer_of(answer).into() };
        let waited = published.waited();
        let is_unknown = answer.as_ref().is_err_and(Refused::is_unknown_key);
        if is_unknown && (!published.have_come() || waited.is_none_or(|waited| waited >= PAUSE)) {
            let (tokens, token) = (Arc::clone(self), token.to_owned());
            return Check::Asking(Box::pin(async move {
                tokens.refresh().await;
                let answer = tokens.verifier.load().verify(&token, now_secs);
                let is_ignorant = tokens.published.as_ref().is_some_and(|published| !published.have_come());
                match answer {
                    Err(error) if is_ignorant && error.is_unknown_key() => Err(Denial::Unavailable),
                    answer => answer_of(answer),
                }
            }));
        }
        if waited.is_some_and(|waited| waited >= published.refresh.max(PAUSE)) {
            let tokens = Arc::clone(self);
            tokio::spawn(async move { tokens.refresh().await });
        }
        answer_of(answer).into()
    }

    /// Fetches published keys, unless somebody has just done so.
    async fn refresh(&self) {
        let Some(published) = &self.published else { return };
        let asked_at = published.asked_at.load_full();
        let _fetching = published.fetching.lock().await;
        if published.asked_at.load_full() != asked_at {
            return;
        }
        let keys = published.fetch.get(&published.uri).await.map_err(|error| error.to_string());
        let keys = keys.and_then(|text| Keys::from_jwk_set(&text).map_err(|error| error.to_string()));
        published.asked_at.store(Some(Arc::new(Instant::now())));
        match keys {
            Ok(keys) => {
                tracing::debug!(uri = %published.uri, keys = keys.len(), "published keys have come");
                let keys = self.fixed.clone().and(keys);
                self.verifier.store(Arc::new(Verifier::new(self.rules.clone(), keys)));
                published.have_come.store(true, std::sync::atomic::Ordering::Release);
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
        tracing::info!(%user, error, "the rules of a token cannot be read");
        Denial::Wrong("the token's rules cannot be read".into())
    })?;
    let claims = Claims { expires_at, client_id, groups, acl: acl.map(Arc::new), values };
    Ok(Vouched { user: Some(user), method: Method::Token, claims: Some(Arc::new(claims)) })
}
