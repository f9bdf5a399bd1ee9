//! What the tests of Tidewire's own promises share: a broker inside the test, on virtual time, and peers that speak to
//! it byte by byte over every transport.
//!
//! A peer is no client: it sends what it is told, right or wrong, and shows what comes back. The conversation is the
//! test.

pub mod binary;
pub mod carrier;
pub mod daemon;
pub mod kept;
pub mod log;
pub mod mqtt;
pub mod peer;
pub mod power;
pub mod random;
pub mod records;
pub mod server;
pub mod settings;
pub mod small_disk;
pub mod stomp;
pub mod store;
pub mod users;
pub mod world;

/// Makes two tests of one conversation: over TCP and over WebSocket. Time is virtual: it moves when everybody waits.
#[macro_export]
macro_rules! conversations {
    ($($(#[$attribute:meta])* $name:ident => $conversation:path;)*) => {$(
        $(#[$attribute])*
        mod $name {
            use super::*;

            #[tokio::test(start_paused = true)]
            async fn tcp() {
                $conversation($crate::peer::Wire::Tcp).await;
            }

            #[tokio::test(start_paused = true)]
            async fn ws() {
                $conversation($crate::peer::Wire::Ws).await;
            }
        }
    )*};
}

/// The same over every transport.
#[macro_export]
macro_rules! conversations_everywhere {
    ($($(#[$attribute:meta])* $name:ident => $conversation:path;)*) => {$(
        $(#[$attribute])*
        mod $name {
            use super::*;

            #[tokio::test(start_paused = true)]
            async fn tcp() {
                $conversation($crate::peer::Wire::Tcp).await;
            }

            #[tokio::test(start_paused = true)]
            async fn tls() {
                $conversation($crate::peer::Wire::Tls).await;
            }

            #[tokio::test(start_paused = true)]
            async fn ws() {
                $conversation($crate::peer::Wire::Ws).await;
            }

            #[tokio::test(start_paused = true)]
            async fn wss() {
                $conversation($crate::peer::Wire::Wss).await;
            }

            #[tokio::test(start_paused = true)]
            async fn http2() {
                $conversation($crate::peer::Wire::Http2).await;
            }
        }
    )*};
}
