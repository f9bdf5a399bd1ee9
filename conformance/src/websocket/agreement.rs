//! Judges an acceptance by what was offered, and says what both ends have agreed on.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha1::{Digest as _, Sha1};

use super::extension::{self, DEFLATE, Deflate};
use super::offer::Offer;
use super::response::header;
use crate::answer::Answer;
use crate::variables::Datum;

/// What the frames of a connection may be, beyond the plain protocol; none: no compression.
pub(super) type Agreement = Option<Deflate>;

/// Judges a response of status 101, and adds the parameters of compression to its fields.
///
/// # Errors
///
/// The rule that it breaks.
pub(super) fn judge(response: &mut Answer, offer: &Offer) -> Result<Agreement, String> {
    let is_upgrade = header(response, "upgrade").any(|value| value.eq_ignore_ascii_case("websocket"));
    if !is_upgrade {
        return Err("101 has no `Upgrade: websocket` [WS-HS-15]".to_owned());
    }
    let names_upgrade =
        |value: String| value.split(',').any(|token| token.trim().eq_ignore_ascii_case("upgrade"));
    if !header(response, "connection").any(names_upgrade) {
        return Err("101 has no `Connection: Upgrade` [WS-HS-15]".to_owned());
    }
    let accepts: Vec<_> = header(response, "sec-websocket-accept").collect();
    if accepts != [accept(&offer.key)] {
        return Err(format!("Sec-WebSocket-Accept is {accepts:?} and not {} [WS-HS-16]", accept(&offer.key)));
    }
    judge_subprotocol(&header(response, "sec-websocket-protocol").collect::<Vec<_>>(), offer)?;
    let agreement = judge_extensions(response, offer)?;
    add_fields(response, agreement.as_ref());
    Ok(agreement)
}

/// What a server makes of the key.
pub(super) fn accept(key: &[u8]) -> String {
    const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    BASE64_STANDARD.encode(Sha1::new().chain_update(key).chain_update(GUID).finalize())
}

fn judge_subprotocol(selected: &[String], offer: &Offer) -> Result<(), String> {
    match selected {
        [] => Ok(()),
        [one] if offer.subprotocols.contains(one) => Ok(()),
        [one] => Err(format!("the subprotocol `{one}` came and was not offered [WS-HS-17, WS-HS-18]")),
        _ => Err("more than one Sec-WebSocket-Protocol came [WS-HS-17]".to_owned()),
    }
}

fn judge_extensions(response: &Answer, offer: &Offer) -> Result<Agreement, String> {
    let mut agreement = None;
    for value in header(response, "sec-websocket-extensions") {
        for extension in extension::parse(&value)? {
            if !offer.extensions.iter().any(|offered| offered.name == extension.name) {
                return Err(format!("the extension {} came and was not offered [WS-HS-20]", extension.name));
            }
            if extension.name != DEFLATE {
                return Err(format!("the extension {} is unknown here", extension.name));
            }
            if agreement.is_some() {
                return Err(format!("{DEFLATE} came twice [WS-PMD-6]"));
            }
            let accepted = Deflate::read(&extension, false)?;
            judge_deflate(&accepted, offer)?;
            agreement = Some(accepted);
        }
    }
    Ok(agreement)
}

/// It must be the answer to one of the offers that may be accepted at all.
fn judge_deflate(accepted: &Deflate, offer: &Offer) -> Result<(), String> {
    let offers = offer.extensions.iter().filter(|extension| extension.name == DEFLATE);
    let mut fault =
        format!("{DEFLATE} came, and every offer had to be declined [WS-PMD-1, WS-PMD-2, WS-PMD-3]");
    for offered in offers.filter_map(|extension| Deflate::read(extension, true).ok()) {
        match accepted.answers(&offered) {
            Ok(()) => return Ok(()),
            Err(contradiction) => fault = contradiction.to_owned(),
        }
    }
    Err(fault)
}

/// `compression`, and each parameter that came, so that a case can compare them.
fn add_fields(response: &mut Answer, agreement: Option<&Deflate>) {
    let mut add = |name: &str, number: u64| response.fields.push((name.to_owned(), Datum::Number(number)));
    add("compression", agreement.is_some().into());
    let Some(deflate) = agreement else { return };
    if deflate.server_no_context_takeover {
        add("server_no_context_takeover", 1);
    }
    if deflate.client_no_context_takeover {
        add("client_no_context_takeover", 1);
    }
    if let Some(bits) = deflate.server_max_window_bits {
        add("server_max_window_bits", bits.into());
    }
    if let Some(bits) = deflate.client_max_window_bits {
        add("client_max_window_bits", bits.into());
    }
}
