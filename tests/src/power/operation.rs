//! What a program did to the files below one directory, and in which order: system calls, told of inodes.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;

/// A file or a directory, whatever its name is at the time. The directory that all others are in is 0.
pub type Inode = usize;

/// The directory that all others are in.
pub const ROOT: Inode = 0;

/// A name in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The directory.
    pub directory: Inode,
    /// The name in it.
    pub name: OsString,
}

/// One change, or one demand that changes be durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A file or a directory got a name: it is new.
    Make {
        /// The name.
        at: Place,
        /// What is there.
        inode: Inode,
        /// Whether it is a directory.
        is_directory: bool,
    },
    /// A file or a directory got another name; what had that name before is gone.
    Rename {
        /// The name it had.
        from: Place,
        /// The name it has.
        to: Place,
        /// What it is.
        inode: Inode,
    },
    /// A name is gone.
    Remove {
        /// The name.
        at: Place,
    },
    /// Bytes were written.
    Write {
        /// The file.
        inode: Inode,
        /// Where.
        offset: u64,
        /// What.
        bytes: Vec<u8>,
        /// Whether they were durable when the call came back (`O_SYNC`, `O_DSYNC`).
        is_synchronous: bool,
    },
    /// A file was made longer or shorter.
    Resize {
        /// The file.
        inode: Inode,
        /// How long it is.
        length: u64,
    },
    /// Room was made; the file is at least this long.
    Allocate {
        /// The file.
        inode: Inode,
        /// Where the room ends.
        end: u64,
    },
    /// `fsync` or `fdatasync` of a file or a directory.
    Sync {
        /// The file or directory.
        inode: Inode,
    },
    /// The program promised something to somebody.
    Promise {
        /// Its number; later promises have larger ones.
        number: u64,
    },
}

impl fmt::Display for Operation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = |place: &Place| format!("{:?} in {}", place.name, place.directory);
        match self {
            Self::Make { at, inode, is_directory: false } => {
                write!(formatter, "create {inode}: {}", place(at))
            }
            Self::Make { at, inode, is_directory: true } => write!(formatter, "mkdir {inode}: {}", place(at)),
            Self::Rename { from, to, inode } => {
                write!(formatter, "rename {inode}: {} to {}", place(from), place(to))
            }
            Self::Remove { at } => write!(formatter, "unlink {}", place(at)),
            Self::Write { inode, offset, bytes, .. } => {
                write!(formatter, "write {inode}: {} bytes at {offset}", bytes.len())
            }
            Self::Resize { inode, length } => write!(formatter, "truncate {inode}: to {length}"),
            Self::Allocate { inode, end } => write!(formatter, "allocate {inode}: to {end}"),
            Self::Sync { inode } => write!(formatter, "sync {inode}"),
            Self::Promise { number } => write!(formatter, "promise {number}"),
        }
    }
}

/// The beginning or the end of an operation, by its place among the operations. What has begun may be on disk; what has
/// ended counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It was called.
    Begin(usize),
    /// The call came back.
    End(usize),
}

/// Everything that a program did.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// What it did, in the order in which it began.
    pub operations: Vec<Operation>,
    /// How these lay in time.
    pub steps: Vec<Step>,
    /// What inodes were called first.
    pub names: BTreeMap<Inode, String>,
}
