//! Chance, from a seed.

/// Xorshift, so that a seed gives the same steps on every machine.
pub(crate) struct Random(u64);

impl Random {
    /// Begins with `seed`; neighbouring seeds begin far apart.
    pub(crate) fn new(seed: u64) -> Self {
        let mixed = (seed ^ (seed >> 30) ^ 0x9E37_79B9_7F4A_7C15).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        // Zero would stay zero.
        let mut random = Self((mixed ^ (mixed >> 27)).max(1));
        for _ in 0..4 {
            random.below(2);
        }
        random
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % bound
    }

    /// Once in `bound` times.
    pub(crate) fn once_in(&mut self, bound: usize) -> bool {
        self.below(bound) == 0
    }

    /// One of the list.
    pub(crate) fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }
}
