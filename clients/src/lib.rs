//! Client library for MQTT 5.0, MQTT 3.1.1 and STOMP 1.2, over TCP and WebSocket.
//!
//! START HERE. [`mqtt::connect`] and [`stomp::connect`] both give a [`Client`], which publishes and subscribes, and
//! [`Messages`], what arrives. From there on the two protocols look the same, because the broker has one message space
//! for both:
//!
//! ```no_run
//! use tidewire_client::{Message, Qos, Subscription, Url, mqtt};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let url: Url = "ws://127.0.0.1:8080/".parse()?;
//! let (client, mut messages) = mqtt::connect(&url, mqtt::Options::default()).await?;
//! client.subscribe(vec![Subscription::new("weather/#", Qos::AtLeastOnce)]).await?;
//! client.publish(Message::new("weather/oslo", "rain").with_qos(Qos::AtLeastOnce)).await?;
//! while let Some(message) = messages.next().await? {
//!     assert_eq!(message.topic, "weather/oslo");
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Inside, a connection is one task (`connection`) that moves bytes between a [`transport`] and a protocol's
//! session. The sessions ([`mqtt`], [`stomp`]) are pure: bytes, commands and the time go in; bytes, messages and the
//! next time limit come out. A connection that is lost stays lost; nothing connects again by itself yet.

mod client;
mod connection;
mod error;
mod message;
pub mod mqtt;
pub mod stomp;
pub mod transport;
mod url;

pub use tidewire_protocols::mqtt::Qos;

pub use self::client::{Acknowledgement, Client, Messages};
pub use self::error::Error;
pub use self::message::{Message, Properties, Subscription};
pub use self::url::{Scheme, Url, UrlError};
