//! `tw` against other people's brokers.

use std::path::Path;
use std::process::Command;

use tidewire_tests::binary::binary;

use crate::others::OtherBroker;
use crate::process::{Running, tw, tw_succeeds};
use crate::requests::reply;

#[test]
fn mosquitto_hears_and_is_heard() {
    let broker = OtherBroker::mosquitto();
    let (tcp, websocket) = (broker.tcp_url("mqtt"), broker.websocket_url("/"));
    let clients: [&[&str]; 4] = [
        &["-u", &tcp, "-V", "5"],
        &["-u", &tcp, "-V", "3.1.1"],
        &["-u", &websocket, "-V", "5"],
        &["-u", &websocket, "-V", "3.1.1"],
    ];
    for (number, publisher) in clients.into_iter().enumerate() {
        let topic = format!("tests/{number}");
        for qos in ["0", "1", "2"] {
            let publish = ["-t", &topic, "-m", qos, "-q", qos, "-r"];
            tw_succeeds(&[&["pub"], publisher, &publish].concat());
            for subscriber in clients {
                let subscribe = ["-t", &topic, "-q", "2", "-F", "%t %p %q %r", "-c", "1"];
                let output = tw_succeeds(&[&["sub"], subscriber, &subscribe].concat());
                let output = String::from_utf8(output).unwrap();
                assert_eq!(output, format!("{topic} {qos} {qos} 1\n"), "{publisher:?} to {subscriber:?}");
            }
        }
    }
}

#[test]
fn mosquitto_carries_many_lines_and_answers() {
    let broker = OtherBroker::mosquitto();
    for url in [broker.tcp_url("mqtt"), broker.websocket_url("/")] {
        let mut subscriber =
            Running::start(&["sub", "-d", "-u", &url, "-t", "lines", "-q", "1", "-c", "500"]);
        subscriber.says("subscribed to");
        let input: String = (0..500).map(|number| format!("line {number}\n")).collect();
        let publish = ["pub", "-u", &url, "-t", "lines", "-l", "-q", "1"];
        Running::start_with_input(&publish, input.as_bytes()).end().success();
        assert_eq!(String::from_utf8(subscriber.end().output).unwrap(), input);

        let _replier = reply(&["-u", &url, "-t", "svc/add", "--", "awk", "{ print $1 + $2 }"]);
        let output = tw_succeeds(&["request", "-u", &url, "-t", "svc/add", "-m", "2 3", "-W", "20"]);
        assert_eq!(output, b"5\n", "{url}");
    }
}

#[test]
fn a_session_at_mosquitto_collects() {
    let broker = OtherBroker::mosquitto();
    let url = broker.tcp_url("mqtt");
    for version in ["3.1.1", "5"] {
        let id = format!("desk-{version}");
        let session =
            ["sub", "-u", &url, "-V", version, "-i", &id, "--persistent", "-t", "a", "-q", "1", "-c", "1"];
        let mut subscriber = Running::start(&[&session[..], &["-d"]].concat());
        subscriber.says("subscribed to");
        let publish = |text: &str| tw_succeeds(&["pub", "-u", &url, "-t", "a", "-m", text, "-q", "1"]);
        publish("now");
        assert_eq!(subscriber.end().output, b"now\n");
        publish("while away");
        assert_eq!(tw_succeeds(&session), b"while away\n", "{version}");
    }
}

/// One RabbitMQ for all, because it takes long to start.
#[test]
fn rabbitmq_hears_is_heard_and_answers() {
    let broker = OtherBroker::rabbitmq();
    let (tcp, websocket) = (broker.tcp_url("stomp"), broker.websocket_url("/ws"));
    let guest = ["--virtual-host", "/", "-u", "guest", "-P", "guest"];
    let clients =
        [[&["-u", &tcp], &guest[..]].concat(), [&["-u", &websocket, "--stomp"], &guest[..]].concat()];
    for publisher in &clients {
        for subscriber in &clients {
            // A topic, with RabbitMQ's dots, which only those hear who are there.
            let subscribe = [&["sub", "-d", "-t", "tests.*", "-v", "-c", "1"], &subscriber[..]].concat();
            let mut topic = Running::start(&subscribe);
            topic.says("subscribed to");
            tw_succeeds(&[&["pub", "-t", "tests.a", "-m", "hello"], &publisher[..]].concat());
            assert_eq!(topic.end().output, b"tests.a hello\n", "{publisher:?} to {subscriber:?}");
            // A queue, which keeps what is sent.
            let queue = ["-t", "/queue/jobs"];
            let send = [&["pub", "-l"], &queue[..], publisher].concat();
            Running::start_with_input(&send, b"one\ntwo\n").end().success();
            for expected in ["one\n", "two\n"] {
                let take = [
                    &["sub", "-c", "1", "--ack", "client-individual", "--prefetch", "1"],
                    &queue[..],
                    subscriber,
                ];
                let output = String::from_utf8(tw_succeeds(&take.concat())).unwrap();
                assert_eq!(output, expected, "{publisher:?} to {subscriber:?}");
            }
        }
    }
    let service = ["-t", "/queue/add"];
    let _replier = reply(&[&clients[0], &service[..], &["--", "awk", "{ print $1 + $2 }"]].concat());
    for requester in &clients {
        let ask = [&["request", "-m", "2 3", "-W", "20"], &service[..], requester].concat();
        assert_eq!(tw_succeeds(&ask), b"5\n", "{requester:?}");
    }
    let stranger =
        tw(&["pub", "-u", &tcp, "--virtual-host", "/", "-u", "guest", "-P", "rubber", "-t", "a", "-m", "x"]);
    assert_eq!(stranger.status, Some(1), "{stranger:?}");
    assert!(stranger.errors.contains("try: -u USER") && !stranger.errors.contains("rubber"), "{stranger:?}");
}

/// It would leave a broker out for which `tw bench` lacks an option.
#[test]
fn the_benchmark_knows_how_to_load_those_that_are_here() {
    let series = Path::new(env!("CARGO_MANIFEST_DIR")).join("../clients/bench/series");
    let program = binary();
    let folder = program.parent().expect("it lies in a folder");
    let output = Command::new("python3")
        .arg(series)
        .args(["--list", "--brokers", "tidewire,mosquitto,rabbitmq", "--bin"])
        .arg(folder)
        .output()
        .expect("python3 is installed");
    let listed = String::from_utf8(output.stdout).unwrap();
    assert!(
        listed.ends_with("\nof tidewire, mosquitto, rabbitmq\n"),
        "{listed}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
