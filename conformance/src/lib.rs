//! Plays cases from the MQTT, STOMP and WebSocket specifications against a broker at any address.
//!
//! A case is a conversation in a file that a person can read; [`case`] has its grammar. The way of one case:
//!
//! 1. [`library`] reads the files, [`case`] parses them and finds mistakes before anything is played.
//! 2. [`run`] plays the cases of a suite in parallel, each through [`play`].
//! 3. [`play`] goes through the steps: [`filled`] puts the variables in, [`connection`] encodes, sends, receives
//!    and decodes ([`mqtt`], [`stomp`], [`websocket`], over a [`transport`]), [`answer`] compares.
//! 4. [`report`] writes what came of it.
//!
//! What is absent: the broker and its `protocols`. Encoder and decoder are this crate's own, and each judges the
//! other end by the specification only.

pub mod answer;
pub mod case;
pub mod connection;
pub mod coverage;
pub mod document;
pub mod filled;
pub mod last_word;
pub mod library;
pub mod mqtt;
pub mod needs;
pub mod play;
pub mod report;
pub mod run;
pub mod scram;
pub mod statements;
pub mod stomp;
pub mod transcript;
pub mod transport;
pub mod variables;
pub mod verdicts;
pub mod websocket;
