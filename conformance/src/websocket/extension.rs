//! `Sec-WebSocket-Extensions`, and the parameters of permessage-deflate in it.
//!
//! ```text
//! value     = extension { "," extension }
//! extension = token { ";" token [ "=" ( token | quoted string ) ] }
//! ```

/// One extension with its parameters, as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Extension {
    pub(super) name: String,
    pub(super) parameters: Vec<(String, Option<String>)>,
}

/// Reads a header's value.
///
/// # Errors
///
/// Where it does not follow the grammar.
pub(super) fn parse(value: &str) -> Result<Vec<Extension>, String> {
    split(value, ',')?.into_iter().map(parse_extension).collect()
}

fn parse_extension(text: &str) -> Result<Extension, String> {
    let mut parts = split(text, ';')?.into_iter();
    let name = token(parts.next().unwrap_or_default())?;
    let parameter = |part: &str| match part.split_once('=') {
        None => Ok((token(part)?, None)),
        Some((name, value)) => Ok((token(name)?, Some(parameter_value(value.trim())?))),
    };
    Ok(Extension { name, parameters: parts.map(parameter).collect::<Result<_, String>>()? })
}

fn parameter_value(value: &str) -> Result<String, String> {
    match value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        // Once the escapes are gone, a quoted value is a token as well [RFC6455 9.1].
        Some(quoted) => token(&quoted.replace('\\', "")),
        None => token(value),
    }
}

fn token(text: &str) -> Result<String, String> {
    let text = text.trim_matches([' ', '\t']);
    let is_of_token =
        |character: char| character.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(character);
    if text.is_empty() || !text.chars().all(is_of_token) {
        return Err(format!("Sec-WebSocket-Extensions: `{text}` is no token"));
    }
    Ok(text.to_owned())
}

/// Splits where the separator stands outside quotes.
fn split(text: &str, separator: char) -> Result<Vec<&str>, String> {
    let (mut parts, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (index, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if character == separator && !quoted => {
                parts.push(&text[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    if quoted {
        return Err("Sec-WebSocket-Extensions: a quoted string does not end".to_owned());
    }
    parts.push(&text[start..]);
    Ok(parts)
}

/// permessage-deflate, with every parameter understood.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Deflate {
    pub(super) server_no_context_takeover: bool,
    pub(super) client_no_context_takeover: bool,
    pub(super) server_max_window_bits: Option<u8>,
    /// In an offer it may stand without a value, which is 15 here: no limit.
    pub(super) client_max_window_bits: Option<u8>,
}

pub(super) const DEFLATE: &str = "permessage-deflate";

impl Deflate {
    /// Understands an extension's parameters; `offered`: those of an offer, else of an answer.
    ///
    /// # Errors
    ///
    /// The parameter that is unknown, repeated, or has a wrong value [WS-PMD-1, WS-PMD-2, WS-PMD-3].
    pub(super) fn read(extension: &Extension, offered: bool) -> Result<Deflate, String> {
        let mut deflate = Deflate::default();
        for (index, (name, value)) in extension.parameters.iter().enumerate() {
            if extension.parameters[..index].iter().any(|(other, _)| other == name) {
                return Err(format!("{DEFLATE} has {name} twice"));
            }
            match (name.as_str(), value.as_deref()) {
                ("server_no_context_takeover", None) => deflate.server_no_context_takeover = true,
                ("client_no_context_takeover", None) => deflate.client_no_context_takeover = true,
                ("server_max_window_bits", Some(bits)) => {
                    deflate.server_max_window_bits = Some(window_bits(name, bits)?);
                }
                ("client_max_window_bits", Some(bits)) => {
                    deflate.client_max_window_bits = Some(window_bits(name, bits)?);
                }
                ("client_max_window_bits", None) if offered => deflate.client_max_window_bits = Some(15),
                (_, value) => return Err(format!("{DEFLATE} has the parameter {name} with {value:?}")),
            }
        }
        Ok(deflate)
    }

    /// Why this is no answer to that offer.
    ///
    /// # Errors
    ///
    /// The first parameter that contradicts it.
    pub(super) fn answers(&self, offer: &Deflate) -> Result<(), &'static str> {
        if offer.server_no_context_takeover && !self.server_no_context_takeover {
            return Err("server_no_context_takeover was offered and is not in the answer [WS-PMD-7]");
        }
        match (offer.server_max_window_bits, self.server_max_window_bits) {
            (Some(_), None) => {
                return Err("server_max_window_bits was offered and is not in the answer [WS-PMD-11]");
            }
            (Some(most), Some(bits)) if bits > most => {
                return Err("server_max_window_bits is larger than what was offered [WS-PMD-11]");
            }
            _ => {}
        }
        match (offer.client_max_window_bits, self.client_max_window_bits) {
            (None, Some(_)) => Err("client_max_window_bits came and was not offered [WS-PMD-13]"),
            (Some(most), Some(bits)) if bits > most => {
                Err("client_max_window_bits is larger than what was offered [WS-PMD-14]")
            }
            _ => Ok(()),
        }
    }
}

/// 8 to 15 in decimal without a leading zero [WS-PMD-15].
fn window_bits(name: &str, value: &str) -> Result<u8, String> {
    let number = value.parse().ok().filter(|bits| (8..=15).contains(bits) && !value.starts_with(['0', '+']));
    number.ok_or_else(|| format!("{DEFLATE} has {name}={value}, which is not 8 to 15 [WS-PMD-15]"))
}
