//! Where an HTTP request really comes from, by the word of the proxies that it went through.

use std::net::{IpAddr, SocketAddr};

use hyper::header::{self, HeaderName};

use super::asked::Asked;
use crate::config::{ForwardedHeader, ListenerConfig};

/// The address that the request on a connection from `peer` comes from. Each proxy adds the address that it was asked
/// from at the end; so from there on backwards every address is believed that a trusted proxy has given, and the first
/// of one that is not trusted is the client's. What stands before it anybody may have written.
pub(super) fn client(asked: &Asked<'_>, listener: &ListenerConfig, peer: Option<IpAddr>) -> Option<IpAddr> {
    if listener.trusted_proxies.is_empty() {
        return peer;
    }
    let given = match listener.forwarded_header {
        ForwardedHeader::XForwardedFor => x_forwarded_for(asked),
        ForwardedHeader::Forwarded => forwarded(asked),
    };
    let mut client = peer;
    for address in given.into_iter().rev() {
        if !trusts(listener, client) {
            break;
        }
        // A proxy that does not tell ("unknown", "_hidden") is the last one that is known.
        let Some(address) = address else { break };
        client = Some(address);
    }
    client
}

/// Whether a peer's word is taken for where a client comes from.
pub(super) fn trusts(listener: &ListenerConfig, peer: Option<IpAddr>) -> bool {
    listener.trusted_proxies.iter().any(|proxy| proxy.is_for(peer))
}

/// Every address that is given, in order; none in place of one that cannot be read.
fn x_forwarded_for(asked: &Asked<'_>) -> Vec<Option<IpAddr>> {
    let values = asked.values(HeaderName::from_static("x-forwarded-for"));
    values.flat_map(|value| value.unwrap_or("").split(',')).map(|node| address(node.trim())).collect()
}

/// The same of `Forwarded: for=192.0.2.1;proto=https, for="[2001:db8::1]:4711"`. (RFC 7239, section 4)
fn forwarded(asked: &Asked<'_>) -> Vec<Option<IpAddr>> {
    asked
        .values(header::FORWARDED)
        .flat_map(|value| split_unquoted(value.unwrap_or(""), ','))
        .map(node)
        .collect()
}

fn node(element: &str) -> Option<IpAddr> {
    let pairs = split_unquoted(element, ';').into_iter().filter_map(|pair| pair.split_once('='));
    let mut nodes = pairs.filter(|(name, _)| name.trim().eq_ignore_ascii_case("for"));
    address(nodes.next()?.1.trim().trim_matches('"'))
}

/// The parts between separators that do not stand in quotes.
fn split_unquoted(text: &str, separator: char) -> Vec<&str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    text.split(|letter| {
        let is_end = letter == separator && !is_quoted;
        match letter {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            _ => {}
        }
        is_end
    })
    .collect()
}

/// An address with or without a port, an IPv6 one with or without brackets.
fn address(node: &str) -> Option<IpAddr> {
    let bare = node.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(node);
    let address = bare.parse().or_else(|_| node.parse::<SocketAddr>().map(|address| address.ip()));
    address.ok().map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;
    use crate::config::{ProtocolName, Transport};

    fn client_of(header: ForwardedHeader, lines: &[(&'static str, &str)], peer: &str) -> String {
        let mut listener = ListenerConfig::new("test", "127.0.0.1:0", Transport::Ws, &[ProtocolName::Mqtt]);
        listener.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap(), "2001:db8::/32".parse().unwrap()];
        listener.forwarded_header = header;
        let mut request = Request::builder();
        for (name, value) in lines {
            request = request.header(*name, *value);
        }
        client(&Asked::from(&request.body(()).unwrap()), &listener, Some(peer.parse().unwrap()))
            .unwrap()
            .to_string()
    }

    #[test]
    fn x_forwarded_for_is_read_from_its_end() {
        for (given, peer, client) in [
            (&["192.0.2.1"][..], "10.0.0.1", "192.0.2.1"),
            (&["192.0.2.1"], "11.0.0.1", "11.0.0.1"),
            (&[], "10.0.0.1", "10.0.0.1"),
            (&["6.6.6.6, 192.0.2.1"], "10.0.0.1", "192.0.2.1"),
            (&["6.6.6.6, 192.0.2.1, 10.0.0.2"], "10.0.0.1", "192.0.2.1"),
            (&["6.6.6.6", "192.0.2.1", "10.0.0.2"], "10.0.0.1", "192.0.2.1"),
            (&["192.0.2.1:4711"], "10.0.0.1", "192.0.2.1"),
            (&["[2001:db9::1]:4711"], "10.0.0.1", "2001:db9::1"),
            (&["2001:db9::1"], "10.0.0.1", "2001:db9::1"),
            (&["::ffff:192.0.2.1"], "2001:db8::1", "192.0.2.1"),
            (&["192.0.2.1, unknown"], "10.0.0.1", "10.0.0.1"),
            (&["192.0.2.1, "], "10.0.0.1", "10.0.0.1"),
            (&["10.0.0.3"], "10.0.0.1", "10.0.0.3"),
        ] {
            let lines: Vec<_> = given.iter().map(|value| ("x-forwarded-for", *value)).collect();
            assert_eq!(client_of(ForwardedHeader::XForwardedFor, &lines, peer), client, "{given:?}");
        }
    }

    #[test]
    fn forwarded_has_parameters_and_quotes() {
        for (given, client) in [
            ("for=192.0.2.1", "192.0.2.1"),
            ("proto=https; For=\"192.0.2.1:80\" ;by=10.0.0.1", "192.0.2.1"),
            ("for=6.6.6.6, for=\"[2001:db9::1]:4711\"", "2001:db9::1"),
            ("for=192.0.2.1;host=\"a,b;for=6.6.6.6\\\"\", for=10.0.0.2", "192.0.2.1"),
            ("for=_hidden", "10.0.0.1"),
            ("for=192.0.2.1, proto=https", "10.0.0.1"),
        ] {
            assert_eq!(
                client_of(ForwardedHeader::Forwarded, &[("forwarded", given)], "10.0.0.1"),
                client,
                "{given}"
            );
        }
    }

    #[test]
    fn the_other_header_is_not_looked_at() {
        let both = [("x-forwarded-for", "6.6.6.6"), ("forwarded", "for=192.0.2.1")];
        assert_eq!(client_of(ForwardedHeader::Forwarded, &both, "10.0.0.1"), "192.0.2.1");
        assert_eq!(client_of(ForwardedHeader::XForwardedFor, &both, "10.0.0.1"), "6.6.6.6");
    }
}
