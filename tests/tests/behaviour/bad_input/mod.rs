//! What bad input gets: the table of the broker's promises, row by row, in every version of both protocols,
//! over every wire. A test's name says the three: `bad_input::table::<row>::<protocol>::<wire>`.
//!
//! * `table`: what is wrong on a connection; `upgrade`: what is wrong with one that is not there yet
//! * `play`: what each row is held to; `speech`: the protocols' words for it
//!
//! Each refusal costs its own client and nobody else, is counted once under its reason, is one line in the
//! log, and says why to an MQTT 5 client that did not ask to be spared.

/// Makes the tests of one row in one protocol, over every wire.
macro_rules! every_wire {
    ($speech:expr) => {
        web_sockets! { $speech }
        streams! { $speech }
    };
}

/// The same over WebSocket alone.
macro_rules! web_sockets {
    ($speech:expr) => {
        #[tokio::test(start_paused = true)]
        async fn ws() {
            ROW.play($speech, Wire::Ws).await;
        }

        #[tokio::test(start_paused = true)]
        async fn wss() {
            ROW.play($speech, Wire::Wss).await;
        }

        #[tokio::test(start_paused = true)]
        async fn http2() {
            ROW.play($speech, Wire::Http2).await;
        }
    };
}

/// The same without WebSocket.
macro_rules! streams {
    ($speech:expr) => {
        #[tokio::test(start_paused = true)]
        async fn tcp() {
            ROW.play($speech, Wire::Tcp).await;
        }

        #[tokio::test(start_paused = true)]
        async fn tls() {
            ROW.play($speech, Wire::Tls).await;
        }
    };
}

/// Makes the tests of one row over `$wires`, in each version of MQTT.
macro_rules! mqtt {
    ($wires:ident) => {
        mod mqtt_5 {
            use super::*;
            $wires! { Speech::Mqtt5 }
        }
        mod mqtt_311 {
            use super::*;
            $wires! { Speech::Mqtt311 }
        }
    };
}

/// The same in each version of STOMP.
macro_rules! stomp {
    ($wires:ident) => {
        mod stomp_12 {
            use super::*;
            $wires! { Speech::Stomp("1.2") }
        }
        mod stomp_11 {
            use super::*;
            $wires! { Speech::Stomp("1.1") }
        }
        mod stomp_10 {
            use super::*;
            $wires! { Speech::Stomp("1.0") }
        }
    };
}

/// The same in both.
macro_rules! all {
    ($wires:ident) => {
        mqtt! { $wires }
        stomp! { $wires }
    };
}

/// A table's rows: name, who says it, over what, and the rest.
macro_rules! rows {
    ($($(#[$attribute:meta])* $name:ident, by $speeches:ident over $wires:ident: $row:expr;)*) => {$(
        $(#[$attribute])*
        mod $name {
            use super::*;

            const ROW: Row = $row;
            $speeches! { $wires }
        }
    )*};
}

mod play;
mod speech;
mod table;
mod upgrade;
