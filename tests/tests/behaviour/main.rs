//! The broker's behaviour, as conversations: each over TCP and over WebSocket, from one source, on virtual time.

mod auth;
mod bad_input;
mod close;
mod detect;
mod drain;
mod durability;
mod first;
mod held;
mod limits;
mod log;
mod mqtt;
mod operate;
mod ping;
mod queue;
mod restart;
mod service_manager;
mod stomp;
mod sys;
mod turn;
mod upgrade;
