//! What those who run the broker may do to it.

mod backup;
mod ban;
mod kick;
mod publish;

pub use self::ban::{BanId, BanSummary, Banned, Orders, TooManyBans};
pub use self::publish::Published;
