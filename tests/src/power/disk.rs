//! A disk that knows what is durable and what was only written.
//!
//! * A file: its durable content, and after it the writes and changes of length that no sync has covered.
//! * A directory: its durable names, and after them the creations, renames and removals that no sync has covered.
//! * `fsync` and `fdatasync` of a file make durable what had *come back* when the sync began, content and length alike,
//!   and do so when they come back themselves.
//! * `fsync` of a directory does the same for the names in it. Of a new file, its own sync says nothing about its name,
//!   unless [`Rules`] say so.
//! * `sync_file_range` makes nothing durable: it leaves out the length, the map of blocks and the device's cache.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::content::Content;
use super::operation::{Inode, Operation, Place, ROOT, Step};

/// What file systems differ in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Whether a file's sync makes every earlier change of a name durable too. ext4 does that, since the sync writes its
    /// journal; POSIX does not promise it.
    pub file_sync_keeps_names: bool,
}

/// A change of a file that is not durable.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    operation: usize,
    has_ended: bool,
    pub(super) change: Change,
}

#[derive(Clone, Debug)]
pub(super) enum Change {
    Write { offset: u64, bytes: Vec<u8> },
    Resize(u64),
    Allocate(u64),
}

/// A change of names that is not durable.
#[derive(Clone, Debug)]
pub(super) struct Renaming {
    operation: usize,
    has_ended: bool,
    /// The directory whose sync makes it durable.
    pub(super) directory: Inode,
    pub(super) from: Option<Place>,
    pub(super) to: Option<(Place, Inode)>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    pub(super) is_directory: bool,
    pub(super) content: Content,
    pub(super) pending: Vec<Pending>,
}

/// The names of every directory.
pub(super) type Names = HashMap<Inode, BTreeMap<OsString, Inode>>;

/// See the module.
#[derive(Clone, Debug)]
pub struct Disk {
    rules: Rules,
    pub(super) nodes: Vec<Node>,
    pub(super) names: Names,
    pub(super) renamings: Vec<Renaming>,
    /// For each sync under way, what it will make durable.
    syncs: HashMap<usize, HashSet<usize>>,
    promised: u64,
}

impl Disk {
    /// A disk on which everything below a directory is durable. Inodes are numbered in the order of their directories and names.
    ///
    /// # Errors
    ///
    /// Those of reading.
    pub fn read(directory: &Path, rules: Rules) -> io::Result<Self> {
        let root = Node { is_directory: true, ..Node::default() };
        let mut disk = Self {
            rules,
            nodes: vec![root],
            names: Names::new(),
            renamings: Vec::new(),
            syncs: HashMap::new(),
            promised: 0,
        };
        for Listed { place, path, is_directory } in list(directory)? {
            let content = if is_directory { Content::default() } else { Content::read(&path)? };
            disk.names.entry(place.directory).or_default().insert(place.name, disk.nodes.len());
            disk.nodes.push(Node { is_directory, content, pending: Vec::new() });
        }
        Ok(disk)
    }

    /// The last promise that was made.
    pub fn promised(&self) -> u64 {
        self.promised
    }

    /// Says that promises up to this one were made before.
    pub fn set_promised(&mut self, number: u64) {
        self.promised = self.promised.max(number);
    }

    /// Whether anything is not durable.
    pub fn has_pending(&self) -> bool {
        !self.renamings.is_empty() || self.nodes.iter().any(|node| !node.pending.is_empty())
    }

    /// Goes one step on.
    pub fn step(&mut self, operations: &[Operation], step: Step) {
        match step {
            Step::Begin(index) => self.begin(index, &operations[index]),
            Step::End(index) => self.end(index, &operations[index]),
        }
    }

    fn begin(&mut self, index: usize, operation: &Operation) {
        let mut change = |inode: Inode, change| {
            self.nodes[inode].pending.push(Pending { operation: index, has_ended: false, change });
        };
        let rename =
            |directory, from, to| Renaming { operation: index, has_ended: false, directory, from, to };
        match operation {
            Operation::Make { at, inode, is_directory } => {
                debug_assert_eq!(*inode, self.nodes.len(), "inodes are numbered as they are made");
                self.nodes.push(Node { is_directory: *is_directory, ..Node::default() });
                self.renamings.push(rename(at.directory, None, Some((at.clone(), *inode))));
            }
            Operation::Rename { from, to, inode } => {
                self.renamings.push(rename(to.directory, Some(from.clone()), Some((to.clone(), *inode))));
            }
            Operation::Remove { at } => self.renamings.push(rename(at.directory, Some(at.clone()), None)),
            Operation::Write { inode, offset, bytes, .. } => {
                change(*inode, Change::Write { offset: *offset, bytes: bytes.clone() });
            }
            Operation::Resize { inode, length } => change(*inode, Change::Resize(*length)),
            Operation::Allocate { inode, end } => change(*inode, Change::Allocate(*end)),
            Operation::Sync { inode } => {
                let covered = self.covered(*inode);
                self.syncs.insert(index, covered);
            }
            Operation::Promise { number } => self.set_promised(*number),
        }
    }

