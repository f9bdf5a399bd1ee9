//! Tidewire's protocols, pure: bytes become MQTT packets and STOMP frames and go back again.
//!
//! Nothing here reads a socket, a clock or a disk; a test in `tests/` guards that. Everything decodes borrowed from
//! the caller's buffer, and everything that comes out has been validated once, into a type that cannot be wrong.
//!
//! * [`topic`]: topic names and filters, which both protocols share
//! * [`mqtt`]: MQTT 3.1, 3.1.1 and 5.0 control packets
//! * [`stomp`]: STOMP 1.0, 1.1 and 1.2 frames
//! * [`selector`]: conditions over headers, for STOMP's `selector`
//! * [`websocket`]: WebSocket as a server speaks it, with permessage-deflate

pub mod mqtt;
pub mod selector;
pub mod stomp;
pub mod topic;
pub mod websocket;
