//! Chromium's WebSockets over HTTP/2.

use std::collections::BTreeSet;

use serde_json::json;

use super::page::Page;
use super::site::{Scheme, Site};

/// RFC 8441.
#[test]
fn ten_web_sockets_of_a_page_share_one_connection() {
    let site = Site::serve_secure("http2 = true");
    let argument = json!({"url": site.url(Scheme::Wss), "count": 10, "certificate": site.certificate});
    let page = Page::open("sockets", &argument);
    assert_eq!(page.says(), json!({"answered": true}));
    assert_eq!(page.says(), json!({"connected": 10}));
    let origins: BTreeSet<_> = (0..10).map(|number| origin(&site, &format!("socket-{number}"))).collect();
    assert_eq!(origins.len(), 1, "{origins:?}");
}

/// The address and the port from which this client has connected.
fn origin(site: &Site, client: &str) -> String {
    let line = site.stage.broker.says(&[" connected ", &format!("client_id={client:?} ")]);
    let (_, origin) = line.split_once(" from ").expect("the log tells it");
    origin.split(' ').next().unwrap_or_default().to_owned()
}
