//! Pages in headless Chromium that prove themselves by tokens.

use std::time::Duration;

use serde_json::{Value, json};

use super::house::{TOKENS, furnished, house};
use super::papers::{SECURE, tls_files};
use super::token::Token;
use crate::authority::Authority;
use crate::web::Page;

#[test]
fn a_page_is_let_in_by_a_token_wherever_it_stands() {
    let stage = house(&(TOKENS.to_owned() + TALKATIVE), RULES);
    let url = stage.broker.websocket_url();
    let attempts = PLACES.map(|by| attempt(by, &url));
    let page = Page::open("credentials", &json!({"attempts": attempts}));
    for by in PLACES {
        assert_eq!(page.says(), let_in("MQTT.js", by));
        assert_eq!(page.says(), let_in("stompjs", by));
    }
    for attempt in attempts {
        let token = attempt["token"].as_str().expect("it has one");
        assert!(!stage.broker.log().contains(token), "the log shows the token of {}", attempt["by"]);
    }
}

#[test]
fn a_page_is_told_that_its_token_is_wrong() {
    let stage = house(TOKENS, RULES);
    let (url, token) = (stage.broker.websocket_url(), Token::forged("alice", LIFETIME).text);
    let attempts = PLACES.map(|by| json!({"by": by, "url": url, "token": token, "user": "alice"}));
    let page = Page::open("credentials", &json!({"attempts": attempts}));
    for by in PLACES {
        assert_eq!(page.says(), json!({"client": "MQTT.js", "by": by, "refused": 0x86}));
        assert_eq!(page.says(), json!({"client": "stompjs", "by": by, "refused": "access refused"}));
    }
    assert!(!stage.broker.log().contains(&token), "a token that is refused is in the log");
}

/// Of the WebSockets on one connection each is for whom its own token names.
#[test]
fn a_page_is_let_in_by_tokens_over_http_2() {
    let authority = Authority::new();
    let (settings, files) = (SECURE.replace(WEB, &format!("{WEB}\nhttp2 = true")), tls_files(&authority));
    let stage = furnished(&(settings + TOKENS + TALKATIVE), RULES, &[], &files);
    let url = format!("wss://{}/", stage.broker.websocket());
    let places = ["query", "subprotocol", "password"];
    let [_, (_, certificate), _] = files;
    let attempts = places.map(|by| attempt(by, &url));
    let page = Page::open("credentials", &json!({"certificate": certificate, "attempts": attempts}));
    for by in places {
        assert_eq!(page.says(), let_in("MQTT.js", by));
        assert_eq!(page.says(), let_in("stompjs", by));
    }
    let log = stage.broker.log();
    let connected = log.lines().filter(|line| line.contains(" connected "));
    let origins: Vec<_> =
        connected.filter_map(|line| line.split(" from ").nth(1)?.split(' ').next()).collect();
    assert_eq!(origins, [origins[0]; 6], "one connection carries them all");
    for attempt in attempts {
        let token = attempt["token"].as_str().expect("it has one");
        assert!(!log.contains(token), "the log shows the token of {}", attempt["by"]);
    }
}

/// A browser sends a cookie of the domain whichever page of it asks, be it one that the cookie is not for.
#[test]
fn a_cookie_counts_for_pages_of_the_same_host_only() {
    let stage = house(&(LISTENERS.to_owned() + TOKENS), RULES);
    let (any, listed, same) = (stage.broker.websocket(), stage.broker.mqtt(), stage.broker.stomp());
    let token = Token::new("alice", LIFETIME).text;
    let of_domain = |host: &str, port: u16| {
        json!({
            "by": "cookie", "url": format!("ws://{host}:{port}/"), "token": token, "user": "alice",
            "domain": "tidewire.test",
        })
    };
    let attempts = [
        of_domain(PAGES, any.port()),
        of_domain(ELSEWHERE, any.port()),
        of_domain(ELSEWHERE, listed.port()),
        of_domain(ELSEWHERE, same.port()),
    ];
    let page = Page::open("credentials", &json!({"host": PAGES, "attempts": attempts}));
    let refused = |client: &str, how: Value| json!({"client": client, "by": "cookie", "refused": how});
    assert_eq!(page.says(), let_in("MQTT.js", "cookie"));
    assert_eq!(page.says(), let_in("stompjs", "cookie"));
    // With "*" every page may connect, but has to prove itself by other means.
    assert_eq!(page.says(), refused("MQTT.js", json!(0x87)));
    assert_eq!(page.says(), refused("stompjs", json!("access refused")));
    for _ in [listed, same] {
        assert_eq!(page.says(), refused("MQTT.js", json!("closed")));
        assert_eq!(page.says(), refused("stompjs", json!("closed")));
    }
}

/// As a user whom nobody else is.
fn attempt(by: &str, url: &str) -> Value {
    let user = format!("user of the {by}");
    json!({"by": by, "url": url, "token": Token::new(&user, LIFETIME).text, "user": user})
}

/// What a page says that is the user its token names: it may publish to itself and to nobody else.
fn let_in(client: &str, by: &str) -> Value {
    let others = if client == "MQTT.js" { json!(0x87) } else { json!("access refused") };
    json!({"client": client, "by": by, "heard": "to myself", "others": others})
}

/// Whatever there is to be said, by the libraries that read requests as well.
const TALKATIVE: &str = "[log]\nlevel = \"trace\"\n";
/// Everywhere that a page can put a token.
const PLACES: [&str; 4] = ["cookie", "query", "subprotocol", "password"];
/// Where the page is, and another host of the same domain.
const PAGES: &str = "pages.tidewire.test";
const ELSEWHERE: &str = "broker.tidewire.test";
/// What makes a listener one for WebSockets.
const WEB: &str = r#"transport = "ws""#;
const LIFETIME: Duration = Duration::from_secs(600);

const RULES: &str = r#"
[[rules]]
allow = ["publish", "subscribe"]
topics = ["users/%u/#"]
"#;

const LISTENERS: &str = r#"
[[listeners]]
name = "for all pages"
bind = "127.0.0.1:8080"
transport = "ws"
protocols = ["mqtt", "stomp"]
origins = ["*"]

[[listeners]]
name = "for another page"
bind = "127.0.0.1:1883"
transport = "ws"
protocols = ["mqtt", "stomp"]
origins = ["http://other.tidewire.test"]

[[listeners]]
name = "for the same host"
bind = "127.0.0.1:61613"
transport = "ws"
protocols = ["mqtt", "stomp"]
"#;
