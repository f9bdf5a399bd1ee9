//! What cannot be read is set aside, named and counted; it is never fatal to the rest.

use std::fs;
use std::path::{Path, PathBuf};

/// A folder for damaged records, and what was found.
#[derive(Debug)]
pub(super) struct Damage {
    dir: PathBuf,
    found: Vec<String>,
    is_kept: bool,
}

impl Damage {
    /// Sets damaged records aside in `dir`, which is made for the first one; only names them where `is_kept` is not set.
    pub(super) fn new(dir: &Path, is_kept: bool) -> Self {
        Self { dir: dir.to_owned(), found: Vec::new(), is_kept }
    }

    /// Names a damaged record and keeps its bytes.
    pub(super) fn set_aside(&mut self, name: &str, what: &str, bytes: &[u8]) {
        tracing::error!(record = name, "damaged: {what}");
        self.found.push(format!("{name}: {what}"));
        if self.is_kept && !bytes.is_empty() {
            let path = self.dir.join(name);
            let written = fs::create_dir_all(&self.dir).and_then(|()| fs::write(&path, bytes));
            if let Err(error) = written {
                tracing::error!(path = %path.display(), %error, "a damaged record could not be set aside");
            }
        }
    }

    /// Everything that was found.
    pub(super) fn into_found(self) -> Vec<String> {
        self.found
    }
}
