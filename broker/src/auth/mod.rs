//! Who may connect, and who may do what. Every CONNECT, PUBLISH and SUBSCRIBE of both protocols asks here.

mod exchange;
mod gate;
mod password;
mod scram;
mod scram_users;
mod user_file;
mod verifier;

use std::sync::Arc;

pub use self::exchange::{Exchange, Step};
pub use self::gate::Gate;
pub use self::password::{
    Argon2idCost, HashCost, NewHashError, PASSWORD_BYTES_MAX, PasswordCheck, PasswordFile, PasswordHash,
    put_user,
};
pub use self::scram::{SCRAM_SHA_256, ScramExchange};
pub use self::scram_users::ScramUsers;
pub use self::user_file::{NameError, UserFileError, delete_user, is_open_to_others};
pub use self::verifier::{DEFAULT_ITERATIONS, MIN_ITERATIONS, Verifier, VerifierError};

/// What a client says of itself when it connects.
#[derive(Clone, Copy, Debug)]
pub struct Credentials<'a> {
    /// MQTT's User Name, STOMP's `login`.
    pub user_name: Option<&'a str>,
    /// MQTT's Password, STOMP's `passcode`.
    pub password: Option<&'a [u8]>,
    /// The client identifier.
    pub client_id: &'a str,
    /// The user that the certificate names by which the client has proved itself to TLS.
    pub certified: Option<&'a str>,
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

    /// Begins an enhanced authentication by the method of that name; `None` if it is not offered here.
    /// (MQTT 5, section 4.12)
    fn begin_exchange(&self, method: &str) -> Option<Box<dyn Exchange>>;

    /// Whether `identity` may do `action` with `topic`, which is a name or a filter (without `$share`).
    fn authorize(&self, identity: &Identity, action: Action, topic: &str) -> bool;
}
