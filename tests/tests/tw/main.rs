//! The client library and the program `tw` against the release binary of the broker.
//!
//! Needed beforehand: `cargo build --release --workspace --bins`. `TIDEWIRE_BIN` names another broker; `tw` is looked
//! for beside it.

#[path = "../foreign/broker.rs"]
#[allow(dead_code, reason = "shared with the foreign clients' test, which also asks for socket addresses")]
mod broker;
mod library;
mod process;
mod program;
