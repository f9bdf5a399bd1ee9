//! Which path is which inode, while a program runs.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::disk::list;
use super::operation::{Inode, Operation, Place, ROOT};

/// The names below a directory, and how long the files are.
pub(super) struct Namespace {
    root: PathBuf,
    names: BTreeMap<PathBuf, Inode>,
    /// What had which path last: it may be opened while it is being removed.
    gone: BTreeMap<PathBuf, Inode>,
    lengths: Vec<u64>,
    /// What each inode was called first.
    first_names: BTreeMap<Inode, String>,
}

impl Namespace {
    /// What is there now.
    pub(super) fn read(root: &Path) -> io::Result<Self> {
        let mut namespace = Self {
            root: root.to_owned(),
            names: BTreeMap::from([(root.to_owned(), ROOT)]),
            gone: BTreeMap::new(),
            lengths: vec![0],
            first_names: BTreeMap::new(),
        };
        for listed in list(root)? {
            namespace.lengths.push(listed.path.metadata()?.len());
            namespace.name(&listed.path, namespace.lengths.len() - 1);
        }
        Ok(namespace)
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn holds(&self, path: &Path) -> bool {
        path.starts_with(&self.root)
    }

    pub(super) fn first_names(self) -> BTreeMap<Inode, String> {
        self.first_names
    }

    pub(super) fn length(&mut self, inode: Inode) -> &mut u64 {
        &mut self.lengths[inode]
    }

    pub(super) fn find(&self, path: &Path) -> Option<Inode> {
        self.names.get(path).copied()
    }

    /// What has this path, or had it last.
    pub(super) fn find_opened(&self, path: &Path) -> Option<Inode> {
        self.find(path).or_else(|| self.gone.get(path).copied())
    }

    /// Makes what is not there yet.
    pub(super) fn make(&mut self, path: &Path, is_directory: bool) -> Option<Operation> {
        if !self.holds(path) || self.names.contains_key(path) {
            return None;
        }
        let inode = self.lengths.len();
        self.lengths.push(0);
        self.name(path, inode);
        Some(Operation::Make { at: self.place(path), inode, is_directory })
    }

    /// Removes what is there.
    pub(super) fn remove(&mut self, path: &Path) -> Option<Operation> {
        let inode = self.names.remove(path)?;
        self.gone.insert(path.to_owned(), inode);
        Some(Operation::Remove { at: self.place(path) })
    }

    /// Gives another name to what is there, and to all that is below it.
    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> Option<Operation> {
        let inode = self.find(from)?;
        let operation = Operation::Rename { from: self.place(from), to: self.place(to), inode };
        if let Some(replaced) = self.names.remove(to) {
            self.gone.insert(to.to_owned(), replaced);
        }
        let moved: Vec<_> = self.names.keys().filter(|path| path.starts_with(from)).cloned().collect();
        for path in moved {
            let rest = path.strip_prefix(from).expect("it starts with that").to_owned();
            let inode = self.names.remove(&path).expect("it is there");
            self.names.insert(if rest.as_os_str().is_empty() { to.to_owned() } else { to.join(rest) }, inode);
        }
        Some(operation)
    }

    fn name(&mut self, path: &Path, inode: Inode) {
        self.names.insert(path.to_owned(), inode);
        let short = path.strip_prefix(&self.root).unwrap_or(path);
        self.first_names.insert(inode, short.display().to_string());
    }

    fn place(&self, path: &Path) -> Place {
        let directory = path.parent().and_then(|parent| self.names.get(parent)).copied().unwrap_or(ROOT);
        Place { directory, name: path.file_name().unwrap_or_default().to_owned() }
    }
}
