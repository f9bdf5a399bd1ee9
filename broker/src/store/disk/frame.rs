//! The journal's bytes: a segment begins with a header, and then has one frame for each group that was committed.
//!
//! ```text
//! segment header   "tidewire" · version u32 · segment u32 · checksum u32 · zeroes to 32 bytes
//! frame            magic u32 · length u32 · group u64 · checksum u32 · zeroes to 24 bytes · facts · zeroes to 8 bytes
//! ```
//!
//! Numbers are little-endian, checksums CRC32C. A frame's checksum covers the segment's number as well: what an earlier
//! use of the same file has left behind is no frame of this one.

use super::codec::Malformed;

/// The version of the format that is written. A store with a higher one is refused.
pub(super) const FORMAT: u32 = 1;
/// Bytes before the first frame.
pub(super) const SEGMENT_HEADER: usize = 32;
/// Bytes of a frame before its facts.
pub(super) const FRAME_HEADER: usize = 24;

const SEGMENT_MAGIC: &[u8; 8] = b"tidewire";
const FRAME_MAGIC: u32 = 0x6772_7031;
const ALIGNMENT: usize = 8;

/// The header of a segment.
pub(super) fn segment_header(segment: u32) -> [u8; SEGMENT_HEADER] {
    let mut header = [0; SEGMENT_HEADER];
    header[..8].copy_from_slice(SEGMENT_MAGIC);
    header[8..12].copy_from_slice(&FORMAT.to_le_bytes());
    header[12..16].copy_from_slice(&segment.to_le_bytes());
    let checksum = crc32c::crc32c(&header[..16]);
    header[16..20].copy_from_slice(&checksum.to_le_bytes());
    header
}

/// What a segment's first bytes say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Header {
    /// It is the segment of that number, in a format of that version.
    Of { segment: u32, version: u32 },
    /// It was never begun, or only half.
    None,
}

/// Reads a segment's header.
pub(super) fn read_segment_header(bytes: &[u8]) -> Header {
    let Some(header) = bytes.get(..SEGMENT_HEADER) else { return Header::None };
    if &header[..8] != SEGMENT_MAGIC || word(header, 16) != crc32c::crc32c(&header[..16]) {
        return Header::None;
    }
    Header::Of { segment: word(header, 12), version: word(header, 8) }
}

/// Turns `frame`, whose first [`FRAME_HEADER`] bytes are kept free, into a frame.
pub(super) fn finish(frame: &mut Vec<u8>, segment: u32, group: u64) -> Result<(), Malformed> {
    let len = u32::try_from(frame.len() - FRAME_HEADER).map_err(|_| Malformed)?;
    frame[..4].copy_from_slice(&FRAME_MAGIC.to_le_bytes());
    frame[4..8].copy_from_slice(&len.to_le_bytes());
    frame[8..16].copy_from_slice(&group.to_le_bytes());
    frame[20..24].fill(0);
    let checksum = checksum(segment, frame);
    frame[16..20].copy_from_slice(&checksum.to_le_bytes());
    frame.resize(frame.len().next_multiple_of(ALIGNMENT), 0);
    Ok(())
}

/// A group's facts, found in a segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame<'a> {
    pub(super) group: u64,
    /// Where the facts begin in the segment.
    pub(super) offset: usize,
    pub(super) facts: &'a [u8],
}

/// What there is at a place in a segment.
#[derive(Clone, Copy, Debug)]
pub(super) enum Found<'a> {
    Frame(Frame<'a>),
    /// Bytes that are no frame, from the first offset to the second, where one begins.
    Damage(usize, usize),
    /// Nothing more.
    End,
}

/// Looks for the frames of a segment in order.
pub(super) struct Scan<'a> {
    bytes: &'a [u8],
    segment: u32,
    offset: usize,
}

impl<'a> Scan<'a> {
    /// All of a segment's bytes, its header included.
    pub(super) fn new(bytes: &'a [u8], segment: u32) -> Self {
        Self { bytes, segment, offset: SEGMENT_HEADER }
    }

