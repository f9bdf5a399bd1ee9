//! What the broker does when memory runs out: clients that publish wait, then nobody more is let in.
//!
//! Whoever acknowledges, pings or subscribes is read from all the while, since that is what makes room.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::Broker;
use crate::memory::{Ceiling, Room, Usage, Watch};
use crate::session::Link;

/// Connections that go on at once, when there is room again: together they bring less than is noticed until the next do.
const RELEASED_MAX: usize = 64;
/// Time between these and the next.
const RELEASE_PAUSE: Duration = Duration::from_millis(10);

/// See the module. Without [`Broker::watch_memory`] there is always room.
// A line of the cache for itself: it is read at each publish, and what stands beside it may be written as often.
#[derive(Debug)]
#[repr(align(64))]
pub struct Memory {
    room: AtomicU8,
    held: Mutex<Held>,
}

/// Connections that wait for room.
#[derive(Debug, Default)]
struct Held {
    /// By their numbers.
    links: BTreeMap<u64, Arc<Link>>,
    /// The first one that goes on next: so each has its turn, even if there is never room for all.
    next: u64,
}

impl Default for Memory {
    fn default() -> Self {
        Self { room: AtomicU8::new(Room::Ample as u8), held: Mutex::default() }
    }
}

impl Memory {
    /// Whether clients that publish have to wait. Costs next to nothing.
    #[inline]
    pub fn is_short(&self) -> bool {
        self.room.load(Ordering::Relaxed) >= Room::Short as u8
    }

    /// Whether nobody more may come.
    pub fn is_full(&self) -> bool {
        self.room.load(Ordering::Relaxed) >= Room::Full as u8
    }

    /// Has the connection woken when there is room for what it publishes; `false` where there is.
    pub fn hold(&self, link: &Arc<Link>) -> bool {
        let mut held = self.held.lock();
        // Under the lock: nobody is added behind the back of whoever wakes them.
        let is_short = self.is_short();
        if is_short {
            held.links.insert(link.id(), Arc::clone(link));
        }
        is_short
    }

    /// The connection waits no more.
    pub fn forget(&self, link: &Link) {
        self.held.lock().links.remove(&link.id());
    }

    /// Connections that wait for room.
    pub fn held_count(&self) -> usize {
        self.held.lock().links.len()
    }

    fn set_room(&self, room: Room) {
        let _held = self.held.lock();
        self.room.store(room as u8, Ordering::Relaxed);
    }

    /// Wakes some of those that wait, if there is room; whether more do.
    fn release(&self) -> bool {
        let mut held = self.held.lock();
        if held.links.is_empty() || self.is_short() {
            return false;
        }
        let next = held.next;
        let ids = held.links.range(next..).chain(held.links.range(..next)).map(|(id, _)| *id);
        let ids: Vec<_> = ids.take(RELEASED_MAX).collect();
        held.next = ids.last().map_or(0, |last| last + 1);
        let links: Vec<_> = ids.iter().filter_map(|id| held.links.remove(id)).collect();
        let has_more = !held.links.is_empty();
        drop(held);
        links.iter().for_each(|link| link.wake());
        has_more
    }
}

impl Broker {
    /// Looks at intervals how much memory is in use, and does what is to be done about it, for as long as it is polled.
    /// Where nobody can say, there is room.
    pub async fn watch_memory(&self, ceiling: Ceiling, usage: impl Usage) {
        let (mut watch, mut before) = (Watch::new(ceiling), Room::Ample);
        loop {
            let bytes = usage.resident().unwrap_or(0);
            let room = watch.note(bytes, || self.waiting_bytes());
            self.counters.resident_bytes.set(bytes);
            if room != before {
                self.memory.set_room(room);
                self.note_room(before, room, bytes >> 20, ceiling.bytes() >> 20);
                before = room;
            }
            if room > Room::Ample {
                usage.give_back();
            }
            let has_held = self.memory.release();
            tokio::time::sleep(if has_held { RELEASE_PAUSE } else { watch.pause() }).await;
        }
    }

    /// Bytes of messages that wait for clients, in outboxes and queues. What waits for several counts for each, and what only
    /// the store holds counts as well.
    fn waiting_bytes(&self) -> u64 {
        let sessions = self.registry.all().into_iter().map(|session| session.lock().outbox.waiting_bytes());
        let queues = self.queues.all().into_iter().map(|queue| queue.bytes());
        sessions.chain(queues).map(|bytes| bytes as u64).sum()
    }

    fn note_room(&self, before: Room, room: Room, resident_mib: u64, ceiling_mib: u64) {
        if before == Room::Ample {
            self.counters.memory_shortages.add(1);
        }
        match room {
            Room::Full => {
                tracing::warn!(
                    resident_mib,
                    ceiling_mib,
                    "memory is full: nobody is let in, and publishers wait"
                );
            }
            Room::Short => tracing::warn!(resident_mib, ceiling_mib, "memory is short: publishers wait"),
            Room::Ample => {
                tracing::info!(resident_mib, ceiling_mib, "memory suffices again: publishers go on");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn link(id: u64) -> Arc<Link> {
        Arc::new(Link::new(id, "test".into(), Instant::now()))
    }

    fn memory(room: Room) -> Memory {
        let memory = Memory::default();
        memory.set_room(room);
        memory
    }

    fn held(memory: &Memory) -> Vec<u64> {
        memory.held.lock().links.keys().copied().collect()
    }

    #[test]
    fn so_many_go_on_at_once_and_each_has_its_turn() {
        let memory = memory(Room::Short);
        let links: Vec<_> = (0..100).map(link).collect();
        assert!(links.iter().all(|link| memory.hold(link)));
        assert!(!memory.release() && held(&memory).len() == 100, "there is no room yet");
        memory.set_room(Room::Ample);
        assert!(memory.release());
        assert_eq!(held(&memory), (64..100).collect::<Vec<_>>());
        // The first ones are back before the last ones had their turn.
        memory.set_room(Room::Full);
        assert!(links.iter().take(50).all(|link| memory.hold(link)));
        memory.set_room(Room::Ample);
        assert!(memory.release());
        assert_eq!(held(&memory), (28..50).collect::<Vec<_>>());
        assert!(!memory.release() && held(&memory).is_empty());
    }

    #[test]
    fn nobody_is_held_where_there_is_room_and_who_is_gone_is_forgotten() {
        let short = memory(Room::Short);
        let gone = link(7);
        assert!(short.hold(&gone) && short.hold(&gone) && short.held_count() == 1);
        short.forget(&gone);
        assert_eq!((short.held_count(), Arc::strong_count(&gone)), (0, 1));
        let ample = memory(Room::Ample);
        assert!(!ample.hold(&gone) && ample.held_count() == 0);
    }
}
