//! The runner against a broker that says what the test wants: what is wrong must fail, what is right must pass.

#![allow(clippy::unwrap_used, reason = "a test says by a panic what is wrong")]

use std::time::Duration;

use tidewire_conformance::case::{Suite, parse};
use tidewire_conformance::needs::Settings;
use tidewire_conformance::play::Setup;
use tidewire_conformance::report;
use tidewire_conformance::run::{Results, Verdict, run};
use tidewire_conformance::transport::Target;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const CONNACK: &[u8] = b"\x20\x03\x00\x00\x00";

/// What the broker does on each connection, whatever it reads.
#[derive(Clone, Copy)]
struct Script {
    /// Sent after each read, one after the other.
    answers: &'static [&'static [u8]],
    /// Ends the connection after the last answer.
    ends: bool,
}

async fn serve(mut stream: TcpStream, script: Script) {
    let mut buffer = [0; 1024];
    for answer in script.answers {
        if !matches!(stream.read(&mut buffer).await, Ok(1..)) {
            return;
        }
        if stream.write_all(answer).await.is_err() {
            return;
        }
    }
    // Reading on until the client ends it keeps the connection open.
    while !script.ends && matches!(stream.read(&mut buffer).await, Ok(1..)) {}
}

async fn play_all(suite: Suite, text: &str, script: Script) -> Results {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let broker = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, script));
        }
    });
    let setup = Setup {
        target: Target::parse(&format!("tcp://127.0.0.1:{port}")).unwrap(),
        tls: None,
        host: "localhost".to_owned(),
        login: None,
        limit: Duration::from_millis(200),
        patience: 1,
    };
    let cases = parse(suite, "s", "s.case", text).unwrap();
    let results = run(cases, setup, &Settings::new(&[]).unwrap(), 2).await;
    broker.abort();
    results
}

/// The failure's message of a case with these steps; none when it passed.
async fn failure(steps: &str, answers: &'static [&'static [u8]], ends: bool) -> Option<String> {
    let text = format!("case x\nstatements: MQTT-3.1.0-1\n{steps}\n");
    let results = play_all(Suite::Mqtt5, &text, Script { answers, ends }).await;
    match &results.played[0].verdict {
        Verdict::Passed(_) => None,
        Verdict::Failed(outcome) => outcome.failure.as_ref().map(|failure| failure.message.clone()),
        Verdict::Skipped(lacking) => panic!("skipped: {lacking}"),
    }
}

#[track_caller]
fn contains(failure: Option<String>, expected: &str) {
    let message = failure.expect("it passed");
    assert!(message.contains(expected), "{message}");
}

#[tokio::test]
async fn what_must_come_and_comes_passes() {
    assert_eq!(failure("> CONNECT\n< CONNACK session_present=0 reason=0x00", &[CONNACK], false).await, None);
    assert_eq!(
        failure("connected\n> PINGREQ\n< PINGRESP\n< nothing within 50ms", &[CONNACK, b"\xd0\x00"], false)
            .await,
        None
    );
    assert_eq!(
        failure("connected\n> CONNECT\n<? DISCONNECT reason=0x82\n< end", &[CONNACK, b"\xe0\x01\x82"], true)
            .await,
        None
    );
    assert_eq!(
        failure("connected\n> CONNECT\n<? DISCONNECT reason=0x82\n< end", &[CONNACK, b""], true).await,
        None
    );
}

#[tokio::test]
async fn what_is_different_fails() {
    contains(
        failure("> CONNECT\n< CONNACK reason=0x82", &[CONNACK], false).await,
        "reason=0 is not what must come",
    );
    contains(failure("> CONNECT\n< end", &[CONNACK], true).await, "the connection must end");
    contains(
        failure("connected\n> PINGREQ\n< PINGRESP", &[CONNACK], false).await,
        "did not come within 200 ms",
    );
    contains(
        failure("connected\n> PINGREQ\n< PINGRESP", &[CONNACK, b""], true).await,
        "the connection ended",
    );
    contains(
        failure("connected\n> PINGREQ\n< end within 50ms", &[CONNACK], false).await,
        "did not come within 50 ms",
    );
    contains(
        failure("connected\n> PINGREQ\n< nothing", &[CONNACK, b"\xd0\x00"], false).await,
        "nothing must come",
    );
    contains(
        failure("connected\n> PINGREQ\n< PINGRESP after 1s", &[CONNACK, b"\xd0\x00"], false).await,
        "not before 1000 ms",
    );
}

