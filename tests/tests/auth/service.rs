//! What follows from the answers of a service that knows the users: nothing but its word lets anybody in.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tidewire::auth::{
    Authority, Credentials, Denial, Gate, Identity, Judgement, Method, Policy, Service, Vouched,
};
use tidewire::fetch::Fetch;
use tidewire_protocols::topic::{TopicFilter, TopicName};
use tidewire_tests::log::Log;
use tidewire_tests::server::{Question, Reply, Server, nobody};
use tokio::task::JoinSet;

use crate::{NOW, PATIENCE, answer, credentials, passes, user};

const MINUTE: Duration = Duration::from_secs(60);

/// Who is asked, and for how long it is believed.
fn gate_of(uri: hyper::Uri, bearer: Option<&str>, cache_ttl: Duration) -> Gate {
    let fetch = Fetch::new(None, PATIENCE).expect("there are no certificates to be wrong");
    let service = Service::new(fetch, uri, bearer.map(Into::into), cache_ttl).expect("there is randomness");
    Gate::new(Policy { service: Some(Arc::new(service)), ..Policy::default() })
}

fn gate(server: &Server) -> Gate {
    gate_of(server.uri(), None, MINUTE)
}

async fn ask(gate: &Gate, user_name: &str, password: &str) -> Result<Vouched, Denial> {
    answer(gate.authenticate(credentials(user_name, password))).await
}

fn allow() -> Reply {
    Reply::json(&json!({"result": "allow"}))
}

