//! Pages in headless Chromium that prove themselves by tokens.

use std::time::Duration;

use serde_json::{Value, json};

use super::house::{TOKENS, house};
use super::token::Token;
use crate::web::Page;

#[test]
fn a_page_is_let_in_by_a_token_wherever_it_stands() {
    let stage = house(TOKENS, RULES);
    let url = stage.broker.websocket_url();
    let attempts: Vec<_> = PLACES
        .map(|by| {
            let user = format!("user of the {by}");
            json!({"by": by, "url": url, "token": Token::new(&user, LIFETIME).text, "user": user})
        })
        .into();
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

/// A browser sends a cookie of the domain whichever of its pages asks, which need not be the one whom it is for.
#[test]
fn a_cookie_counts_for_pages_of_the_same_host_only() {
    let stage = house(&(LISTENERS.to_owned() + TOKENS), RULES);
    let (any, listed, same) = (stage.broker.websocket(), stage.broker.mqtt(), stage.broker.stomp());
    let token = Token::new("alice", LIFETIME).text;
    let attempt = |host: &str, port: u16| {
        json!({
            "by": "cookie", "url": format!("ws://{host}:{port}/"), "token": token, "user": "alice",
            "domain": "tidewire.test",
        })
    };
    let attempts = [
        attempt(PAGES, any.port()),
        attempt(ELSEWHERE, any.port()),
        attempt(ELSEWHERE, listed.port()),
        attempt(ELSEWHERE, same.port()),
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

/// What a page says that is the user its token names: it may publish to itself and to nobody else.
fn let_in(client: &str, by: &str) -> Value {
    let others = if client == "MQTT.js" { json!(0x87) } else { json!("access refused") };
    json!({"client": client, "by": by, "heard": "to myself", "others": others})
}

/// Everywhere that a page can put a token.
const PLACES: [&str; 4] = ["cookie", "query", "subprotocol", "password"];
/// Where the page is, and another host of the same domain.
const PAGES: &str = "pages.tidewire.test";
const ELSEWHERE: &str = "broker.tidewire.test";
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
