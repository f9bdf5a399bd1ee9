//! The broker's behaviour, as conversations: each over TCP and over WebSocket, from one source, on virtual time.

mod durability;
mod first;
