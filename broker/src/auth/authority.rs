//! The seam between the protocols and whoever knows the users: asked at each CONNECT, at each renewal, and for what a
//! client may do.

use std::future::Future;
use std::pin::Pin;

use super::{Credentials, Exchange, Identity, Rights, Vouched};

/// Answers who a client is, and what it may do.
pub trait Authority: Send + Sync {
    /// Who the client is, or why it may not connect.
    fn authenticate(&self, credentials: Credentials) -> Check;

    /// Begins an enhanced authentication by the method of that name; `None` if it is not offered here.
    /// (MQTT 5, section 4.12)
    fn begin_exchange(&self, method: &str) -> Option<Box<dyn Exchange>>;

    /// Who a token says its bearer to be, for a client that is connected.
    fn examine_token(&self, token: &str, now_secs: u64) -> Check;

    /// What a client that was let in may do.
    fn rights(&self, identity: &Identity) -> Rights;

    /// Whether a client that was let in would still be, now that users have changed.
    fn still_admits(&self, identity: &Identity) -> bool;
}

/// An answer, now or later.
pub enum Check {
    /// Now.
    Done(Result<Vouched, Denial>),
    /// Once this has found out.
    Asking(Asking),
}

/// Finds out who a client is.
pub type Asking = Pin<Box<dyn Future<Output = Result<Vouched, Denial>> + Send>>;

/// Why a client is not who it says, as far as it is told. Which of user name and password is wrong, nobody is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denial {
    /// The credentials are wrong.
    Wrong(Box<str>),
    /// There were none.
    Missing,
    /// It may not, whoever it is.
    Forbidden(Box<str>),
    /// The operator keeps it away.
    Banned,
    /// It may, but for so many others of its name.
    TooMany,
    /// More clients want to be authenticated than can be at present.
    Busy,
    /// Whoever had to be asked did not answer.
    Unavailable,
}

impl Denial {
    /// User name or password, and not which.
    pub fn wrong_password() -> Self {
        Self::Wrong("user name or password is wrong".into())
    }

    /// In words for the client's developer.
    pub fn text(&self) -> &str {
        match self {
            Self::Wrong(text) | Self::Forbidden(text) => text,
            Self::Missing => "this server wants a user name and password, or a token",
            Self::Banned => "whoever runs this server does not let you in",
            Self::TooMany => "as many connections of this user are open as there may be; close one first",
            Self::Busy => "too many clients want to log in at this moment; try again later",
            Self::Unavailable => "nobody can be authenticated at present; try again later",
        }
    }
}

impl From<Denial> for Check {
    fn from(denial: Denial) -> Self {
        Self::Done(Err(denial))
    }
}

impl From<Result<Vouched, Denial>> for Check {
    fn from(answer: Result<Vouched, Denial>) -> Self {
        Self::Done(answer)
    }
}

impl From<Vouched> for Check {
    fn from(vouched: Vouched) -> Self {
        Self::Done(Ok(vouched))
    }
}

/// What a client wants to do with a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Publish to a topic name.
    Publish,
    /// Subscribe to a topic filter.
    Subscribe,
    /// Be delivered a message of a topic name.
    Receive,
    /// Publish a message that is kept for those who subscribe later.
    Retain,
    /// Take messages out of a work queue.
    Consume,
}
