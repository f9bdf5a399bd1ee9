//! What a session takes from work queues by. Most sessions consume from none, and hold a pointer for it.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Source, SubscriptionKey};

/// See the module.
#[derive(Default)]
#[expect(clippy::box_collection, reason = "8 bytes of every session instead of 48")]
pub struct Sources(Option<Box<HashMap<SubscriptionKey, Arc<dyn Source>>>>);

impl Sources {
    /// Adds that of a subscription.
    pub fn insert(&mut self, key: SubscriptionKey, source: Arc<dyn Source>) {
        self.0.get_or_insert_default().insert(key, source);
    }

    /// Takes that of a subscription out.
    pub fn remove(&mut self, key: &SubscriptionKey) -> Option<Arc<dyn Source>> {
        self.0.as_mut()?.remove(key)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.as_ref().is_none_or(|sources| sources.is_empty())
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Source>> {
        self.0.iter().flat_map(|sources| sources.values())
    }

    /// Takes all of them out.
    pub fn take(&mut self) -> Vec<Arc<dyn Source>> {
        self.0.take().map_or_else(Vec::new, |sources| sources.into_values().collect())
    }
}
