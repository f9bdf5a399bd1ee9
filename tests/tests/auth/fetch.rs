//! How other servers are asked, and that nothing but a whole answer of the one that is named counts.

use std::time::Duration;

use tidewire::fetch::{Fetch, FetchError};
use tidewire_tests::server::{Reply, Server, nobody};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::PATIENCE;

/// As short as a test likes, for an answer that does not come.
const SHORT: Duration = Duration::from_millis(100);

fn fetch() -> Fetch {
    Fetch::new(None, PATIENCE).expect("there are no certificates to be wrong")
}

/// In words, which are what the log gets.
fn words(answer: Result<impl AsRef<[u8]>, FetchError>) -> Result<String, String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    answer.map(|bytes| text(bytes.as_ref())).map_err(|error| error.to_string())
}

#[tokio::test]
async fn what_is_there_is_fetched_and_nothing_else_is_an_answer() {
    let server = Server::says(Reply::new(200, "it")).await;
    assert_eq!(words(fetch().get(&server.uri()).await).as_deref(), Ok("it"));
    for (status, said) in
        [(201, "201 Created"), (404, "404 Not Found"), (500, "500 Internal Server Error"), (304, "304")]
    {
        server.now_says(Reply::new(status, ""));
        let error = words(fetch().get(&server.uri()).await).expect_err(said);
        assert!(error.starts_with(&format!("the answer was {said}")), "{error}");
    }
}

/// Who is asked, the configuration says, and not whoever answers.
#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (first, second) = (Server::says(Reply::new(200, "")).await, Server::says(Reply::new(200, "")).await);
    first.now_says(Reply::redirect(&second.uri()));
    let error = fetch().get(&first.uri()).await.expect_err("it is elsewhere");
    assert!(matches!(&error, FetchError::Status(status) if status.as_u16() == 307), "{error}");
    assert_eq!((first.count(), second.count()), (1, 0));
}

#[tokio::test]
async fn an_answer_has_a_largest_size() {
    let server = Server::says(Reply::new(200, vec![b' '; 1 << 20])).await;
    assert!(fetch().get(&server.uri()).await.is_ok());
    server.now_says(Reply::new(200, vec![b' '; (1 << 20) + 1]));
    assert!(matches!(fetch().get(&server.uri()).await, Err(FetchError::Failed(_))));
}

#[tokio::test]
async fn an_answer_comes_in_time_or_not_at_all() {
    let server = Server::says(Reply::new(200, "late")).await;
    server.falls_silent();
    let hasty = Fetch::new(None, SHORT).expect("there are no certificates to be wrong");
    assert_eq!(words(hasty.get(&server.uri()).await), Err("no answer within 100 ms".to_owned()));
    server.speaks_again();
    assert_eq!(words(fetch().get(&server.uri()).await).as_deref(), Ok("late"));
}

#[tokio::test]
async fn where_nobody_listens_that_is_said() {
    let error = words(fetch().get(&nobody().await).await).expect_err("nobody answers");
    assert!(error.contains("Connection refused"), "{error}");
}

/// Says this to whoever connects, and then keeps the connection, or ends it.
async fn raw(said: &'static str, ends: bool) -> hyper::Uri {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("it has an address");
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(said.as_bytes()).await;
            if !ends {
                kept.push(stream);
            }
        }
    });
    format!("http://{address}/").parse().expect("it is a URI")
}

#[tokio::test]
async fn half_an_answer_and_what_is_no_answer_are_none() {
    let begun = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{";
    for (said, ends) in [
        ("", true),
        ("", false),
        ("220 mail.example ESMTP\r\n", true),
        ("HTTP/1.1 200 OK\r\nContent-Le", true),
        (begun, true),
        (begun, false),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{", true),
    ] {
        let hasty = Fetch::new(None, SHORT).expect("there are no certificates to be wrong");
        let answer = words(hasty.get(&raw(said, ends).await).await);
        assert!(answer.is_err(), "{said:?}: {answer:?}");
    }
}

/// A service that ends each connection behind its answer, or was started anew meanwhile, is asked all the same.
#[tokio::test]
async fn a_connection_that_has_ended_is_replaced() {
    let (fetch, closing) = (fetch(), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nit");
    let uri = raw(closing, true).await;
    for _ in 0..10 {
        assert_eq!(words(fetch.get(&uri).await).as_deref(), Ok("it"));
    }
}

#[tokio::test]
async fn tls_trusts_the_authorities_that_are_named_and_the_host_they_vouch_for() {
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("it can be made");
    let stranger = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("it can be made");
    let server = Server::says_over_tls(Reply::new(200, "it"), &certified).await;
    let trusting = |pem: String| Fetch::new(Some(pem.as_bytes()), PATIENCE).expect("it is a certificate");
    let right = trusting(certified.cert.pem());
    assert_eq!(words(right.get(&server.uri_of("localhost")).await).as_deref(), Ok("it"));
    for (name, fetch, uri, said) in [
        ("of nobody", fetch(), server.uri_of("localhost"), "UnknownIssuer"),
        ("of another", trusting(stranger.cert.pem()), server.uri_of("localhost"), "invalid peer certificate"),
        ("of another host", right.clone(), server.uri_of("127.0.0.1"), "not valid for name"),
        ("without TLS", right, server.uri(), ""),
    ] {
        let error = words(fetch.get(&uri).await).expect_err(name);
        assert!(error.contains(said), "{name}: {error}");
    }
    assert_eq!(server.count(), 1, "who is not trusted is told nothing");
}

#[test]
fn a_file_of_authorities_holds_some() {
    for text in ["", "no PEM", "-----BEGIN CERTIFICATE-----\n????\n-----END CERTIFICATE-----\n"] {
        assert!(Fetch::new(Some(text.as_bytes()), PATIENCE).is_err(), "{text}");
    }
}
