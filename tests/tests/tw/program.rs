//! What `tw` promises on the command line: output, exit status, pipes and signals.
//!
//! A subscriber says nothing when it is ready; so the first message of each conversation is a retained one.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::broker::Broker;
use crate::process::{Running, command, tw, tw_succeeds};

#[test]
fn every_transport_and_protocol_hears_every_other() {
    let broker = Broker::start();
    let (websocket, mqtt, stomp) = (broker.websocket_url(), broker.mqtt_url(), broker.stomp_url());
    let clients: [&[&str]; 5] = [
        &["-u", &websocket],
        &["-u", &websocket, "-V", "3.1.1"],
        &["-u", &mqtt],
        &["-u", &websocket, "--stomp"],
        &["-u", &stomp],
    ];
    for (publisher, connection) in clients.iter().enumerate() {
        let topic = format!("tests/{publisher}");
        let payload = format!("from {publisher}");
        tw_succeeds(&[&["pub"], *connection, &["-t", &topic, "-m", &payload, "-q", "1", "-r"]].concat());
        for connection in clients {
            let output = tw_succeeds(&[&["sub"], connection, &["-t", &topic, "-v", "-c", "1"]].concat());
            assert_eq!(String::from_utf8_lossy(&output), format!("{topic} {payload}\n"), "to {connection:?}");
        }
    }
}

#[test]
fn lines_come_out_as_they_went_in() {
    let broker = Broker::start();
    let url = broker.websocket_url();
    for (protocol, qos) in [("", "0"), ("", "1"), ("", "2"), ("--stomp", "1")] {
        let with = |arguments: &[&'static str]| {
            let all = [arguments, &[protocol]].concat();
            all.into_iter().filter(|argument| !argument.is_empty()).map(str::to_owned).collect::<Vec<_>>()
        };
        let run = |mut arguments: Vec<String>, input: &str| {
            arguments.extend(["-u".to_owned(), url.clone()]);
            let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
            Running::start_with_input(&arguments, input.as_bytes())
        };
        tw_succeeds(&["pub", "-u", &url, "-t", "lines", "-m", "ready", "-r"]);
        let quality = if protocol.is_empty() { vec!["-q", qos] } else { Vec::new() };
        let mut subscriber = with(&["sub", "-t", "lines", "-c", "1001"]);
        subscriber.extend(quality.into_iter().map(str::to_owned));
        let subscriber = run(subscriber, "");
        assert_eq!(subscriber.line(), "ready\n");
        // The last line may have no end.
        let input = (0..1000).map(|number| format!("line {number}")).collect::<Vec<_>>().join("\n");
        let mut publisher = with(&["pub", "-t", "lines", "-l"]);
        publisher.extend(["-q".to_owned(), qos.to_owned()]);
        assert_eq!(run(publisher, &input).end().success(), b"");
        let received = String::from_utf8(subscriber.end().success()).unwrap();
        assert!(received == format!("{input}\n"), "{protocol} QoS {qos}: {} bytes", received.len());
    }
}

#[test]
fn standard_input_is_one_payload_and_json_shows_its_bytes() {
    let broker = Broker::start();
    let url = broker.mqtt_url();
    let publisher = Running::start_with_input(&["pub", "-u", &url, "-t", "bytes", "-r"], b"a\nb\xFF");
    publisher.end().success();
    let output = tw_succeeds(&["sub", "-u", &url, "-t", "bytes", "--json", "-c", "1"]);
    let message: Value = serde_json::from_slice(&output).unwrap();
    let expected = json!({
        "topic": "bytes", "payload": "YQpi/w==", "payload_encoding": "base64", "qos": 0, "retain": true,
        "properties": {},
    });
    assert_eq!(message, expected);
}

#[test]
fn a_destination_is_taken_as_it_is() {
    let broker = Broker::start();
    let url = broker.stomp_url();
    tw_succeeds(&["pub", "-u", &url, "-t", "/topic/a/b", "-m", "x", "-r"]);
    let output = tw_succeeds(&["sub", "-u", &broker.mqtt_url(), "-t", "a/b", "-v", "-c", "1"]);
    assert_eq!(output, b"a/b x\n");
}

