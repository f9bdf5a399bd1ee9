//! What is written about a run: for people, for build servers, for programs.

mod json;
mod junit;
mod table;

pub use json::json;
pub use junit::junit;
pub use table::table;
