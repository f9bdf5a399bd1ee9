//! Authentication that asks other servers: a service that knows the users, and keys that an issuer publishes. Each test has
//! such a server of its own on a real socket.
//!
//! * `fetch`: how it is asked; `service`: what follows from a service's answers; `tokens`: when keys are fetched
//! * `login`: clients over every transport; `example`: the service and the configuration that docs/security.md shows
//!
//! Time is real but for where it has to pass: see [`passes`].

mod example;
mod fetch;
mod login;
mod service;
mod tokens;

use std::time::Duration;

use tidewire::auth::{Check, Credentials, Denial, Vouched};

/// How long an answer may take that does come.
const PATIENCE: Duration = Duration::from_secs(20);
/// The time in these tests, in seconds since 1970.
const NOW: u64 = 1_700_000_000;

/// Lets time pass without waiting. Nobody may be asking meanwhile: that would run into its timeout.
async fn passes(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

/// What a check comes to.
async fn answer(check: Check) -> Result<Vouched, Denial> {
    match check {
        Check::Done(answer) => answer,
        Check::Asking(asking) => asking.await,
    }
}

/// The user that somebody was found to be.
fn user(answer: Result<Vouched, Denial>) -> Result<String, Denial> {
    answer.map(|vouched| vouched.user.as_deref().unwrap_or_default().to_owned())
}

/// A client that comes with a name and a password.
fn credentials(user_name: &str, password: &str) -> Credentials {
    Credentials {
        arrival: Default::default(),
        user_name: Some(user_name.into()),
        password: Some(password.as_bytes().into()),
        client_id: "c".into(),
        now_secs: NOW,
    }
}