/// A line each: where to, what is said, and what is to be tried.
#[test]
fn a_failure_says_what_to_try_and_is_status_1() {
    let broker = Broker::start();
    let at_websocket = broker.websocket_url().replace("ws://", "mqtt://");
    let at_websocket = at_websocket.trim_end_matches('/');
    let at_mqtt = broker.mqtt_url().replace("mqtt://", "ws://");
    let at_stomp = broker.stomp_url().replace("stomp://", "mqtt://");
    for (url, said, advice) in [
        ("ws://127.0.0.1:9/", "cannot connect to ws://127.0.0.1:9/", "tidewire serve"),
        (at_websocket, "not in MQTT", "ws://127.0.0.1:"),
        (at_mqtt.as_str(), "does not take the WebSocket", "mqtt://127.0.0.1:"),
        (at_stomp.as_str(), "not in MQTT", "stomp://127.0.0.1:"),
    ] {
        let ended = tw(&["sub", "-u", url, "-t", "a"]);
        assert_eq!((ended.status, ended.output.as_slice()), (Some(1), &b""[..]), "{ended:?}");
        let lines: Vec<_> = ended.errors.lines().collect();
        let [failure, hint] = lines[..] else { panic!("{ended:?}") };
        assert!(failure.starts_with("tw: ") && failure.contains(said), "{ended:?}");
        assert!(hint.starts_with("    try: ") && hint.contains(advice), "{ended:?}");
    }
}

#[test]
fn wrong_usage_is_status_2() {
    for arguments in [
        &["pub"][..],
        &["pub", "-t", "a/#", "-m", "x"],
        &["sub", "-t", "a/#/b"],
        &["sub", "-t", "a", "-c", "-v"],
        &["request", "-t", "a", "-m", "x", "-V", "3.1.1"],
    ] {
        let ended = tw(arguments);
        assert_eq!((ended.status, ended.output.as_slice()), (Some(2), &b""[..]), "{ended:?}");
    }
}

/// A line each: what is asked for, and how it is written when it came, or what is said when not enough did.
#[test]
fn too_little_in_time_is_status_3() {
    let broker = Broker::start();
    let url = broker.websocket_url();
    tw_succeeds(&["pub", "-u", &url, "-t", "one", "-m", "1", "-r"]);
    for (arguments, status, output, said) in [
        (&["sub", "-t", "none", "-W", "200ms"][..], 3, "", "nothing came within 200ms"),
        (&["sub", "-t", "one", "-W", "1"], 0, "1\n", ""),
        (&["sub", "-t", "one", "-c", "2", "-W", "1"], 3, "1\n", "1 of 2 messages came"),
        (&["request", "-t", "none", "-m", "x", "-W", "200ms"], 3, "", "tw: "),
    ] {
        let ended = tw(&[arguments, &["-u", &url]].concat());
        assert_eq!((ended.status, ended.output.as_slice()), (Some(status), output.as_bytes()), "{ended:?}");
        assert!(ended.errors.contains(said), "{ended:?}");
    }
}

#[test]
fn an_interrupted_subscriber_ends_well() {
    let broker = Broker::start();
    let url = broker.websocket_url();
    tw_succeeds(&["pub", "-u", &url, "-t", "a", "-m", "ready", "-r"]);
    for protocol in [&["sub", "-u", &url, "-t", "a"][..], &["sub", "-u", &url, "-t", "a", "--stomp"]] {
        let subscriber = Running::start(protocol);
        assert_eq!(subscriber.line(), "ready\n");
        subscriber.interrupt();
        assert_eq!(subscriber.end().success(), b"");
    }
}

