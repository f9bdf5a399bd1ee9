//! A file's successor, written beside it and put in its place as a whole: whoever reads meanwhile sees one or the other.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, fchown};
use std::path::{Path, PathBuf};

use super::UserFileError;

/// What those may do with a new file who are not its owner: nothing.
const NEW_MODE: u32 = 0o600;
/// The bits of a mode by which everybody may read or write.
const OTHERS: u32 = 0o006;

/// The successor of a file. While it is there, nobody else can begin one; without a commit it goes again.
pub(super) struct Successor {
    /// The file to replace; where its name is a link, the file that it leads to.
    target: PathBuf,
    path: PathBuf,
    file: File,
    /// Whether it has taken the file's place: what then has its old name is somebody else's.
    is_placed: bool,
}

impl Successor {
    /// Begins one for the file at `path`, which need not be there yet.
    pub(super) fn begin(path: &Path) -> Result<Self, UserFileError> {
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let mut name = target.file_name().unwrap_or_default().to_owned();
        name.push(".new");
        let new = target.with_file_name(name);
        // A new file only: two that change a file at once would lose what one of them did.
        match OpenOptions::new().write(true).create_new(true).mode(NEW_MODE).open(&new) {
            Ok(file) => Ok(Self { target, path: new, file, is_placed: false }),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(UserFileError::Busy { new }),
            Err(error) => Err(UserFileError::Io { path: new, error }),
        }
    }

    /// Writes `text` and puts it in the file's place, with its owner and mode.
    pub(super) fn commit(mut self, text: &str) -> Result<(), UserFileError> {
        self.write(text).map_err(|error| UserFileError::Io { path: self.target.clone(), error })
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        self.file.write_all(text.as_bytes())?;
        match fs::metadata(&self.target) {
            Ok(old) => self.become_like(&old)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        self.file.sync_all()?;
        fs::rename(&self.path, &self.target)?;
        self.is_placed = true;
        // The name has to survive a power cut as well.
        let folder = self.target.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }

    /// Takes the owner first: a change of owner may take bits of the mode away.
    fn become_like(&self, old: &Metadata) -> io::Result<()> {
        let own = self.file.metadata()?;
        if (own.uid(), own.gid()) != (old.uid(), old.gid()) {
            fchown(&self.file, Some(old.uid()), Some(old.gid())).map_err(|error| {
                io::Error::new(error.kind(), format!("cannot keep the file's owner and group: {error}"))
            })?;
        }
        self.file.set_permissions(old.permissions())
    }
}

impl Drop for Successor {
    fn drop(&mut self) {
        if !self.is_placed {
            // What keeps it from going, the next change says.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Whether everybody on the machine may read or write the file.
///
/// # Errors
///
/// When the system does not say.
pub fn is_open_to_others(path: &Path) -> io::Result<bool> {
    Ok(fs::metadata(path)?.mode() & OTHERS != 0)
}
