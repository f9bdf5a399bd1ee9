//! A file's successor, written beside it and put in its place as a whole: whoever reads meanwhile sees one or the
//! other.

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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, chown, symlink};

    use super::*;

    fn replace(path: &Path, text: &str) -> Result<(), UserFileError> {
        Successor::begin(path)?.commit(text)
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn a_new_file_is_its_owners_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("users");
        replace(&path, "new").unwrap();
        assert_eq!((fs::read_to_string(&path).unwrap().as_str(), mode(&path)), ("new", 0o600));
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 1);
    }

    #[test]
    fn a_file_keeps_its_mode_and_owner() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("users");
        fs::write(&path, "old").unwrap();
        // Only root may give a file away; for others this tries the mode alone.
        let _ = chown(&path, Some(4321), Some(4322));
        let owner = |path: &Path| fs::metadata(path).map(|found| (found.uid(), found.gid())).unwrap();
        let before = owner(&path);
        for (bits, is_open) in [(0o600, false), (0o640, false), (0o660, false), (0o644, true), (0o602, true)]
        {
            fs::set_permissions(&path, fs::Permissions::from_mode(bits)).unwrap();
            replace(&path, "new").unwrap();
            assert_eq!((mode(&path), owner(&path)), (bits, before));
            assert_eq!(is_open_to_others(&path).unwrap(), is_open, "{bits:o}");
        }
    }

    #[test]
    fn a_link_stays_one() {
        let directory = tempfile::tempdir().unwrap();
        let (path, link) = (directory.path().join("users"), directory.path().join("link"));
        fs::write(&path, "old").unwrap();
        symlink(&path, &link).unwrap();
        replace(&link, "new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    }

    #[test]
    fn two_do_not_change_a_file_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("users");
        fs::write(&path, "old").unwrap();
        let first = Successor::begin(&path).unwrap();
        let error = replace(&path, "second").unwrap_err();
        assert!(error.to_string().contains("users.new is there"), "{error}");
        drop(first);
        assert_eq!(fs::read_to_string(&path).unwrap(), "old", "what was not committed left nothing behind");
        replace(&path, "third").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "third");
    }

    #[test]
    fn what_is_no_file_is_not_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("folder");
        fs::create_dir(&path).unwrap();
        assert!(matches!(replace(&path, "text"), Err(UserFileError::Io { .. })));
        assert!(matches!(replace(&path.join("none/users"), "text"), Err(UserFileError::Io { .. })));
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 1);
    }
}
