//! Who a connected client is.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::acl::{Acl, Bound, Subject};
use super::jwt;

/// What an authenticator vouches for.
#[derive(Clone, Debug, Default)]
pub struct Vouched {
    /// The user, unless it is anonymous.
    pub user: Option<Arc<str>>,
    /// By what it proved that.
    pub method: Method,
    /// What a token or a service said besides.
    pub claims: Option<Arc<Claims>>,
}

/// What a token or a service says of a user, besides its name.
#[derive(Clone, Debug, Default)]
pub struct Claims {
    /// When the connection must end unless it is renewed, in seconds since the Unix epoch.
    pub expires_at: Option<u64>,
    /// The only client identifier that may be used with it.
    pub client_id: Option<Arc<str>>,
    /// Groups that the user is in.
    pub groups: Vec<Arc<str>>,
    /// Rules that hold besides the operator's, behind them.
    pub acl: Option<Arc<Acl>>,
    /// All that it says, for placeholders in rules.
    pub values: Arc<Map<String, Value>>,
}

impl Claims {
    /// A claim as text, where it is a string, a number or a boolean; dots lead into nested objects.
    pub fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        jwt::text(&self.values, name)
    }
}

/// By what a client proved who it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// By nothing.
    #[default]
    Anonymous,
    /// A certificate.
    Certificate,
    /// A password that is in the file.
    Password,
    /// SCRAM.
    Scram,
    /// A token.
    Token,
    /// A service was asked.
    Service,
    /// By having come by the admin listener as one who runs the broker; see [`Arrival`](super::Arrival).
    Operator,
}

/// A client that was let in: whom it was vouched for to be, and where it came from. All that rules look at.
#[derive(Clone, Debug, Default)]
pub struct Identity {
    /// Who it is.
    pub vouched: Vouched,
    /// The client identifier; for STOMP what CONNECT said.
    pub client_id: Arc<str>,
    /// Where it is.
    pub address: Option<IpAddr>,
    /// The name of the listener that it came by.
    pub listener: Arc<str>,
}

impl Identity {
    /// The user, unless it is anonymous.
    pub fn user(&self) -> Option<&Arc<str>> {
        self.vouched.user.as_ref()
    }

    /// The rules of that list that concern the client.
    pub(super) fn bind(&self, acl: &Acl) -> Bound {
        let claims = self.vouched.claims.as_deref();
        let text = |name: &str| claims?.text(name).map(Cow::into_owned);
        acl.bind(&Subject {
            user: self.vouched.user.as_deref(),
            groups: claims.map_or(&[], |claims| &claims.groups),
            client_id: &self.client_id,
            address: self.address,
            listener: &self.listener,
            claims: Some(&text),
        })
    }

    /// When the connection must end unless it is renewed, in seconds since the Unix epoch.
    pub fn expires_at(&self) -> Option<u64> {
        self.vouched.claims.as_ref()?.expires_at
    }
}
