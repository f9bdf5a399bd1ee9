//! The suite websocket against servers of the test: an echo by tungstenite, which must pass, and bytes that are wrong, which
//! must not.

#![allow(clippy::unwrap_used, reason = "a test says by a panic what is wrong")]

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tidewire_conformance::case::{Case, Plays, Suite, parse};
use tidewire_conformance::needs::Settings;
use tidewire_conformance::play::Setup;
use tidewire_conformance::run::{Results, Verdict, run};
use tidewire_conformance::transport::Target;
use tidewire_conformance::{library, report};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

async fn play(cases: Vec<Case>, listener: &TcpListener, has: &[&str]) -> Results {
    let port = listener.local_addr().unwrap().port();
    let setup = Setup {
        target: Target::parse(&format!("ws://127.0.0.1:{port}/")).unwrap(),
        tls: None,
        host: "localhost".to_owned(),
        login: None,
        limit: Duration::from_secs(5),
        patience: 1,
    };
    let has: Vec<String> = has.iter().map(|setting| (*setting).to_owned()).collect();
    run(cases, setup, &Settings::new(&has).unwrap(), 8).await
}

async fn echo(stream: TcpStream) {
    let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else { return };
    while let Some(Ok(message)) = socket.next().await {
        if (message.is_text() || message.is_binary()) && socket.send(message).await.is_err() {
            return;
        }
    }
}

/// Frames and messages as cases write them are understood by another implementation, and its own are read.
#[tokio::test]
async fn an_echo_passes() {
    const SECTIONS: [&str; 9] = [
        "close",
        "control",
        "echo_fragment",
        "echo_length",
        "echo_utf8",
        "fragment",
        "frame",
        "still_serves",
        "utf8",
    ];
    let mut cases = library::embedded().unwrap();
    cases.retain(|case| {
        case.suite == Suite::WebSocket && SECTIONS.contains(&&*case.section) && case.plays != Plays::Alone
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let playing = play(cases, &listener, &["echo=1", "compression=0"]);
    let serving = async {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(echo(stream));
        }
    };
    let results =
        tokio::select! { results = playing => results, () = serving => panic!("no more connections") };
    let counts = results.counts();
    assert!(counts.failed == 0 && counts.passed > 200, "{}", report::table(&results, false));
}

/// The failure of a case that begins with `connected` against a server that accepts and then sends these bytes.
async fn failure(steps: &str, accepts: bool, bytes: &'static [u8], ends: bool) -> Option<String> {
    let text = format!(
        "case x\nstatements: WS-FR-1\nlimit: 300ms\nopen\n\
         > REQUEST Sec-WebSocket-Key=\"dGhlIHNhbXBsZSBub25jZQ==\"\n{steps}\n"
    );
    let cases = parse(Suite::WebSocket, "s", "s.case", &text).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let serving = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).await;
        if accepts {
            let accepted: &[u8] =
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                                    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
            stream.write_all(accepted).await.unwrap();
        }
        stream.write_all(bytes).await.unwrap();
        if ends {
            stream.shutdown().await.unwrap();
        }
        while matches!(stream.read(&mut request).await, Ok(1..)) {}
        std::future::pending::<()>().await;
    };
    let results =
        tokio::select! { results = play(cases, &listener, &[]) => results, () = serving => unreachable!() };
    match &results.played[0].verdict {
        Verdict::Failed(outcome) => outcome.failure.as_ref().map(|failure| failure.message.clone()),
        _ => None,
    }
}

#[track_caller]
fn contains(actual: Option<String>, expected: &str) {
    assert!(
        actual.as_ref().is_some_and(|actual| actual.contains(expected)),
        "{actual:?} has no `{expected}`"
    );
}

const ACCEPTED: &str = "< RESPONSE status=101";

#[tokio::test]
async fn the_end_is_a_close_frame_and_the_end_of_tcp() {
    let must_end = &format!("{ACCEPTED}\n< end ws=1002");
    assert_eq!(failure(must_end, true, b"\x88\x02\x03\xea", true).await, None);
    assert_eq!(failure(must_end, true, b"", true).await, None, "a Close frame is not asked for");
    contains(
        failure(must_end, true, b"\x88\x02\x03\xea", false).await,
        "the end of the connection did not come",
    );
    contains(failure(must_end, true, b"\x88\x02\x03\xe8", true).await, "CLOSE code=1000");
    contains(failure(must_end, true, b"\x88\0", true).await, "CLOSE came");
    let any = &format!("{ACCEPTED}\n< end ws=*");
    assert_eq!(failure(any, true, b"\x88\0", true).await, None);
}

#[tokio::test]
async fn what_a_server_may_not_send_fails_any_case() {
    let nothing = &format!("{ACCEPTED}\n< nothing within 100ms");
    assert_eq!(failure(nothing, true, b"", false).await, None);
    assert_eq!(failure(nothing, true, b"\x89\0", false).await, None, "a server may ping");
    contains(failure(nothing, true, b"\x89\x80\0\0\0\0", false).await, "WS-FR-2");
    contains(failure(nothing, true, b"\x01\0\x81\0", false).await, "WS-FR-11");
    contains(failure(nothing, true, b"\x81\x05he", true).await, "within a packet or frame");
}

#[tokio::test]
async fn messages_are_compared_whole_or_in_part() {
    let text = |expected: &str| format!("{ACCEPTED}\n< TEXT {expected}");
    let bytes = b"\x01\x02he\x80\x03llo";
    assert_eq!(failure(&text("payload=\"hello\" frames=2 size=5"), true, bytes, false).await, None);
    assert_eq!(failure(&text("contains=\"ell\""), true, bytes, false).await, None);
    contains(failure(&text("contains=\"elo\""), true, bytes, false).await, "does not contain \"elo\"");
    contains(
        failure(&text("payload=\"hullo\""), true, bytes, false).await,
        "payload=\"hello\" is not what must come",
    );
}

/// A refusal's body is no frame, and after it no frame may come.
#[tokio::test]
async fn a_refusal_is_read_to_the_end_of_its_body() {
    let refused = "< RESPONSE status=400 content-length=2\n< nothing within 100ms";
    assert_eq!(
        failure(refused, false, b"HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\nno", false).await,
        None
    );
    let pong = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\nno\x8a\0";
    contains(failure(refused, false, pong, false).await, "is no HTTP response");
}
