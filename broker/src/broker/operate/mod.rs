//! What those who run the broker may do to it.

mod ban;
mod kick;

pub use self::ban::{BanId, BanSummary, Banned, Orders, TooManyBans};
