//! What the broker does when memory runs out: clients that publish wait, then nobody more is let in.
//!
//! Whoever acknowledges, pings or subscribes is read from all the while, since that is what makes room.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::Broker;
use crate::memory::{Ceiling, Room, Usage};
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
    pub fn let_go(&self, link: &Link) {
        self.held.lock().links.remove(&link.id());
    }

    /// Connections that wait for room.
    pub fn held_count(&self) -> usize {
        self.held.lock().links.len()
    }

    /// Sets what room there is, and returns what there was before.
    fn set_room(&self, ceiling: Ceiling, resident: u64) -> (Room, Room) {
        let _held = self.held.lock();
        let before = match self.room.load(Ordering::Relaxed) {
            room if room == Room::Full as u8 => Room::Full,
            room if room == Room::Short as u8 => Room::Short,
            _ => Room::Ample,
        };
        let room = ceiling.room(resident, before);
        self.room.store(room as u8, Ordering::Relaxed);
        (before, room)
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
        loop {
            let bytes = usage.resident().unwrap_or(0);
            let room = self.note_resident(ceiling, bytes);
            if room > Room::Ample {
                usage.give_back();
            }
            let has_held = self.memory.release();
            let pause = if has_held { RELEASE_PAUSE } else { ceiling.pause(bytes, room) };
            tokio::time::sleep(pause).await;
        }
    }

    fn note_resident(&self, ceiling: Ceiling, bytes: u64) -> Room {
        self.counters.resident_bytes.set(bytes);
        let (before, room) = self.memory.set_room(ceiling, bytes);
        let (resident_mib, ceiling_mib) = (bytes >> 20, ceiling.bytes() >> 20);
        match (before, room) {
            (Room::Ample, Room::Ample) | (Room::Short, Room::Short) | (Room::Full, Room::Full) => {}
            (_, Room::Full) => {
                tracing::warn!(
                    resident_mib,
                    ceiling_mib,
                    "memory is full: nobody is let in, and publishers wait"
                );
            }
            (Room::Full, Room::Short) => {
                tracing::info!(
                    resident_mib,
                    ceiling_mib,
                    "memory is short: clients are let in again, and publishers wait"
                );
            }
            (_, Room::Short) => {
                tracing::warn!(resident_mib, ceiling_mib, "memory is short: publishers wait");
            }
            (_, Room::Ample) => {
                tracing::info!(resident_mib, ceiling_mib, "memory suffices again: publishers go on");
            }
        }
        if before == Room::Ample && room > before {
            self.counters.memory_shortages.add(1);
        }
        room
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn link(id: u64) -> Arc<Link> {
        Arc::new(Link::new(id, "test".into(), Instant::now()))
    }

    fn memory(resident: u64) -> (Memory, Ceiling) {
        let (memory, ceiling) = (Memory::default(), Ceiling::choose(Some(1000), None).unwrap());
        memory.set_room(ceiling, resident);
        (memory, ceiling)
    }

    fn held(memory: &Memory) -> Vec<u64> {
        memory.held.lock().links.keys().copied().collect()
    }

    #[test]
    fn so_many_go_on_at_once_and_each_has_its_turn() {
        let (memory, ceiling) = memory(950);
        let links: Vec<_> = (0..100).map(link).collect();
        assert!(links.iter().all(|link| memory.hold(link)));
        assert!(!memory.release() && held(&memory).len() == 100, "there is no room yet");
        memory.set_room(ceiling, 0);
        assert!(memory.release());
        assert_eq!(held(&memory), (64..100).collect::<Vec<_>>());
        // The first ones are back before the last ones had their turn.
        memory.set_room(ceiling, 950);
        assert!(links.iter().take(50).all(|link| memory.hold(link)));
        memory.set_room(ceiling, 0);
        assert!(memory.release());
        assert_eq!(held(&memory), (28..50).collect::<Vec<_>>());
        assert!(!memory.release() && held(&memory).is_empty());
    }

    #[test]
    fn nobody_is_held_where_there_is_room_and_who_is_gone_is_forgotten() {
        let (short, _) = memory(950);
        let gone = link(7);
        assert!(short.hold(&gone) && short.hold(&gone) && short.held_count() == 1);
        short.let_go(&gone);
        assert_eq!((short.held_count(), Arc::strong_count(&gone)), (0, 1));
        let (ample, _) = memory(899);
        assert!(!ample.hold(&gone) && ample.held_count() == 0);
    }
}
