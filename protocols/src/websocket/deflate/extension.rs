//! `Sec-WebSocket-Extensions`. (RFC 6455, section 9.1)
//!
//! ```text
//! extensions = [ extension ] *( "," [ extension ] )     at least one; empty elements mean nothing
//! extension  = token *( ";" parameter )
//! parameter  = token [ "=" ( token | quoted ) ]        a quoted value is a token once it is unquoted
//! ```
//!
//! White space may stand around every part.

use std::borrow::Cow;

use nom::branch::alt;
use nom::bytes::complete::take_while1;
use nom::character::complete::{anychar, char, space0};
use nom::combinator::{all_consuming, opt, recognize, verify};
use nom::multi::{fold_many1, many0, separated_list1};
use nom::sequence::{delimited, preceded};
use nom::{IResult, Parser};

/// One extension that a client offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Extension<'a> {
    pub(super) name: &'a str,
    pub(super) parameters: Vec<(&'a str, Option<Cow<'a, str>>)>,
}

/// The header does not follow its grammar. The handshake fails. (RFC 6455, section 9.1)
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Sec-WebSocket-Extensions is malformed")]
pub struct MalformedExtensions;

/// The extensions of one header line, in order.
pub(super) fn parse(value: &str) -> Result<Vec<Extension<'_>>, MalformedExtensions> {
    let list = separated_list1(char(','), padded(opt(extension)));
    let (_, elements) = all_consuming(list).parse(value).map_err(|_| MalformedExtensions)?;
    let extensions: Vec<_> = elements.into_iter().flatten().collect();
    if extensions.is_empty() { Err(MalformedExtensions) } else { Ok(extensions) }
}

fn padded<'a, O>(
    inner: impl Parser<&'a str, Output = O, Error = nom::error::Error<&'a str>>,
) -> impl Parser<&'a str, Output = O, Error = nom::error::Error<&'a str>> {
    delimited(white_space, inner, white_space)
}

fn white_space(input: &str) -> IResult<&str, &str> {
    space0(input)
}

fn token(input: &str) -> IResult<&str, &str> {
    take_while1(|byte: char| byte.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(byte)).parse(input)
}

/// `\` may stand before any character.
fn quoted(input: &str) -> IResult<&str, Cow<'_, str>> {
    let piece = alt((token, preceded(char('\\'), recognize(anychar))));
    let pieces = fold_many1(piece, String::new, |text, piece| text + piece);
    let value = verify(pieces, |text: &str| all_consuming(token).parse(text).is_ok());
    delimited(char('"'), value, char('"')).map(Cow::Owned).parse(input)
}

fn parameter(input: &str) -> IResult<&str, (&str, Option<Cow<'_, str>>)> {
    let value = preceded(padded(char('=')), alt((token.map(Cow::Borrowed), quoted)));
    (token, opt(value)).parse(input)
}

fn extension(input: &str) -> IResult<&str, Extension<'_>> {
    let (input, (name, parameters)) = (token, many0(preceded(padded(char(';')), parameter))).parse(input)?;
    Ok((input, Extension { name, parameters }))
}

#[cfg(test)]
mod tests {
    use super::{Extension, MalformedExtensions, parse};

    #[test]
    fn extensions_and_their_parameters_are_read() {
        let deflate = Extension {
            name: "permessage-deflate",
            parameters: vec![("client_max_window_bits", None), ("server_max_window_bits", Some("10".into()))],
        };
        let other = Extension { name: "x-other", parameters: vec![] };
        let value =
            "permessage-deflate ;client_max_window_bits; server_max_window_bits = \"1\\0\" ,, x-other,";
        assert_eq!(parse(value), Ok(vec![deflate, other]));
    }

    #[test]
    fn what_is_malformed_is_refused() {
        for value in [
            "",
            ",",
            ",,",
            "a,;",
            "a;",
            "permessage-deflate;; = x",
            "a;b=",
            "a;=c",
            "a b",
            "a;b=\"",
            "a;b=\"c d\"",
            "a;b=c d",
            "a;b=\"\"",
            "a;b=\"\\ \"",
            "é",
        ] {
            assert_eq!(parse(value), Err(MalformedExtensions), "{value:?}");
        }
    }
}
