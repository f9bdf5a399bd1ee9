//! Mistakes in a case file: each names file, line and column, and says what would be right.

#![allow(clippy::unwrap_used, reason = "a test says by a panic what is wrong")]

use tidewire_conformance::case::{Action, Suite, parse};

/// The first mistake of an MQTT 5 case with these steps; they start in line 3.
fn mistake(steps: &str) -> String {
    mistake_in(&format!("case x\nstatements: MQTT-3.1.0-1\n{steps}\n"))
}

fn mistake_in(text: &str) -> String {
    mistake_of(Suite::Mqtt5, text)
}

/// The same of a case about WebSocket.
fn mistake_in_frames(steps: &str) -> String {
    mistake_of(Suite::WebSocket, &format!("case x\nstatements: WS-FR-1\n{steps}\n"))
}

fn mistake_of(suite: Suite, text: &str) -> String {
    match parse(suite, "s", "s.case", text) {
        Err(error) => error.to_string(),
        Ok(_) => panic!("no mistake was found in\n{text}"),
    }
}

#[track_caller]
fn starts(actual: &str, expected: &str) {
    assert!(actual.starts_with(expected), "\n  actual: {actual}\nexpected: {expected}");
}

#[test]
fn names_that_do_not_exist() {
    starts(
        &mistake("< CONNACK reson=0"),
        "s.case:3:11: CONNACK has no field `reson`; did you mean `reason`?",
    );
    starts(&mistake("> CONECT"), "s.case:3:3: `CONECT` is none of");
    assert!(
        mistake("> CONECT").ends_with("did you mean `CONNECT`?") || mistake("> CONECT").contains("CONNECT")
    );
    starts(&mistake("conected"), "s.case:3:1: no action is called `conected`; did you mean `connected`?");
    starts(&mistake("b: hex 10"), "s.case:3:4: an action must stand here");
}

#[test]
fn values_that_say_too_little() {
    starts(&mistake("> CONNECT keep_alive"), "s.case:3:21: `=` must stand here");
    starts(&mistake("> CONNECT keep_alive=*"), "s.case:3:11: `keep_alive` is sent, so it has one value");
    starts(&mistake("> CONNECT client_id=\"abc"), "s.case:3:21: the string that starts here must end");
    starts(&mistake("> hex 1"), "s.case:3:7: pairs of hexadecimal digits must stand here");
    starts(&mistake("> PINGREQ exact"), "s.case:3:3: `exact` belongs to what is expected");
}

#[test]
fn variables_without_value_and_without_use() {
    starts(&mistake("> PUBACK packet_id=$id"), "s.case:3:10: `$id` has no value here");
    starts(
        &mistake("> PUBLISH topic=\"{rum}\""),
        "s.case:3:11: `$rum` has no value here; did you mean `run`?",
    );
    starts(&mistake("< PUBACK packet_id=$id"), "s.case:3:10: `$id` is bound here and never used");
}

#[test]
fn lines_that_do_not_fit_together() {
    starts(
        &mistake("> PINGREQ\n& PINGRESP"),
        "s.case:4:1: a line that goes on with `&` or `|` follows a `<` line",
    );
    starts(&mistake("< PINGRESP & SUBACK | end"), "s.case:3:21: a line uses either");
    starts(&mistake("repeat n 1..2 {\n> PINGREQ"), "s.case:3:1: the `repeat` that starts here must end");
    starts(&mistake("> PINGREQ\n}"), "s.case:4:1: `}` ends a `repeat`");
    starts(&mistake("< end within 3"), "s.case:3:14: a duration must stand here");
    starts(&mistake("> PINGREQ\nlimit: 3s"), "s.case:4:1: an attribute stands before the first step");
}

#[test]
fn cases_that_are_not_whole() {
    starts(&mistake_in("> PINGREQ\n"), "s.case:1:1: a file starts with `case NAME`");
    starts(&mistake_in("case x\n> PINGREQ\n"), "s.case:1:1: a case names what it checks");
    starts(&mistake_in("case x\nstatements: MQTT-3.1.0-1\n"), "s.case:1:1: a case has steps");
    let twice = "case x\nstatements: MQTT-3.1.0-1\n> PINGREQ\ncase x\n";
    starts(&mistake_in(twice), "s.case:4:6: a name is used once");
    starts(
        &mistake_in("case x\nplays: lats\n"),
        "s.case:2:8: `alone` or `last` must stand here; did you mean `last`?",
    );
    starts(&mistake_in("case x\nneeds: receive_maximum\n"), "s.case:2:23: `=` must stand here");
}

