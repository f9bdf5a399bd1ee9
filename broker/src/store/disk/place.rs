//! Where a stored thing lies: in a segment of the journal, or in a chunk of the archive.

/// A segment or a chunk, in four bytes: there are millions of these.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Place(u32);

const CHUNK: u32 = 1 << 31;

/// What a [`Place`] names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whereabouts {
    Segment(u32),
    Chunk(u32),
}

impl Place {
    /// Numbers begin again after two thousand million; the journal is never that far ahead of its oldest segment.
    pub(super) fn segment(number: u32) -> Self {
        Self(number & !CHUNK)
    }

    pub(super) fn chunk(number: u32) -> Self {
        Self(number | CHUNK)
    }

    pub(super) fn whereabouts(self) -> Whereabouts {
        match self.0 & CHUNK {
            0 => Whereabouts::Segment(self.0),
            _ => Whereabouts::Chunk(self.0 & !CHUNK),
        }
    }
}

impl std::fmt::Debug for Place {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.whereabouts().fmt(formatter)
    }
}

/// Where a message's bytes lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Location {
    pub(super) place: Place,
    pub(super) offset: u32,
    pub(super) len: u32,
}
