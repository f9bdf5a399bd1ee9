//! A page that is to receive many messages receives all of them.

use serde_json::json;

use super::page::Page;
use super::site::{Scheme, Site};
use crate::client::MQTTJS_5;
use crate::peer::{Peer, Publication};

#[test]
fn a_page_receives_ten_thousand_compressed_messages_in_order() {
    receives_all("compression = true");
}

#[test]
fn a_page_receives_ten_thousand_messages_compressed_with_context_takeover_in_order() {
    receives_all("compression = { context_takeover = true }");
}

fn receives_all(settings: &str) {
    let site = Site::serve(settings);
    let argument = json!({
        "url": site.url(Scheme::Wss), "certificate": site.certificate, "topic": "measured", "count": MESSAGES,
    });
    let page = Page::open("receive", &argument);
    let said = page.says();
    assert_eq!(said["ready"], true);
    let extensions = said["extensions"].as_str().unwrap_or_default();
    assert!(extensions.starts_with("permessage-deflate"), "{said}");

    let mut publisher = site.enter(MQTTJS_5, Scheme::Ws, true);
    for number in 0..MESSAGES {
        publisher.publish(&measurement(number)).expect("it is published");
    }
    assert_eq!(page.says(), json!({"received": MESSAGES, "wrong": []}));
}

/// About 1 KiB of JSON, of which the page knows what has to be in it.
fn measurement(number: u32) -> Publication {
    let values: Vec<_> = (0..220).map(|index| (number * 31 + index * 7) % 1000).collect();
    Publication::new("measured", json!({"number": number, "values": values}).to_string()).qos(1)
}

const MESSAGES: u32 = 10_000;