#[test]
fn a_reader_that_has_seen_enough_ends_the_subscriber() {
    let broker = Broker::start();
    let url = broker.websocket_url();
    tw_succeeds(&["pub", "-u", &url, "-t", "a", "-m", "ready", "-r"]);
    let mut subscriber = command(&["sub", "-u", &url, "-t", "a"]).stdin(Stdio::null()).spawn().unwrap();
    let mut output = BufReader::new(subscriber.stdout.take().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    drop(output);
    let subscriber = Running::from(subscriber);
    assert_eq!(subscriber.end().success(), b"");
}

#[test]
fn a_subscriber_that_was_to_wait_for_more_says_so() {
    let broker = Broker::start();
    let url = broker.websocket_url();
    tw_succeeds(&["pub", "-u", &url, "-t", "a", "-m", "ready", "-r"]);
    let subscriber = Running::start(&["sub", "-u", &url, "-t", "a", "-c", "2"]);
    assert_eq!(subscriber.line(), "ready\n");
    subscriber.interrupt();
    let ended = subscriber.end();
    assert_eq!(ended.status, Some(3), "{ended:?}");
}

#[test]
fn pairs_lose_nothing() {
    let broker = Broker::start();
    let pid = std::process::id().to_string();
    for (url, qos) in [
        (broker.websocket_url(), "0"),
        (broker.websocket_url(), "1"),
        (broker.mqtt_url(), "0"),
        (broker.mqtt_url(), "1"),
    ] {
        let size = ["--pairs", "3", "--messages", "2000", "--pid", &pid, "--json"];
        let output = tw_succeeds(&[&["bench", "pairs", "-u", &url, "-q", qos][..], &size].concat());
        let report: Value = serde_json::from_slice(&output).unwrap();
        let figures = ["messages", "lost", "duplicates", "out_of_order", "foreign"].map(|name| &report[name]);
        assert_eq!(figures, [&json!(6000), &json!(0), &json!(0), &json!(0), &json!(0)], "{report}");
        assert!(report["messages_per_s"].as_f64().unwrap() > 0.0, "{report}");
        assert!(report["broker_cpu_us_per_message"].is_number(), "{report}");
    }
}

/// A line each: the scenario, where it goes, and how many messages, connections or loops its report is to have.
#[test]
fn every_scenario_loses_nothing() {
    let broker = Broker::start();
    let (ws, mqtt, stomp) = (broker.websocket_url(), broker.mqtt_url(), broker.stomp_url());
    for (scenario, url, figure, count) in [
        ("pairs --pairs 3 --messages 500 -q 2", &ws, "messages", 1500),
        ("pairs --pairs 3 --messages 500 --stomp", &ws, "messages", 1500),
        ("pairs --pairs 3 --messages 500 --stomp --dots -q 1", &ws, "messages", 1500),
        ("pairs --pairs 3 --messages 500 -q 1", &stomp, "messages", 1500),
        ("pairs --pairs 300 --messages 20 -q 1 --rate 20000", &ws, "messages", 6000),
        ("fanout --publishers 2 --subscribers 20 --messages 300", &ws, "deliveries", 12_000),
        ("fanout --subscribers 20 --messages 300 -q 1", &mqtt, "deliveries", 6000),
        ("fanout --subscribers 20 --messages 300 --stomp", &ws, "deliveries", 6000),
        ("wildcard --filters 3001 --subscribers 7 --topics 900 --messages 2000", &ws, "messages", 2000),
        ("wildcard --filters 500 --kind plus --publishers 2 --messages 500 -q 1", &mqtt, "messages", 1000),
        ("wildcard --filters 500 --subscribers 5 --messages 500", &stomp, "messages", 500),
        ("idle --count 150 --subscribe", &ws, "connections", 150),
        ("idle --count 20", &stomp, "connections", 20),
        ("churn --loops 25", &ws, "loops", 25),
        ("churn --loops 15 --together 4 -V 3.1.1", &mqtt, "loops", 15),
        ("churn --loops 15 --stomp", &ws, "loops", 15),
        ("mixed --devices 8 --messages 200", &ws, "messages", 8 * 290),
        ("mixed --devices 8 --messages 200 --churn 0", &stomp, "messages", 8 * 290),
        ("queue --producers 3 --consumers 2 --messages 300", &stomp, "messages", 900),
        ("queue --stomp --messages 100", &ws, "messages", 1000),
        ("retained --messages 300 --rounds 1", &mqtt, "messages", 300),
    ] {
        let arguments = format!("bench {scenario} -u {url} --json");
        let output = tw_succeeds(&arguments.split(' ').collect::<Vec<_>>());
        let report: Value = serde_json::from_slice(&output).unwrap();
        assert_eq!(report[figure], json!(count), "{arguments}: {report}");
        for wrong in ["lost", "duplicates", "out_of_order", "foreign", "refused"] {
            let figure = &report[wrong];
            assert!(figure.is_null() || *figure == json!(0), "{arguments}: {report}");
        }
    }
}

#[test]
fn deliveries_are_timed_from_when_they_were_due() {
    let broker = Broker::start();
    let url = broker.websocket_url();
    let arguments =
        ["bench", "pairs", "-u", &url, "--rate", "1000", "--duration", "1", "--warm-up", "1", "--json"];
    let report: Value = serde_json::from_slice(&tw_succeeds(&arguments)).unwrap();
    for figure in ["delivered_p50_ms", "delivered_max_ms", "sent_late_p50_ms", "generator_cpu_us_per_message"]
    {
        assert!(report[figure].is_number(), "{figure}: {report}");
    }
    // What the warm-up sent is not among them.
    let messages = report["messages"].as_u64().unwrap();
    assert!((500..1500).contains(&messages), "{report}");
}
