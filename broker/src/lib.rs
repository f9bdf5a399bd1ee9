//! Tidewire, a message broker: MQTT 3.1.1 and 5.0 and STOMP 1.0, 1.1 and 1.2, over WebSocket and TCP.
//!
//! **Start here.** The layers, from the wire inwards; each knows only those below it:
//!
//! ```text
//!   admin        HTTP for those who run the broker             beside the others, as is `service_manager`
//!   net          listeners, WebSocket upgrade, streams          bytes come and go
//!   connection   the loop: read, handle, commit, write          one task per network connection
//!   mqtt  stomp  packets and frames become requests             two implementations of `connection::Protocol`
//!   broker       connect, publish, subscribe, disconnect        the handle that all connections share
//!   router  queue                                               who receives: subscribers all, consumers in turn
//!   session                                                     what waits for whom
//!   store        records, batches, commits                      what must survive
//! ```
//!
//! **One PUBLISH's trip.** [`net::Stream`] reads into the thread's scratch buffer and hands the bytes to
//! [`connection::Protocol::handle_input`]. [`mqtt::Mqtt`] decodes the packet, borrowed, and makes a
//! [`message::Publication`] of it, borrowed as well. [`broker::Broker::publish`] asks the [`router::Router`] who
//! receives, records what must survive, applies that to the [`store::Store`] (*stored before seen*), and offers the
//! message to each [`session::Session`], whose protocol half writes it into the outbox's ready bytes. At the end of
//! the [`turn::Turn`] each touched session's connection is woken once; its loop takes the ready bytes and writes them
//! in one call. The publisher's PUBACK lies in [`replies::Replies`] until its commit is durable (*committed before
//! said*), and then leaves the same way.

pub mod address;
pub mod admin;
pub mod auth;
pub mod broker;
pub mod clock;
pub mod config;
pub mod connection;
pub mod counters;
mod excerpt;
pub mod fetch;
mod keyed_list;
pub mod line_budget;
pub mod logging;
pub mod memory;
pub mod message;
pub mod metrics;
pub mod mqtt;
pub mod net;
pub mod output;
pub mod pace;
pub mod process;
pub mod queue;
mod random;
pub mod replies;
pub mod router;
pub mod selection;
pub mod service_manager;
pub mod session;
pub mod spans;
pub mod stomp;
pub mod store;
pub mod telemetry;
pub mod tls;
pub mod turn;
