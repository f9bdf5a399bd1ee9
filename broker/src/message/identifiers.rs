//! MQTT 5's subscription identifiers, as they travel with a delivery.

use std::num::NonZeroU32;
use std::ops::Deref;
use std::sync::Arc;

/// The subscription identifiers of all the subscriptions that a delivery answers. Most deliveries have none, and those of
/// one subscription share theirs: a copy costs nothing, or a count of references. One pointer, since a delivery that waits
/// for its acknowledgement has one of these: so the few that have identifiers keep them in two pieces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identifiers(Option<Arc<Vec<NonZeroU32>>>);

impl Identifiers {
    /// None.
    pub const fn new() -> Self {
        Self(None)
    }

    /// One more.
    pub fn push(&mut self, identifier: NonZeroU32) {
        *self = self.iter().copied().chain([identifier]).collect();
    }
}

impl Deref for Identifiers {
    type Target = [NonZeroU32];

    #[inline]
    fn deref(&self) -> &[NonZeroU32] {
        self.0.as_deref().map(Vec::as_slice).unwrap_or_default()
    }
}

impl FromIterator<NonZeroU32> for Identifiers {
    fn from_iter<I: IntoIterator<Item = NonZeroU32>>(identifiers: I) -> Self {
        let mut identifiers = identifiers.into_iter().peekable();
        Self(identifiers.peek().is_some().then(|| Arc::new(identifiers.collect())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_keep_their_order_and_none_takes_no_memory() {
        let mut identifiers = Identifiers::new();
        assert!(identifiers.is_empty() && identifiers.0.is_none());
        assert_eq!(identifiers, [].into_iter().collect());
        for number in [7, 3] {
            identifiers.push(NonZeroU32::new(number).unwrap());
        }
        let numbers: Vec<_> = identifiers.iter().map(|identifier| identifier.get()).collect();
        assert_eq!(numbers, [7, 3]);
    }
}
