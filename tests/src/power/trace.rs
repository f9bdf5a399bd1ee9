//! Tells system calls of inodes: follows descriptors, their places in files, and names.
//!
//! What it does not understand and what might change the files is an error, never passed over: a harness that overlooks
//! a write proves nothing.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};

use super::namespace::Namespace;
use super::operation::{History, Inode, Operation, Step};
use super::parse::{Call, quoted};

/// The calls that are to be recorded; those of the second line only since they would go unseen otherwise.
pub const CALLS: &str = "open,openat,creat,close,dup,dup2,dup3,fcntl,lseek,read,readv,write,writev,pwrite64,pwritev,\
    ftruncate,fallocate,fsync,fdatasync,sync_file_range,rename,renameat,renameat2,unlink,unlinkat,rmdir,mkdir,mkdirat,\
    openat2,truncate,link,linkat,symlink,symlinkat,pwritev2,copy_file_range,sendfile,splice,mmap,msync,sync,syncfs,\
    io_uring_setup,fork,vfork,clone,clone3";

/// What a descriptor stands for.
#[derive(Clone, Copy)]
struct Description {
    inode: Inode,
    offset: u64,
    appends: bool,
    is_synchronous: bool,
}

/// Turns the calls of one process after another into one [`History`].
pub struct Translator {
    marker: PathBuf,
    names: Namespace,
    /// What is being opened, by the line where that begins.
    opening: BTreeMap<usize, Inode>,
    descriptions: Vec<Description>,
    descriptors: HashMap<i64, usize>,
    history: History,
}

impl Translator {
    /// For the files below `root` as they are now. Promises are what is written into the file `marker`, which lies
    /// elsewhere.
    ///
    /// # Errors
    ///
    /// Those of reading.
    pub fn new(root: &Path, marker: &Path) -> io::Result<Self> {
        Ok(Self {
            marker: marker.to_owned(),
            names: Namespace::read(root)?,
            opening: BTreeMap::new(),
            descriptions: Vec::new(),
            descriptors: HashMap::new(),
            history: History::default(),
        })
    }

    /// What was done.
    pub fn finish(self) -> History {
        History { names: self.names.first_names(), ..self.history }
    }