    /// What comes next.
    pub(super) fn next(&mut self) -> Found<'a> {
        if let Some(frame) = self.frame_at(self.offset) {
            self.offset = (frame.offset + frame.facts.len()).next_multiple_of(ALIGNMENT);
            return Found::Frame(frame);
        }
        let from = self.offset;
        let further = self.bytes.get(from + ALIGNMENT..).unwrap_or_default();
        let magic = FRAME_MAGIC.to_le_bytes();
        let mut candidates = memchr::memmem::find_iter(further, &magic).map(|at| from + ALIGNMENT + at);
        match candidates.find(|at| at.is_multiple_of(ALIGNMENT) && self.frame_at(*at).is_some()) {
            Some(at) => {
                self.offset = at;
                Found::Damage(from, at)
            }
            None => Found::End,
        }
    }

    fn frame_at(&self, at: usize) -> Option<Frame<'a>> {
        let rest = self.bytes.get(at..)?;
        let header = rest.get(..FRAME_HEADER)?;
        let len = word(header, 4) as usize;
        let frame = rest.get(..FRAME_HEADER.checked_add(len)?)?;
        let is_one = word(header, 0) == FRAME_MAGIC && word(header, 16) == checksum(self.segment, frame);
        let group = u64::from(word(header, 8)) | u64::from(word(header, 12)) << 32;
        is_one.then_some(Frame { group, offset: at + FRAME_HEADER, facts: &frame[FRAME_HEADER..] })
    }
}

/// Over the segment's number and everything of the frame but the checksum itself.
fn checksum(segment: u32, frame: &[u8]) -> u32 {
    let checksum = crc32c::crc32c(&segment.to_le_bytes());
    let checksum = crc32c::crc32c_append(checksum, &frame[..16]);
    crc32c::crc32c_append(checksum, &frame[20..])
}

fn word(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(segment: u32, group: u64, facts: &[u8]) -> Vec<u8> {
        let mut frame = vec![0; FRAME_HEADER];
        frame.extend_from_slice(facts);
        finish(&mut frame, segment, group).unwrap();
        frame
    }

    fn segment(frames: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = segment_header(7).to_vec();
        frames.iter().for_each(|frame| bytes.extend_from_slice(frame));
        bytes.resize(4096, 0);
        bytes
    }

    fn found(bytes: &[u8]) -> Vec<String> {
        let (mut scan, mut found) = (Scan::new(bytes, 7), Vec::new());
        loop {
            match scan.next() {
                Found::Frame(frame) => {
                    found.push(format!("{} {}", frame.group, String::from_utf8_lossy(frame.facts)));
                }
                Found::Damage(from, to) => found.push(format!("damage {}", to - from)),
                Found::End => return found,
            }
        }
    }

    #[test]
    fn frames_come_back_in_order() {
        assert_eq!(read_segment_header(&segment(&[])), Header::Of { segment: 7, version: FORMAT });
        let bytes = segment(&[frame(7, 1, b"one"), frame(7, 2, b""), frame(7, 3, b"three")]);
        assert_eq!(found(&bytes), ["1 one", "2 ", "3 three"]);
    }

    #[test]
    fn every_single_wrong_byte_costs_its_frame_and_no_other() {
        let frames = [frame(7, 1, b"one"), frame(7, 2, b"twotwotw"), frame(7, 3, b"three")];
        let right = segment(&frames);
        let second = SEGMENT_HEADER + frames[0].len();
        for at in second..second + frames[1].len() {
            let mut bytes = right.clone();
            bytes[at] ^= 0x10;
            assert_eq!(found(&bytes), ["1 one", "damage 32", "3 three"], "{at}");
        }
    }

    #[test]
    fn a_torn_last_frame_and_an_earlier_use_of_the_file_are_the_end() {
        let frames = [frame(7, 1, b"one"), frame(7, 2, b"a longer one that is torn")];
        let mut bytes = segment(&frames);
        let torn_at = SEGMENT_HEADER + frames[0].len() + 32;
        bytes[torn_at..torn_at + 8].fill(0);
        assert_eq!(found(&bytes), ["1 one"]);
        let bytes = segment(&[frame(7, 5, b"new"), frame(6, 4, b"old")]);
        assert_eq!(found(&bytes), ["5 new"]);
        assert_eq!(read_segment_header(&[0; 64]), Header::None);
        assert_eq!(read_segment_header(&[0; 3]), Header::None);
    }
}
