//! Which of a client's offers is accepted, and how. (RFC 7692, sections 5 and 7.1)

use std::borrow::Cow;
use std::fmt::Write as _;

use super::extension::{Extension, MalformedExtensions, parse};

/// What the server is ready to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Whether messages may refer to those before them, which takes memory for each connection.
    pub context_takeover: bool,
    /// How far a message looks back: `1 << window_bits` bytes; 9 to 15.
    pub window_bits: u8,
}

/// What a connection has agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// Whether the server's messages may refer to those before them.
    pub server_context_takeover: bool,
    /// Whether the client's may.
    pub client_context_takeover: bool,
    /// How far the server's messages look back.
    pub server_window_bits: u8,
    /// How far the client's may.
    pub client_window_bits: u8,
    /// Whether the client has asked for a bound of the server's window, which is answered then.
    is_server_window_asked: bool,
}

/// Chooses among the extensions that a client offers, header line by header line. `None` goes without compression: an
/// offer that is declined is no failure.
///
/// # Errors
///
/// A header line that does not follow its grammar.
pub fn negotiate<'v>(
    values: impl Iterator<Item = &'v str>,
    policy: &Policy,
) -> Result<Option<Agreed>, MalformedExtensions> {
    let mut agreed = None;
    // All of them are read: what is malformed fails the handshake wherever it stands.
    for value in values {
        let extensions = parse(value)?;
        agreed = agreed.or_else(|| extensions.iter().find_map(|extension| accept(extension, policy)));
    }
    Ok(agreed)
}

/// The answer to one offer; `None` declines it.
fn accept(extension: &Extension<'_>, policy: &Policy) -> Option<Agreed> {
    if extension.name != "permessage-deflate" {
        return None;
    }
    let offer = Offer::read(&extension.parameters)?;
    let own_bits = policy.window_bits;
    // zlib's smallest window has 9 bits: what is asked to be smaller cannot be served.
    let server_window_bits = match offer.server_window_bits {
        Some(8) => return None,
        Some(bits) => bits.min(own_bits),
        None => own_bits,
    };
    let client_window_bits = match offer.client_window_bits {
        Some(bits) => bits.min(own_bits),
        // Who does not offer it need not understand it.
        None => 15,
    };
    Some(Agreed {
        server_context_takeover: policy.context_takeover && !offer.server_no_context_takeover,
        client_context_takeover: policy.context_takeover && !offer.client_no_context_takeover,
        server_window_bits,
        client_window_bits,
        is_server_window_asked: offer.server_window_bits.is_some(),
    })
}

#[derive(Default)]
struct Offer {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_window_bits: Option<u8>,
    client_window_bits: Option<u8>,
}