    /// Adds what a process did; it begins with no descriptor of its own.
    ///
    /// # Errors
    ///
    /// It did something that is not understood.
    pub fn translate(&mut self, calls: &[Call<'_>]) -> Result<(), String> {
        self.descriptors.clear();
        self.opening.clear();
        let mut moments = Vec::new();
        for (index, call) in
            calls.iter().enumerate().filter(|(_, call)| call.result.is_none_or(|result| result >= 0))
        {
            moments.push((call.begins, false, index));
            moments.extend(call.ends.map(|line| (line, true, index)));
        }
        moments.sort_unstable();
        let mut operations: HashMap<usize, Vec<usize>> = HashMap::new();
        for (line, is_end, index) in moments {
            let call = &calls[index];
            let fault = |fault| format!("line {}: {}: {fault}", line + 1, call.name);
            if is_end {
                self.history
                    .steps
                    .extend(operations.remove(&index).unwrap_or_default().into_iter().map(Step::End));
                self.end(call).map_err(fault)?;
            } else {
                let begun = self.begin(call).map_err(fault)?;
                let numbers: Vec<_> = (self.history.operations.len()..).take(begun.len()).collect();
                self.history.operations.extend(begun);
                self.history.steps.extend(numbers.iter().copied().map(Step::Begin));
                operations.insert(index, numbers);
            }
        }
        // The process is over, and with it what it was about: its last writes lie before those of the next one. A sync
        // that never came back has made nothing durable.
        let mut left: Vec<_> = operations.into_values().flatten().collect();
        left.sort_unstable();
        left.retain(|number| !matches!(self.history.operations[*number], Operation::Sync { .. }));
        self.history.steps.extend(left.into_iter().map(Step::End));
        Ok(())
    }

    fn begin(&mut self, call: &Call<'_>) -> Result<Vec<Operation>, String> {
        match call.name {
            "open" | "openat" | "creat" => self.open(call),
            "mkdir" | "mkdirat" => {
                let path = self.path(call, call.name == "mkdirat", 0)?;
                Ok(self.names.make(&path, true).into_iter().collect())
            }
            "rename" | "renameat" | "renameat2" => self.rename(call),
            "unlink" | "unlinkat" | "rmdir" => {
                let path = self.path(call, call.name == "unlinkat", 0)?;
                Ok(self.names.remove(&path).into_iter().collect())
            }
            "write" | "writev" | "pwrite64" | "pwritev" => self.write(call),
            "ftruncate" => self.with_file(call, |this, inode| {
                let length = call.number(1)?.cast_unsigned();
                *this.names.length(inode) = length;
                Ok(Operation::Resize { inode, length })
            }),
            "fallocate" => self.with_file(call, |this, inode| match call.argument(1)? {
                "0" => {
                    let end = (call.number(2)? + call.number(3)?).cast_unsigned();
                    let old = this.names.length(inode);
                    *old = end.max(*old);
                    Ok(Operation::Allocate { inode, end })
                }
                "FALLOC_FL_KEEP_SIZE" => Ok(Operation::Allocate { inode, end: 0 }),
                mode => Err(format!("{mode} is not understood")),
            }),
            "fsync" | "fdatasync" => self.with_file(call, |_, inode| Ok(Operation::Sync { inode })),
            "close" => {
                self.descriptors.remove(&call.number(0)?);
                Ok(Vec::new())
            }
            "mmap" => {
                let is_shared =
                    call.argument(2)?.contains("PROT_WRITE") && call.argument(3)?.contains("MAP_SHARED");
                if is_shared && self.concerns(call) {
                    Err("writes without system calls".to_owned())
                } else {
                    Ok(Vec::new())
                }
            }
            "clone" | "clone3" if call.arguments.iter().any(|argument| argument.contains("CLONE_THREAD")) => {
                Ok(Vec::new())
            }
            "fork" | "vfork" | "clone" | "clone3" | "io_uring_setup" | "sync" => {
                Err("is not understood".to_owned())
            }
            "dup" | "dup2" | "dup3" | "fcntl" | "lseek" | "read" | "readv" | "sync_file_range" => {
                Ok(Vec::new())
            }
            _ if self.concerns(call) => Err("is not understood".to_owned()),
            _ => Ok(Vec::new()),
        }
    }

    /// What only holds once a call has come back: descriptors, and places in files.
    fn end(&mut self, call: &Call<'_>) -> Result<(), String> {
        let result = call.result.unwrap_or_default();
        match call.name {
            "open" | "openat" | "creat" => {
                if let Some(inode) = self.opening.remove(&call.begins) {
                    let flags = open_flags(call)?;
                    self.descriptors.insert(result, self.descriptions.len());
                    self.descriptions.push(Description {
                        inode,
                        offset: 0,
                        appends: flags.contains("O_APPEND"),
                        is_synchronous: flags.contains("SYNC"),
                    });
                }
            }
            "dup" | "dup2" | "dup3" => self.duplicate(call.number(0)?, result),
            "fcntl" if call.argument(1)?.starts_with("F_DUPFD") => self.duplicate(call.number(0)?, result),
            "lseek" => {
                if let Some(description) = self.description(call)? {
                    description.offset = result.cast_unsigned();
                }
            }
            "read" | "readv" => {
                if let Some(description) = self.description(call)? {
                    description.offset += result.cast_unsigned();
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn open(&mut self, call: &Call<'_>) -> Result<Vec<Operation>, String> {
        let path = self.path(call, call.name == "openat", 0)?;
        let flags = open_flags(call)?;
        if !self.names.holds(&path) {
            return Ok(Vec::new());
        }
        if flags.contains("O_TMPFILE") {
            return Err("O_TMPFILE is not understood".to_owned());
        }
        let mut operations = Vec::new();
        if let Some(inode) = self.names.find(&path) {
            if flags.contains("O_TRUNC") && *self.names.length(inode) > 0 {
                *self.names.length(inode) = 0;
                operations.push(Operation::Resize { inode, length: 0 });
            }
        } else if flags.contains("O_CREAT") {
            operations.extend(self.names.make(&path, false));
        }
        let opened = self.names.find_opened(&path);
        self.opening.extend(opened.map(|inode| (call.begins, inode)));
        Ok(operations)
    }

    fn rename(&mut self, call: &Call<'_>) -> Result<Vec<Operation>, String> {
        let (has_directories, second) = if call.name == "rename" { (false, 1) } else { (true, 2) };
        let (from, to) = (self.path(call, has_directories, 0)?, self.path(call, has_directories, second)?);
        if call.name == "renameat2" && !["0", "RENAME_NOREPLACE"].contains(&call.argument(4)?) {
            return Err("exchanges names".to_owned());
        }
        match (self.names.find(&from).is_some(), self.names.holds(&to)) {
            (true, true) => Ok(self.names.rename(&from, &to).into_iter().collect()),
            (true, false) => Err("goes elsewhere".to_owned()),
            (false, true) => Err("comes from elsewhere".to_owned()),
            (false, false) => Ok(Vec::new()),
        }
    }

    fn write(&mut self, call: &Call<'_>) -> Result<Vec<Operation>, String> {
        let Some(mut description) = self.description(call)?.copied() else {
            if call.annotation(0).is_some_and(|path| path == self.marker.as_os_str().as_bytes()) {
                return promises(&call.bytes(1)?);
            }
            return Ok(Vec::new());
        };
        let mut bytes = if call.name.ends_with('v') { vector(call.argument(1)?)? } else { call.bytes(1)? };
        if let Some(result) = call.result {
            bytes.truncate(usize::try_from(result).unwrap_or_default());
        }
        let inode = description.inode;
        let mut offset = description.offset;
        if call.name.starts_with('p') {
            offset = call.number(3)?.cast_unsigned();
        } else {
            if description.appends {
                offset = *self.names.length(inode);
            }
            description.offset = offset + bytes.len() as u64;
            *self.description(call)?.expect("it was there just now") = description;
        }
        let length = self.names.length(inode);
        *length = (offset + bytes.len() as u64).max(*length);
        Ok(vec![Operation::Write { inode, offset, bytes, is_synchronous: description.is_synchronous }])
    }

    fn with_file(
        &mut self,
        call: &Call<'_>,
        operation: impl FnOnce(&mut Self, Inode) -> Result<Operation, String>,
    ) -> Result<Vec<Operation>, String> {
        let Some(inode) = self.description(call)?.map(|description| description.inode) else {
            return Ok(Vec::new());
        };
        operation(self, inode).map(|operation| vec![operation])
    }

    /// The file that a call's first argument stands for; nothing, where it is none below the root.
    fn description(&mut self, call: &Call<'_>) -> Result<Option<&mut Description>, String> {
        let description = self.descriptors.get(&call.number(0)?).copied();
        let annotation = call.annotation(0).unwrap_or_default();
        let is_below = self.names.holds(Path::new(std::ffi::OsStr::from_bytes(&annotation)));
        match description {
            Some(index) if is_below => Ok(Some(&mut self.descriptions[index])),
            None if !is_below => Ok(None),
            _ => Err(format!("descriptor and path disagree: {}", String::from_utf8_lossy(&annotation))),
        }
    }

    fn duplicate(&mut self, from: i64, to: i64) {
        match self.descriptors.get(&from).copied() {
            Some(description) => self.descriptors.insert(to, description),
            None => self.descriptors.remove(&to),
        };
    }

    /// The path that stands at `place`, behind its directory's descriptor if it has one.
    fn path(&self, call: &Call<'_>, has_directory: bool, place: usize) -> Result<PathBuf, String> {
        let text = call.bytes(place + usize::from(has_directory))?;
        let path = PathBuf::from(std::ffi::OsString::from_vec(text));
        let whole = if path.is_absolute() {
            path
        } else if has_directory {
            let above = call.annotation(place).ok_or("a relative path, and no directory")?;
            PathBuf::from(std::ffi::OsString::from_vec(above)).join(path)
        } else {
            return Err(format!("a relative path: {}", path.display()));
        };
        Ok(plain(&whole))
    }

    /// Whether a path below the root stands anywhere in a call.
    fn concerns(&self, call: &Call<'_>) -> bool {
        let bytes = self.names.root().as_os_str().as_bytes();
        let hexadecimal: String = bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect();
        call.arguments.iter().any(|argument| argument.contains(&hexadecimal))
    }
}

fn open_flags<'a>(call: &Call<'a>) -> Result<&'a str, String> {
    match call.name {
        "creat" => Ok("O_WRONLY|O_CREAT|O_TRUNC"),
        "openat" => call.argument(2),
        _ => call.argument(1),
    }
}

/// `a/./b/../c` is `a/c`: nothing here is a symbolic link.
fn plain(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut plain, component| {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            other => plain.push(other),
        }
        plain
    })
}

/// The bytes of `[{iov_base="…", iov_len=1}, …]`.
fn vector(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    for piece in text.split("iov_base=").skip(1) {
        let end = piece.rfind(", iov_len").ok_or("a vector without lengths")?;
        bytes.extend(quoted(&piece[..end]).ok_or("a vector that is not whole")?);
    }
    Ok(bytes)
}

/// `promised 17\n`, once or more.
fn promises(bytes: &[u8]) -> Result<Vec<Operation>, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
    let number = |line: &str| line.strip_prefix("promised ")?.parse().ok();
    text.lines()
        .map(|line| {
            number(line).map(|number| Operation::Promise { number }).ok_or(format!("{line:?} is no promise"))
        })
        .collect()
}
