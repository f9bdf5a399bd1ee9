//! Whether a client takes gzip. (RFC 9110, section 12.5.3)

use hyper::header::{self, HeaderMap};

/// Whether `Accept-Encoding` has gzip, or anything, and does not give it the weight of 0.
pub(super) fn takes_gzip(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::ACCEPT_ENCODING).into_iter().filter_map(|line| line.to_str().ok());
    let weights = lines.flat_map(|line| line.split(',')).filter_map(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, "q=1"));
        Some((name.trim(), weight.trim().strip_prefix("q=")?.parse::<f32>().ok()?))
    });
    let (mut named, mut any) = (None, None);
    for (name, weight) in weights {
        match name {
            _ if name.eq_ignore_ascii_case("gzip") => named = Some(weight),
            "*" => any = Some(weight),
            _ => {}
        }
    }
    named.or(any).is_some_and(|weight| weight > 0.0)
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    #[test]
    fn gzip_is_for_those_who_take_it() {
        for (line, expected) in [
            ("gzip", true),
            ("deflate, GZIP;q=0.5, br", true),
            ("*", true),
            ("gzip;q=0", false),
            ("*;q=0", false),
            ("*, gzip;q=0", false),
            ("*;q=0, gzip", true),
            ("gzip;q=much", false),
            ("br", false),
            ("", false),
        ] {
            let headers = [(header::ACCEPT_ENCODING, HeaderValue::from_static(line))].into_iter().collect();
            assert_eq!(takes_gzip(&headers), expected, "{line}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
    }
}