impl Offer {
    /// `None` for a parameter that is unknown, repeated, or has a value that it may not have.
    fn read(parameters: &[(&str, Option<Cow<'_, str>>)]) -> Option<Self> {
        let mut offer = Self::default();
        for (index, (name, value)) in parameters.iter().enumerate() {
            if parameters[..index].iter().any(|(earlier, _)| earlier == name) {
                return None;
            }
            match (*name, value.as_deref()) {
                ("server_no_context_takeover", None) => offer.server_no_context_takeover = true,
                ("client_no_context_takeover", None) => offer.client_no_context_takeover = true,
                ("server_max_window_bits", Some(value)) => {
                    offer.server_window_bits = Some(window_bits(value)?);
                }
                // Bare, it says only that the client understands it. (RFC 7692, section 7.1.2.2)
                ("client_max_window_bits", None) => offer.client_window_bits = Some(15),
                ("client_max_window_bits", Some(value)) => {
                    offer.client_window_bits = Some(window_bits(value)?);
                }
                _ => return None,
            }
        }
        Some(offer)
    }
}

/// 8 to 15, in decimal and without a leading zero.
fn window_bits(value: &str) -> Option<u8> {
    let bits = value.parse::<u8>().ok().filter(|bits| (8..=15).contains(bits))?;
    (value == bits.to_string()).then_some(bits)
}

impl Agreed {
    /// The answer's `Sec-WebSocket-Extensions`.
    pub fn answer(&self) -> String {
        let mut answer = "permessage-deflate".to_owned();
        if !self.server_context_takeover {
            answer.push_str("; server_no_context_takeover");
        }
        if !self.client_context_takeover {
            answer.push_str("; client_no_context_takeover");
        }
        // 15 is what holds where nothing is said. Who asks for a bound of the server's is answered. (RFC 7692, section
        // 7.1.2.1)
        for (name, bits, is_asked) in [
            ("server_max_window_bits", self.server_window_bits, self.is_server_window_asked),
            ("client_max_window_bits", self.client_window_bits, false),
        ] {
            if bits < 15 || is_asked {
                // Writing into a String cannot fail.
                let _ = write!(answer, "; {name}={bits}");
            }
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::{Policy, negotiate};

    const PLAIN: Policy = Policy { context_takeover: false, window_bits: 15 };
    const TAKEOVER: Policy = Policy { context_takeover: true, window_bits: 12 };

    fn answer(policy: &Policy, offers: &str) -> Option<String> {
        negotiate([offers].into_iter(), policy).unwrap().map(|agreed| agreed.answer())
    }

    #[test]
    fn offers_are_answered() {
        let none = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
        for (offers, expected) in [
            ("permessage-deflate", none.to_owned()),
            ("permessage-deflate; client_max_window_bits", none.to_owned()),
            ("x-other, permessage-deflate; server_max_window_bits=8, permessage-deflate", none.to_owned()),
            ("permessage-deflate; server_max_window_bits=15", format!("{none}; server_max_window_bits=15")),
            ("permessage-deflate; server_max_window_bits=10", format!("{none}; server_max_window_bits=10")),
            (
                "permessage-deflate; client_max_window_bits=\"10\"",
                format!("{none}; client_max_window_bits=10"),
            ),
        ] {
            assert_eq!(answer(&PLAIN, offers).as_deref(), Some(expected.as_str()), "{offers}");
        }
        let own = "permessage-deflate; server_max_window_bits=12";
        for (offers, expected) in [
            ("permessage-deflate", own.to_owned()),
            ("permessage-deflate; client_max_window_bits", format!("{own}; client_max_window_bits=12")),
            (
                "permessage-deflate; server_no_context_takeover; client_max_window_bits=9",
                "permessage-deflate; server_no_context_takeover; server_max_window_bits=12; client_max_window_bits=9"
                    .to_owned(),
            ),
            (
                "permessage-deflate; client_no_context_takeover",
                "permessage-deflate; client_no_context_takeover; server_max_window_bits=12".to_owned(),
            ),
        ] {
            assert_eq!(answer(&TAKEOVER, offers).as_deref(), Some(expected.as_str()), "{offers}");
        }
    }

    #[test]
    fn what_is_wrong_is_declined() {
        for parameters in [
            "foo",
            "server_max_window_bits",
            "server_max_window_bits=7",
            "server_max_window_bits=8",
            "server_max_window_bits=16",
            "server_max_window_bits=08",
            "server_max_window_bits=+9",
            "client_max_window_bits=7",
            "client_max_window_bits=010",
            "server_no_context_takeover=1",
            "client_no_context_takeover=1",
            "server_no_context_takeover; server_no_context_takeover",
            "client_max_window_bits; client_max_window_bits=10",
        ] {
            assert_eq!(answer(&PLAIN, &format!("permessage-deflate; {parameters}")), None, "{parameters}");
        }
    }

    #[test]
    fn a_malformed_line_fails_wherever_it_stands() {
        assert!(negotiate(["permessage-deflate", ";;"].into_iter(), &PLAIN).is_err());
        assert_eq!(negotiate(std::iter::empty(), &PLAIN), Ok(None));
    }
}
