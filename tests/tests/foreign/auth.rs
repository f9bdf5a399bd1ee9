//! Who may connect and for how long, with clients that nobody here wrote.

mod house;
mod pages;
mod papers;
mod reload;
mod renewal;
mod rights;
pub(crate) mod token;
mod ways;
