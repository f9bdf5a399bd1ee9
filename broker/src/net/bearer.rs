//! Tokens that come with an upgrade, wherever a browser or a device can put one.
//!
//! | source | where | who can |
//! |---|---|---|
//! | `authorization` | `Authorization: Bearer <token>` (RFC 6750, section 2.1) | devices, servers |
//! | `subprotocol` | `bearer.<token>` among Sec-WebSocket-Protocol | browsers, without a trace in a log |
//! | `query` | `?access_token=<token>` (RFC 6750, section 2.3) | browsers; proxies may log it |
//! | `cookie` | a cookie of the page's own host | browsers |
//!
//! The first in this order counts.

use hyper::header;

use super::asked::Asked;
use crate::auth::Token;
use crate::config::{AuthConfig, CredentialSource};

/// What the name of a subprotocol begins with that is no subprotocol but a token.
const BEARER: &str = "bearer.";

/// The token that came with a request. A cookie counts only where the page that connects may have it: browsers send it
/// whichever page asks.
pub(super) fn token(asked: &Asked<'_>, config: &AuthConfig, is_own_page: bool) -> Option<Token> {
    let takes = |source| config.credential_sources.contains(&source);
    let by_header = takes(CredentialSource::Authorization).then(|| by_header(asked)).flatten();
    let found = by_header
        .or_else(|| takes(CredentialSource::Subprotocol).then(|| by_subprotocol(asked)).flatten())
        .or_else(|| {
            let query = asked.query.filter(|_| takes(CredentialSource::Query))?;
            by_query(query, &config.query_parameter)
        })
        .or_else(|| {
            let takes_cookie = is_own_page && takes(CredentialSource::Cookie);
            takes_cookie.then(|| by_cookie(asked, &config.cookie)).flatten()
        });
    found.filter(|token| !token.is_empty()).map(Token::new)
}

/// Whether the name of a subprotocol is a token: it is no choice, and shows in no log and no answer.
pub(super) fn is_token(subprotocol: &str) -> bool {
    subprotocol.starts_with(BEARER)
}

fn by_header<'r>(asked: &Asked<'r>) -> Option<&'r str> {
    let (scheme, token) = asked.only(header::AUTHORIZATION)?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn by_subprotocol<'r>(asked: &Asked<'r>) -> Option<&'r str> {
    asked.tokens(header::SEC_WEBSOCKET_PROTOCOL).find_map(|name| name.strip_prefix(BEARER))
}

/// A token has no character that a query would escape.
fn by_query<'q>(query: &'q str, parameter: &str) -> Option<&'q str> {
    let parameters = query.split('&').filter_map(|pair| pair.split_once('='));
    parameters.filter(|(name, _)| *name == parameter).map(|(_, value)| value).next()
}

fn by_cookie<'r>(asked: &Asked<'r>, name: &str) -> Option<&'r str> {
    let lines = asked.values(header::COOKIE).flatten();
    let cookies = lines.flat_map(|line| line.split(';')).filter_map(|cookie| cookie.trim().split_once('='));
    let mut named = cookies.filter(|(found, _)| *found == name).map(|(_, value)| value.trim_matches('"'));
    let value = named.next()?;
    // Another page of the same domain may have set a second one; nobody knows which is the right one.
    named.all(|other| other == value).then_some(value)
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    fn request(uri: &str, headers: &[(&str, &str)]) -> Request<()> {
        let mut builder = Request::builder().uri(uri);
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        builder.body(()).unwrap()
    }

    fn everywhere() -> AuthConfig {
        let credential_sources = CredentialSource::ALL.to_vec();
        AuthConfig { credential_sources, ..AuthConfig::default() }
    }

    fn found(uri: &str, headers: &[(&str, &str)]) -> Option<String> {
        token(&Asked::from(&request(uri, headers)), &everywhere(), true)
            .map(|token| token.as_str().to_owned())
    }

    #[test]
    fn a_token_is_found_wherever_it_may_stand() {
        for (uri, headers, expected) in [
            ("/", &[("authorization", "Bearer a.b.c")][..], Some("a.b.c")),
            ("/", &[("authorization", "bearer  a.b.c ")], Some("a.b.c")),
            ("/", &[("authorization", "Basic YTpi")], None),
            ("/", &[("authorization", "Bearer ")], None),
            ("/", &[("authorization", "Bearer a"), ("authorization", "Bearer b")], None),
            ("/", &[("sec-websocket-protocol", "mqtt, bearer.a.b.c")], Some("a.b.c")),
            ("/", &[("sec-websocket-protocol", "mqtt")], None),
            ("/?access_token=a.b.c", &[], Some("a.b.c")),
            ("/?x=1&access_token=a.b.c&y", &[], Some("a.b.c")),
            ("/?access_token=", &[], None),
            ("/?token=a.b.c", &[], None),
            ("/", &[("cookie", "x=1; access_token=a.b.c")], Some("a.b.c")),
            ("/", &[("cookie", "access_token=\"a.b.c\"")], Some("a.b.c")),
            ("/", &[("cookie", "access_token=a"), ("cookie", "access_token=a")], Some("a")),
            ("/", &[("cookie", "access_token=a; access_token=b")], None),
            ("/", &[("cookie", "xaccess_token=a")], None),
            ("/", &[], None),
        ] {
            assert_eq!(found(uri, headers).as_deref(), expected, "{uri} {headers:?}");
        }
    }

    #[test]
    fn the_first_in_order_counts() {
        let all = [
            ("authorization", "Bearer header"),
            ("sec-websocket-protocol", "bearer.subprotocol"),
            ("cookie", "access_token=cookie"),
        ];
        assert_eq!(found("/?access_token=query", &all).as_deref(), Some("header"));
        assert_eq!(found("/?access_token=query", &all[1..]).as_deref(), Some("subprotocol"));
        assert_eq!(found("/?access_token=query", &all[2..]).as_deref(), Some("query"));
    }

    #[test]
    fn what_is_not_a_source_is_not_looked_at() {
        let config =
            AuthConfig { credential_sources: vec![CredentialSource::Connect], ..AuthConfig::default() };
        let all = [("authorization", "Bearer a"), ("cookie", "access_token=a")];
        assert_eq!(token(&Asked::from(&request("/?access_token=a", &all)), &config, true), None);
    }

    #[test]
    fn a_cookie_counts_for_its_own_pages_only() {
        let cookie = request("/", &[("cookie", "access_token=a")]);
        assert!(token(&Asked::from(&cookie), &everywhere(), true).is_some());
        assert!(token(&Asked::from(&cookie), &everywhere(), false).is_none());
    }
}
