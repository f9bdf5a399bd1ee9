//! Headers that belong to a message's author: which names are reserved, and how an author's header of such a name
//! travels all the same.
//!
//! A name that STOMP or Tidewire gives a meaning of its own is prefixed `user-`; so is one that already looks like a
//! prefixed one, so that every name comes back as it was. [STOMP12-SEND-3]

use std::borrow::Cow;

/// Headers with a meaning of their own on SEND or MESSAGE.
pub const RESERVED_HEADERS: [&str; 17] = [
    "ack",
    "content-length",
    "content-type",
    "correlation-id",
    "correlation-id-encoding",
    "destination",
    "expires",
    "id",
    "message-id",
    "qos",
    "receipt",
    "redelivered",
    "reply-to",
    "retain",
    "subscription",
    "transaction",
    "ttl",
];

/// What marks an author's header whose name is reserved.
const PREFIX: &str = "user-";

/// The header under which an author's `name` travels.
pub fn user_header(name: &str) -> Cow<'_, str> {
    match is_reserved(name) {
        true => Cow::Owned(format!("{PREFIX}{name}")),
        false => Cow::Borrowed(name),
    }
}

/// The author's name that travels as `header`, which must not itself be one of [`RESERVED_HEADERS`].
pub fn user_name(header: &str) -> &str {
    match header.strip_prefix(PREFIX) {
        Some(name) if is_reserved(name) => name,
        _ => header,
    }
}

/// Whether a name is reserved, or reserved behind any number of prefixes.
fn is_reserved(mut name: &str) -> bool {
    while let Some(inner) = name.strip_prefix(PREFIX) {
        name = inner;
    }
    RESERVED_HEADERS.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_comes_back() {
        for name in
            ["colour", "destination", "user-destination", "user-user-qos", "user-", "user-colour", "User-ack"]
        {
            let header = user_header(name);
            assert!(!RESERVED_HEADERS.contains(&header.as_ref()), "{name} became the reserved {header}");
            assert_eq!(user_name(&header), name);
        }
    }
}