    /// What a sync that begins now makes durable.
    fn covered(&self, inode: Inode) -> HashSet<usize> {
        let of_file = self.nodes[inode].pending.iter().filter(|pending| pending.has_ended);
        let keeps_all = self.rules.file_sync_keeps_names;
        let of_names = self
            .renamings
            .iter()
            .filter(|renaming| renaming.has_ended && (keeps_all || renaming.directory == inode));
        of_file.map(|pending| pending.operation).chain(of_names.map(|renaming| renaming.operation)).collect()
    }

    fn end(&mut self, index: usize, operation: &Operation) {
        match operation {
            Operation::Make { .. } | Operation::Rename { .. } | Operation::Remove { .. } => {
                let ended = self.renamings.iter_mut().filter(|renaming| renaming.operation == index);
                ended.for_each(|renaming| renaming.has_ended = true);
            }
            Operation::Write { inode, .. }
            | Operation::Resize { inode, .. }
            | Operation::Allocate { inode, .. } => {
                let ended =
                    self.nodes[*inode].pending.iter_mut().filter(|pending| pending.operation == index);
                ended.for_each(|pending| pending.has_ended = true);
                if matches!(operation, Operation::Write { is_synchronous: true, .. }) {
                    self.make_durable(*inode, &HashSet::from([index]));
                }
            }
            Operation::Sync { inode } => {
                let covered = self.syncs.remove(&index).unwrap_or_default();
                self.make_durable(*inode, &covered);
            }
            Operation::Promise { .. } => {}
        }
    }

    fn make_durable(&mut self, inode: Inode, covered: &HashSet<usize>) {
        let node = &mut self.nodes[inode];
        for pending in node.pending.extract_if(.., |pending| covered.contains(&pending.operation)) {
            match pending.change {
                Change::Write { offset, bytes } => node.content.write(offset, &bytes),
                Change::Resize(length) => node.content.resize(length),
                Change::Allocate(end) => node.content.extend(end),
            }
        }
        for renaming in self.renamings.extract_if(.., |renaming| covered.contains(&renaming.operation)) {
            renaming.apply(&mut self.names);
        }
    }
}

impl Renaming {
    /// Changes the names. A name that something else has got is left alone.
    pub(super) fn apply(&self, names: &mut Names) {
        if let Some(from) = &self.from {
            let in_directory = names.entry(from.directory).or_default();
            let is_own =
                self.to.as_ref().is_none_or(|(_, inode)| in_directory.get(&from.name) == Some(inode));
            if is_own {
                in_directory.remove(&from.name);
            }
        }
        if let Some((to, inode)) = &self.to {
            names.entry(to.directory).or_default().insert(to.name.clone(), *inode);
        }
    }
}

/// A file or directory that is there.
pub(super) struct Listed {
    pub(super) place: Place,
    pub(super) path: PathBuf,
    pub(super) is_directory: bool,
}

/// What is below a directory. The first has inode 1, the next 2, and so on.
pub(super) fn list(directory: &Path) -> io::Result<Vec<Listed>> {
    let mut found = Vec::new();
    let mut directories = vec![(ROOT, directory.to_owned())];
    while let Some((inode, path)) = directories.pop() {
        let mut entries = fs::read_dir(&path)?.collect::<io::Result<Vec<_>>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let (kind, path) = (entry.file_type()?, entry.path());
            if !kind.is_dir() && !kind.is_file() {
                return Err(io::Error::other(format!("{} is no file", path.display())));
            }
            let place = Place { directory: inode, name: entry.file_name() };
            found.push(Listed { place, path: path.clone(), is_directory: kind.is_dir() });
            if kind.is_dir() {
                directories.push((found.len(), path));
            }
        }
    }
    Ok(found)
}
