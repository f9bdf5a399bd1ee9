//! The network: listeners, a connection's first moments, the WebSocket upgrade, and one type for all kinds of streams.

mod admission;
mod bind;
mod detect;
mod first_bytes;
mod forwarded;
mod framing;
mod listener;
mod open;
mod passed;
mod proxy;
mod raw;
mod socket;
mod stream;
mod unix_socket;
mod upgrade;
mod web_socket;

pub use self::bind::{BindError, Bound, bind, bind_or_take};
pub use self::listener::{serve, serve_socket};
pub use self::passed::Passed;
pub use self::raw::Raw;
pub use self::socket::Socket;
pub use self::stream::{Received, Stream};
pub use self::web_socket::WebSocket;
