//! What an upgrade gets that is not granted, and a connection that there is no room for.

use tidewire::config::{Config, ListenerConfig};
use tidewire::counters::RefusalReason;
use tidewire_tests::log::Log;
use tidewire_tests::peer::{Asked, PATIENCE, Peer, Wire};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::play::{is_noted, world};
use super::speech::{Client, Speech};

/// A PROXY protocol header: the pipe of a test has no address.
const FROM: &str = "PROXY TCP4 192.0.2.7 192.0.2.1 50000 8080\r\n";

/// One row of the table.
struct Row {
    asked: fn(&mut Asked),
    listener: fn(&mut ListenerConfig),
    config: fn(&mut Config),
    /// The status over WebSocket. Bare streams have no words for it.
    status: u16,
    /// Part of the one line that says why.
    words: &'static str,
    /// Seconds after which another try makes sense.
    retry_after: Option<&'static str>,
    counts: RefusalReason,
}

const USUAL: Row = Row {
    asked: |_| (),
    listener: |_| (),
    config: |_| (),
    status: 400,
    words: "",
    retry_after: None,
    counts: RefusalReason::Upgrade,
};

rows! {
    no_subprotocol_that_is_served, by all over web_sockets: Row {
        asked: |asked| asked.subprotocol = "graphql-ws".to_owned(),
        status: 400,
        words: "none of graphql-ws is served here",
        ..USUAL
    };
    a_path_where_nothing_is_served, by all over web_sockets: Row {
        asked: |asked| asked.path = "/elsewhere".to_owned(),
        listener: |listener| listener.paths = Some(vec!["/".to_owned()]),
        status: 404,
        words: "nothing is served at /elsewhere",
        ..USUAL
    };
    a_page_of_another_origin, by all over web_sockets: Row {
        asked: |asked| asked.origin = Some("https://evil.example".to_owned()),
        status: 403,
        words: "pages of origin https://evil.example may not connect here",
        ..USUAL
    };
    too_many_from_one_address, by all over every_wire: Row {
        config: |config| config.limits.connections_per_address_max = 0,
        status: 429,
        words: "as many connections from 192.0.2.7 are open as there may be (0)",
        retry_after: Some("5"),
        counts: RefusalReason::TooMany,
        ..USUAL
    };
    too_many_in_all, by all over every_wire: Row {
        listener: |listener| listener.max_connections = 0,
        status: 503,
        words: "as many connections are open as there may be",
        retry_after: Some("5"),
        counts: RefusalReason::TooMany,
        ..USUAL
    };
}

impl Row {
    async fn play(&self, speech: Speech, wire: Wire) {
        let (log, world) = (Log::begin(), world(wire, self.config));
        let protocol = speech.protocol();
        // Others are served on a listener of their own.
        let mut other = Client::new(speech, world.connect(protocol).await);
        other.connects(speech, "bob", true).await;

        let mut listener = world.listener(&[protocol]);
        listener.proxy_protocol = true;
        (self.listener)(&mut listener);
        let mut asked = Asked::by(protocol);
        (self.asked)(&mut asked);
        let mut pipe = world.pipe(listener);
        pipe.write_all(FROM.as_bytes()).await.expect("the header is taken");
        if wire.is_web_socket() {
            let refusal = Peer::upgraded(wire, pipe, &asked).await.err().expect("the upgrade is refused");
            assert_eq!((refusal.status, refusal.retry_after.as_deref()), (self.status, self.retry_after));
            assert!(refusal.body.contains(self.words), "{refusal:?}");
            assert_eq!(refusal.body.matches('\n').count(), 1, "one line: {refusal:?}");
        } else {
            let mut heard = Vec::new();
            let ended = timeout(PATIENCE, pipe.read_to_end(&mut heard)).await.expect("the connection ends");
            assert_eq!((ended.ok(), heard.as_slice()), (Some(0), &[][..]), "it ends without a word");
        }
        world.settles().await;
        is_noted(&world, &log, " refused ", self.counts, None);
        log.says_once(self.words, &["from 192.0.2.7", "listener=\"test\""]);
        other.is_served().await;
    }
}
