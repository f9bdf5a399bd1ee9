//! Who may connect, and who may do what. Every CONNECT, PUBLISH and SUBSCRIBE of both protocols asks here.

pub mod acl;
mod arrival;
mod authority;
mod exchange;
mod gate;
mod identity;
mod rights;
mod scram;
mod scram_users;
mod verifier;

pub use self::arrival::{Arrival, Credentials, Token};
pub use self::authority::{Action, Asking, Authority, Check, Denial};
pub use self::exchange::{Exchange, Step};
pub use self::gate::{Gate, Policy};
pub use self::identity::{Claims, Identity, Method, Vouched};
pub use self::rights::{Judgement, Rights, Watch};
pub use self::scram::{SCRAM_SHA_256, ScramExchange};
pub use self::scram_users::{ScramUsers, UserFileError, check_user_name, put_user};
pub use self::verifier::{DEFAULT_ITERATIONS, MIN_ITERATIONS, Verifier, VerifierError};
