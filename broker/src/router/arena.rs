//! Nodes in chunks, found by number. A vector would copy all of them whenever it grows, under the router's lock, and
//! hold up to twice the memory; a chunk stays where it is.

use std::ops::{Index, IndexMut};

/// Where a node is.
pub(super) type NodeId = u32;

/// Nodes in a chunk, as a power of two: some 50 KiB.
const CHUNK_BITS: u32 = 10;
const CHUNK_MASK: u32 = (1 << CHUNK_BITS) - 1;

/// See the module. The places of those that are gone are used again.
pub(super) struct Arena<T> {
    chunks: Vec<Vec<T>>,
    free: Vec<NodeId>,
}

impl<T> Default for Arena<T> {
    fn default() -> Self {
        Self { chunks: Vec::new(), free: Vec::new() }
    }
}

impl<T: Default> Arena<T> {
    /// Adds one. The first has the number 0.
    pub(super) fn insert(&mut self, node: T) -> NodeId {
        if let Some(id) = self.free.pop() {
            self[id] = node;
            return id;
        }
        if self.chunks.last().is_none_or(|chunk| chunk.len() > CHUNK_MASK as usize) {
            // The first few nodes need no whole chunk.
            let capacity = if self.chunks.is_empty() { 0 } else { 1 << CHUNK_BITS };
            self.chunks.push(Vec::with_capacity(capacity));
        }
        let chunk = self.chunks.len() - 1;
        self.chunks[chunk].push(node);
        let id = (chunk << CHUNK_BITS) + self.chunks[chunk].len() - 1;
        NodeId::try_from(id).expect("fewer than 2^32 topic levels fit into memory")
    }

    /// Numbers below this may be nodes; those that are not have their default.
    pub(super) fn end(&self) -> NodeId {
        let len = self.chunks.last().map_or(0, |chunk| ((self.chunks.len() - 1) << CHUNK_BITS) + chunk.len());
        // No node has a larger number, or it could not have been added.
        NodeId::try_from(len).unwrap_or(NodeId::MAX)
    }

    /// Takes one out.
    pub(super) fn remove(&mut self, id: NodeId) -> T {
        self.free.push(id);
        std::mem::take(&mut self[id])
    }
}

impl<T> Index<NodeId> for Arena<T> {
    type Output = T;

    #[inline]
    fn index(&self, id: NodeId) -> &T {
        &self.chunks[(id >> CHUNK_BITS) as usize][(id & CHUNK_MASK) as usize]
    }
}

impl<T> IndexMut<NodeId> for Arena<T> {
    #[inline]
    fn index_mut(&mut self, id: NodeId) -> &mut T {
        &mut self.chunks[(id >> CHUNK_BITS) as usize][(id & CHUNK_MASK) as usize]
    }
}

#[cfg(test)]
impl<T> Arena<T> {
    /// Nodes there are.
    pub(super) fn len(&self) -> usize {
        self.chunks.iter().map(Vec::len).sum::<usize>() - self.free.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_found_by_number_and_their_places_used_again() {
        let mut arena = Arena::<u32>::default();
        let count = 3 << CHUNK_BITS;
        for number in 0..count {
            assert_eq!(arena.insert(number), number);
        }
        for number in (0..count).step_by(3) {
            assert_eq!(arena.remove(number), number);
        }
        let places = arena.chunks.len();
        for number in (0..count).step_by(3) {
            let id = arena.insert(count + number);
            assert_eq!((id % 3, arena[id]), (0, count + number));
        }
        assert_eq!((arena.len(), arena.chunks.len()), (count as usize, places));
        assert_eq!(arena[1], 1);
    }
}
