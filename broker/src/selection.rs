//! Which messages a subscriber wants, by what they say of themselves: STOMP's `selector` header.

use std::borrow::Cow;

use tidewire_protocols::mqtt::Property;
use tidewire_protocols::selector::{Selector, SelectorError};

use crate::message::Publication;

/// A selector over a message's user properties, and over `content-type`, `correlation-id`, `qos` and `expires`. A user
/// property of such a name comes before those.
#[derive(Clone, Debug)]
pub struct Selection {
    selector: Selector,
}

impl Selection {
    /// Reads a selector.
    ///
    /// # Errors
    ///
    /// [`SelectorError`] says where it is wrong.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        Ok(Self { selector: Selector::parse(text)? })
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        self.selector.as_str()
    }

    /// Whether a message is wanted.
    pub fn selects(&self, publication: &Publication<'_>) -> bool {
        self.selector.matches(&|name| property(publication, name))
    }
}

fn property<'a>(publication: &'a Publication<'_>, wanted: &str) -> Option<Cow<'a, str>> {
    let mut known = None;
    for property in publication.attributes.iter() {
        match property {
            Property::UserProperty(name, value) if name == wanted => return Some(Cow::Borrowed(value)),
            Property::ContentType(value) if wanted == "content-type" => known = Some(Cow::Borrowed(value)),
            Property::CorrelationData(data) if wanted == "correlation-id" => {
                known = Some(String::from_utf8_lossy(data));
            }
            _ => {}
        }
    }
    known.or_else(|| match wanted {
        "qos" => Some(Cow::Owned(publication.qos.as_u8().to_string())),
        "expires" => publication.expires_at.map(|at| Cow::Owned(at.to_string())),
        _ => None,
    })
}