/// A mistake in a case shows at its own line even when another case follows.
#[test]
fn the_place_is_that_of_the_mistake() {
    let text =
        "case x\nstatements: MQTT-3.1.0-1\n> PINGREQ fags=1\ncase y\nstatements: MQTT-3.1.0-1\n> PINGREQ\n";
    starts(&mistake_in(text), "s.case:3:11: PINGREQ has no field `fags`; did you mean `flags`?");
}

#[test]
fn a_repeat_is_written_out() {
    let text = "case x\nstatements: MQTT-3.1.0-1\nrepeat n 1..3 {\nb: > PINGREQ\nb: < PINGRESP\n}\n";
    let cases = parse(Suite::Mqtt5, "s", "s.case", text).unwrap();
    let binds = cases[0].steps.iter().filter(|step| matches!(step.action, Action::Round { .. })).count();
    assert_eq!((binds, cases[0].steps.len()), (3, 9));
}

/// What a block binds is new in each round; what was bound before it keeps its value.
#[test]
fn a_repeat_forgets_what_it_has_bound() {
    let text = "case x\nstatements: MQTT-3.1.0-1\n< PUBLISH packet_id=$old\nrepeat n 1..2 {\n\
                < PUBLISH packet_id=$new topic=$old\n> PUBACK packet_id=$new\n}\n";
    let cases = parse(Suite::Mqtt5, "s", "s.case", text).unwrap();
    let forgets = cases[0].steps.iter().filter_map(|step| match &step.action {
        Action::Round { forgets, .. } => Some(forgets.join(" ")),
        _ => None,
    });
    assert_eq!(forgets.collect::<Vec<_>>(), ["new", "new"]);
}

#[test]
fn frames_have_fields_of_their_own() {
    starts(
        &mistake_in_frames("> TEXT payloda=x"),
        "s.case:3:8: TEXT has no field `payloda`; did you mean `payload`?",
    );
    starts(&mistake_in_frames("> PING deflate=1"), "s.case:3:8: PING has no field `deflate`");
    starts(&mistake_in_frames("< TEXT rsv=4"), "s.case:3:8: TEXT has no field `rsv`");
    starts(&mistake_in_frames("< CONTINUATION"), "s.case:3:3: `CONTINUATION` is none of RESPONSE, TEXT");
    starts(&mistake_in_frames("> RESPONSE status=101"), "s.case:3:3: `RESPONSE` is none of REQUEST, TEXT");
    starts(&mistake_in_frames("> CONNECT"), "s.case:3:3: `CONNECT` is none of REQUEST");
    starts(
        &mistake_in_frames("< RESPONSE Upgrade=websocket"),
        "s.case:3:12: the headers of an answer are written in",
    );
    starts(&mistake_in_frames("> hex c000 frame=text"), "s.case:3:1: here frames are what is sent");
    starts(&mistake_in_frames("> TEXT payload=noise:x"), "s.case:3:22: a number of bytes must stand here");
    starts(
        &mistake_in_frames("> TEXT payload=\"a\"+7"),
        "s.case:3:16: `+` joins strings, bytes and variables",
    );
    starts(&mistake_in_frames("> TEXT payload=\"{rum}\""), "s.case:3:8: `$rum` has no value here");
}

/// Any header may be sent and compared, and the upgrade is one line.
#[test]
fn a_request_may_have_any_header() {
    let text = "case x\nstatements: WS-HS-1\n> REQUEST method=POST !Host X-Other=1 X-Other=2\n\
                < RESPONSE status=400..499 x-any=*\nb: connected subprotocol=\"v12.stomp\" path=\"/a\"\n";
    let cases = parse(Suite::WebSocket, "s", "s.case", text).unwrap();
    assert_eq!(cases[0].steps.len(), 4, "`connected` sends and expects");
}
