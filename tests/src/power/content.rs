//! What is in a file, kept in pages that copies share: an image of a large file costs what was changed in it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

const PAGE: usize = 4096;

/// The bytes of a file. Where nothing was written there are zeroes, as in a file with holes.
#[derive(Clone, Debug, Default)]
pub struct Content {
    length: u64,
    pages: BTreeMap<u64, Arc<[u8; PAGE]>>,
}

impl Content {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// Those of reading.
    pub fn read(path: &std::path::Path) -> io::Result<Self> {
        let mut content = Self::default();
        content.write(0, &std::fs::read(path)?);
        Ok(content)
    }

    /// How many bytes there are.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Puts bytes somewhere; the file grows where they reach beyond its end.
    pub fn write(&mut self, offset: u64, bytes: &[u8]) {
        let mut written = 0;
        while written < bytes.len() {
            let at = offset + written as u64;
            let (number, start) = place(at);
            let end = PAGE.min(start + bytes.len() - written);
            let piece = &bytes[written..written + end - start];
            // A page of zeroes that replaces nothing stays a hole.
            if self.pages.contains_key(&number) || piece.iter().any(|byte| *byte != 0) {
                let page = self.pages.entry(number).or_insert_with(|| Arc::new([0; PAGE]));
                Arc::make_mut(page)[start..end].copy_from_slice(piece);
            }
            written += piece.len();
        }
        if !bytes.is_empty() {
            self.extend(offset + bytes.len() as u64);
        }
    }

    /// Makes the file at least this long.
    pub fn extend(&mut self, length: u64) {
        self.length = self.length.max(length);
    }

    /// Makes the file this long; what was beyond is zero if it grows again.
    pub fn resize(&mut self, length: u64) {
        if length < self.length {
            let (number, start) = place(length);
            self.pages.split_off(&(number + u64::from(start > 0)));
            if start > 0
                && let Some(page) = self.pages.get_mut(&number)
            {
                Arc::make_mut(page)[start..].fill(0);
            }
        }
        self.length = length;
    }

    /// Everything, in one piece.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(self.length).expect("a test's files fit into memory")];
        for (number, page) in &self.pages {
            let start = usize::try_from(*number).expect("a test's files fit into memory") * PAGE;
            let end = bytes.len().min(start + PAGE);
            if start < end {
                bytes[start..end].copy_from_slice(&page[..end - start]);
            }
        }
        bytes
    }

    /// Some of the bytes; zeroes beyond the end.
    pub fn piece(&self, offset: u64, length: usize) -> Vec<u8> {
        let byte = |offset: u64| {
            let (number, start) = place(offset);
            self.pages.get(&number).map_or(0, |page| page[start])
        };
        (offset..offset + length as u64).map(byte).collect()
    }

    /// Makes a file of it, with its holes.
    ///
    /// # Errors
    ///
    /// Those of writing.
    pub fn save(&self, path: &std::path::Path) -> io::Result<()> {
        let file = File::create(path)?;
        for (number, page) in &self.pages {
            let start = number * PAGE as u64;
            let length =
                usize::try_from(self.length.saturating_sub(start)).map_or(PAGE, |rest| rest.min(PAGE));
            file.write_all_at(&page[..length], start)?;
        }
        file.set_len(self.length)
    }
}

/// The page of a place, and where in it.
fn place(offset: u64) -> (u64, usize) {
    (offset / PAGE as u64, usize::try_from(offset % PAGE as u64).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_lie_where_they_were_put() {
        let mut content = Content::default();
        content.write(4094, b"abcd");
        assert_eq!(content.length(), 4098);
        assert_eq!(&content.bytes()[4093..], b"\0abcd");
        content.write(4095, b"X");
        assert_eq!(&content.bytes()[4093..], b"\0aXcd");
    }

    #[test]
    fn what_was_cut_off_comes_back_as_zeroes() {
        let mut content = Content::default();
        content.write(0, &[7; 10_000]);
        content.resize(5000);
        content.resize(10_000);
        assert_eq!(content.bytes()[4999..], [&[7][..], &[0; 5000]].concat());
        content.resize(4096);
        assert_eq!(content.bytes(), [7; 4096]);
    }

    #[test]
    fn a_copy_keeps_what_it_had() {
        let mut content = Content::default();
        content.write(0, b"before");
        let copy = content.clone();
        content.write(0, b"after!");
        assert_eq!(copy.bytes(), b"before");
    }

    #[test]
    fn a_saved_file_reads_the_same() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let mut content = Content::default();
        content.write(9000, b"here");
        content.extend(20_000);
        content.save(&path).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), content.bytes());
        assert_eq!(Content::read(&path).unwrap().bytes(), content.bytes());
    }
}
