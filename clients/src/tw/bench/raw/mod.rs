//! MQTT with as little as possible between packets and socket: what a generator may cost.
//!
//! ```text
//!   Peer ──▶ Link: packets gathered into one WebSocket frame, one write ──▶ socket
//!        ◀── scan: just what a benchmark looks at ◀── one large read ◀──────
//! ```
//!
//! Everything runs on one thread: `Poller` says which sockets have something. To connect and to subscribe, a [`Peer`]
//! waits for the answer; from then on it never blocks.

mod frame;
mod handshake;
mod link;
mod peer;
mod poller;
mod scan;

pub(super) use self::link::{Link, Received};
pub(super) use self::peer::{Peer, Standing};
pub(super) use self::poller::Poller;
pub(super) use self::scan::Incoming;
