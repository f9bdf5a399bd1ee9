//! The client library against running brokers: the release binary, Debian's mosquitto, and RabbitMQ.
//!
//! * `conversations`: the same with each of them, over every transport and protocol that they share with the library
//! * `tidewire`: what takes our own broker: both protocols in one message space, queues, transactions
//! * `restart`: the broker is killed and started again twenty times under load
//! * `herd`: five hundred clients come back
//!
//! How the library publishes to the clients of others, and they to it, the `foreign` suite's matrix tells.
//!
//! Needed beforehand: `tests/foreign/install` and `cargo build --release --workspace --bins`. `TIDEWIRE_BIN` names another
//! broker.

#[path = "../foreign/broker.rs"]
#[allow(dead_code, reason = "shared with the foreign clients' test, which also asks for socket addresses")]
mod broker;
mod conversations;
#[path = "../crash/daemon.rs"]
#[allow(dead_code, reason = "shared with the crash test, which asks for more")]
mod daemon;
mod herd;
mod others;
mod place;
mod restart;
mod tidewire;
