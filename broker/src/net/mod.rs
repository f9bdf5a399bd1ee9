//! The network: listeners, a connection's first moments, the WebSocket upgrade, and one type for all kinds of streams.

mod admission;
mod bearer;
mod begun;
mod bind;
mod brief;
mod detect;
mod first_bytes;
mod forwarded;
mod framing;
mod handshake;
mod http2;
mod listener;
mod open;
mod operator;
mod passed;
mod proxy;
mod raw;
mod site;
mod socket;
mod stream;
mod unix_socket;
mod upgrade;
mod web_socket;
mod whence;

pub use self::bind::{BindError, Bound, bind, bind_or_take};
pub use self::framing::Framing;
pub use self::handshake::{Agreement, Granted, Refusal, Site, examine};
pub use self::listener::{serve, serve_socket};
pub use self::operator::Operators;
pub use self::passed::Passed;
pub use self::raw::Raw;
pub use self::socket::Socket;
pub use self::stream::{Received, Stream};
pub use self::upgrade::{Upgraded, upgrade};
pub use self::web_socket::{Terms as WebSocketTerms, WebSocket};
