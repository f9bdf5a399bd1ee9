//! Who may connect, and who may do what. Every CONNECT, PUBLISH and SUBSCRIBE of both protocols asks here.

use std::sync::Arc;

/// What a client says of itself when it connects.
#[derive(Clone, Copy, Debug)]
pub struct Credentials<'a> {
    /// MQTT's User Name, STOMP's `login`.
    pub user_name: Option<&'a str>,
    /// MQTT's Password, STOMP's `passcode`.
    pub password: Option<&'a [u8]>,
    /// The client identifier.
    pub client_id: &'a str,
}

/// Who a connected client is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The user, unless it is anonymous.
    pub user: Option<Arc<str>>,
}

/// What a client wants to do with a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Publish to a topic name.
    Publish,
    /// Subscribe to a topic filter.
    Subscribe,
}

/// Answers whether it may.
pub trait Authority: Send + Sync {
    /// Who the client is, or `None` if it may not connect.
    fn authenticate(&self, credentials: &Credentials<'_>) -> Option<Identity>;

    /// Whether `identity` may do `action` with `topic`, which is a name or a filter (without `$share`).
    fn authorize(&self, identity: &Identity, action: Action, topic: &str) -> bool;
}

/// Lets everybody in, whatever credentials are given, and allows everything but publishing to the topics that are
/// the broker's own (`$SYS` and all others that begin with `$`).
#[derive(Debug, Default)]
pub struct Open;

impl Authority for Open {
    fn authenticate(&self, _credentials: &Credentials<'_>) -> Option<Identity> {
        Some(Identity { user: None })
    }

    fn authorize(&self, _identity: &Identity, action: Action, topic: &str) -> bool {
        action != Action::Publish || !topic.starts_with('$')
    }
}

/// Lets nobody in: anonymous clients are not allowed, and no source of users is configured.
#[derive(Debug, Default)]
pub struct Closed;

impl Authority for Closed {
    fn authenticate(&self, _credentials: &Credentials<'_>) -> Option<Identity> {
        None
    }

    fn authorize(&self, _identity: &Identity, _action: Action, _topic: &str) -> bool {
        false
    }
}
