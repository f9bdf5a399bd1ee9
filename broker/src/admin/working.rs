//! Whether an endpoint is at work: that may take its time, unlike whoever asks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Of one connection, which has but one request.
#[derive(Clone, Debug, Default)]
pub(super) struct Working(Arc<AtomicBool>);

/// The work goes on until this is dropped, however that comes about.
#[derive(Debug)]
pub(super) struct UnderWay(Working);

impl Working {
    /// An endpoint begins.
    pub(super) fn begin(&self) -> UnderWay {
        self.0.store(true, Ordering::Relaxed);
        UnderWay(self.clone())
    }

    /// Whether one has begun, and has not answered.
    pub(super) fn is_under_way(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.0.store(false, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_under_way_until_it_is_dropped() {
        let working = Working::default();
        assert!(!working.is_under_way());
        let under_way = working.begin();
        assert!(working.is_under_way());
        drop(under_way);
        assert!(!working.is_under_way());
    }
}
