//! What the client's request asked for, read back from the bytes that went out: a case may have written them by hand.

use super::extension::{self, Extension};

/// The parts of a request that its answer is judged by.
#[derive(Clone, Debug, Default)]
pub(super) struct Offer {
    /// The last key, where there is one.
    pub(super) key: Vec<u8>,
    /// Every subprotocol, in order.
    pub(super) subprotocols: Vec<String>,
    /// Every extension that is written correctly, in order.
    pub(super) extensions: Vec<Extension>,
}

impl Offer {
    /// Reads the head of a request leniently: a wrong one is the case's business, and the server's to refuse.
    pub(super) fn read(head: &[u8]) -> Offer {
        let mut offer = Offer::default();
        let text = String::from_utf8_lossy(head);
        let lines = text.lines().skip(1).take_while(|line| !line.is_empty());
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            let value = value.trim();
            match name.trim().to_ascii_lowercase().as_str() {
                "sec-websocket-key" => offer.key = value.as_bytes().to_vec(),
                "sec-websocket-protocol" => {
                    let names = value.split(',').map(|name| name.trim().to_owned());
                    offer.subprotocols.extend(names.filter(|name| !name.is_empty()));
                }
                "sec-websocket-extensions" => {
                    offer.extensions.extend(extension::parse(value).unwrap_or_default());
                }
                _ => {}
            }
        }
        offer
    }
}
