//! `tw request` and `tw reply`.

use crate::broker::Broker;
use crate::process::{Running, tw, tw_succeeds};

/// Starts to answer, and returns when requests would come in.
pub(crate) fn reply(arguments: &[&str]) -> Running {
    let mut replier = Running::start(&[&["reply", "-d"], arguments].concat());
    replier.says("subscribed to");
    replier
}

#[test]
fn both_protocols_ask_and_answer_each_other() {
    let broker = Broker::start();
    let (websocket, mqtt, stomp) = (broker.websocket_url(), broker.mqtt_url(), broker.stomp_url());
    let clients: [&[&str]; 4] =
        [&["-u", &websocket], &["-u", &mqtt], &["-u", &websocket, "--stomp"], &["-u", &stomp]];
    for (number, replier) in clients.into_iter().enumerate() {
        let topic = format!("svc/add/{number}");
        let _replier = reply(&[replier, &["-t", &topic, "--", "awk", "{ print $1 + $2 }"]].concat());
        for requester in clients {
            let output = tw_succeeds(&[&["request"], requester, &["-t", &topic, "-m", "2 3"]].concat());
            assert_eq!(output, b"5\n", "{replier:?} to {requester:?}");
        }
    }
}

#[test]
fn a_fixed_answer_ends_after_its_count() {
    let broker = Broker::start();
    let url = broker.websocket_url();
    let replier = reply(&["-u", &url, "-t", "svc/ping", "-m", "pong", "-c", "2"]);
    for _ in 0..2 {
        let output = tw_succeeds(&["request", "-u", &url, "-t", "svc/ping", "-m", "?", "-v"]);
        assert!(output.ends_with(b" pong\n"), "{output:?}");
    }
    assert_eq!(replier.end().status, Some(0));
}

#[test]
fn who_asks_a_queue_is_answered() {
    let broker = Broker::start();
    let url = broker.stomp_url();
    let _replier = reply(&["-u", &url, "-t", "/queue/svc", "-m", "done", "--property", "colour=red"]);
    let output = tw_succeeds(&["request", "-u", &url, "-t", "/queue/svc", "-m", "?", "-F", "%p %P"]);
    let output = String::from_utf8(output).unwrap();
    assert!(output.starts_with("done ") && output.contains("colour:red"), "{output}");
}

#[test]
fn a_command_that_fails_gives_no_answer_and_the_next_request_has_its_own() {
    let broker = Broker::start();
    let url = broker.websocket_url();
    let mut replier = reply(&["-u", &url, "-t", "svc/sh", "-W", "5", "--", "sh"]);
    let ask = |command: &str| tw(&["request", "-u", &url, "-t", "svc/sh", "-m", command, "-W", "1"]);
    let refused = ask("exit 7");
    assert_eq!((refused.status, refused.output), (Some(3), Vec::new()));
    replier.says("exit status: 7");
    let answered = ask("echo one; echo two");
    assert_eq!((answered.status, answered.output), (Some(0), b"one\ntwo\n".to_vec()));
}

#[test]
fn what_wants_no_answer_is_told_of_once() {
    let broker = Broker::start();
    let url = broker.websocket_url();
    let mut replier = reply(&["-u", &url, "-t", "news", "-m", "x"]);
    for _ in 0..2 {
        tw_succeeds(&["pub", "-u", &url, "-t", "news", "-m", "y", "-q", "1"]);
    }
    replier.says("wants no answer");
    replier.interrupt();
    let ended = replier.end();
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert_eq!(ended.errors.matches("wants no answer").count(), 1, "{ended:?}");
}
