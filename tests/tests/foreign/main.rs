//! The release binary against clients that nobody here wrote.
//!
//! `tests/foreign/` at the crate's root holds the clients: a small driver program per library, which takes one JSON command per
//! line and answers with one JSON event per line. This test starts broker and drivers and conducts their
//! conversations:
//!
//! * `matrix`: every client publishes to every client, our own library among them, at every QoS, small, large and empty payloads;
//! * `message_space`: every row of the table that maps MQTT 5, MQTT 3.1.1 and STOMP messages onto each other;
//! * `features`: every feature that a client has, each library by a script of its own;
//! * `web`: clients and headless Chromium by ws and wss, compressed and not, and through nginx and HAProxy;
//! * `dashboard`: an operator uses the page of the admin listener, in headless Chromium;
//! * `examples`: people use the browser examples, in headless Chromium, while the broker is killed and started again;
//! * `auth`: clients prove who they are in every way that they have, renew themselves, and lose what they may not have;
//! * `snippets`: the programs of docs/clients.md do what those say, through a restart of the broker.
//!
//! Needed beforehand: `tests/foreign/install` and `cargo build --release`. `TIDEWIRE_BIN` names another binary.

mod auth;
mod authority;
#[allow(dead_code, reason = "shared with the other tests of the release binary, which ask for more")]
mod broker;
mod client;
mod dashboard;
mod driver;
mod examples;
mod features;
mod matrix;
mod message_space;
mod mosquitto;
mod own;
mod peer;
mod snippets;
mod stage;
mod web;