#[tokio::test]
async fn only_the_word_allow_lets_in() {
    let server = Server::says(allow()).await;
    let denied = Err(Denial::wrong_password());
    let too_large = format!("{{\"result\": \"allow\"}}{}", " ".repeat(1 << 20));
    for (status, body, expected) in [
        (200, r#"{"result": "allow"}"#, Ok("ann".to_owned())),
        (200, r#"{"result": "allow", "what": "is not known here"}"#, Ok("ann".to_owned())),
        (200, r#"{"result": "allow", "user": "Ann Other"}"#, Ok("Ann Other".to_owned())),
        (200, r#"{"result": "deny"}"#, denied.clone()),
        (200, r#"{"result": "deny", "user": "ann"}"#, denied.clone()),
        (200, r#"{"result": "deny", "reason": "pay first"}"#, Err(Denial::Wrong("pay first".into()))),
        (401, r#"{"result": "allow"}"#, denied.clone()),
        (403, "", denied),
        (200, "", Err(Denial::Unavailable)),
        (200, "allow", Err(Denial::Unavailable)),
        (200, r#""allow""#, Err(Denial::Unavailable)),
        (200, "true", Err(Denial::Unavailable)),
        (200, "{}", Err(Denial::Unavailable)),
        (200, "<html>", Err(Denial::Unavailable)),
        (200, r#"{"result": true}"#, Err(Denial::Unavailable)),
        (200, r#"{"result": "Allow"}"#, Err(Denial::Unavailable)),
        (200, r#"{"result": "ignore"}"#, Err(Denial::Unavailable)),
        (200, r#"{"allow": true}"#, Err(Denial::Unavailable)),
        (200, r#"[{"result": "allow"}]"#, Err(Denial::Unavailable)),
        (200, r#"{"result": "allow"}{"result": "deny"}"#, Err(Denial::Unavailable)),
        (200, r#"{"result": "deny", "result": "allow"}"#, Err(Denial::Unavailable)),
        (200, r#"{"result": "allow""#, Err(Denial::Unavailable)),
        (200, r#"{"result": "allow", "user": ""}"#, Err(Denial::Unavailable)),
        (200, r#"{"result": "allow", "user": "a\u0000"}"#, Err(Denial::Unavailable)),
        (200, r#"{"result": "allow", "user": 7}"#, Err(Denial::Unavailable)),
        (200, r#"{"result": "allow", "groups": "staff"}"#, Err(Denial::Unavailable)),
        (200, r#"{"result": "allow", "groups": [""]}"#, Err(Denial::Unavailable)),
        (200, r#"{"result": "allow", "client_id": "\n"}"#, Err(Denial::Unavailable)),
        (200, r#"{"result": "allow", "expires_in": -1}"#, Err(Denial::Unavailable)),
        (200, r#"{"result": "allow", "acl": "everything"}"#, Err(Denial::Unavailable)),
        (200, r#"{"result": "allow", "acl": [{"allow": ["fly"]}]}"#, Err(Denial::Unavailable)),
        (200, &too_large, Err(Denial::Unavailable)),
        (201, r#"{"result": "allow"}"#, Err(Denial::Unavailable)),
        (204, "", Err(Denial::Unavailable)),
        (302, r#"{"result": "allow"}"#, Err(Denial::Unavailable)),
        (404, r#"{"result": "allow"}"#, Err(Denial::Unavailable)),
        (500, r#"{"result": "allow"}"#, Err(Denial::Unavailable)),
        (503, r#"{"result": "allow"}"#, Err(Denial::Unavailable)),
    ] {
        server.now_says(Reply::new(status, body.to_owned()));
        let shown = &body[..body.len().min(80)];
        assert_eq!(user(ask(&gate(&server), "ann", "pencil").await), expected, "{status} {shown}");
    }
    server.now_says(allow());
    assert_eq!(
        ask(&gate(&server), "", "pencil").await.expect("it says so").user,
        None,
        "an empty name is none"
    );
    let unheard = gate_of(nobody().await, None, MINUTE);
    assert_eq!(user(ask(&unheard, "ann", "pencil").await), Err(Denial::Unavailable));
}

#[tokio::test]
async fn what_it_says_of_a_client_holds() {
    let server = Server::says(Reply::json(&json!({
        "result": "allow", "user": "ann@example", "groups": ["staff", "night"], "client_id": "lamp",
        "expires_in": 90, "acl": [{"allow": ["publish"], "topics": ["%{house}/#"]}], "claims": {"house": "h7"},
    })))
    .await;
    let gate = gate(&server);
    let vouched = ask(&gate, "ann", "pencil").await.expect("it says so");
    assert_eq!((vouched.user.as_deref(), vouched.method), (Some("ann@example"), Method::Service));
    let claims = vouched.claims.clone().expect("it says more than a name");
    assert_eq!(claims.expires_at, Some(NOW + 90));
    assert_eq!(claims.client_id.as_deref(), Some("lamp"));
    assert_eq!(claims.groups.iter().map(|group| &**group).collect::<Vec<_>>(), ["staff", "night"]);
    assert_eq!(claims.text("house").as_deref(), Some("h7"));
    let mut rights = gate.rights(&Identity { vouched, ..Default::default() });
    let name = |topic| TopicName::parse(topic).expect("it is one");
    assert!(rights.may_publish(name("h7/lamp"), false) && !rights.may_publish(name("h8/lamp"), false));
    let filter = TopicFilter::parse("h7/lamp").expect("it is one");
    assert_eq!(rights.judge_filter(filter), Judgement::Denied);
}

/// A reason goes to the client in a packet that has 16 bits for its length, and into the log.
#[tokio::test]
async fn a_reason_is_cut_to_what_a_client_can_be_told() {
    let server = Server::says(allow()).await;
    for (reason, told) in [
        ("é".repeat(70_000), "é".repeat(200)),
        ("a\u{0}b\r\nc".to_owned(), "a b  c".to_owned()),
        (String::new(), Denial::wrong_password().text().to_owned()),
    ] {
        server.now_says(Reply::json(&json!({"result": "deny", "reason": reason})));
        assert_eq!(user(ask(&gate(&server), "ann", "pencil").await), Err(Denial::Wrong(told.into())));
    }
}

#[tokio::test]
async fn it_is_told_what_the_client_said_and_who_asks() {
    let server = Server::says(allow()).await;
    let gate = gate_of(server.uri(), Some("between-us"), MINUTE);
    ask(&gate, "ann", "pencil").await.expect("it says so");
    let Question { method, headers, .. } = server.last();
    assert_eq!(method, "POST");
    for (name, value) in [
        ("authorization", "Bearer between-us"),
        ("content-type", "application/json"),
        ("accept", "application/json"),
    ] {
        assert_eq!(headers.get(name).and_then(|value| value.to_str().ok()), Some(value));
    }
    let expected = json!({"user_name": "ann", "password": "pencil", "client_id": "c", "listener": ""});
    assert_eq!(server.last().json(), expected);
    answer(gate.examine_token("a-token", NOW)).await.expect("it says so");
    assert_eq!(server.last().json(), json!({"token": "a-token"}));
}

#[tokio::test]
async fn an_answer_that_lets_in_is_believed_for_so_long() {
    let server = Server::says(allow()).await;
    let gate = gate(&server);
    for (waited, count) in [(0, 1), (0, 1), (30, 1), (30, 2), (30, 2), (30, 3)] {
        passes(Duration::from_secs(waited)).await;
        assert_eq!(user(ask(&gate, "ann", "pencil").await).as_deref(), Ok("ann"));
        assert_eq!(server.count(), count, "after {waited} s more");
    }
}

#[tokio::test]
async fn each_question_has_its_own_answer() {
    let server = Server::says(allow()).await;
    server.answers_by(|question| match question.json()["password"] == "pencil" {
        true => allow(),
        false => Reply::json(&json!({"result": "deny"})),
    });
    let gate = gate(&server);
    ask(&gate, "ann", "pencil").await.expect("it is the right one");
    assert!(ask(&gate, "ann", "pen").await.is_err(), "a wrong password is another question");
    assert!(ask(&gate, "ann", "").await.is_err());
    assert_eq!(user(ask(&gate, "bob", "pencil").await).as_deref(), Ok("bob"));
    let mut elsewhere = credentials("ann", "pencil");
    elsewhere.client_id = "other".into();
    answer(gate.authenticate(elsewhere)).await.expect("it is the right one");
    assert_eq!(server.count(), 5);
    ask(&gate, "ann", "pencil").await.expect("it is the right one");
    assert_eq!(server.count(), 5);
    assert!(ask(&gate, "ann", "pen").await.is_err());
    assert_eq!(server.count(), 6, "a denial is not remembered: the password may be set by now");
}

#[tokio::test]
async fn without_a_time_for_it_nothing_is_remembered() {
    let server = Server::says(allow()).await;
    let gate = gate_of(server.uri(), None, Duration::ZERO);
    for count in 1..=3 {
        ask(&gate, "ann", "pencil").await.expect("it says so");
        assert_eq!(server.count(), count);
    }
}

/// Else who comes back when its time is over would be told that it is, although the service would let it in again.
#[tokio::test]
async fn an_answer_is_not_believed_beyond_its_own_end() {
    let server = Server::says(Reply::json(&json!({"result": "allow", "expires_in": 30}))).await;
    let gate = gate(&server);
    for (now_secs, expires_at, count) in
        [(NOW, NOW + 30, 1), (NOW + 29, NOW + 30, 1), (NOW + 30, NOW + 60, 2), (NOW + 31, NOW + 60, 2)]
    {
        let credentials = Credentials { now_secs, ..credentials("ann", "pencil") };
        let vouched = answer(gate.authenticate(credentials)).await.expect("it says so");
        assert_eq!(vouched.claims.expect("it says more than a name").expires_at, Some(expires_at));
        assert_eq!(server.count(), count);
    }
}

#[tokio::test]
async fn who_comes_while_too_many_are_asked_about_is_told_so() {
    let server = Server::says(allow()).await;
    server.falls_silent();
    let gate = Arc::new(gate(&server));
    let mut clients = JoinSet::new();
    for number in 0..300 {
        let gate = Arc::clone(&gate);
        clients.spawn(async move { ask(&gate, &format!("user-{number}"), "pencil").await });
    }
    for _ in 0..44 {
        let refused = clients.join_next().await.expect("it is one of them").expect("it does not panic");
        assert_eq!(user(refused), Err(Denial::Busy));
    }
    server.is_asked(256).await;
    server.speaks_again();
    let answers = clients.join_all().await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 256);
    assert_eq!(server.count(), 256);
    ask(&gate, "late", "pencil").await.expect("there is a place again");
}

/// Who goes away without waiting for the answer leaves its place to others.
#[tokio::test]
async fn who_goes_away_gives_its_place_back() {
    let server = Server::says(allow()).await;
    server.falls_silent();
    let gate = Arc::new(gate(&server));
    let mut clients = JoinSet::new();
    for number in 0..256 {
        let gate = Arc::clone(&gate);
        clients.spawn(async move { ask(&gate, &format!("user-{number}"), "pencil").await });
    }
    server.is_asked(256).await;
    assert_eq!(user(ask(&gate, "late", "pencil").await), Err(Denial::Busy));
    clients.shutdown().await;
    server.speaks_again();
    ask(&gate, "late", "pencil").await.expect("there is a place again");
}

#[tokio::test]
async fn that_it_is_away_is_said_now_and_then() {
    let log = Log::begin();
    let server = Server::says(Reply::new(500, "")).await;
    let gate = gate(&server);
    for (waited, lines) in [(0, 1), (0, 1), (5, 1), (5, 2), (0, 2)] {
        passes(Duration::from_secs(waited)).await;
        assert_eq!(user(ask(&gate, "ann", "pencil").await), Err(Denial::Unavailable));
        let said = log.lines("the authentication service gives no answer");
        assert_eq!(said.len(), lines, "after {waited} s more");
        assert!(said[0].contains("the answer was 500") && !said[0].contains("pencil"), "{said:?}");
    }
}

#[tokio::test]
async fn secrets_show_in_no_log() {
    let server = Server::says(allow()).await;
    let gate = gate_of(server.uri(), Some("between-us"), MINUTE);
    ask(&gate, "ann", "pencil").await.expect("it says so");
    let shown = format!("{gate:?}");
    assert!(shown.contains("Service"), "{shown}");
    for secret in ["between-us", "pencil", "cache_key"] {
        assert!(!shown.contains(secret), "{secret}: {shown}");
    }
}
