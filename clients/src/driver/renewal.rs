//! Asks for new credentials before those of the connection run out.

use std::future::pending;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;

use crate::error::Error;
use crate::options::{Credentials, Login};

/// See the module.
pub(super) struct Renewal {
    credentials: Credentials,
    at: Option<Instant>,
    asked: Option<BoxFuture<'static, Result<Login, Error>>>,
}

impl Renewal {
    /// `login` is what the connection began with.
    pub(super) fn new(credentials: Credentials, login: &Login, now: Instant) -> Self {
        let mut renewal = Self { credentials, at: None, asked: None };
        renewal.plan(login, now);
        renewal
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.at
    }

    /// The time of `poll_timeout` may have come.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if self.at.is_some_and(|at| now >= at) {
            self.at = None;
            self.asked = Some(self.credentials.login());
        }
    }

    /// The provider's answer, once it was asked. Dropping the future loses nothing.
    pub(super) async fn answer(&mut self) -> Result<Login, Error> {
        match &mut self.asked {
            Some(asked) => asked.await,
            None => pending().await,
        }
    }

    /// The login to show, if the provider had one; it is asked again in either case.
    pub(super) fn handle_answer(&mut self, answer: Result<Login, Error>, now: Instant) -> Option<Login> {
        self.asked = None;
        match answer {
            Ok(login) => {
                self.plan(&login, now);
                Some(login)
            }
            Err(_) => {
                self.at = Some(now + RETRY_AFTER);
                None
            }
        }
    }

    fn plan(&mut self, login: &Login, now: Instant) {
        let renew_in = login.renew_in().filter(|_| self.credentials.may_change());
        // A provider whose logins have run out already is not asked without a pause.
        self.at = renew_in.and_then(|renew_in| now.checked_add(renew_in.max(PAUSE_MIN)));
    }
}

/// After a provider has failed.
const RETRY_AFTER: Duration = Duration::from_secs(10);
/// Tidewire takes a token a second.
const PAUSE_MIN: Duration = Duration::from_secs(1);