#[tokio::test]
async fn what_may_come_may_come_once() {
    let steps = "connected\n> PINGREQ\n<? PINGRESP\n< SUBACK packet_id=1";
    assert_eq!(failure(steps, &[CONNACK, b"\xd0\x00\x90\x04\x00\x01\x00\x00"], false).await, None,);
    contains(
        failure(steps, &[CONNACK, b"\xd0\x00\xd0\x00\x90\x04\x00\x01\x00\x00"], false).await,
        "PINGRESP came",
    );
}

#[tokio::test]
async fn any_order_and_one_of_several() {
    let both = "connected\n> PINGREQ\n< PINGRESP & SUBACK packet_id=1";
    assert_eq!(failure(both, &[CONNACK, b"\x90\x04\x00\x01\x00\x00\xd0\x00"], false).await, None);
    contains(failure(both, &[CONNACK, b"\xd0\x00"], false).await, "SUBACK did not come");
    let either = "connected\n> PINGREQ\n< PINGRESP | end";
    assert_eq!(failure(either, &[CONNACK, b"\xd0\x00"], false).await, None);
    assert_eq!(failure(either, &[CONNACK, b""], true).await, None);
}

#[tokio::test]
async fn illegal_packets_fail_any_case() {
    contains(
        failure("connected\n> PINGREQ\n< PINGRESP", &[CONNACK, b"\xd0\x80\x00"], false).await,
        "MQTT-1.5.5-1",
    );
    contains(
        failure("> CONNECT\n<? PINGRESP\n< CONNACK", &[b"\xd0\x00\x20\x03\x00\x00\x00"], false).await,
        "MQTT-3.2.0-1",
    );
    contains(failure("connected\n> PINGREQ\n< PINGRESP", &[CONNACK, b"\xd0"], true).await, "within a packet");
}

#[tokio::test]
async fn stomp_answers_are_compared() {
    let text = "case right\nstatements: STOMP12-CONNECT-1\nconnected\n> SEND destination=\"/topic/a\" receipt=1\n< RECEIPT receipt-id=1\n\
                case wrong\nstatements: STOMP12-CONNECT-1\nconnected\n> SEND destination=\"/topic/a\" receipt=2\n< RECEIPT receipt-id=2\n";
    let answers: &[&[u8]] = &[b"CONNECTED\nversion:1.2\n\n\0\n", b"\n\nRECEIPT\nreceipt-id:1\n\n\0"];
    let results = play_all(Suite::Stomp, text, Script { answers, ends: false }).await;
    let counts = results.counts();
    assert_eq!((counts.passed, counts.failed), (1, 1));
    let table = report::table(&results, false);
    assert!(table.contains("FAIL stomp/s/wrong [STOMP12-CONNECT-1]"), "{table}");
    assert!(table.contains("receipt-id=\"1\" is not what must come"), "{table}");
    assert!(table.contains("52 45 43 45 49 50 54"), "the bytes are shown\n{table}");
}

#[tokio::test]
async fn reports_hold_every_case() {
    let text = "case passes\nstatements: MQTT-3.1.0-1\nconnected\n\
                case fails\nstatements: MQTT-3.1.0-1\n> CONNECT client_id=\"<&>\"\n< PINGRESP\n\
                case skipped\nstatements: MQTT-3.1.0-1\nneeds: connect_timeout=1s\nopen\n< end\n";
    let results = play_all(Suite::Mqtt5, text, Script { answers: &[CONNACK], ends: false }).await;
    let junit = report::junit(&results);
    assert!(junit.contains("<testsuite name=\"mqtt5\" tests=\"3\" failures=\"1\" skipped=\"1\">"), "{junit}");
    assert!(junit.contains("&lt;&amp;&gt;"), "{junit}");
    assert!(junit.contains("<skipped message=\"needs connect_timeout=1s\"/>"), "{junit}");
    let json = report::json(&results, "tcp://x");
    let verdicts: Vec<_> =
        json["cases"].as_array().unwrap().iter().map(|case| case["result"].clone()).collect();
    assert_eq!(verdicts, ["pass", "fail", "skip"]);
    assert_eq!(json["cases"][1]["failure"]["line"], 7);
    assert!(json["cases"][1]["conversation"].as_array().unwrap().len() >= 3);
}
