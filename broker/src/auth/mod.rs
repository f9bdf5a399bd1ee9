//! Who may connect, and who may do what. Every CONNECT, PUBLISH and SUBSCRIBE of both protocols asks here.

pub mod acl;
mod arrival;
mod authority;
mod exchange;
mod gate;
mod hashing;
mod identity;
pub mod jwt;
pub mod password;
mod permits;
mod policy;
mod rights;
mod scram;
mod scram_users;
mod service;
mod token_exchange;
mod tokens;
mod user_file;
mod verifier;

pub use self::arrival::{Arrival, Credentials, Token};
pub use self::authority::{Action, Asking, Authority, Check, Denial};
pub use self::exchange::{Exchange, Step};
pub use self::gate::Gate;
pub use self::hashing::Hashing;
pub use self::identity::{Claims, Identity, Method, Vouched};
pub use self::password::{
    Argon2idCost, HashCost, NewHashError, PASSWORD_BYTES_MAX, PasswordCheck, PasswordFile, PasswordHash,
    put_user,
};
pub use self::permits::PermitCounts;
pub use self::policy::Policy;
pub use self::rights::{Judgement, Rights, Watch};
pub use self::scram::{SCRAM_SHA_256, ScramExchange};
pub use self::scram_users::ScramUsers;
pub use self::service::Service;
pub use self::token_exchange::OAUTH2_JWT;
pub use self::tokens::{Published, Tokens};
pub use self::user_file::{NameError, UserFileError, delete_user, is_open_to_others};
pub use self::verifier::{DEFAULT_ITERATIONS, MIN_ITERATIONS, Verifier, VerifierError};

/// What the names of work queues begin with, as topics.
const QUEUES: &str = "$queue/";
