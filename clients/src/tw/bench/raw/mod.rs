//! MQTT and STOMP with as little as possible between packets and socket: what a generator may cost.
//!
//! ```text
//!   Peer ──▶ Link: packets gathered, one write ──▶ (Tls) ──▶ socket
//!        ◀── scan: just what a benchmark looks at ◀── one large read ◀──────
//! ```
//!
//! Over WebSocket, what is flushed together is one binary message of MQTT packets, or one for each of them (`--single`), and each
//! STOMP frame is a text message of its own. A load runs on one thread: `Poller` says which sockets have something. To connect and to subscribe, a
//! [`Peer`] waits for the answer; from then on it never blocks.

mod answer;
mod broker;
mod frame;
mod handshake;
mod link;
mod peer;
mod poller;
mod scan;
mod socket;
mod stomp;
mod subscribe;
mod tls;

pub(super) use self::broker::{Broker, Speech, Wire};
pub(super) use self::frame::put_text_head;
pub(super) use self::link::{Link, Received};
pub(super) use self::peer::{Peer, Standing, TOGETHER};
pub(super) use self::poller::Poller;
pub(super) use self::scan::Incoming;
pub(super) use self::socket::raise_open_files_limit;
pub(super) use self::stomp::put_ack;
pub(super) use self::subscribe::Wanted;
pub(super) use self::tls::Trust;
