//! The network: listeners, the WebSocket upgrade, and one type for all kinds of streams.

mod detect;
mod listener;
mod socket;
mod stream;
mod upgrade;

pub use self::listener::{BindError, Bound, bind, serve, serve_socket};
pub use self::socket::Socket;
pub use self::stream::{Received, Stream};
pub use self::upgrade::Subprotocol;
