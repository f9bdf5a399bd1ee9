//! Where payloads come from, what is said about them, and how they are shown.

use std::fs;

use serde_json::{Value, json};

use crate::broker::Broker;
use crate::process::{Running, tw_succeeds};

#[test]
fn payloads_come_from_everywhere() {
    let broker = Broker::start();
    let url = broker.websocket_url();
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), "one\ntwo\n").unwrap();
    let path = file.path().to_str().unwrap();
    tw_succeeds(&["pub", "-u", &url, "-t", "a", "-m", "ready", "-r"]);
    // A line each: the arguments, standard input, and what arrives, of how many messages.
    for (arguments, input, expected, count) in [
        (&["-m", "-x"][..], "", "-x\n", 1),
        (&["-f", path], "", "one\ntwo\n\n", 1),
        (&["-f", path, "-l"], "", "one\ntwo\n", 2),
        (&["-s"], "a\nb", "a\nb\n", 1),
        (&["-l"], "a\nb", "a\nb\n", 2),
        (&["-n"], "unread", "\n", 1),
        (&["-m", "x", "--repeat", "3", "--repeat-delay", "1ms"], "", "x\nx\nx\n", 3),
    ] {
        let wanted = (count + 1).to_string();
        let subscriber = Running::start(&["sub", "-u", &url, "-t", "a", "-q", "1", "-c", &wanted]);
        assert_eq!(subscriber.line(), "ready\n");
        let publish = [&["pub", "-u", &url, "-t", "a", "-q", "1"], arguments].concat();
        Running::start_with_input(&publish, input.as_bytes()).end().success();
        let received = String::from_utf8(subscriber.end().success()).unwrap();
        assert_eq!(received, expected, "{arguments:?}");
    }
}

#[test]
fn an_empty_payload_ends_what_is_retained() {
    let broker = Broker::start();
    let url = broker.websocket_url();
    tw_succeeds(&["pub", "-u", &url, "-t", "a", "-m", "old", "-r"]);
    tw_succeeds(&["pub", "-u", &url, "-t", "a", "-n", "-r"]);
    tw_succeeds(&["pub", "-u", &url, "-t", "b", "-m", "other", "-r"]);
    let output = tw_succeeds(&["sub", "-u", &url, "-t", "a", "-t", "b", "-v", "-c", "1"]);
    assert_eq!(output, b"b other\n");
}

/// What one protocol says about a message the other one shows.
#[test]
fn properties_and_headers_are_the_same() {
    let broker = Broker::start();
    let (mqtt, stomp) = (broker.websocket_url(), broker.stomp_url());
    let by_property = [
        "--property",
        "content-type=text/plain",
        "--property",
        "response-topic=answers",
        "--property",
        "correlation-data=7",
        "--property",
        "colour=red",
    ];
    let by_header = [
        "--header",
        "content-type=text/plain",
        "--header",
        "reply-to=/topic/answers",
        "--header",
        "correlation-id=7",
        "--header",
        "colour=red",
    ];
    let in_mosquittos_way = [
        "-D",
        "PUBLISH",
        "content-type",
        "text/plain",
        "-D",
        "PUBLISH",
        "response-topic",
        "answers",
        "-D",
        "PUBLISH",
        "correlation-data",
        "7",
        "-D",
        "PUBLISH",
        "user-property",
        "colour",
        "red",
    ];
    for (url, said) in [(&mqtt, &by_property[..]), (&stomp, &by_header), (&mqtt, &in_mosquittos_way)] {
        tw_succeeds(&[&["pub", "-u", url, "-t", "a", "-m", "x", "-r"], said].concat());
        for url in [&mqtt, &stomp] {
            let output = tw_succeeds(&["sub", "-u", url, "-t", "a", "--json", "-c", "1"]);
            let message: Value = serde_json::from_slice(&output).unwrap();
            let properties = &message["properties"];
            let seen = ["content_type", "response_topic", "correlation_data"].map(|name| &properties[name]);
            assert_eq!(
                seen,
                [&json!("text/plain"), &json!("answers"), &json!("7")],
                "{said:?} {url}: {message}"
            );
            let user = properties["user"].as_array().unwrap();
            assert!(user.contains(&json!(["colour", "red"])), "{said:?} {url}: {message}");
        }
    }
}

#[test]
fn a_message_is_of_use_for_as_long_as_it_is_said() {
    let broker = Broker::start();
    let url = broker.websocket_url();
    tw_succeeds(&["pub", "-u", &url, "-t", "a", "-m", "x", "-r", "--expiry", "1h"]);
    let output = tw_succeeds(&["sub", "-u", &url, "-t", "a", "-F", "%E", "-c", "1"]);
    let left: u32 = String::from_utf8(output).unwrap().trim().parse().unwrap();
    assert!((3000..=3600).contains(&left), "{left}");
}

#[test]
fn what_arrives_is_shown_in_every_way() {
    let broker = Broker::start();
    let url = broker.websocket_url();
    Running::start_with_input(&["pub", "-u", &url, "-t", "a/b", "-r", "-q", "1"], b"\x1b\xFF")
        .end()
        .success();
    for (arguments, expected) in [
        (&["--hex"][..], &b"1bff\n"[..]),
        (&["--hex", "-v"], b"a/b 1bff\n"),
        (&["--base64"], b"G/8=\n"),
        // Not to a terminal: as it is.
        (&[], b"\x1b\xFF\n"),
        (&["-N"], b"\x1b\xFF"),
        (&["-F", "%t|%x|%l|%r"], b"a/b|1bff|2|1\n"),
    ] {
        let output = tw_succeeds(&[&["sub", "-u", &url, "-t", "a/b", "-c", "1"], arguments].concat());
        assert_eq!(output, expected, "{arguments:?}");
    }
}

#[test]
fn a_queue_is_taken_from_as_is_said() {
    let broker = Broker::start();
    let url = broker.stomp_url();
    for (number, colour) in [("1", "red"), ("2", "blue"), ("3", "red")] {
        let header = format!("colour={colour}");
        tw_succeeds(&["pub", "-u", &url, "-t", "/queue/jobs", "-m", number, "--header", &header]);
    }
    let take = |arguments: &[&str]| {
        let all = [&["sub", "-u", &url, "-t", "/queue/jobs", "-c", "1"], arguments].concat();
        String::from_utf8(tw_succeeds(&all)).unwrap()
    };
    assert_eq!(take(&["--selector", "colour = 'blue'", "--ack", "client-individual"]), "2\n");
    // What is not taken stays, and comes again in its order.
    assert_eq!(take(&["--ack", "client", "--prefetch", "2"]), "1\n");
    assert_eq!(take(&["--ack", "client-individual"]), "3\n");
}
