//! What a loss of power leaves of a [`Disk`]: what is durable, and of the rest whatever chance wants.
//!
//! A device writes sectors of 512 bytes, each whole, in any order. A sector is written from memory as it is at that
//! time, so it holds all writes to it up to some point. Lengths and names are kept by a file system's journal: of what a
//! file's length went through, and of the changes of a directory's names, the first so many are there.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::Path;

use super::content::Content;
use super::disk::{Change, Disk, Names, Node};
use super::operation::{Inode, ROOT};
use crate::random::Random;

const SECTOR: u64 = 512;

/// How much of what is not durable is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// Nothing.
    Durable,
    /// Everything.
    Written,
    /// What chance wants of it.
    Torn,
    /// The same, and where a file's new length is known and its bytes are not, there is what the device held before.
    Garbage,
}

impl Disk {
    /// Makes files and directories of an image in an empty directory.
    ///
    /// # Errors
    ///
    /// Those of writing.
    pub fn save(&self, variant: Variant, random: &mut Random, into: &Path) -> io::Result<()> {
        let names = self.names_after(variant, random);
        let mut directories = vec![(ROOT, into.to_owned())];
        while let Some((directory, path)) = directories.pop() {
            for (name, inode) in names.get(&directory).into_iter().flatten() {
                let path = path.join(name);
                if self.nodes[*inode].is_directory {
                    fs::create_dir(&path)?;
                    directories.push((*inode, path));
                } else {
                    self.content_after(*inode, variant, random).save(&path)?;
                }
            }
        }
        Ok(())
    }

    fn names_after(&self, variant: Variant, random: &mut Random) -> Names {
        let mut names = self.names.clone();
        let mut kept: HashMap<Inode, usize> = HashMap::new();
        for renaming in &self.renamings {
            let count =
                || self.renamings.iter().filter(|other| other.directory == renaming.directory).count();
            let left = kept.entry(renaming.directory).or_insert_with(|| match variant {
                Variant::Durable => 0,
                Variant::Written => usize::MAX,
                Variant::Torn | Variant::Garbage => random.below(count() + 1),
            });
            if *left > 0 {
                *left -= 1;
                renaming.apply(&mut names);
            }
        }
        names
    }

    fn content_after(&self, inode: Inode, variant: Variant, random: &mut Random) -> Content {
        let node = &self.nodes[inode];
        match variant {
            _ if node.pending.is_empty() => node.content.clone(),
            Variant::Durable => node.content.clone(),
            Variant::Written => node.written(),
            Variant::Torn => self.torn(node, false, random),
            Variant::Garbage => self.torn(node, true, random),
        }
    }

    fn torn(&self, node: &Node, has_garbage: bool, random: &mut Random) -> Content {
        let latest = node.sectors_written(random);
        let known = match random.below(4) {
            0 => 0,
            1 => node.pending.len(),
            _ => random.below(node.pending.len() + 1),
        };
        let mut content = node.content.clone();
        let mut length = content.length();
        // Up to here no block of the device can be one that held something else: new room reads as zeroes.
        let mut safe = length;
        // What was cut off in memory and is still there on disk is not overwritten: new bytes went to new blocks.
        let mut limit = u64::MAX;
        for (index, pending) in node.pending.iter().enumerate() {
            let is_known = index < known;
            match &pending.change {
                Change::Resize(to) if is_known => {
                    content.resize(*to);
                    length = *to;
                    safe = *to;
                }
                Change::Resize(to) => limit = limit.min(*to),
                Change::Allocate(end) if is_known => {
                    length = length.max(*end);
                    safe = safe.max(*end);
                }
                Change::Allocate(_) => {}
                Change::Write { offset, bytes } => {
                    let end = offset + bytes.len() as u64;
                    for (sector, at, piece) in sectors(*offset, bytes) {
                        match latest.get(&sector) {
                            Some(last) if *last >= index && at < limit => content.write(at, piece),
                            None if has_garbage && is_known && sector * SECTOR >= safe => {
                                let garbage = self.garbage(random);
                                content.write(at, &garbage[..piece.len()]);
                            }
                            _ => {}
                        }
                    }
                    if is_known {
                        length = length.max(end);
                    } else if index == known && end > length && random.percent(50) {
                        let from = length.max(*offset);
                        let more = random.below(usize::try_from(end - from).unwrap_or(1).max(1)) as u64;
                        length = length.max((from + more) / SECTOR * SECTOR);
                    }
                }
            }
        }
        content.resize(length);
        content
    }

    /// What a sector held before: chance, or a piece of one of the files.
    fn garbage(&self, random: &mut Random) -> Vec<u8> {
        let whole = usize::try_from(SECTOR).unwrap_or_default();
        if random.percent(50) {
            let content = self.nodes[random.below(self.nodes.len())].written();
            let sectors = usize::try_from(content.length() / SECTOR).unwrap_or_default();
            if sectors > 0 {
                return content.piece(random.below(sectors) as u64 * SECTOR, whole);
            }
        }
        random.bytes(whole)
    }
}

impl Node {
    /// The content with everything that is pending.
    fn written(&self) -> Content {
        let mut content = self.content.clone();
        for pending in &self.pending {
            match &pending.change {
                Change::Write { offset, bytes } => content.write(*offset, bytes),
                Change::Resize(length) => content.resize(*length),
                Change::Allocate(end) => content.extend(*end),
            }
        }
        content
    }

    /// For each sector that was written, up to which change it was.
    fn sectors_written(&self, random: &mut Random) -> HashMap<u64, usize> {
        let share = random.pick(&[0, 10, 50, 90, 100]);
        let mut latest = HashMap::new();
        for (index, pending) in self.pending.iter().enumerate() {
            let Change::Write { offset, bytes } = &pending.change else { continue };
            let (is_written, is_torn) = (random.percent(share), random.percent(40));
            for (sector, _, _) in sectors(*offset, bytes) {
                if if is_torn { random.percent(50) } else { is_written } {
                    latest.insert(sector, index);
                }
            }
        }
        latest
    }
}

/// The pieces of a write: sector, place and bytes.
fn sectors(offset: u64, bytes: &[u8]) -> impl Iterator<Item = (u64, u64, &[u8])> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let at = offset + done as u64;
        let room = usize::try_from(SECTOR - at % SECTOR).unwrap_or_default();
        let piece = &bytes[done..bytes.len().min(done + room)];
        done += piece.len();
        (!piece.is_empty()).then_some((at / SECTOR, at, piece))
    })
}
