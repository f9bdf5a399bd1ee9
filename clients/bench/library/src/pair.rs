//! A publisher and its subscriber: how far the one is ahead, and what came of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Semaphore;

/// What both ends of a pair share.
#[derive(Clone)]
pub struct Pair {
    pub topic: String,
    pub name: String,
    state: Arc<State>,
}

struct State {
    ahead: Semaphore,
    received: AtomicU64,
    missing: AtomicU64,
}

impl Pair {
    pub fn new(library: &str, number: usize) -> Self {
        let state = State { ahead: Semaphore::new(AHEAD), received: AtomicU64::new(0), missing: AtomicU64::new(0) };
        let name = format!("bench-{library}-{}-{number}", std::process::id());
        Self { topic: format!("bench/{number}"), name, state: Arc::new(state) }
    }

    /// Waits until the subscriber has followed, and gives leave for a hundred messages.
    pub async fn leave(&self) -> usize {
        if let Ok(permit) = self.state.ahead.acquire_many(BATCH as u32).await {
            permit.forget();
        }
        BATCH
    }

    /// The subscriber has one more: `payload` begins with its number.
    pub fn arrived(&self, payload: &[u8]) {
        let number = payload.first_chunk().map_or(u64::MAX, |bytes| u64::from_le_bytes(*bytes));
        let received = self.state.received.fetch_add(1, Ordering::Relaxed);
        let expected = received + self.state.missing.load(Ordering::Relaxed);
        if number > expected {
            self.state.missing.fetch_add(number - expected, Ordering::Relaxed);
        }
        if (received + 1).is_multiple_of(BATCH as u64) {
            self.state.ahead.add_permits(BATCH);
        }
    }

    pub fn received(&self) -> u64 {
        self.state.received.load(Ordering::Relaxed)
    }

    pub fn missing(&self) -> u64 {
        self.state.missing.load(Ordering::Relaxed)
    }
}

/// 64 bytes that begin with the message's number.
pub fn payload(number: u64) -> Vec<u8> {
    let mut payload = vec![0x2a; 64];
    payload[..8].copy_from_slice(&number.to_le_bytes());
    payload
}

/// How many messages a publisher is ahead of its subscriber at most.
const AHEAD: usize = 500;
const BATCH: usize = 100;
