//! Client library for MQTT 5.0, MQTT 3.1.1 and STOMP 1.2, over WebSocket, TCP, TLS and Unix sockets. It connects again
//! by itself.
//!
//! START HERE. [`connect`] gives a [`Client`], which publishes and subscribes; each subscription is a stream of
//! [`Messages`]. The protocols look the same, because the broker has one message space for both:
//!
//! ```no_run
//! use tidewire_client::{Message, Options, Qos, connect};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = connect(&"ws://127.0.0.1:8080/".parse()?, Options::default()).await?;
//! let mut weather = client.subscribe("weather/#").await?;
//! client.publish(Message::new("weather/oslo", "rain").with_qos(Qos::AtLeastOnce)).await?;
//! while let Some(message) = weather.next().await {
//!     println!("{}: {} bytes", message.topic, message.payload.len());
//! }
//! client.disconnect().await?;
//! # Ok(())
//! # }
//! ```
//!
//! # When the connection is lost
//!
//! The client connects again as its [`Reconnect`] says, and [`Client::state`] tells. Meanwhile everything goes on:
//!
//! * **Subscriptions** are made again, unless the broker still has the session; their streams do not end.
//! * **What is published** waits in its order, up to [`Options::with_offline_bound`].
//! * **What was not acknowledged** is sent again: QoS 1 and STOMP's SEND arrive once or more; QoS 2 exactly once while the
//!   session lasts ([`MqttOptions::session_expiry`]), and as [`SessionLost`] says when it does not.
//! * **What was received and not acknowledged** comes again.
//!
//! An [`Error`] that another attempt cannot mend ends the client: its streams end, and [`Client::ended`] tells why.
//!
//! # Inside
//!
//! Each client is one task (`driver`) that moves bytes between a transport and a protocol's session. The sessions are
//! pure: bytes, commands and the time go in; bytes, messages and the next time limit come out.

mod acknowledgement;
mod client;
mod command;
mod connect;
mod driver;
mod error;
mod inbox;
mod mailbox;
mod message;
mod messages;
pub mod mqtt;
mod options;
mod received;
mod replies;
mod session;
mod state;
mod stomp;
mod subscription;
mod subscriptions;
mod transaction;
mod transport;
mod url;

pub use tidewire_protocols::mqtt::{Qos, RetainHandling};

pub use self::acknowledgement::Acknowledgement;
pub use self::client::Client;
pub use self::connect::connect;
pub use self::error::Error;
pub use self::message::{Message, Properties};
pub use self::messages::Messages;
pub use self::options::{
    Credentials, Login, MqttOptions, Options, Protocol, Reconnect, SessionLost, StompOptions, Tls, Will,
};
pub use self::received::Received;
pub use self::state::State;
pub use self::subscription::{Acknowledge, Subscription};
pub use self::transaction::Transaction;
pub use self::transport::Connector;
pub use self::url::{Scheme, Url, UrlError};
