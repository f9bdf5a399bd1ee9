//! The client library and the program `tw` against the release binary of the broker.
//!
//! * `library`: the library, over every transport
//! * `program`: what `tw` promises to scripts; `sources`: what it publishes, and how it shows what comes
//! * `requests`: questions and answers; `sessions`: what outlives a connection; `security`: users and TLS
//! * `foreign`: `tw` against Debian's mosquitto and RabbitMQ
//!
//! Needed beforehand: `cargo build --release --workspace --bins`. `TIDEWIRE_BIN` names another broker; `tw` is looked
//! for beside it. `tests/foreign/install` brings the other brokers.

#[path = "../foreign/authority.rs"]
mod authority;
#[path = "../foreign/broker.rs"]
#[allow(dead_code, reason = "shared with the foreign clients' test, which also asks for socket addresses")]
mod broker;
mod foreign;
mod library;
mod others;
mod process;
mod program;
mod requests;
mod security;
mod sessions;
mod sources;
